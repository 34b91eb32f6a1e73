package aggregator

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/exact"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// update is one contribution as a test draws it.
type update struct {
	x []float32
	n int64
}

func updates(elements int) *rapid.Generator[[]update] {
	one := rapid.Custom(func(t *rapid.T) update {
		return update{rapid.SliceOfN(element(), elements, elements).Draw(t, "x"),
			rapid.Int64Range(1, exact.SamplesMax-1).Draw(t, "n")}
	})
	return rapid.SliceOfN(one, 1, 12)
}

func (u update) tensors(t *rapid.T) []*tensor.Tensor {
	half := len(u.x) / 2
	a, err1 := tensor.FromFloat32([]int{half}, u.x[:half])
	b, err2 := tensor.FromFloat32([]int{len(u.x) - half, 1}, u.x[half:])
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return []*tensor.Tensor{a, b}
}

// folded folds the updates in the given order; where cut says so the state goes through its stored form in between.
func folded(t *rapid.T, us []update, order []int, cut func(int) bool) []float32 {
	s := &State{Rounds: []Round{{Tensors: new(Component).newSums(us[0].tensors(t))}}}
	reg := value.NewRegistry()
	for i, k := range order {
		r := &s.Rounds[0]
		r.Total += us[k].n
		r.fold(us[k].tensors(t), us[k].n)
		if cut(i) {
			b, err := snapshot.Marshal(reg, s)
			if err != nil {
				t.Fatal(err)
			}
			s = &State{}
			if err := snapshot.Unmarshal(b, s, reg, snapshot.DefaultLimits()); err != nil {
				t.Fatal(err)
			}
		}
	}
	mean, err := s.Rounds[0].mean(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []float32
	for _, v := range mean.Items() {
		out = append(out, v.(value.Tensor).Float32()...)
	}
	return out
}

// Trap unordered-sum: the order of arrival must not reach the sum. Nor must the points at which the process died in
// between.
func TestAnyOrderAndAnyCutGiveTheSameBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		us := updates(5).Draw(t, "updates")
		inOrder := make([]int, len(us))
		for i := range inOrder {
			inOrder[i] = i
		}
		want := folded(t, us, inOrder, func(int) bool { return false })
		order := rapid.Permutation(inOrder).Draw(t, "order")
		cuts := rapid.SliceOfN(rapid.Bool(), len(us), len(us)).Draw(t, "cuts")
		got := folded(t, us, order, func(i int) bool { return cuts[i] })
		for k := range want {
			if math.Float32bits(got[k]) != math.Float32bits(want[k]) {
				t.Fatalf("element %d is %g in order %v, want %g", k, got[k], order, want[k])
			}
		}
	})
}

func TestTheMeanIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		us := updates(4).Draw(t, "updates")
		order := make([]int, len(us))
		for i := range order {
			order[i] = i
		}
		got := folded(t, us, order, func(int) bool { return false })
		for k := range got {
			// The definition: Σ round(x·2^64)·n / (Σ n · 2^64), in rationals.
			sum, total := new(big.Int), int64(0)
			for _, u := range us {
				sum.Add(sum, new(big.Int).Mul(multiple(u.x[k]), big.NewInt(u.n)))
				total += u.n
			}
			want, _ := new(big.Rat).SetFrac(sum, new(big.Int).Lsh(big.NewInt(total), exact.Fraction)).Float32()
			if got[k] != want {
				t.Fatalf("element %d is %g, want %g", k, got[k], want)
			}
		}
	})
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	cfg, _ := Config{MaxElements: 4}.withDefaults()
	good := func() State {
		return State{Rounds: []Round{{Number: 3, Total: 5, Shares: []Share{{Peer: "a", Samples: 2},
			{Peer: "b", Samples: 3}},
			Tensors: []Sum{{Shape: []int{2}, Hi: snapshot.NewWords(2), Lo: snapshot.NewWords(2)}}}}}
	}
	s := good()
	if err := s.check(cfg); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*State){
		"order of rounds": func(s *State) { s.Rounds = append(s.Rounds, s.Rounds[0]) },
		"too many rounds": func(s *State) {
			for i := range cfg.MaxOpen {
				r := s.Rounds[0]
				r.Number += int64(i + 1)
				s.Rounds = append(s.Rounds, r)
			}
		},
		"total":            func(s *State) { s.Rounds[0].Total++ },
		"no shares":        func(s *State) { s.Rounds[0].Shares = nil },
		"order of shares":  func(s *State) { s.Rounds[0].Shares[0].Peer = "c" },
		"samples":          func(s *State) { s.Rounds[0].Shares[0].Samples, s.Rounds[0].Total = 0, 3 },
		"words":            func(s *State) { s.Rounds[0].Tensors[0].Hi = snapshot.NewWords(1) },
		"negative shape":   func(s *State) { s.Rounds[0].Tensors[0].Shape = []int{-2} },
		"shape over bound": func(s *State) { s.Rounds[0].Tensors[0].Shape = []int{1 << 30, 1 << 30} },
	} {
		s := good()
		spoil(&s)
		if s.check(cfg) == nil {
			t.Errorf("a state with a wrong %s was restored", name)
		}
	}
}

func TestConfig(t *testing.T) {
	for in, ok := range map[string]bool{
		`{}`: true, `{"model":"model","max_open":2}`: true, `{"max_open":65}`: false, `{"max_elements":-1}`: false,
		`{"quorum":1}`: false, `{"variances":[0,3]}`: true, `{"variances":[3,0]}`: false, `{"variances":[-1]}`: false,
	} {
		if _, err := ParseConfig([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
	if c, _ := ParseConfig(nil); !reflect.DeepEqual(c, Config{Rounds: "rounds", Registry: "registry", MaxOpen: 4,
		MaxElements: 1 << 24, Gather: GatherConfig{CheckMS: 1000}}) {
		t.Errorf("defaults %+v", c)
	}
}

func TestAFullRoundTakesNoMore(t *testing.T) {
	c := &Component{slot: "aggregator", cfg: Config{MaxOpen: 1}}
	r := Round{Number: 1, Shares: make([]Share, exact.PartsMax)}
	c.st.Rounds = []Round{r}
	if _, _, f := c.place(1, "new"); f == nil || f.Code != value.CodeOverflow {
		t.Errorf("contribution %d: %v", exact.PartsMax+1, f)
	}
	if _, _, f := c.place(2, "new"); f == nil || f.Code != value.CodeOverflow {
		t.Errorf("round over max_open: %v", f)
	}
}

// noise returns numbers of both signs and many sizes.
func noise(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(int32(uint32(i)*2654435761)) / 3 / (1 << 31)
	}
	return x
}

// BenchmarkFold adds one update to a round.
func BenchmarkFold(b *testing.B) {
	const n = 8 << 10
	x := noise(n)
	t, err := tensor.FromFloat32([]int{n}, x)
	if err != nil {
		b.Fatal(err)
	}
	r := Round{Tensors: []Sum{NewSum([]int{n})}}
	b.SetBytes(4 * n)
	for b.Loop() {
		r.fold([]*tensor.Tensor{t}, 100)
	}
}

// BenchmarkMean divides sums by a power of two, and by another number.
func BenchmarkMean(b *testing.B) {
	const n = 8 << 10
	s := NewSum([]int{n})
	s.Add(noise(n), 100)
	for _, total := range []int64{128, 100} {
		b.Run(fmt.Sprint(total), func(b *testing.B) {
			b.SetBytes(4 * n)
			for b.Loop() {
				s.Mean(total)
			}
		})
	}
}

// What a capture holds of a round stays, although the next round takes the memory of the one that is over.
func TestTheNextRoundTakesTheMemoryAndLeavesCaptures(t *testing.T) {
	one, err := tensor.FromFloat32([]int{3}, []float32{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, captured := range []bool{false, true} {
		c := &Component{}
		c.st.Rounds = []Round{{Number: 1, Total: 1, Shares: []Share{{Peer: "a", Samples: 1}},
			Tensors: c.newSums([]*tensor.Tensor{one})}}
		r := &c.st.Rounds[0]
		r.fold([]*tensor.Tensor{one}, 1)
		before := &r.Tensors[0].Hi.Read(0)[0]
		var held any
		if captured {
			if held, err = snapshot.Capture(&c.st); err != nil {
				t.Fatal(err)
			}
		}
		c.keep(r.Tensors)
		next := c.newSums([]*tensor.Tensor{one})
		for k, x := range next[0].Hi.Read(0) {
			if x != 0 || next[0].Lo.Read(0)[k] != 0 {
				t.Errorf("captured %v: the sums of the next round begin with %d, %d", captured, x,
					next[0].Lo.Read(0)[k])
			}
		}
		if again := before == &next[0].Hi.Read(0)[0]; again == captured {
			t.Errorf("captured %v: the memory was taken again: %v", captured, again)
		}
		if captured {
			kept := &held.(*State).Rounds[0].Tensors[0]
			if got := kept.Mean(1); got[0] != 1 || got[1] != 2 || got[2] != 3 {
				t.Errorf("the capture holds the sums of %v", got)
			}
		}
	}
}

// multiple is x·2^64, rounded half to even to an integer, by big rationals.
func multiple(x float32) *big.Int {
	r := new(big.Rat).SetFloat64(float64(x))
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), exact.Fraction)))
	return nearestEven(r)
}

// nearestEven rounds a rational to an integer.
func nearestEven(r *big.Rat) *big.Int {
	twice := new(big.Int).Lsh(r.Num(), 1)
	// floor((2n + d) / 2d) rounds half up; a tie is then taken back to even.
	q, rest := new(big.Int).DivMod(twice.Add(twice, r.Denom()), new(big.Int).Lsh(r.Denom(), 1), new(big.Int))
	if rest.Sign() == 0 && q.Bit(0) == 1 {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

// element draws floats of all sizes that are in range, with many ties and edges.
func element() *rapid.Generator[float32] {
	edges := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0x1p-64, 0x1p-65, 0x3p-65, 0x5p-65, 0x1p-66, 0x1.8p-64,
		0x1p-149, 0x1.fffffep-127, -0x1.fffffep-66, 0x1.fffffep19, -0x1.fffffep19, 0x1p-41, 0.1}
	return rapid.OneOf(rapid.SampledFrom(edges), rapid.Custom(func(t *rapid.T) float32 {
		sign := uint32(rapid.IntRange(0, 1).Draw(t, "sign")) << 31
		exponent := uint32(rapid.IntRange(0, 127+19).Draw(t, "exponent")) << 23
		return math.Float32frombits(sign | exponent | rapid.Uint32Range(0, 1<<23-1).Draw(t, "mantissa"))
	}))
}
