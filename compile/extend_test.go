package compile_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/compile"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/op"
	"github.com/rhizome-ml/rhizome/program"
	"github.com/rhizome-ml/rhizome/tensor"
)

// TestOwnMethods takes a method that is not in the standard catalogue through to the engine's form.
func TestOwnMethods(t *testing.T) {
	c, err := op.Standard().Extend(op.Decl{
		Domain: op.Domain("protocol", "gossip"), Name: "Push", Doc: "Pushes a value.",
		In: []op.Port{{Name: "value", Type: op.Int()}}, Out: []op.Port{{Name: "pushed", Type: op.Trigger()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	g := graph.NewWith("own", c)
	at := g.Place("peer")
	s := g.Component(graph.Component{Name: "gossip", Role: "protocol", Kind: "gossip", At: []graph.Place{at}})
	g.Invoke(s, "Push", g.At(at).Clock(g.Pulse()))
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := compile.Compile(m, compile.Options{}); err == nil {
		t.Error("compiled without the declaration")
	}
	a, _, err := compile.Compile(m, compile.Options{Catalogue: c})
	if err != nil {
		t.Fatal(err)
	}
	calls := opsOf(find(t, load(t, a, "peer"), "main"), program.OpComponent)
	if len(calls) != 1 || calls[0].Method != "Push" {
		t.Errorf("calls: %+v", calls)
	}
}

// TestBackendByName holds that tensor ops of two backends do not run as one, and that each runs on the one that is named.
func TestBackendByName(t *testing.T) {
	p := newPair()
	one, two := p.backend("one", p.server), p.backend("two", p.server)
	x := p.batch(p.Graph, p.at(p.server), op.Tensors(tensor.Float32, 2, 2))
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
