package chunked_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/component/model"
	"github.com/rhizome-ml/rhizome/component/model/chunked"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// setup is a server with a model of 6 weights and 3 biases, in 3 chunks of 3 elements; a member may hold up the others for
// 100 ms.
func setup() componenttest.Setup {
	op := func(method string, in, out int) componenttest.Op {
		return componenttest.Op{Method: method, In: in, Out: out}
	}
	return componenttest.Setup{Seed: 3, Slots: []componenttest.Slot{{
		Name: "model", Factory: chunked.Factory, Config: `{"model":{"mlp":[2,3]},"chunk":3,"deadline_ms":100}`,
		Derived: []string{"slot", "seed", "cfg", "graph", "layout", "sheet"},
		Ops: []componenttest.Op{op("Offer", 2, 1), op("Chunk", 2, 1), op("Gather", 4, 1), op("Ask", 3, 1), op("Fold", 3, 1),
			op("Gathered", 3, 1), op("Members", 2, 2), op("Parameters", 1, 1), op("Export", 1, 1), op("Melt", 1, 1)},
	}}}
}

func vector(x ...float32) value.Value {
	t, err := tensor.FromFloat32([]int{len(x)}, x)
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}

// sorted returns peers in the order of their ids.
func sorted(ids ...int) []value.Value {
	var out []value.Value
	for _, i := range ids {
		out = append(out, value.Peer(componenttest.Peer(i)))
	}
	slices.SortFunc(out, func(a, b value.Value) int { return strings.Compare(string(a.(value.Peer)), string(b.(value.Peer))) })
	return out
}

func ints(n ...int64) value.Value {
	out := make([]value.Value, len(n))
	for i, x := range n {
		out[i] = value.Int(x)
	}
	return value.NewList(out...)
}

type bench struct {
	*componenttest.Bench
	t *testing.T
}

func start(t *testing.T) bench {
	s := setup()
	b, err := componenttest.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	return bench{b, t}
}

// now calls an op that answers at once and soundly.
func (b bench) now(method string, in ...value.Value) []value.Value {
	b.t.Helper()
	c := b.Invoke("model", method, in...)
	out, ok := c.Outputs()
	if !ok {
		b.t.Fatalf("%s%v: %v", method, in, c.Failure)
	}
	return out
}

// begin offers a round and begins to gather it from the peers, who weigh 1, 2, 3 ….
func (b bench) begin(round int, who []value.Value) {
	b.t.Helper()
	b.now("Offer", value.Int(round), value.Trigger{})
	var weights []int64
	for i := range who {
		weights = append(weights, int64(i+1))
	}
	if got := b.now("Gather", value.Int(round), value.Int(0), value.NewList(who...), ints(weights...)); got[0] != value.Int(3) {
		b.t.Fatalf("%v chunks", got)
	}
}

func (b bench) fold(round, attempt, chunk int64, who value.Value, x ...float32) *value.Failure {
	return b.Invoke("model", "Fold", ints(round, attempt, chunk), who, vector(x...)).Failure
}

// TestGather gathers a round from two members in any order of chunks: it waits for room, and the mean is weighted and exact.
func TestGather(t *testing.T) {
	b, who := start(t), sorted(1, 2)
	first := b.now("Parameters", value.Trigger{})[0].(*value.List)
	b.now("Offer", value.Int(0), value.Trigger{})
	for k := range 3 {
		chunk := b.now("Chunk", value.Int(0), value.Int(k))[0].(value.Tensor).Float32()
		whole := append(slices.Clone(first.At(0).(value.Tensor).Float32()), first.At(1).(value.Tensor).Float32()...)
		if !slices.Equal(chunk, whole[3*k:3*k+3]) {
			t.Errorf("chunk %d is %v of %v", k, chunk, whole)
		}
	}
	b.begin(0, who)
	if f := b.Invoke("model", "Chunk", value.Int(0), value.Int(0)).Failure; f == nil || f.Code != value.CodeLate {
		t.Errorf("a chunk is given while the parameters are gathered: %v", f)
	}
	if f := b.Invoke("model", "Parameters", value.Trigger{}).Failure; f == nil {
		t.Error("parameters are given while they are gathered")
	}
	end := b.Invoke("model", "Gathered", value.Int(0), value.Int(0), value.Trigger{})
	for k := range int64(2) {
		if got := b.now("Ask", value.Int(0), value.Int(0), value.Int(k))[0].(*value.List); !slices.Equal(got.Items(), who) {
			t.Errorf("chunk %d is asked of %v", k, got)
		}
	}
	third := b.Invoke("model", "Ask", value.Int(0), value.Int(0), value.Int(2))
	// The second chunk is there before the first; 1e-9 would be lost in a sum of floats.
	for _, f := range []*value.Failure{
		b.fold(0, 0, 1, who[0], 3, 1<<19, 0), b.fold(0, 0, 1, who[1], 6, 1e-9, 0.5), b.fold(0, 0, 0, who[1], 1, 1, 1),
	} {
		if f != nil {
			t.Fatal(f)
		}
	}
	if _, ok := third.Outputs(); !ok {
		t.Error("there was room for a third chunk, and nobody was told")
	}
	for want, f := range map[string]*value.Failure{
		value.CodeDuplicate: b.fold(0, 0, 0, who[1], 1, 1, 1), value.CodeStranger: b.fold(0, 0, 0, sorted(3)[0], 1, 1, 1),
		value.CodeLate: b.fold(0, 1, 0, who[0], 1, 1, 1),
	} {
		if f == nil || f.Code != want {
			t.Errorf("%v, want %s", f, want)
		}
	}
	if b.fold(0, 0, 0, who[0], 4, 4, 4) != nil || b.fold(0, 0, 2, who[0], 0, 3, 0) != nil || b.fold(0, 0, 2, who[1], 0, 0, 3) != nil {
		t.Fatal("a chunk is refused")
	}
	if _, ok := end.Outputs(); !ok {
		t.Error("all is there, and the end is not told")
	}
	params := b.now("Parameters", value.Trigger{})[0].(*value.List)
	mean := float32((1<<19 + 2*float64(float32(1e-9))) / 3)
	if got, want := params.At(0).(value.Tensor).Float32(), []float32{2, 2, 2, 5, mean, float32(1.0 / 3)}; !slices.Equal(got, want) {
		t.Errorf("weights %v, want %v", got, want)
	}
	if got := params.At(1).(value.Tensor).Float32(); !slices.Equal(got, []float32{0, 1, 2}) {
		t.Errorf("biases %v", got)
	}
	if got := b.now("Members", value.Int(0), value.Trigger{}); !slices.Equal(got[0].(*value.List).Items(), who) || got[1] != value.Int(2) {
		t.Errorf("members %v", got)
	}
	if got := b.now("Gather", value.Int(0), value.Int(1), value.NewList(who...), ints(1, 2)); got[0] != value.Int(0) {
		t.Errorf("a second attempt after the first one came to its end asks for %v chunks", got)
	}
	file := b.now("Export", params)[0].(value.Bytes)
	if _, err := model.Load(file.Raw()); err != nil {
		t.Error(err)
	}
	b.begin(1, who) // the next round
}

// TestDropped lets members vanish in the middle: the attempt is given up, the next one is without them, and the parameters are
// the mean of one set of members in all chunks. The last members are never dropped.
func TestDropped(t *testing.T) {
	b, who := start(t), sorted(1, 2, 3)
	b.begin(0, who)
	end := b.Invoke("model", "Gathered", value.Int(0), value.Int(0), value.Trigger{})
	b.Advance(350e6) // nobody answers: nobody is dropped for the sake of others
	if _, over := end.Outputs(); over {
		t.Fatal("the attempt is given up although nobody waits for anybody")
	}
	for _, p := range who {
		b.fold(0, 0, 0, p, 9, 9, 9)
	}
	b.fold(0, 0, 1, who[0], 9, 9, 9)
	b.fold(0, 0, 1, who[2], 9, 9, 9)
	b.now("Ask", value.Int(0), value.Int(0), value.Int(2))
	b.Advance(250e6)
	if _, over := end.Outputs(); !over {
		t.Fatal("one member holds up two, and the attempt goes on")
	}
	if got := b.now("Ask", value.Int(0), value.Int(0), value.Int(2)); got[0].(*value.List).Len() != 0 {
		t.Errorf("an attempt that is given up asks %v", got)
	}
	if f := b.fold(0, 0, 1, who[1], 9, 9, 9); f == nil || f.Code != value.CodeLate {
		t.Errorf("%v, want late", f)
	}
	left := []value.Value{who[0], who[2]}
	if got := b.now("Gather", value.Int(0), value.Int(1), value.NewList(who...), ints(1, 2, 3)); got[0] != value.Int(3) {
		t.Fatalf("%v", got)
	}
	if f := b.fold(0, 1, 0, who[0], float32(math.NaN()), 1, 1); f == nil || f.Code != value.CodeError {
		t.Errorf("a chunk that cannot be summed: %v", f)
	}
	// Who sent it is dropped too, so one is left.
	b.now("Gather", value.Int(0), value.Int(2), value.NewList(who...), ints(1, 2, 3))
	if f := b.fold(0, 2, 0, left[1], float32(math.Inf(1)), 1, 1); f == nil {
		t.Error("an infinite chunk is taken")
	}
	for k := range int64(3) {
		if f := b.fold(0, 2, k, left[1], 5, 6, 7); f != nil {
			t.Fatal(f)
		}
	}
	if got := b.now("Members", value.Int(0), value.Trigger{}); !slices.Equal(got[0].(*value.List).Items(), left[1:]) {
		t.Errorf("members %v", got)
	}
	if got := b.now("Parameters", value.Trigger{})[0].(*value.List).At(1).(value.Tensor).Float32(); !slices.Equal(got, []float32{5, 6, 7}) {
		t.Errorf("biases %v", got)
	}
	if n := b.Counter("model.dropped"); n != 2 {
		t.Errorf("%d members are counted as dropped, want 2", n)
	}
}

// TestConforms takes a node through a round and a lost member; after each step a restored one must do the same.
func TestConforms(t *testing.T) {
	who := sorted(1, 2)
	call := func(method string, in ...value.Value) componenttest.Step {
		return componenttest.Step{Name: method, Do: func(b *componenttest.Bench) { b.Invoke("model", method, in...) }}
	}
	fold := func(attempt, chunk int64, p value.Value) componenttest.Step {
		return call("Fold", ints(0, attempt, chunk), p, vector(float32(chunk), 1, -2))
	}
	zero := value.Int(0)
	componenttest.Run(t, componenttest.Suite{Setup: setup(), Steps: []componenttest.Step{
		call("Offer", value.Trigger{}, zero), call("Offer", zero, value.Trigger{}), call("Chunk", zero, value.Int(2)), call("Chunk", zero, value.Int(3)),
		call("Gather", zero, zero, value.NewList(who...), ints(1)), call("Gather", zero, zero, value.NewList(who...), ints(2, 5)),
		call("Ask", zero, zero, zero), call("Gathered", zero, zero, value.Trigger{}), fold(0, 0, who[1]),
		call("Ask", zero, zero, value.Int(2)), call("Fold", ints(0, 0), who[0], vector(1)), fold(0, 0, who[0]), fold(0, 2, who[0]), fold(0, 1, who[0]),
		{Name: "wait", Do: func(b *componenttest.Bench) { b.Advance(250e6) }},
		call("Gather", zero, value.Int(1), value.NewList(who...), ints(2, 5)), fold(1, 1, who[0]), fold(1, 0, who[0]),
		call("Parameters", value.Trigger{}), fold(1, 2, who[0]), call("Members", zero, value.Trigger{}),
		call("Parameters", value.Trigger{}), call("Export", value.NewList()), call("Offer", value.Int(1), value.Trigger{}), call("Melt", value.Trigger{}),
	}})
}
