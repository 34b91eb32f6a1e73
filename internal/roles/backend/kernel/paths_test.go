package kernel

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
)

var wanted = flag.String("path", "", "the loops that this machine must have and choose, by their name")

// paths are the sets of loops of this machine but the scalar ones, where it has others: the one that Best chooses last.
func paths(r Rules, threads int) []*Set {
	sets := []*Set{bestSet(r, threads, false)}
	if haveWide {
		sets = append(sets, bestSet(r, threads, true))
	}
	return sets
}

// What the other tests hold against the scalar loops is what Best chooses: on an emulated processor, for example, the
// loops that are to be tried there.
func TestPathOfProcessor(t *testing.T) {
	for _, r := range []Rules{Rounded, Fused} {
		all := paths(r, 1)
		if last, best := all[len(all)-1].Name, Best(r).Name; last != best || *wanted != "" && best != *wanted {
			t.Errorf("rules %d: the loops are %s, of the tests %s; wanted %s", r, best, last, *wanted)
		}
		t.Logf("rules %d: %s", r, Best(r).Name)
	}
}

// FuzzPaths holds every path against the scalar loops, to the bit: whatever the bits of the numbers say, denormals, NaN
// of any payload, infinities, for empty shapes and for operands that repeat along a dimension.
func FuzzPaths(f *testing.F) {
	tiny := binary.LittleEndian.AppendUint32(nil, 1)
	odd := binary.LittleEndian.AppendUint32(nil, 0xffc12345)
	inf := binary.LittleEndian.AppendUint32(nil, 0x7f800000)
	least := binary.LittleEndian.AppendUint32(nil, 0x00800001)
	one := binary.LittleEndian.AppendUint32(nil, 0x3f800001)
	f.Add(slices.Concat([]byte{0, 3, 2, 0}, tiny))
	f.Add(slices.Concat([]byte{5, 17, 9, 1}, one, tiny, odd, inf, least))
	f.Add(slices.Concat([]byte{7, 23, 0, 6}, least, one, []byte{0, 0, 0, 0x80}))
	f.Add(slices.Concat([]byte{4, 16, 11, 11}, one, one, least, inf))
	f.Add(slices.Concat([]byte{1, 9, 1, 13}, odd, odd, one))
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		if len(b) < 8 {
			return
		}
		m, n, k, how, numbers := int(b[0]%9), int(b[1]%40), int(b[2]%14), b[3], b[4:]
		at := 0
		draw := func(n int) []float32 { // from the numbers, one after another and from the first again
			x := make([]float32, n)
			for i := range x {
				if at+4 > len(numbers) {
					at = at % 4 % (len(numbers) - 3)
				}
				x[i] = math.Float32frombits(binary.LittleEndian.Uint32(numbers[at:]))
				at += 4
			}
			return x
		}
		for _, r := range []Rules{Rounded, Fused} {
			g := Gemm{M: m, N: n, K: k, TransA: how&1 != 0, TransB: how&2 != 0}
			a, b, c := draw(m*k), draw(k*n), draw(m*n)
			shapes := [][]int{{m, n}, {m, 1}, {1, n}, {1, 1}}
			x, y := shapes[how>>2&3], shapes[how>>4&3]
			dy, z := draw(size(x)), draw(size(y))
			for _, p := range append(paths(r, 1), paths(r, 2)...) {
				held := func(name string, n int, f func(s *Set, dst []float32)) {
					t.Helper()
					want, got := make([]float32, n), make([]float32, n)
					f(Scalar(r), want)
					f(p, got)
					if err := sameBits(got, want); err != nil {
						t.Fatalf("%s by rules %d, shapes %v and %v, %+v: %s and scalar: %v", name, r, x, y, g,
							p.Name, err)
					}
				}
				held("product", m*n, func(s *Set, dst []float32) {
					s.Gemm(g, dst, a, b, make([]float32, s.GemmScratch(g)))
				})
				held("canonical NaN", m*n, func(s *Set, dst []float32) {
					copy(dst, c)
					s.CanonicalNaN(dst)
					if err := oneNaN(dst); err != nil {
						t.Fatalf("%s: %v", s.Name, err)
					}
				})
				held("relu", m*n, func(s *Set, dst []float32) { s.Relu(dst, c) })
				held("gradient of relu", m*n, func(s *Set, dst []float32) { s.ReluGrad(dst, c, slices.Clone(c)) })
				w := Broadcast([]int{m, n}, x, y)
				held("sum", m*n, func(s *Set, dst []float32) { Binary(&w, &s.Add, dst, dy, z) })
				held("difference", m*n, func(s *Set, dst []float32) { Binary(&w, &s.Sub, dst, dy, z) })
				held("elementwise product", m*n, func(s *Set, dst []float32) { Binary(&w, &s.Mul, dst, dy, z) })
				held("quotient", m*n, func(s *Set, dst []float32) { Binary(&w, &s.Div, dst, dy, z) })
				for i, name := range []string{"exp", "log", "tanh", "sigmoid", "erf", "sqrt"} {
					held(name, m*n, func(s *Set, dst []float32) {
						[]func(dst, x []float32){s.Exp, s.Log, s.Tanh, s.Sigmoid, s.Erf, s.Sqrt}[i](dst, c)
					})
				}
			}
		}
	})
}

// oneNaN says where a NaN is another than the one that leaves a plan.
func oneNaN(x []float32) error {
	for i, v := range x {
		if bits := math.Float32bits(v); v != v && bits != nan32 {
			return fmt.Errorf("element %d is the NaN %08x", i, bits)
		}
	}
	return nil
}
