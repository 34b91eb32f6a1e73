package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawQuarters draws a pool of quarters.
func drawQuarters(t *rapid.T) *Pool {
	n := func(name string, hi int) int { return rapid.IntRange(1, hi).Draw(t, name) }
	p := &Pool{Planes: n("planes", 3), Kernel: [3]int{1, 2, 2}, Stride: [3]int{1, 2, 2}, Dilation: [3]int{1, 1, 1}}
	p.Out = [3]int{n("depth", 2), n("height", 5), n("width", 40)}
	p.In = [3]int{p.Out[0], 2*p.Out[1] + rapid.IntRange(0, 1).Draw(t, "odd"),
		2*p.Out[2] + rapid.IntRange(0, 1).Draw(t, "odd")}
	return p
}

// Pools of quarters have the very bits and places of other pools, with NaN, infinities and zeros of both signs, and of
// a Relu before them; and so has their gradient.
func TestQuarters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawQuarters(t)
		if !p.Quarters() {
			t.Fatalf("%+v is not taken", *p)
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		checkQuarters(t, p, r, rapid.SampledFrom([]int{0, 2, 50}).Draw(t, "strangeness"), rapid.Bool().Draw(t, "relu"))
	})
}

func checkQuarters(t interface{ Fatalf(string, ...any) }, p *Pool, r *rand.Rand, strangeness int, relu bool) {
	nx, ny := p.Planes*p.In[0]*p.In[1]*p.In[2], p.Planes*p.Out[0]*p.Out[1]*p.Out[2]
	x, dy := fill(r, nx, strangeness), fill(r, ny, strangeness)
	for i := range x {
		if r.IntN(4) == 0 {
			x[i] = x[r.IntN(nx)] // ties
		}
	}
	before, want, wantAt := x, make([]float32, ny), make([]int64, ny)
	if relu {
		before = make([]float32, nx)
		Relu(before, x)
	}
	MaxPool(p, want, wantAt, before)
	back, top := make([]float32, nx), []float32(nil)
	if err := ScatterAdd(back, dy, wantAt); err != nil {
		t.Fatalf("%v", err)
	}
	if relu {
		top = want
		ReluGrad(back, x, slices.Clone(back))
	}
	for _, s := range []*Set{Scalar(Rounded), Best(Rounded)} {
		y, intact := guarded(ny)
		at := make([]int64, ny)
		s.MaxQuarters(p, y, at, x, relu)
		if err := sameBits(y, want); err != nil || !intact() {
			t.Fatalf("%s: %+v, relu %v: the greatest: %v", s.Name, *p, relu, err)
		}
		if !slices.Equal(at, wantAt) {
			t.Fatalf("%s: %+v, relu %v: places %v; want %v of %v", s.Name, *p, relu, at, wantAt, x)
		}
		clear(y)
		s.MaxQuarters(p, y, nil, x, relu)
		if err := sameBits(y, want); err != nil || !intact() {
			t.Fatalf("%s: %+v, relu %v: the greatest without places: %v", s.Name, *p, relu, err)
		}
		dx, intact := guarded(nx)
		s.GiveQuarters(p, dx, dy, at, top)
		if err := sameBits(dx, back); err != nil || !intact() {
			t.Fatalf("%s: %+v, relu %v: what comes back: %v", s.Name, *p, relu, err)
		}
	}
}

// Pools that are more than quarters are not taken for them.
func TestOtherPoolsAreNoQuarters(t *testing.T) {
	for name, change := range map[string]func(p *Pool){
		"columns": func(p *Pool) { p.Columns = true }, "overlapping": func(p *Pool) { p.Stride[2] = 1 },
		"wide": func(p *Pool) { p.Kernel[2] = 3 }, "deep": func(p *Pool) { p.Kernel[0] = 2 },
		"dilated": func(p *Pool) { p.Dilation[1] = 2 }, "padded": func(p *Pool) { p.Begin[2] = 1 },
		"beyond": func(p *Pool) { p.Out[1]++ }, "empty": func(p *Pool) { p.Out[1] = 0 },
	} {
		p := &Pool{Planes: 1, In: [3]int{1, 4, 4}, Out: [3]int{1, 2, 2}, Kernel: [3]int{1, 2, 2},
			Stride: [3]int{1, 2, 2}, Dilation: [3]int{1, 1, 1}}
		if change(p); p.Quarters() {
			t.Errorf("a pool that is %s is taken", name)
		}
	}
}

// The pools of a network on 32 by 32 images, 50 at a time, with a Relu before and the way back, beside the general
// loops one after the other.
func BenchmarkQuarters(b *testing.B) {
	p := &Pool{Planes: 50 * 32, In: [3]int{1, 32, 32}, Out: [3]int{1, 16, 16}, Kernel: [3]int{1, 2, 2},
		Stride: [3]int{1, 2, 2}, Dilation: [3]int{1, 1, 1}}
	nx, ny := p.Planes*1024, p.Planes*256
	r := rand.New(rand.NewPCG(1, 1))
	x, dy, y, at, dx := fill(r, nx, 0), fill(r, ny, 0), make([]float32, ny), make([]int64, ny), make([]float32, nx)
	for _, s := range []*Set{Scalar(Rounded), Best(Rounded)} {
		b.Run(fmt.Sprintf("%s/greatest", s.Name), func(b *testing.B) {
			for b.Loop() {
				s.MaxQuarters(p, y, at, x, true)
			}
		})
		b.Run(fmt.Sprintf("%s/back", s.Name), func(b *testing.B) {
			for b.Loop() {
				s.GiveQuarters(p, dx, dy, at, y)
			}
		})
	}
	b.Run("general/greatest", func(b *testing.B) {
		for b.Loop() {
			Best(Rounded).Relu(dx, x)
			MaxPool(p, y, at, dx)
		}
	})
	b.Run("general/back", func(b *testing.B) {
		for b.Loop() {
			_ = ScatterAdd(dx, dy, at)
			Best(Rounded).ReluGrad(dx, x, dx)
		}
	})
}
