package rhizome_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/component"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// till is a component that takes each numbered payment once: it keeps the last number beside the sum.
type till struct {
	state struct {
		Last int64 `snap:"1"`
		Sum  int64 `snap:"2"`
	}
}

func (c *till) State() any      { return &c.state }
func (c *till) Restored() error { return nil }

func (c *till) Invoke(_ *component.Context, _ string, in []value.Value) ([]value.Value, error) {
	if n := int64(in[0].(value.Int)); n > c.state.Last {
		c.state.Last, c.state.Sum = n, c.state.Sum+int64(in[1].(value.Int))
	}
	return []value.Value{value.Int(c.state.Last), value.Int(c.state.Sum)}, nil
}

// A process that dies inside of Call does not know whether the input was taken, and calls again when it is back. So
// that this has one effect, calls are numbered, and a component notes the last number in its state.
func ExampleNode_Call() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "rhizome")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	g := graph.New("payments")
	here := g.Place("here")
	sum := g.Component(graph.Component{Name: "till", Role: "protocol", Kind: "till", At: []graph.Place{here},
		Methods: []graph.Method{{
			Name: "Pay", In: []graph.Port{{Name: "number", Type: types.Int()}, {Name: "amount", Type: types.Int()}},
			Out: []graph.Port{{Name: "last", Type: types.Int()}, {Name: "sum", Type: types.Int()}},
		}}})
	g.AppEmit("paid", g.Bundle(g.Invoke(sum, "Pay", g.Input(here, "pay", types.Int(), types.Int())...)...))
	p, err := rhizome.Compile(g)
	if err != nil {
		log.Fatal(err)
	}
	n, err := rhizome.Open(ctx, dir, rhizome.Config{Program: p, Components: []component.Kind{{Role: "protocol",
		Name: "till", New: func(component.Env) (component.Component, error) { return &till{}, nil }}}})
	if err != nil {
		log.Fatal(err)
	}
	for _, pay := range [][2]value.Int{{1, 10}, {2, 5}, {2, 5}} { // the last one again, as after a crash
		if err := n.Call(ctx, "pay", pay[0], pay[1]); err != nil {
			log.Fatal(err)
		}
	}
	for ev := range n.Events(ctx) {
		fmt.Println("number and sum:", ev.Value)
		if ev.Number == 3 {
			break
		}
	}
	if err := n.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// number and sum: [1, 10]
	// number and sum: [2, 15]
	// number and sum: [2, 15]
}
