package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// pairs calls f for every pair of an element of x and one of y that a weight joins, which is the definition of all
// three products.
func (c *Conv) pairs(f func(x, w, y int)) {
	for n := range c.N {
		for m := range c.M {
			for o := range c.outPlane() {
				for ch := range c.C / c.Groups {
					for k := range c.taps() {
						at := [3]int{o / c.Out[2] / c.Out[1], o / c.Out[2] % c.Out[1], o % c.Out[2]}
						tap := [3]int{k / c.Kernel[2] / c.Kernel[1], k / c.Kernel[2] % c.Kernel[1], k % c.Kernel[2]}
						x, in := n*c.C+m/c.filters()*(c.C/c.Groups)+ch, true
						for d := range 3 {
							i := at[d]*c.Stride[d] + tap[d]*c.Dilation[d] - c.Begin[d]
							in = in && i >= 0 && i < c.In[d]
							x = x*c.In[d] + i
						}
						if in {
							f(x, (m*(c.C/c.Groups)+ch)*c.taps()+k, (n*c.M+m)*c.outPlane()+o)
						}
					}
				}
			}
		}
	}
}

// drawConv draws a convolution, small or around the constants of the blocks.
func drawConv(t *rapid.T) *Conv {
	n := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
	c := &Conv{N: n("n", 0, 3), Groups: n("groups", 1, 3)}
	c.C, c.M = c.Groups*n("c", 1, 4), c.Groups*n("m", 1, 9)
	spatial := n("dims", 1, 3)
	for d := range 3 {
		c.In[d], c.Out[d], c.Kernel[d], c.Stride[d], c.Dilation[d] = 1, 1, 1, 1, 1
		if d < 3-spatial {
			continue
		}
		most := 20
		if spatial == 3 {
			most = 6
		}
		c.In[d], c.Kernel[d] = n("in", 1, most), n("kernel", 1, 4)
		c.Stride[d], c.Dilation[d], c.Begin[d] = n("stride", 1, 3), n("dilation", 1, 3), n("begin", 0, 3)
		whole := c.In[d] + c.Begin[d] + n("end", 0, 3) - (c.Kernel[d]-1)*c.Dilation[d]
		c.Out[d] = max(1, (whole-1)/c.Stride[d]+1)
	}
	return c
}

// Trap fused-product: the three products of a convolution have the same bits with the vector loops and the scalar ones,
// and in float64 are what their definition says.
func TestConvBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConv(t)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		s := rapid.SampledFrom([]int{0, 50}).Draw(t, "strangeness")
		checkConv(t, c, r, s)
	})
}

// The shapes that block boundaries cut.
func TestConvBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	line := func(in, kernel int) Conv {
		return Conv{N: 2, C: 40, M: 7, Groups: 1, In: [3]int{1, 1, in}, Out: [3]int{1, 1, in - kernel + 1},
			Kernel: [3]int{1, 1, kernel}, Stride: [3]int{1, 1, 1}, Dilation: [3]int{1, 1, 1}}
	}
	for _, c := range []Conv{
		line(3000, 3), line(400, 399), line(200, 90), line(17, 1), line(16, 1),
		{N: 40, C: 24, M: 8, Groups: 2, In: [3]int{1, 4, 4}, Out: [3]int{1, 4, 4}, Kernel: [3]int{1, 3, 3},
			Stride: [3]int{1, 1, 1}, Dilation: [3]int{1, 1, 1}, Begin: [3]int{0, 1, 1}},
	} {
		checkConv(t, &c, r, 0)
	}
}

func checkConv(t interface{ Fatalf(string, ...any) }, c *Conv, r *rand.Rand, strangeness int) {
	nx, nw, ny := c.N*c.C*c.inPlane(), c.M*c.depth(), c.N*c.M*c.outPlane()
	x, w, y := fill(r, nx, strangeness), fill(r, nw, 0), fill(r, ny, strangeness)
	for name, run := range map[string]struct {
		n, bias int
		narrow  func(p Product[float32], dst, bias []float32) int64
		wide    func(p Product[float64], dst, bias []float64)
		pair    func(dst []float64, x, w, y int)
	}{
		"forward": {ny, c.M, func(p Product[float32], dst, bias []float32) int64 {
			s, intact := guarded(int(ForwardScratch(c, p)))
			Forward(c, p, dst, x, w, bias, s)
			return intactness(intact)
		}, func(p Product[float64], dst, bias []float64) {
			Forward(c, p, dst, widened(x), widened(w), bias, make([]float64, ForwardScratch(c, p)))
		}, func(dst []float64, i, j, k int) { dst[k] += float64(x[i]) * float64(w[j]) }},
		"adjoint": {nx, c.C, func(p Product[float32], dst, bias []float32) int64 {
			s, intact := guarded(int(AdjointScratch(c, p)))
			Adjoint(c, p, dst, y, w, bias, s)
			return intactness(intact)
		}, func(p Product[float64], dst, bias []float64) {
			Adjoint(c, p, dst, widened(y), widened(w), bias, make([]float64, AdjointScratch(c, p)))
		}, func(dst []float64, i, j, k int) { dst[i] += float64(y[k]) * float64(w[j]) }},
		"weights": {nw, 0, func(p Product[float32], dst, _ []float32) int64 {
			s, intact := guarded(int(WeightsScratch(c, p)))
			Weights(c, p, dst, x, y, s)
			return intactness(intact)
		}, func(p Product[float64], dst, _ []float64) {
			Weights(c, p, dst, widened(x), widened(y), make([]float64, WeightsScratch(c, p)))
		}, func(dst []float64, i, j, k int) { dst[j] += float64(x[i]) * float64(y[k]) }},
	} {
		bias := fill(r, run.bias, 0)
		got, intact := guarded(run.n)
		again := make([]float32, run.n)
		if run.narrow(Products[float32](Best(Rounded)), got, bias)+
			run.narrow(Products[float32](Scalar(Rounded)), again, bias) != 0 ||
			!intact() {
			t.Fatalf("%s of %+v: wrote outside of its output or scratch", name, *c)
		}
		if err := sameBits(got, again); err != nil {
			t.Fatalf("%s of %+v: vector and scalar: %v", name, *c, err)
		}
		if strangeness > 0 {
			continue // what lies in the padding may be left out or be zero
		}
		wide, want := make([]float64, run.n), make([]float64, run.n)
		run.wide(Products[float64](Best(Rounded)), wide, widened(bias))
		c.pairs(func(x, w, y int) { run.pair(want, x, w, y) })
		if run.bias > 0 && c.N > 0 {
			plane := run.n / (c.N * run.bias)
			for i := range want {
				want[i] += float64(bias[i/plane%run.bias])
			}
		}
		for i, v := range want {
			if d := wide[i] - v; math.Abs(d) > 1e-9 {
				t.Fatalf("%s of %+v: element %d is %g; want %g", name, *c, i, wide[i], v)
			}
			if d := float64(got[i]) - v; math.Abs(d) > 1e-3+1e-5*float64(c.depth()) {
				t.Fatalf("%s of %+v: element %d is %g in float32; want %g", name, *c, i, got[i], v)
			}
		}
	}
}

func intactness(intact func() bool) int64 {
	if intact() {
		return 0
	}
	return 1
}

func widened(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// Pools against their definition, one element at a time.
func TestPools(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConv(t)
		p := &Pool{Planes: c.N * c.C, In: c.In, Out: c.Out, Kernel: c.Kernel, Stride: c.Stride, Dilation: c.Dilation,
			Begin: c.Begin, Columns: rapid.Bool().Draw(t, "columns")}
		for d := range 3 {
			p.End[d] = rapid.IntRange(0, 2).Draw(t, "end")
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		one := &Conv{N: p.Planes, C: 1, M: 1, Groups: 1, In: c.In, Out: c.Out, Kernel: c.Kernel, Stride: c.Stride,
			Dilation: c.Dilation, Begin: c.Begin}
		nx, ny := p.Planes*one.inPlane(), p.Planes*one.outPlane()
		x, dy := widened(fill(r, nx, 0)), widened(fill(r, ny, 0))
		windows := make([][]int, ny)
		one.pairs(func(x, _, y int) { windows[y] = append(windows[y], x) })
		y, at := make([]float64, ny), make([]int64, ny)
		MaxPool(p, y, at, x)
		for o, win := range windows {
			if len(win) == 0 {
				if y[o] != least[float64]() || at[o] != -1 {
					t.Fatalf("an empty window gives %g at %d", y[o], at[o])
				}
				continue
			}
			best := slices.MaxFunc(win, func(a, b int) int { return cmpFloat(x[a], x[b]) })
			want := best
			if p.Columns {
				plane, rest := best/one.inPlane()*one.inPlane(), best%one.inPlane()
				w, h, d := rest%p.In[2], rest/p.In[2]%p.In[1], rest/p.In[2]/p.In[1]
				want = plane + d + p.In[0]*(h+p.In[1]*w)
			}
			if y[o] != x[best] || at[o] != int64(want) {
				t.Fatalf("%+v: the greatest of window %d is %g at %d; want %g at %d", *p, o, y[o], at[o], x[best], want)
			}
		}
		for _, by := range []Division{ByOne, ByElements, ByWindow} {
			SumPool(p, y, x, by)
			back, want := make([]float64, nx), make([]float64, nx)
			PoolGradient(p, back, dy, by)
			for o, win := range windows {
				if len(win) == 0 {
					continue
				}
				n := 1.0
				switch by {
				case ByElements:
					n = float64(len(win))
				case ByWindow:
					n = float64(padded(p, o%one.outPlane()))
				}
				sum := 0.0
				for _, i := range win {
					sum += x[i]
					want[i] += dy[o] / n
				}
				if d := y[o] - sum/n; math.Abs(d) > 1e-9 {
					t.Fatalf("%+v: the sum of window %d by %d is %g; want %g", *p, o, by, y[o], sum/n)
				}
			}
			for i := range want {
				if d := back[i] - want[i]; math.Abs(d) > 1e-9 {
					t.Fatalf("%+v: what came back to %d is %g; want %g", *p, i, back[i], want[i])
				}
			}
		}
	})
}

func cmpFloat(a, b float64) int {
	if a < b {
		return -1
	}
	return 1
}

// padded counts the elements of a window that lie within the plane and its padding.
func padded(p *Pool, o int) int {
	n := 1
	for d, at := range [3]int{o / p.Out[2] / p.Out[1], o / p.Out[2] % p.Out[1], o % p.Out[2]} {
		in := 0
		for k := range p.Kernel[d] {
			if at*p.Stride[d]+k*p.Dilation[d]-p.Begin[d] < p.In[d]+p.End[d] {
				in++
			}
		}
		n *= in
	}
	return n
}

// Places outside of the result are refused.
func TestScatterAdd(t *testing.T) {
	dst := []float64{9, 9, 9}
	if err := ScatterAdd(dst, []float64{1, 2, 4, 8}, []int64{2, 0, -1, 2}); err != nil ||
		!slices.Equal(dst, []float64{2, 0, 9}) {
		t.Errorf("got %v, %v", dst, err)
	}
	for _, at := range []int64{-2, 3, 1 << 40} {
		if err := ScatterAdd(dst, []float64{1}, []int64{at}); err == nil {
			t.Errorf("place %d is taken", at)
		}
	}
}

// The convolutions of a network on 28 by 28 images, 32 at a time: what one training step does with them.
func BenchmarkConv(b *testing.B) {
	for _, c := range []Conv{
		{C: 1, M: 16, In: [3]int{1, 28, 28}},
		{C: 16, M: 32, In: [3]int{1, 14, 14}},
		{C: 64, M: 64, In: [3]int{1, 7, 7}},
		{C: 32, M: 32, Groups: 32, In: [3]int{1, 14, 14}},
	} {
		c.N, c.Groups, c.Out, c.Kernel = 32, max(c.Groups, 1), c.In, [3]int{1, 3, 3}
		c.Stride, c.Dilation, c.Begin = [3]int{1, 1, 1}, [3]int{1, 1, 1}, [3]int{0, 1, 1}
		r := rand.New(rand.NewPCG(1, 1))
		p := Products[float32](Best(Rounded))
		x, w := fill(r, c.N*c.C*c.inPlane(), 0), fill(r, c.M*c.depth(), 0)
		y := fill(r, c.N*c.M*c.outPlane(), 0)
		s := make([]float32, max(ForwardScratch(&c, p), AdjointScratch(&c, p), WeightsScratch(&c, p)))
		for name, f := range map[string]func(){
			"forward": func() { Forward(&c, p, slices.Clone(y), x, w, nil, s) },
			"adjoint": func() { Adjoint(&c, p, slices.Clone(x), y, w, nil, s) },
			"weights": func() { Weights(&c, p, slices.Clone(w), x, y, s) },
		} {
			b.Run(fmt.Sprintf("%dto%d/%d/%s", c.C, c.M, c.In[2], name), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(2*float64(len(y))*float64(c.depth())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
