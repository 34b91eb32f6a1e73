package rhizome_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/component"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/transport/memory"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// trusting is a component that takes its ports at their word, as most do.
type trusting struct {
	state struct {
		Sum int64 `snap:"1"`
	}
}

func (s *trusting) State() any      { return &s.state }
func (s *trusting) Restored() error { return nil }

func (s *trusting) Invoke(_ *component.Context, method string, in []value.Value) ([]value.Value, error) {
	s.state.Sum += int64(in[0].(value.Int)) // ends the process where it is none
	if s.state.Sum == 13 {
		return []value.Value{value.String("thirteen")}, nil
	}
	return []value.Value{value.Int(s.state.Sum)}, nil
}

// TestAPeerCannotBreakPorts: a peer that sends a String to the Int port of a component which asserts ends no process:
// its message is a failure that names slot, method and port, the next ones go on, and so they do after restarts. A
// component that gives another type than it declares is treated likewise.
func TestAPeerCannotBreakPorts(t *testing.T) {
	g := graph.New("trusting")
	one, other := g.Place("one"), g.Place("other")
	sum := g.Component(graph.Component{Name: "sum", Role: "protocol", Kind: "trusting", At: []graph.Place{other},
		Methods: []graph.Method{{Name: "Add", In: []graph.Port{{Name: "amount", Type: types.Int()}},
			Out: []graph.Port{{Name: "total", Type: types.Int()}}}}})
	in := g.Input(one, "tell", types.List(), types.Any())
	told := g.Send(graph.Edge{To: other, Name: "tell"}, in[0], in[1])
	g.AppEmit("total", g.Invoke(sum, "Add", told.Value(0))[0])
	p, err := rhizome.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	dir, net := t.TempDir(), memory.New(memory.Options{})
	defer net.Close()
	open := func(place string) *rhizome.Node {
		n, err := rhizome.Open(t.Context(), filepath.Join(dir, place), rhizome.Config{
			Program: p, Place: place, Anyone: []string{"one", "other"}, Transport: net.Open,
			Key: ed25519.NewKeyFromSeed([]byte((place + strings.Repeat(".", 32))[:32])),
			Components: []component.Kind{{Role: "protocol", Name: "trusting",
				New: func(component.Env) (component.Component, error) { return &trusting{}, nil }}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	a, b := open("one"), open("other")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tell := func(v value.Value) {
		t.Helper()
		if err := a.Call(ctx, "tell", value.NewList(value.Peer(b.Self())), v); err != nil {
			t.Fatal(err)
		}
	}
	seen := uint64(0)
	next := func() rhizome.Event {
		t.Helper()
		for ev := range b.Events(ctx) {
			if ev.Number > seen { // else it is told again, because its loop has ended within its turn
				seen = ev.Number
				return ev
			}
		}
		t.Fatal("no event comes")
		return rhizome.Event{}
	}
	refused := func(ev rhizome.Event, words ...string) {
		t.Helper()
		f := value.Failed(ev.Value)
		if ev.Name != "rhizome.failure" || f == nil || f.Code != value.CodeType {
			t.Fatalf("event %v, want a failure of code %q", ev, value.CodeType)
		}
		for _, w := range append(words, `"sum"`, "Add") {
			if !strings.Contains(f.Message, w) {
				t.Errorf("%q does not name %s", f.Message, w)
			}
		}
	}
	total := func(ev rhizome.Event, want value.Value) {
		t.Helper()
		if ev.Name != "total" || ev.Value != want {
			t.Fatalf("event %v, want a total of %v", ev, want)
		}
	}
	for i := range 3 {
		tell(value.String("many"))
		refused(next(), "(amount)", "of type String", "want Int")
		if err := b.Close(ctx); err != nil {
			t.Fatal(err)
		}
		b = open("other")
		tell(value.Int(4))
		total(next(), value.Int(4+4*i))
	}
	tell(value.Int(1))
	refused(next(), "(total)", "of type String", "want Int")
	if err := errors.Join(a.Close(ctx), b.Close(ctx)); err != nil {
		t.Error(err)
	}
}
