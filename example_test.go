package rhizome_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/component"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/transport/memory"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// Embedding a node: a program of one place counts what it is given. The node is closed and opened again, and goes on
// where it was.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "rhizome")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	g := graph.New("greeter")
	here := g.Place("here")
	name := g.Input(here, "greet", types.String())[0]
	g.Count("greeted", name)
	g.AppEmit("greeting", g.Bundle(g.Clock(name), name))
	p, err := rhizome.Compile(g)
	if err != nil {
		log.Fatal(err)
	}

	for _, who := range []string{"Ada", "Grace"} {
		n, err := rhizome.Open(ctx, dir, rhizome.Config{Program: p})
		if err != nil {
			log.Fatal(err)
		}
		if err := n.Call(ctx, "greet", value.String(who)); err != nil { // durable when it returns
			log.Fatal(err)
		}
		for ev := range n.Events(ctx) {
			fmt.Println(ev.Number, ev.Name, ev.Value.(*value.List).Items()[1])
			if ev.Number == map[string]uint64{"Ada": 1, "Grace": 2}[who] {
				break // without an acknowledgement: the event is told again after the next start
			}
		}
		if err := n.Close(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 1 greeting Ada
	// 1 greeting Ada
	// 2 greeting Grace
}

// ledger is a component with state: it adds up what it is given.
type ledger struct {
	state struct {
		Sum   int64 `snap:"1"`
		Times int64 `snap:"2"`
	}
}

func (l *ledger) State() any      { return &l.state } // all that changes; it is in every snapshot
func (l *ledger) Restored() error { return nil }      // nothing is derived from the state

func (l *ledger) Invoke(_ *component.Context, method string, in []value.Value) ([]value.Value, error) {
	l.state.Sum += int64(in[0].(value.Int))
	l.state.Times++
	return []value.Value{value.Int(l.state.Sum), value.Int(l.state.Times)}, nil
}

// Two nodes over a network, and a component with state: a shop asks the bank, which keeps the sum. The bank is closed
// in the middle.
func Example_component() {
	ctx := context.Background()
	root, err := os.MkdirTemp("", "rhizome")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)

	g := graph.New("shop")
	shop, bank := g.Place("shop"), g.Place("bank")
	book := g.Component(graph.Component{Name: "book", Role: "protocol", Kind: "ledger", At: []graph.Place{bank},
		Methods: []graph.Method{{
			Name: "Add", In: []graph.Port{{Name: "amount", Type: types.Int()}},
			Out: []graph.Port{{Name: "sum", Type: types.Int()}, {Name: "times", Type: types.Int()}},
		}}})
	in := g.Input(shop, "pay", types.Peer(), types.Int())
	asked := g.Request(graph.Edge{To: bank, Name: "add"}, in[0], in[1], in[1])
	added := g.Invoke(book, "Add", asked.Value(0))
	answer := g.Reply(asked, graph.Edge{Name: "added"}, added...)
	g.AppEmit("paid", g.Bundle(answer.Value(0), answer.Value(1)))
	p, err := rhizome.Compile(g)
	if err != nil {
		log.Fatal(err)
	}

	net := memory.New(memory.Options{})
	defer net.Close()
	open := func(place string) *rhizome.Node {
		n, err := rhizome.Open(ctx, filepath.Join(root, place), rhizome.Config{
			Program: p, Place: place, Transport: net.Open, Anyone: []string{"shop", "bank"},
			Components: []component.Kind{{Role: "protocol", Name: "ledger",
				New: func(component.Env) (component.Component, error) { return &ledger{}, nil }}},
		})
		if err != nil {
			log.Fatal(err)
		}
		return n
	}
	s, b := open("shop"), open("bank")
	self := b.Self()
	pay := func(amount int) {
		if err := s.Call(ctx, "pay", value.Peer(self), value.Int(amount)); err != nil {
			log.Fatal(err)
		}
	}
	pay(30)
	if err := b.Close(ctx); err != nil { // or kill it: it comes back to the same state
		log.Fatal(err)
	}
	pay(12) // waits for the bank
	b = open("bank")
	for ev := range s.Events(ctx) {
		l := ev.Value.(*value.List).Items()
		fmt.Println(ev.Name, "sum", l[0], "after", l[1])
		if l[1] == value.Int(2) {
			break
		}
	}
	for _, n := range []*rhizome.Node{s, b} {
		if err := n.Close(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// paid sum 30 after 1
	// paid sum 42 after 2
}
