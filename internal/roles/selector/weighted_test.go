package selector_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// heard is a component that knows the losses that it was told.
type heard struct{ st heardState }

type heardState struct {
	Who  []string `snap:"1"`
	Loss []int64  `snap:"2"`
}

// Refused says so of whoever told a loss below 0.
func (h *heard) Refused(who wire.PeerID) bool {
	loss, _ := h.Loss(who)
	return loss < 0
}

func (h *heard) State() any      { return &h.st }
func (h *heard) Restored() error { return nil }

func (h *heard) Invoke(_ *engine.Context, _ string, in []value.Value) ([]value.Value, error) {
	h.st.Who = append(h.st.Who, string(in[0].(value.Peer)))
	h.st.Loss = append(h.st.Loss, int64(in[1].(value.Int)))
	return []value.Value{value.Trigger{}}, nil
}

func (h *heard) Loss(who wire.PeerID) (float64, bool) {
	for i := len(h.st.Who) - 1; i >= 0; i-- {
		if h.st.Who[i] == string(who) {
			return float64(h.st.Loss[i]), h.st.Loss[i] >= 0
		}
	}
	return 0, false
}

// chosen is a server whose selector goes by losses.
func chosen(config string, seed uint64) *componenttest.Setup {
	s := setup(config, seed)
	s.Slots[1].Deps = append(s.Slots[1].Deps, "heard")
	s.Slots = append(s.Slots[:1:1], componenttest.Slot{Name: "heard",
		Factory: func(node.Env) (engine.Component, error) { return &heard{}, nil },
		Ops:     []componenttest.Op{{Method: "Tell", In: 2, Out: 1}}}, s.Slots[1])
	return s
}

func weigh(b *componenttest.Bench, p, samples int) {
	b.Message("registry", componenttest.Peer(p), "join", value.Int(samples), value.String(""))
}

func tell(b *componenttest.Bench, p, loss int) {
	b.Invoke("heard", "Tell", value.Peer(componenttest.Peer(p)), value.Int(loss))
}

// TestTheSampleGoesBySamples: each member is drawn as often as its samples say, and of two that are drawn, one after
// the other: member i of weights w is in a cohort of two with the probability w_i/W + Σ_j≠i w_j/W · w_i/(W−w_j).
func TestTheSampleGoesBySamples(t *testing.T) {
	weights := []int{1, 2, 3, 4, 10}
	for _, n := range []int{1, 2} {
		b := start(t, fmt.Sprintf(`{"n":%d,"by":"samples"}`, n), 5)
		place := map[value.Value]int{}
		for i, w := range weights {
			weigh(b, i, w)
			place[value.Peer(componenttest.Peer(i))] = i
		}
		const rounds = 20000
		drawn := make([]int, len(weights))
		for r := range rounds {
			x := sample(t, b, r)
			if len(x) != n || n == 2 && x[0] == x[1] {
				t.Fatalf("round %d: %v", r, x)
			}
			for _, p := range x {
				drawn[place[p]]++
			}
		}
		for i, w := range weights {
			want := float64(w) / 20
			for j, v := range weights {
				if n == 2 && j != i {
					want += float64(v) / 20 * float64(w) / float64(20-v)
				}
			}
			if got := float64(drawn[i]) / rounds; got < want-0.015 || got > want+0.015 {
				t.Errorf("of %d: the member of %d samples was drawn in %.3f of the rounds, want %.3f", n, w, got, want)
			}
		}
	}
}

// TestTheHighestLossesAreTaken: with all as candidates those of the highest losses, who has told none first; with
// fewer, those of the candidates, so that members of low losses come too; and with as many as are asked the draw is
// that by samples.
func TestTheHighestLossesAreTaken(t *testing.T) {
	begin := func(config string) *componenttest.Bench {
		b, err := componenttest.New(chosen(config, 3))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 8 {
			weigh(b, i, 100)
		}
		return b
	}
	peer := func(i int) value.Value { return value.Peer(componenttest.Peer(i)) }
	b := begin(`{"n":3,"by":"loss","candidates":8,"losses":"heard"}`)
	for i := range 7 {
		tell(b, i, 10*i)
	}
	tell(b, 6, 1)
	for r := range 5 {
		got := sample(t, b, r)
		want := []value.Value{peer(4), peer(5), peer(7)}
		slices.SortFunc(want, func(a, b value.Value) int {
			if a.(value.Peer) < b.(value.Peer) {
				return -1
			}
			return 1
		})
		if !slices.Equal(got, want) {
			t.Errorf("round %d: %v, want %v", r, got, want)
		}
	}
	tell(b, 7, -1) // it has told no loss still: what it gave was refused, and would be again in each round
	for r := range 5 {
		if got := sample(t, b, r); slices.Contains(got, peer(7)) || !slices.Contains(got, peer(3)) {
			t.Errorf("round %d: %v, with whoever was refused", r, got)
		}
	}
	some := begin(`{"n":2,"by":"loss","losses":"heard"}`) // of 4
	seen := map[value.Value]int{}
	for i := range 8 {
		tell(some, i, 10*i)
	}
	for r := range 400 {
		for _, p := range sample(t, some, r) {
			seen[p]++
		}
	}
	if seen[peer(7)] < 160 || seen[peer(7)] > 240 || seen[peer(0)] > 0 || seen[peer(1)] > 0 || seen[peer(2)] == 0 {
		t.Errorf("drawn as candidates in half of 400 rounds each, they were taken %v times", seen)
	}
	as, plain := begin(`{"n":2,"by":"loss","candidates":2,"losses":"heard"}`), start(t, `{"n":2,"by":"samples"}`, 3)
	for i := range 8 {
		weigh(plain, i, 100)
		tell(as, i, i)
	}
	for r := range 20 {
		if x, y := sample(t, as, r), sample(t, plain, r); !slices.Equal(x, y) {
			t.Errorf("round %d: %v and %v", r, x, y)
		}
	}
}

func TestSettingsOfWeightedSamples(t *testing.T) {
	for in, ok := range map[string]bool{`{"by":"samples","n":2}`: true, `{"by":"loss","n":2,"candidates":4}`: true,
		`{"by":"luck"}`: false, `{"candidates":4}`: false, `{"by":"samples","candidates":4}`: false,
		`{"losses":"x"}`: false, `{"by":"loss","candidates":65537}`: false, `{"by":"loss","candidates":-1}`: false} {
		if _, err := selector.ParseConfig([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
	b := start(t, `{"n":1,"by":"loss"}`, 1, 1, 2)
	if f := b.Invoke("selector", "Sample", value.Trigger{}, value.Int(0)).Failure; f == nil ||
		f.Code != value.CodeError {
		t.Errorf("nobody knows losses: %v", f)
	}
}

func TestConformsByLoss(t *testing.T) {
	steps := []componenttest.Step{{Name: "join", Do: func(b *componenttest.Bench) {
		for i := range 5 {
			weigh(b, i, 10+i)
		}
	}}}
	for r := range 4 {
		steps = append(steps, componenttest.Step{Name: fmt.Sprint("round ", r), Do: func(b *componenttest.Bench) {
			b.Invoke("registry", "Await", value.Int(r))
			b.Invoke("selector", "Sample", value.Trigger{}, value.Int(r))
			tell(b, r, 7-r)
		}})
	}
	componenttest.Run(t, componenttest.Suite{
		Setup: *chosen(`{"n":2,"by":"loss","candidates":3,"losses":"heard"}`, 9), Steps: steps})
}
