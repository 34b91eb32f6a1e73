package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// meets is the element of x that position o of y meets with a tap, in its plane, or -1 for the zeros around it.
func (c *Conv) meets(o, tap int) int {
	at := [3]int{o / c.Out[2] / c.Out[1], o / c.Out[2] % c.Out[1], o % c.Out[2]}
	x, k := 0, c.tap(tap)
	for d := range 3 {
		i := at[d]*c.Stride[d] + k[d]*c.Dilation[d] - c.Begin[d]
		if i < 0 || i >= c.In[d] {
			return -1
		}
		x = x*c.In[d] + i
	}
	return x
}

// joins is the position of y that meets the element i of a plane of x with a tap: -1 where that would lie outside of y,
// and nothing where the strides leave it out.
func (c *Conv) joins(i, tap int) (o int, ok bool) {
	at := [3]int{i / c.In[2] / c.In[1], i / c.In[2] % c.In[1], i % c.In[2]}
	k, outside := c.tap(tap), false
	for d := range 3 {
		p := at[d] + c.Begin[d] - k[d]*c.Dilation[d]
		if p%c.Stride[d] != 0 {
			return 0, false
		}
		p /= c.Stride[d]
		outside = outside || p < 0 || p >= c.Out[d]
		o = o*c.Out[d] + p
	}
	if outside {
		o = -1
	}
	return o, true
}

// byDefinition is one of the products by the order that FusedConv promises, one element at a time.
func byDefinition[T Float](c *Conv, way Way, x, w, y []T) (out []T) {
	in, plane, taps, channels := c.inPlane(), c.outPlane(), c.taps(), c.C/c.Groups
	at := func(v []T, plane, n, i int) T {
		if i < 0 {
			return 0
		}
		return v[plane*n+i]
	}
	switch way {
	case ForwardWay:
		for e := range c.N * c.M * plane {
			n, m, o := e/plane/c.M, e/plane%c.M, e%plane
			var a, b []T
			for ch := range channels {
				for tap := range taps {
					a = append(a, w[(m*channels+ch)*taps+tap])
					b = append(b, at(x, in, n*c.C+m/c.filters()*channels+ch, c.meets(o, tap)))
				}
			}
			out = append(out, dotFused(a, b))
		}
	case AdjointWay:
		for e := range c.N * c.C * in {
			n, ch, i := e/in/c.C, e/in%c.C, e%in
			var a, b []T
			for f := range c.filters() {
				m := ch/channels*c.filters() + f
				for tap := range taps {
					if o, ok := c.joins(i, tap); ok {
						a = append(a, w[(m*channels+ch%channels)*taps+tap])
						b = append(b, at(y, plane, n*c.M+m, o))
					}
				}
			}
			out = append(out, dotFused(a, b))
		}
	case WeightsWay:
		for e := range c.M * channels * taps {
			m, ch, tap := e/taps/channels, e/taps%channels, e%taps
			var a, b []T
			for n := range c.N {
				for o := range plane {
					a = append(a, y[(n*c.M+m)*plane+o])
					b = append(b, at(x, in, n*c.C+m/c.filters()*channels+ch, c.meets(o, tap)))
				}
			}
			out = append(out, dotFused(a, b))
		}
	}
	return out
}

// Trap fused-product: the three products of a convolution by the rules Fused have, with the vector loops and with the
// scalar ones, the bits that their order of terms gives, with NaN and infinities too; and in float64 they are what a
// convolution is.
func TestFusedConvBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConv(t)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		checkFused(t, c, r, rapid.SampledFrom([]int{0, 50}).Draw(t, "strangeness"), math.MaxInt)
	})
}

// The shapes that the boundaries of blocks, tiles, panels and images cut.
func TestFusedConvBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	line := func(in, kernel int) Conv {
		return Conv{N: 2, C: 40, M: 7, Groups: 1, In: [3]int{1, 1, in}, Out: [3]int{1, 1, in - kernel + 1},
			Kernel: [3]int{1, 1, kernel}, Stride: [3]int{1, 1, 1}, Dilation: [3]int{1, 1, 1}}
	}
	square := func(n, c, m, groups, side, kernel, stride int) Conv {
		return Conv{N: n, C: c, M: m, Groups: groups, In: [3]int{1, side, side},
			Out:    [3]int{1, (side-1)/stride + 1, (side-1)/stride + 1},
			Kernel: [3]int{1, kernel, kernel}, Stride: [3]int{1, stride, stride}, Dilation: [3]int{1, 1, 1},
			Begin: [3]int{0, kernel / 2, kernel / 2}}
	}
	for _, c := range []Conv{
		line(400, 3), line(90, 70), line(17, 1), line(16, 1), line(300, 1),
		square(40, 24, 8, 2, 4, 3, 1), square(3, 3, 32, 1, 32, 3, 1), square(2, 32, 13, 1, 14, 3, 1),
		square(5, 16, 16, 16, 14, 3, 1), square(7, 40, 24, 1, 16, 3, 1),
		square(2, 32, 64, 32, 9, 5, 2), square(300, 5, 6, 1, 1, 1, 1),
		square(2, 30, 3, 1, 17, 3, 1), square(2, 8, 31, 1, 15, 3, 2), square(1, 70, 6, 1, 28, 2, 2),
	} {
		checkFused(t, &c, r, 0, 3000)
	}
}

func checkFused(t interface{ Fatalf(string, ...any) }, c *Conv, r *rand.Rand, strangeness, most int) {
	nx, nw, ny := c.N*c.C*c.inPlane(), c.M*c.depth(), c.N*c.M*c.outPlane()
	x, w, y := fill(r, nx, strangeness), fill(r, nw, strangeness), fill(r, ny, strangeness)
	for way, v := range []struct {
		n, bias int
		p, q    []float32
	}{{ny, c.M, x, w}, {nx, c.C, y, w}, {nw, 0, x, y}} {
		way, bias := Way(way), fill(r, v.bias, 0)
		f := c.Fuse(way)
		var last []float32
		for _, s := range slices.Concat([]*Set{Scalar(Fused)}, paths(Fused, 1), paths(Fused, 3)) {
			got, intact := guarded(v.n)
			scratch, whole := guarded(int(s.ConvScratch(f, way)))
			for i := range scratch {
				scratch[i] = float32(math.NaN()) // nothing of what was there counts
			}
			s.Conv(f, way, got, v.p, v.q, bias, scratch)
			if !intact() || !whole() {
				t.Fatalf("%s: way %d of %+v: wrote outside of its output or scratch", s.Name, way, *c)
			}
			if last != nil {
				if err := sameBits(got, last); err != nil {
					t.Fatalf("way %d of %+v: vector and scalar: %v", way, *c, err)
				}
			}
			last = slices.Clone(got)
		}
		if v.n > most {
			continue
		}
		want := byDefinition(c, way, x, w, y)
		wide := make([]float64, v.n)
		RunFused(f, way, wide, widened(v.p), widened(v.q), widened(bias), make([]float64, FusedScratch(f, way)))
		exact := byDefinition(c, way, widened(x), widened(w), widened(y))
		for i := range want {
			if v.bias > 0 {
				b := bias[i/(v.n/(c.N*v.bias))%v.bias]
				want[i] += b
				exact[i] += float64(b)
			}
			if wide[i] != exact[i] && (wide[i] == wide[i] || exact[i] == exact[i]) {
				t.Fatalf("way %d of %+v in float64: element %d is %g; want %g", way, *c, i, wide[i], exact[i])
			}
		}
		if err := sameBits(last, want); err != nil {
			t.Fatalf("way %d of %+v: not what its definition gives: %v", way, *c, err)
		}
		checkPairs(t, c, way, x, w, y, wide, bias, strangeness)
	}
}

// checkPairs holds a product to all pairs of elements that a weight joins.
func checkPairs(t interface{ Fatalf(string, ...any) }, c *Conv, way Way, x, w, y []float32, got []float64,
	bias []float32, strangeness int) {
	if strangeness > 0 {
		return
	}
	want := make([]float64, len(got))
	c.pairs(func(i, j, k int) {
		switch way {
		case ForwardWay:
			want[k] += float64(x[i]) * float64(w[j])
		case AdjointWay:
			want[i] += float64(y[k]) * float64(w[j])
		case WeightsWay:
			want[j] += float64(x[i]) * float64(y[k])
		}
	})
	for i := range want {
		if len(bias) > 0 {
			want[i] += float64(bias[i/(len(want)/(c.N*len(bias)))%len(bias)])
		}
		if d := got[i] - want[i]; math.Abs(d) > 1e-9 {
			t.Fatalf("way %d of %+v: element %d is %g; want %g", way, *c, i, got[i], want[i])
		}
	}
}

// Padding that no memory could hold is refused when the convolution is prepared.
func TestFusedConvRefusesHugePadding(t *testing.T) {
	c := &Conv{N: 1, C: 1, M: 1, Groups: 1, In: [3]int{1, 1, 1}, Out: [3]int{1, 1 << 15, 1 << 15},
		Kernel: [3]int{1, 1, 1}, Stride: [3]int{1, 1, 1}, Dilation: [3]int{1, 1, 1}}
	for _, way := range []Way{ForwardWay, WeightsWay} {
		if c.Fuse(way) != nil {
			t.Errorf("way %d is taken", way)
		}
	}
	back := &Conv{N: 1, C: 1, M: 1, Groups: 1, In: c.Out, Out: c.In, Kernel: c.Kernel, Stride: c.Stride,
		Dilation: c.Dilation}
	if back.Fuse(AdjointWay) != nil {
		t.Error("an adjoint is taken")
	}
}

// The convolutions of two networks, beside the same by the rules of before.
func BenchmarkFusedConv(b *testing.B) {
	for _, c := range []Conv{
		{N: 50, C: 3, M: 32, In: [3]int{1, 32, 32}}, {N: 50, C: 32, M: 64, In: [3]int{1, 16, 16}},
		{N: 32, C: 1, M: 32, In: [3]int{1, 28, 28}}, {N: 32, C: 32, M: 64, In: [3]int{1, 14, 14}},
		{N: 32, C: 64, M: 64, In: [3]int{1, 7, 7}}, {N: 32, C: 32, M: 32, Groups: 32, In: [3]int{1, 14, 14}},
	} {
		c.Groups, c.Out, c.Kernel = max(c.Groups, 1), c.In, [3]int{1, 3, 3}
		c.Stride, c.Dilation, c.Begin = [3]int{1, 1, 1}, [3]int{1, 1, 1}, [3]int{0, 1, 1}
		r := rand.New(rand.NewPCG(1, 1))
		x, w := fill(r, c.N*c.C*c.inPlane(), 0), fill(r, c.M*c.depth(), 0)
		y, s := fill(r, c.N*c.M*c.outPlane(), 0), Best(Fused)
		p := Products[float32](Best(Rounded))
		old := make([]float32, max(ForwardScratch(&c, p), AdjointScratch(&c, p), WeightsScratch(&c, p)))
		gx, gw, gy := slices.Clone(x), slices.Clone(w), slices.Clone(y)
		for way, v := range [][3][]float32{{gy, x, w}, {gx, y, w}, {gw, x, y}} {
			way := Way(way)
			f := c.Fuse(way)
			scratch := make([]float32, s.ConvScratch(f, way))
			for name, run := range map[string]func(){
				"fused": func() { s.Conv(f, way, v[0], v[1], v[2], nil, scratch) },
				"rounded": func() {
					switch way {
					case ForwardWay:
						Forward(&c, p, v[0], v[1], v[2], nil, old)
					case AdjointWay:
						Adjoint(&c, p, v[0], v[1], v[2], nil, old)
					case WeightsWay:
						Weights(&c, p, v[0], v[1], v[2], old)
					}
				},
			} {
				b.Run(fmt.Sprintf("%dto%d/%d/%d/%s", c.C, c.M, c.In[2], way, name), func(b *testing.B) {
					for b.Loop() {
						run()
					}
					flop := 2 * float64(len(y)) * float64(c.depth()) * float64(b.N)
					b.ReportMetric(flop/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}
