package buffer_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/buffer"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

const slot = "aggregator"

// server is a node with a registry, a model of one layer [2, 1] and a buffer.
func server(strategy string, more ...string) *componenttest.Setup {
	return &componenttest.Setup{Slots: []componenttest.Slot{
		{Name: "registry", Factory: registry.Factory},
		{Name: "model", Factory: model.Factory, Config: `{"mlp":[2,1]}`},
		{Name: slot, Factory: buffer.Factory, Config: `{"strategy":"` + strategy + `"` + strings.Join(more, "") + `}`,
			Derived: []string{"strategy", "need"}, Deps: []string{"registry", "model"},
			Ops: []componenttest.Op{{Method: "Begin", In: 1, Out: 1}, {Method: "Asked", In: 2, Out: 3},
				{Method: "Contribute", In: 4, Out: 1}, {Method: "Refuse", In: 3, Out: 1},
				{Method: "Await", In: 1, Out: 6}, {Method: "Load", In: 3, Out: 1}, {Method: "Failed", In: 1, Out: 1}}},
	}}
}

// table is a server whose questions a test puts itself.
type table struct {
	*componenttest.Bench
	t testing.TB
}

// begun is one with so many members, who were asked: that is call 0.
func begun(t testing.TB, strategy string, members int, more ...string) table {
	t.Helper()
	b, err := componenttest.New(server(strategy, more...))
	if err != nil {
		t.Fatal(err)
	}
	x := table{b, t}
	x.begin(members)
	return x
}

func (x table) begin(members int) {
	for p := range members {
		x.Message("registry", componenttest.Peer(p+1), "join", value.Int(100), value.String(fmt.Sprint("site ", p+1)))
	}
	x.Invoke(slot, "Begin", value.Trigger{})
}

func peers(who ...int) value.Value {
	out := make([]value.Value, len(who))
	for i, p := range who {
		out[i] = value.Peer(componenttest.Peer(p))
	}
	return value.NewList(out...)
}

// put puts a call to peers, and returns by which version they train.
func (x table) put(call int, who ...int) int64 {
	out, ok := x.Invoke(slot, "Asked", value.Int(call), peers(who...)).Outputs()
	if !ok {
		x.t.Fatalf("call %d: %v", call, x.Failures())
	}
	return int64(out[1].(value.Int))
}

func floats(shape []int, numbers ...float32) value.Value {
	t, err := tensor.FromFloat32(shape, numbers)
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}

// update is one of the model: two weights and a bias.
func update(a, b, c float32) value.Value {
	return value.NewList(floats([]int{2, 1}, a, b), floats([]int{1}, c))
}

func (x table) contribute(call, who int, update value.Value, samples int) *value.Failure {
	return x.Invoke(slot, "Contribute", value.Int(call), value.Peer(componenttest.Peer(who)), update,
		value.Int(samples)).Failure
}

func (x table) await(version int) componenttest.Call {
	return x.Invoke(slot, "Await", value.Int(version))
}

func (x table) load(version, last int) *value.Failure {
	return x.Invoke(slot, "Load", value.Int(version), update(1, 2, 3), value.Int(last)).Failure
}

// made holds what a version was made of.
func (x table) made(call componenttest.Call, first, fresh float32, ages ...int64) {
	x.t.Helper()
	out, ok := call.Outputs()
	if !ok {
		x.t.Fatalf("no version: %v", x.Failures())
	}
	got := out[0].(*value.List).At(0).(value.Tensor).Float32()[0]
	part := out[1].(value.Tensor).Float32()[0]
	if got != first || part != fresh || int(out[5].(value.Int)) != len(ages) {
		x.t.Errorf("the mean begins with %v, the updates weigh %v for their age, and are %v; want %v, %v and %d", got, part,
			out[5], first, fresh, len(ages))
	}
	for i, want := range ages {
		if age := out[3].(*value.List).At(i).(value.Int); int64(age) != want {
			x.t.Errorf("update %d is %d versions old, want %d", i, age, want)
		}
	}
}

func (x table) state() []byte {
	x.t.Helper()
	b, err := snapshot.Marshal(value.NewRegistry(), x.Component(slot).State())
	if err != nil {
		x.t.Fatal(err)
	}
	return b
}

// TestVersions: updates weigh by samples and age; those that come while a version is made wait, and are folded in the
// order in which they came, as old as they are by then; and behind the last version nothing is taken.
func TestVersions(t *testing.T) {
	x := begun(t, "fedbuff buffer=2 power=1", 5)
	if v := x.put(0, 1, 2, 3, 4, 5); v != 0 {
		t.Fatalf("asked by version %d", v)
	}
	first := x.await(0)
	x.contribute(0, 3, update(1, 0, 0), 10)
	if _, early := first.Outputs(); early {
		t.Fatal("a version of one update")
	}
	x.contribute(0, 1, update(4, 0, 0), 20)
	x.made(first, 3, 1, 0, 0)                // (10·1 + 20·4)/30
	x.contribute(0, 2, update(8, 0, 0), 100) // these two wait
	x.contribute(0, 4, update(2, 0, 0), 50)
	if f := x.load(0, 9); f != nil {
		t.Fatal(f)
	}
	x.made(x.await(1), 6, 0.5, 1, 1) // one version old: half as much each
	x.contribute(0, 5, update(5, 0, 0), 1)
	x.load(1, 9)
	x.contribute(1, 3, update(1, 0, 0), 1) // call 1 was put to it when its update was folded
	calls := x.Component(slot).State().(*buffer.State)
	for _, q := range calls.Out {
		x.put(int(q.Call), 1, 2, 3, 4, 5)
	}
	of := calls.Out[0]
	who := 0
	for p := 1; p <= 5; p++ {
		if string(componenttest.Peer(p)) == of.Peer {
			who = p
		}
	}
	if f := x.contribute(int(of.Call), who, update(5, 0, 0), 3); f != nil {
		t.Fatal(f)
	}
	x.made(x.await(2), 5, float32((1.0/3+3)/4), 2, 0)
	made, weights, refused, ok := x.Component(slot).(*buffer.Component).Over(2)
	if !ok || len(made) != 2 || made[0].Age != 2 || made[0].Samples != 1 || float32(weights[0]) != 1.0/3 ||
		weights[1] != 3 || len(refused) != 0 {
		t.Errorf("version 3 is remembered as %+v, %v, %+v, %v", made, weights, refused, ok)
	}
	x.load(2, 2)
	if st := x.Component(slot).State().(*buffer.State); !st.Ended || len(st.Out) > 0 || len(st.Queue) > 0 || st.Armed {
		t.Errorf("behind the last version: %+v", st)
	}
	if f := x.contribute(0, 5, update(5, 0, 0), 1); f == nil || f.Code != value.CodeDuplicate {
		t.Errorf("behind the last version: %v", f)
	}
}

// TestWhatIsRefusedChangesNothing: whatever is wrong with an answer, it is told by its code, and nothing is changed but
// a counter.
func TestWhatIsRefusedChangesNothing(t *testing.T) {
	x := begun(t, "fedbuff buffer=2 max-staleness=1", 3)
	x.put(0, 1, 2, 3)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	half, err := tensor.FromInt64([]int{1}, []int64{1})
	if err != nil {
		t.Fatal(err)
	}
	hold := func(what, code string, call, who int, of value.Value, samples int) {
		t.Helper()
		before := x.state()
		if f := x.contribute(call, who, of, samples); f == nil || f.Code != code || !bytes.Equal(before, x.state()) {
			t.Errorf("%s: %v; want %s, and nothing changed", what, f, code)
		}
	}
	hold("no number", "diverged", 0, 1, update(0, nan, 0), 1)
	hold("infinite", "diverged", 0, 1, update(0, 0, inf), 1)
	hold("too large", "diverged", 0, 1, update(1<<20, 0, 0), 1)
	hold("another shape", value.CodeError, 0, 1, value.NewList(floats([]int{1, 2}, 1, 2), floats([]int{1}, 3)), 1)
	hold("another type", value.CodeError, 0, 1, value.NewList(floats([]int{2, 1}, 1, 2), value.Tensor{Tensor: half}), 1)
	hold("no tensor", value.CodeType, 0, 1, value.NewList(floats([]int{2, 1}, 1, 2), value.Int(3)), 1)
	hold("half of it", value.CodeError, 0, 1, value.NewList(floats([]int{2, 1}, 1, 2)), 1)
	hold("nothing", value.CodeError, 0, 1, value.NewList(), 1)
	hold("more samples than it has", value.CodeError, 0, 1, update(0, 0, 0), 101)
	hold("no samples", value.CodeOverflow, 0, 1, update(0, 0, 0), 0)
	hold("of the future", value.CodeStranger, 7, 1, update(0, 0, 0), 1)
	hold("of before all time", value.CodeStranger, -1, 1, update(0, 0, 0), 1)
	hold("a stranger", value.CodeDuplicate, 0, 9, update(0, 0, 0), 1)
	if f := x.contribute(0, 1, update(1, 0, 0), 1); f != nil {
		t.Fatal(f)
	}
	hold("twice", value.CodeDuplicate, 0, 1, update(1, 0, 0), 1)
	hold("to a call that was not put", value.CodeDuplicate, 1, 1, update(1, 0, 0), 1)
	if f := x.contribute(0, 2, update(1, 0, 0), 1); f != nil {
		t.Fatal(f)
	}
	for version := range 2 {
		x.await(version)
		x.load(version, 9)
		for call := range 8 {
			x.put(call, 1, 2)
			x.contribute(call, 1, update(1, 0, 0), 1)
			x.contribute(call, 2, update(1, 0, 0), 1)
		}
	}
	hold("too old", value.CodeDuplicate, 0, 3, update(1, 0, 0), 1) // its question was withdrawn
	if n := x.Counter(slot + ".withdrawn"); n != 1 {
		t.Errorf("%d questions were withdrawn", n)
	}
	if n := x.Counter(slot + ".refused.diverged"); n != 3 {
		t.Errorf("%d were counted that are no numbers", n)
	}
}

// TestNobodyIsLeft: a job whose clients were all refused fails with the reasons, and not before that; a version that
// comes in between asks them anew.
func TestNobodyIsLeft(t *testing.T) {
	why := value.NewList(value.String("diverged"), value.String("aggregator"), value.String("element 3 is NaN"))
	refuse := func(x table, call, who int) {
		x.Invoke(slot, "Refuse", value.Int(call), value.Peer(componenttest.Peer(who)), why)
	}
	x := begun(t, "fedasync", 2)
	x.put(0, 1, 2)
	waits := x.await(0)
	refuse(x, 0, 1)
	x.contribute(0, 2, update(1, 1, 1), 5)
	x.made(waits, 1, 1, 0)
	x.load(0, 9)
	if st := x.Component(slot).State().(*buffer.State); len(st.Out) != 2 || len(st.Refused) != 0 {
		t.Fatalf("after a version %+v", st)
	}
	x.put(1, 1, 2)
	x.await(1)
	refuse(x, 1, 1)
	refuse(x, 1, 1)
	if len(x.Failures()) > 0 {
		t.Fatal("failed while one may still answer")
	}
	refuse(x, 1, 2)
	fails := x.Failures()
	if len(fails) != 1 || !strings.Contains(fails[0].Message, "training diverged: 0 of the 1 updates") ||
		!strings.Contains(fails[0].Message, "site 2: element 3 is NaN") {
		t.Fatalf("failures %v", fails)
	}
	out, ok := x.Invoke(slot, "Failed", why).Outputs()
	if told := out[0].(*value.List); !ok || told.At(0) != value.Int(1) || told.At(2).(*value.List).Len() != 2 {
		t.Errorf("told %v", out)
	}
}

// TestWhoIsAsked: a question that did not reach its peer is put again by the next look, who joins is asked then as
// well, and one that is removed owes nothing.
func TestWhoIsAsked(t *testing.T) {
	x := begun(t, "fedbuff buffer=2", 2)
	st := func() *buffer.State { return x.Component(slot).State().(*buffer.State) }
	lost := value.NewList(value.String(value.CodeSend), value.String("x"), value.String("no room"))
	x.put(0, 1, 2)
	x.Invoke(slot, "Refuse", value.Int(0), value.Peer(componenttest.Peer(1)), lost)
	if len(st().Out) != 1 || len(st().Lost) != 1 {
		t.Fatalf("%+v", st())
	}
	x.Message("registry", componenttest.Peer(3), "join", value.Int(100), value.String(""))
	x.Advance(1_100_000_000)
	if len(st().Out) != 3 || len(st().Lost) != 0 || st().Calls != 2 {
		t.Fatalf("%+v", st())
	}
	x.Admit(componenttest.Peer(3))
	x.Remove(componenttest.Peer(3))
	if len(st().Out) != 2 {
		t.Fatalf("%+v", st())
	}
}

func TestConforms(t *testing.T) {
	step := func(name string, do func(x table)) componenttest.Step {
		return componenttest.Step{Name: name, Do: func(b *componenttest.Bench) { do(table{b, t}) }}
	}
	refusal := value.NewList(value.String("error"), value.String("x"), value.String("it is wrong"))
	componenttest.Run(t, componenttest.Suite{Setup: *server("fedbuff buffer=2"), Steps: []componenttest.Step{
		step("begin", func(x table) { x.begin(4) }),
		step("put", func(x table) { x.put(0, 1, 2, 3, 4) }),
		step("await", func(x table) { x.await(0) }),
		step("early", func(x table) { x.load(0, 9) }),
		step("first", func(x table) { x.contribute(0, 3, update(1, -2, 3), 7) }),
		step("a bad one", func(x table) { x.contribute(0, 2, update(float32(math.NaN()), 0, 0), 7) }),
		step("a duplicate", func(x table) { x.contribute(0, 3, update(1, -2, 3), 7) }),
		step("second", func(x table) { x.contribute(0, 2, update(0.1, 0.2, 0.3), 3) }),
		step("third waits", func(x table) { x.contribute(0, 1, update(0.5, 0.2, 0.3), 3) }),
		step("refused", func(x table) {
			x.Invoke(slot, "Refuse", value.Int(0), value.Peer(componenttest.Peer(4)), refusal)
		}),
		step("load", func(x table) { x.load(0, 9) }),
		step("a look", func(x table) { x.Advance(1_500_000_000) }),
		step("await again", func(x table) { x.await(1) }),
		step("put again", func(x table) { x.put(1, 1, 2, 3, 4); x.put(2, 1, 2, 3, 4) }),
		step("fourth", func(x table) { x.contribute(2, 4, update(0.5, 0.2, 0.3), 3) }),
		step("fifth", func(x table) { x.contribute(2, 2, update(0.5, 0.2, 0.3), 3) }),
		step("the last", func(x table) { x.load(1, 1) }),
	}})
}

func TestConfig(t *testing.T) {
	for _, text := range []string{`{}`, `{"strategy":"fedavg"}`, `{"strategy":"fedbuff buffer=0"}`,
		`{"strategy":"fedbuff","most":-1}`, `{"strategy":"fedbuff","weighting":"loss"}`,
		`{"strategy":"fedbuff","variances":[2,1]}`, `{"strategy":"fedbuff","check_ms":1}`,
		`{"strategy":"fedbuff","more":1}`, `{"strategy":"fedbuff","quorum":1}`, `{"strategy":"fedasync","grace_ms":1}`,
		`{"strategy":"fedbuff","deadline_ms":1}`, `{"strategy":"semisync","quorum":1025}`,
		`{"strategy":"semisync","grace_ms":-1}`, `{"strategy":"semisync","deadline_ms":2592000001}`} {
		if _, err := buffer.ParseConfig([]byte(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

// TestFiguresAreOfTheVersion: what a version is remembered with is not changed by what its clients give to later ones;
// where clients send what they change its norm is known.
func TestFiguresAreOfTheVersion(t *testing.T) {
	for strategy, norms := range map[string][2]float64{"fedbuff buffer=1": {5, 13}, "fedasync": {}} {
		setup := server(strategy)
		setup.Slots[2].Ops[2].In = 6 // with losses
		b, err := componenttest.New(setup)
		if err != nil {
			t.Fatal(err)
		}
		x := table{b, t}
		x.begin(1)
		give := func(call int, update value.Value, samples int, before, after float32) {
			x.put(call, 1)
			x.await(call)
			f := x.Invoke(slot, "Contribute", value.Int(call), value.Peer(componenttest.Peer(1)), update,
				value.Int(samples), floats(nil, before), floats(nil, after)).Failure
			if f != nil {
				t.Fatal(f)
			}
		}
		give(0, update(3, 4, 0), 10, 4, 3)
		x.load(0, 9)
		give(1, update(0, 5, 12), 20, 2, 1)
		c := x.Component(slot).(*buffer.Component)
		for version, want := range []buffer.Given{
			{Samples: 10, Contributions: 1, Told: true, Before: 4, After: 3},
			{Samples: 20, Contributions: 2, Told: true, Before: 2, After: 1},
		} {
			want.Norm, want.Normed = norms[version], norms[version] > 0
			made, _, _, ok := c.Over(int64(version))
			if !ok || len(made) != 1 || made[0].Given != want {
				t.Errorf("%s: version %d is remembered with %+v; want %+v", strategy, version+1, made, want)
			}
		}
		if now := c.Clients(); len(now) != 1 || now[0].Norm != norms[1] || now[0].Lent != (norms[1] == 0) {
			t.Errorf("%s: figures of now: %+v", strategy, now)
		}
	}
}
