package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A Walk visits the elements that indexing dimension by dimension visits, in the same order.
func TestWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 5).Draw(t, "shape")
		operands := make([][]int, rapid.IntRange(1, operandsMax).Draw(t, "operands"))
		for i := range operands {
			operands[i] = slices.Clone(shape[rapid.IntRange(0, len(shape)).Draw(t, "lead"):])
			for j := range operands[i] {
				if rapid.Bool().Draw(t, "stretch") {
					operands[i][j] = 1
				}
			}
		}
		w := Broadcast(shape, operands...)
		want := slowOffsets(shape, operands)
		at := 0
		w.Each(func(i int, off [operandsMax]int) {
			if i != at {
				t.Fatalf("element %d came at %d", i, at)
			}
			for j := range operands {
				if off[j] != want[at][j] {
					t.Fatalf("shape %v, operand %v: element %d is at %d; want %d", shape, operands[j], i, off[j],
						want[at][j])
				}
			}
			at++
		})
		if at != len(want) || w.Len != at {
			t.Fatalf("%d elements visited of %d", at, len(want))
		}
	})
}

// slowOffsets indexes every element of a shape in operands that broadcast to it.
func slowOffsets(shape []int, operands [][]int) (out [][]int) {
	n := 1
	for _, d := range shape {
		n *= d
	}
	for e := range n {
		index, rest := make([]int, len(shape)), e
		for i := len(shape) - 1; i >= 0; i-- {
			index[i], rest = rest%shape[i], rest/shape[i]
		}
		offs := make([]int, len(operands))
		for j, o := range operands {
			for i, d := range o {
				k := index[len(shape)-len(o)+i]
				if d == 1 {
					k = 0
				}
				offs[j] = offs[j]*d + k
			}
		}
		out = append(out, offs)
	}
	return out
}

// Broadcast operators give what indexing gives, whatever way the runs fall, and in place.
func TestBinary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(1, 5), 0, 4).Draw(t, "shape")
		mask := func(name string) []int {
			s := slices.Clone(shape)
			for j := range s {
				if rapid.IntRange(0, 2).Draw(t, name) == 0 {
					s[j] = 1
				}
			}
			return s
		}
		sa, sb := mask("a"), mask("b")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		a, b := fill(r, size(sa), 0), fill(r, size(sb), 0)
		want := []float32{}
		for _, o := range slowOffsets(shape, [][]int{sa, sb}) {
			want = append(want, a[o[0]]-b[o[1]])
		}
		w := Broadcast(shape, sa, sb)
		for _, s := range []*Set{Scalar(Fused), Best(Fused)} {
			got := make([]float32, len(want))
			Binary(&w, &s.Sub, got, a, b)
			if err := sameBits(got, want); err != nil {
				t.Fatal(err)
			}
			if len(a) == len(want) {
				c := slices.Clone(a)
				Binary(&w, &s.Sub, c, c, b)
				if err := sameBits(c, want); err != nil {
					t.Fatalf("in place: %v", err)
				}
			}
		}
	})
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Trap unordered-sum: a reduction adds in row-major order, in float64, from zero, whatever the axes.
func TestReduceOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(1, 5), 0, 4).Draw(t, "shape")
		set, kept := make([]bool, len(shape)), slices.Clone(shape)
		for i := range set {
			if set[i] = rapid.Bool().Draw(t, "reduced"); set[i] {
				kept[i] = 1
			}
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		x := fill(r, size(shape), 0)
		acc := make([]float64, size(kept))
		for i, o := range slowOffsets(shape, [][]int{kept}) {
			acc[o[0]] += float64(x[i])
		}
		want := make([]float32, len(acc))
		for i, v := range acc {
			want[i] = float32(v)
		}
		w, f := ReduceWalk(shape, set), Sum[float32, float64]()
		f.Reduce(&w, acc, x)
		got := make([]float32, len(acc))
		Round(got, acc, 1)
		if err := sameBits(got, want); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPow(t *testing.T) {
	special := []float64{0, math.Copysign(0, -1), 1, -1, 2, -2, 0.5, -0.5, 3, 65, -66, 1e300, -1e300, 1e-300,
		math.Inf(1), math.Inf(-1), math.NaN()}
	r := rand.New(rand.NewPCG(4, 4))
	check := func(x, y float64) {
		got, want := pow(x, y), math.Pow(x, y)
		if got == want && math.Signbit(got) == math.Signbit(want) || got != got && want != want {
			return
		}
		// An error of the logarithm, or of a product, counts as often as the exponent says.
		tol := 1e-15 * (4 + math.Abs(y) + math.Abs(y*math.Log(math.Abs(x))))
		if !(math.Abs(got-want) <= tol*math.Abs(want)+5e-324) {
			t.Errorf("pow(%g, %g) is %g; want %g", x, y, got, want)
		}
	}
	for _, x := range special {
		for _, y := range special {
			check(x, y)
		}
	}
	for range 10000 {
		check(math.Exp(r.NormFloat64()*5), r.NormFloat64()*20)
		check(r.NormFloat64()*3, float64(r.IntN(200)-100))
	}
	var ints [4]int64
	w := Broadcast([]int{4}, []int{4}, []int{4})
	Pow(&w, ints[:], []int64{3, -2, 2, 2}, []float64{39, 3, -1, 0.5})
	if ints != [4]int64{4052555153018976267, -8, 0, 1} {
		t.Errorf("integer powers: %v", ints)
	}
}

func TestArg(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		x           []float64
		least, last bool
		want        int64
	}{
		{[]float64{1, 3, 3, 2}, false, false, 1}, {[]float64{1, 3, 3, 2}, false, true, 2},
		{[]float64{1, 0, 3, 0}, true, true, 3},
		{[]float64{1, nan, 5, nan}, false, false, 1}, {[]float64{1, nan, 5, nan}, true, true, 3},
		{[]float64{nan, 7}, false, false, 0},
	} {
		got := []int64{-1}
		Arg(Lanes{1, len(c.x), 1}, got, c.x, c.least, c.last)
		if got[0] != c.want {
			t.Errorf("%v least %v last %v: %d; want %d", c.x, c.least, c.last, got[0], c.want)
		}
	}
}

// Softmax stays finite where e^x does not, and shows a NaN.
func TestSoftmax(t *testing.T) {
	x := []float32{1000, 999, -1000, 0, float32(math.NaN()), 1}
	y, scratch := make([]float32, 6), make([]float64, 3)
	soft := scalarSoft[float32]()
	Softmax(&soft, Lanes{2, 3, 1}, y, x, scratch)
	if y[0] < 0.73 || y[0] > 0.74 || y[2] != 0 || y[3] == y[3] {
		t.Errorf("softmax of %v is %v", x, y)
	}
	LogSoftmax(&soft, Lanes{2, 3, 1}, y, x, scratch)
	if math.Abs(float64(y[2])+2000.3133) > 1e-3 || y[5] == y[5] {
		t.Errorf("log-softmax of %v is %v", x, y)
	}
}
