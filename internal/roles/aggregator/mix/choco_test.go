package mix_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/mix"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// differing is a node that sends differences, with these neighbours.
func differing(config string, around ...int) componenttest.Setup {
	s := inStep(config)
	var peers []wire.PeerID
	for _, i := range around {
		peers = append(peers, componenttest.Peer(i))
	}
	s.Targets = map[string][]wire.PeerID{"peers": peers}
	s.Slots[0].Config = `{"mlp":[7,4]}`
	s.Slots[1].Ops = []componenttest.Op{{Method: "Differ", In: 2, Out: 3}, {Method: "Hear", In: 4, Out: 1},
		{Method: "Await", In: 2, Out: 1}, {Method: "Share", In: 1, Out: 2}, {Method: "Take", In: 4, Out: 1}}
	return s
}

// tensors reads the bits of a model, and adds them to another where there is one.
func tensors(t testing.TB, bits []string, to *value.List) *value.List {
	t.Helper()
	var x []float32
	for _, text := range bits {
		b, err := strconv.ParseUint(text, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		x = append(x, math.Float32frombits(uint32(b)))
	}
	at, items := 0, []value.Value{}
	for i, shape := range [][]int{{7, 4}, {4}} {
		made, out, err := tensor.NewFloat32(shape)
		if err != nil {
			t.Fatal(err)
		}
		for k := range out {
			if out[k] = x[at]; to != nil {
				out[k] += to.At(i).(value.Tensor).Float32()[k]
			}
			at++
		}
		items = append(items, value.Tensor{Tensor: made})
	}
	return value.NewList(items...)
}

func bitsOf(l *value.List) (out []string) {
	for _, v := range l.Items() {
		for _, x := range v.(value.Tensor).Float32() {
			out = append(out, fmt.Sprintf("%08x", math.Float32bits(x)))
		}
	}
	return out
}

// shared is the model of a node.
func shared(t testing.TB, b *componenttest.Bench) *value.List {
	t.Helper()
	out, ok := b.Invoke("mix", "Share", value.Trigger{}).Outputs()
	if !ok {
		t.Fatal("no model")
	}
	return out[0].(*value.List)
}

// TestDifferencesAsInNumpy: three nodes on a path come to the models that numpy makes by the formulas of the paper, to
// the bit, with each codec and whichever difference comes first or twice.
func TestDifferencesAsInNumpy(t *testing.T) {
	raw, err := os.ReadFile("testdata/choco.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Begin   []string
		Trained [][][]string
		Cases   []struct {
			Codec  string
			Step   float64
			Models [][][]string
		}
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	if len(want.Cases) != 3 || len(want.Trained) != 5 {
		t.Fatal("another file")
	}
	around := [][]int{{1}, {0, 2}, {1}}
	for _, c := range want.Cases {
		var nodes []*componenttest.Bench
		for i := range around {
			s := differing(fmt.Sprintf(`{"step":%g,"codec":%q}`, c.Step, c.Codec), around[i]...)
			b, err := componenttest.New(&s)
			if err != nil {
				t.Fatal(err)
			}
			b.Invoke("model", "LoadParameters", tensors(t, want.Begin, nil))
			nodes = append(nodes, b)
		}
		for r := range want.Trained {
			for _, i := range []int{r % 3, (r + 1) % 3, (r + 2) % 3} {
				b := nodes[i]
				made := tensors(t, want.Trained[r][i], shared(t, b))
				out, ok := b.Invoke("mix", "Differ", value.Int(r), made).Outputs()
				if !ok || out[1] != value.Int(len(around[i])) {
					t.Fatalf("%s: round %d of node %d: %v", c.Codec, r, i, out)
				}
				b.Invoke("mix", "Await", value.Int(r), value.Trigger{})
				for _, j := range around[i] {
					for range 1 + (r+i)%2 {
						nodes[j].Invoke("mix", "Hear", value.Peer(componenttest.Peer(i)), value.Int(r), out[0], out[1])
					}
				}
			}
			for i, b := range nodes {
				if got := bitsOf(shared(t, b)); fmt.Sprint(got) != fmt.Sprint(c.Models[r][i]) {
					t.Fatalf("%s: round %d of node %d: %v, want %v", c.Codec, r, i, got, c.Models[r][i])
				}
			}
		}
	}
}

// elements are all numbers of a list of tensors.
func elements(v value.Value) (out []float32) {
	for _, x := range v.(*value.List).Items() {
		out = append(out, x.(value.Tensor).Float32()...)
	}
	return out
}

// TestDrawnDifferences: a share of the elements is drawn in each round, and what is left out of one is made up for
// later.
func TestDrawnDifferences(t *testing.T) {
	s := differing(`{"step":0.5,"random":250000}`, 1)
	b, err := componenttest.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]string, 32)
	for i := range zeros {
		zeros[i] = "0"
	}
	b.Invoke("model", "LoadParameters", tensors(t, zeros, nil))
	ones := make([]string, 32)
	for i := range ones {
		ones[i] = "3f800000"
	}
	sent := map[int]int{}
	for r := range 24 {
		out, ok := b.Invoke("mix", "Differ", value.Int(r), tensors(t, ones, nil)).Outputs()
		if !ok {
			t.Fatal("no difference")
		}
		drawn := 0
		for i, x := range elements(out[0]) {
			if x != 0 {
				sent[i]++
				drawn++
			}
		}
		if r == 0 && drawn != 8 {
			t.Errorf("%d of 32 elements are drawn, want 7 of 28 and 1 of 4", drawn)
		}
		b.Invoke("mix", "Await", value.Int(r), value.Trigger{})
		b.Invoke("mix", "Hear", value.Peer(componenttest.Peer(1)), value.Int(r), tensors(t, zeros, nil), value.Int(1))
	}
	for i, n := range sent {
		if n != 1 {
			t.Errorf("element %d is sent %d times", i, n)
		}
	}
	if len(sent) < 28 {
		t.Errorf("%d elements are sent in 24 rounds", len(sent))
	}
}

// TestPoisonedDifferences: what is no difference is refused, and its round goes on without it; what leads beyond all
// numbers is counted; and nothing of another strategy is taken.
func TestPoisonedDifferences(t *testing.T) {
	zeros := make([]string, 32)
	for i := range zeros {
		zeros[i] = "0"
	}
	hear := func(b *componenttest.Bench, who, round int, v value.Value, degree int) *value.Failure {
		from := value.Peer(componenttest.Peer(who))
		return b.Invoke("mix", "Hear", from, value.Int(round), v, value.Int(degree)).Failure
	}
	for name, v := range map[string]value.Value{
		"no list":   value.Int(1),
		"nothing":   value.NewList(),
		"odd bytes": value.NewList(value.NewBytes([]byte{1, 1, 4, 9}), value.NewBytes(nil)),
		"a large tensor": value.NewList(value.NewBytes([]byte{1, 1, 0xff, 0xff, 0xff, 0x7f}),
			value.NewBytes([]byte{0})),
	} {
		s := differing(`{"step":0.5,"codec":"topk:10"}`, 1)
		b, err := componenttest.New(&s)
		if err != nil {
			t.Fatal(err)
		}
		b.Invoke("mix", "Differ", value.Int(0), tensors(t, zeros, nil))
		waits := b.Invoke("mix", "Await", value.Int(0), value.Trigger{})
		if hear(b, 1, 0, v, 1) == nil {
			t.Errorf("%s: it is taken", name)
		}
		if _, ok := waits.Outputs(); !ok {
			t.Errorf("%s: the round waits on", name)
		}
		if hear(b, 2, 1, tensors(t, zeros, nil), 1) == nil || hear(b, 1, 1, tensors(t, zeros, nil), 0) == nil {
			t.Errorf("%s: a stranger, or one without neighbours, is taken", name)
		}
		if taken(b, 1, 2, tensors(t, zeros, nil), 1).Failure == nil {
			t.Errorf("%s: a model is taken in place of a difference", name)
		}
	}
	most := make([]string, 32)
	for i := range most {
		most[i] = "7f7fffff"
	}
	s := differing(`{"step":0.5}`, 1)
	b, err := componenttest.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	b.Invoke("model", "LoadParameters", tensors(t, zeros, nil))
	for r := range 2 {
		b.Invoke("mix", "Differ", value.Int(r), tensors(t, zeros, nil))
		waits := b.Invoke("mix", "Await", value.Int(r), value.Trigger{})
		hear(b, 1, r, tensors(t, most, nil), 1)
		if _, ok := waits.Outputs(); !ok {
			t.Fatalf("round %d waits on", r)
		}
	}
	if x := elements(shared(t, b))[0]; x != 0 {
		t.Errorf("a round in which its neighbour leads beyond all numbers moves the node to %v", x)
	}
}

func TestDifferencesConform(t *testing.T) {
	zeros := make([]string, 32)
	for i := range zeros {
		zeros[i] = "3f000000"
	}
	of := func(t testing.TB) *value.List { return tensors(t, zeros, nil) }
	step := func(name string, do func(*componenttest.Bench)) componenttest.Step {
		return componenttest.Step{Name: name, Do: do}
	}
	hear := func(who, round int) componenttest.Step {
		return step("hear", func(b *componenttest.Bench) {
			b.Invoke("mix", "Hear", value.Peer(componenttest.Peer(who)), value.Int(round), of(t), value.Int(2))
		})
	}
	differ := func(round int) componenttest.Step {
		return step("differ", func(b *componenttest.Bench) {
			b.Invoke("mix", "Differ", value.Int(round), of(t))
			b.Invoke("mix", "Await", value.Int(round), value.Trigger{})
		})
	}
	componenttest.Run(t, componenttest.Suite{Setup: differing(`{"step":0.5,"codec":"topk:20","random":200000}`, 1, 2),
		Steps: []componenttest.Step{hear(2, 1), differ(0), hear(2, 0), hear(1, 0), differ(1), hear(1, 1)}})
}

// TestDifferencesAreConfigured: settings that cannot be together are refused.
func TestDifferencesAreConfigured(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"step":0.5}`: true, `{"step":0.5,"codec":"int8"}`: true, `{"step":1,"codec":"topk:5","random":50000}`: true,
		`{"step":1.5}`: false, `{"codec":"int8"}`: false, `{"random":5}`: false, `{"step":0.5,"deadline_ms":5}`: false,
		`{"step":0.5,"codec":"topk:900"}`: false, `{"step":0.5,"random":1000001}`: false, `{"step":-1}`: false,
	} {
		if _, err := mix.ParseConfig([]byte(text)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
