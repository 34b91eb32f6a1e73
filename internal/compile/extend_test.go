package compile_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
)

// TestOwnMethods takes a method that a component brings through to the engine's form: the choreography says it, and the
// artifact.
func TestOwnMethods(t *testing.T) {
	g := graph.New("own")
	at := g.Place("peer")
	s := g.Component(graph.Component{Name: "gossip", Role: "protocol", Kind: "gossip", At: []graph.Place{at},
		Methods: []graph.Method{
			{Name: "Pull", In: []graph.Port{{Name: "value", Type: types.Int()}},
				Out: []graph.Port{{Name: "pulled", Type: types.Trigger()}}},
			{Name: "Push", In: []graph.Port{{Name: "value", Type: types.Int()}},
				Out: []graph.Port{{Name: "pushed", Type: types.Trigger()}}},
		}})
	g.Invoke(s, "Push", g.At(at).Clock(g.Pulse()))
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := compile.Compile(m, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	slots, _ := onnx.Meta(a.Model.GetMetadataProps(), artifact.KeySlots)
	if want := `"methods":[{"in":[{"name":"value","type":"Int"}],"name":"Push","out":[{"name":"pushed","type":"Trigger"}]}]`; !strings.Contains(slots, want) {
		t.Errorf("the artifact has the slots %s; want %s in them", slots, want)
	}
	calls := opsOf(find(t, load(t, a, "peer"), "main"), program.OpComponent)
	if len(calls) != 1 || calls[0].Method != "Push" {
		t.Errorf("calls: %+v", calls)
	}
}

// TestMethodsAreHeldAgainstTheirDeclaration: whatever is said of methods by a model that comes from anywhere, the
// compiler takes no call that its slot does not name, and none that is said twice and otherwise.
func TestMethodsAreHeldAgainstTheirDeclaration(t *testing.T) {
	g := graph.New("own")
	at := g.Place("peer")
	in, out := []graph.Port{{Name: "value", Type: types.Int()}}, []graph.Port{{Name: "pushed", Type: types.Trigger()}}
	for _, name := range []string{"a", "b"} {
		s := g.Component(graph.Component{Name: name, Role: "protocol", Kind: "gossip", At: []graph.Place{at},
			Methods: []graph.Method{{Name: "Push", In: in, Out: out}}})
		g.Invoke(s, "Push", g.At(at).Clock(g.Pulse()))
	}
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(s []artifact.Slot)
		want   string
	}{
		"none": {func(s []artifact.Slot) { s[0].Methods, s[1].Methods = nil, nil },
			"the catalogue has no such op"},
		"another": {func(s []artifact.Slot) { s[0].Methods[0].Name = "Pull" }, `does not name "Push"`},
		"otherwise": {func(s []artifact.Slot) { s[0].Methods[0].In[0].Type = "Bytes" },
			"declared twice, and otherwise"},
		"twice":   {func(s []artifact.Slot) { s[0].Methods = append(s[0].Methods, s[0].Methods[0]) }, "stands twice"},
		"no type": {func(s []artifact.Slot) { s[0].Methods[0].In[0].Type = "Whole" }, "is no type"},
		"no port": {func(s []artifact.Slot) { s[0].Methods[0].In[0].Name = "" }, "port 0 has a name of 0 bytes"},
		"variadic": {func(s []artifact.Slot) {
			p := artifact.Port{Name: "v", Type: "Int", Variadic: true}
			s[0].Methods[0].In = []artifact.Port{p, p}
		}, "is variadic beside another"},
		"least": {func(s []artifact.Slot) { s[0].Methods[0].In[0].Least = 2 }, "of a variadic port only"},
		"optional": {func(s []artifact.Slot) {
			s[0].Methods[0].In = append([]artifact.Port{{Name: "o", Type: "Int", Optional: true}},
				s[0].Methods[0].In...)
		}, "optional ports stand last"},
		"too many": {func(s []artifact.Slot) { s[0].Methods = make([]artifact.Method, artifact.MethodsMax+1) },
			"want at most 256"},
		"more ports": {func(s []artifact.Slot) {
			p := artifact.Port{Name: "v", Type: "Int"}
			s[0].Methods[0].In = []artifact.Port{p, p}
			s[1].Methods[0].In = []artifact.Port{p, p}
		}, "has 1 inputs; want 2"},
	} {
		changed := proto.Clone(m).(*onnx.ModelProto)
		text, _ := onnx.Meta(changed.GetMetadataProps(), artifact.KeySlots)
		var slots []artifact.Slot
		if err := artifact.Decode(text, &slots); err != nil {
			t.Fatal(err)
		}
		c.change(slots)
		written, err := artifact.Encode(slots)
		if err != nil {
			t.Fatal(err)
		}
		changed.MetadataProps = onnx.SetMeta(changed.MetadataProps, artifact.KeySlots, string(written))
		var errs compile.Errors
		if _, _, err := compile.Compile(changed, compile.Options{}); !errors.As(err, &errs) ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

// TestBackendByName holds that tensor ops of two backends do not run as one, and that each runs on the one that is
// named.
func TestBackendByName(t *testing.T) {
	p := newPair()
	one, two := p.backend("one", p.server), p.backend("two", p.server)
	x := p.batch(p.Graph, p.at(p.server), types.Tensors(tensor.Float32, 2, 2))
	y := p.On(one).Relu(x)
	p.AppEmit("x", p.On(two).Add(y, x))
	a, _ := build(t, p.Graph)
	prog := load(t, a, "server")
	var got []string
	for _, o := range opsOf(find(t, prog, "main"), program.OpComponent) {
		if strings.HasPrefix(o.Method, "Run:") {
			got = append(got, prog.Components[o.Component].Name)
		}
	}
	if strings.Join(got, " ") != "one two" {
		t.Errorf("runs on %q", got)
	}
}

// TestReport pins the report of a program of sub-modules, bootstraps and branches, and holds that it survives JSON.
func TestReport(t *testing.T) {
	p := newPair()
	p.Bootstrap(p.clients, func(b *graph.Graph) { b.Count("booted", b.Pulse()) })
	for range 2 {
		out := p.Call(relay{at: p.server, to: p.clients}, p.peers(), p.at(p.server))
		p.Named("branch").If(p.Peer("Health", p.Gate(p.Constant(someone), out[0])),
			func(b *graph.Graph) []graph.Value { return []graph.Value{b.Count("up", out[0])} },
			func(b *graph.Graph) []graph.Value { return []graph.Value{b.Fail("down", out[0])} })
	}
	_, r := build(t, p.Graph)
	golden(t, "relay", r.Text())
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again compile.Report
	if err := json.Unmarshal(raw, &again); err != nil || again.Text() != r.Text() {
		t.Errorf("the report changed on its way through JSON: %v", err)
	}
}
