package model

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The ways to make initial parameters.
const (
	InitHe     = "he"     // uniform in ±√(6/fan in) (He and others, "Delving Deep into Rectifiers", 2015); for Relu
	InitGlorot = "glorot" // uniform in ±√(6/(fan in + fan out)) (Glorot and Bengio, 2010); for tanh and sigmoid
	InitFile   = "file"   // as the file has them
)

// initial returns the first parameters: weights drawn from the seed and the parameter's name, all else as in the file.
// A number of the seed is scaled once and rounded to float32, so that all machines draw the same bits. As says to which
// type what is drawn is rounded then; nil: none.
func (g *Graph) initial(seed uint64, slot, how string, as func(i int) tensor.DType) ([]*tensor.Tensor, error) {
	out := make([]*tensor.Tensor, len(g.params))
	for i, p := range g.params {
		draws := how != InitFile && p.Rule == RuleWeight
		if out[i] = p.Given; !draws && p.Given != nil {
			continue
		}
		if !draws {
			t, _, err := tensor.NewFloat32(p.Shape)
			if err != nil {
				return nil, err
			}
			out[i] = t
			continue
		}
		fan := p.FanIn
		if how == InitGlorot {
			fan += p.FanUp
		}
		limit := math.Sqrt(6 / float64(fan)) // the square root is exactly rounded by IEEE 754
		s := draw.New(seed, "model/"+slot+"/"+p.Name)
		next := func(x []float32) {
			for k := range x {
				u := float64(2*s.Float()) - 1
				x[k] = float32(float64(u * limit))
			}
		}
		d := tensor.Float32
		if as != nil {
			d = as(i)
		}
		t, err := drawn(p.Shape, d, next)
		if err != nil {
			return nil, err
		}
		out[i] = t
	}
	return out, nil
}

// drawn returns a tensor of a float type of 16 or 32 bits of the numbers that next gives, some at a time, each rounded
// once: a large one is never there in float32 where it is not to be.
func drawn(shape []int, d tensor.DType, next func([]float32)) (*tensor.Tensor, error) {
	if !half.Is(d) {
		t, x, err := tensor.NewFloat32(shape)
		if err == nil {
			next(x)
		}
		return t, err
	}
	b, err := tensor.NewBlank(d, shape)
	if err != nil {
		return nil, err
	}
	var room [512]float32
	for lo, n := 0, b.Whole().Len(); lo < n; lo += len(room) {
		x := room[:min(len(room), n-lo)]
		next(x)
		t, err := tensor.FromFloat32([]int{len(x)}, x)
		if err == nil {
			t, err = half.Narrow(t, d)
		}
		if err != nil {
			return nil, err
		}
		b.Put(lo, t)
	}
	return b.Whole(), nil
}
