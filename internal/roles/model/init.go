package model

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The ways to make initial parameters.
const (
	InitHe     = "he"     // uniform in ±√(6/fan in) (He and others, "Delving Deep into Rectifiers", 2015); for Relu
	InitGlorot = "glorot" // uniform in ±√(6/(fan in + fan out)) (Glorot and Bengio, 2010); for tanh and sigmoid
	InitFile   = "file"   // as the file has them
)

// initial returns the first parameters: weights drawn from the seed and the parameter's name, all else as in the file.
// A number of the seed is scaled once and rounded once, so that all machines draw the same bits.
func (g *Graph) initial(seed uint64, slot, how string) ([]*tensor.Tensor, error) {
	out := make([]*tensor.Tensor, len(g.params))
	for i, p := range g.params {
		drawn := how != InitFile && p.Rule == RuleWeight
		if out[i] = p.Given; !drawn && p.Given != nil {
			continue
		}
		t, x, err := tensor.NewFloat32(p.Shape)
		if err != nil {
			return nil, err
		}
		if out[i] = t; !drawn {
			continue
		}
		fan := p.FanIn
		if how == InitGlorot {
			fan += p.FanUp
		}
		limit := math.Sqrt(6 / float64(fan)) // the square root is exactly rounded by IEEE 754
		s := draw.New(seed, "model/"+slot+"/"+p.Name)
		for k := range x {
			u := float64(2*s.Float()) - 1
			x[k] = float32(float64(u * limit))
		}
	}
	return out, nil
}
