package rhizome_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"time"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/component"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// points is a data source of one's own: what a client alone has, samples of a line with noise.
type points struct {
	state struct{} // nothing of it changes
	x, y  value.Tensor
}

const samples = 64 // of each client

func newPoints(e component.Env) (component.Component, error) {
	chance := rand.New(rand.NewPCG(e.Seed, uint64(e.Data[0]))) // of this client
	xs, ys := make([]float32, 2*samples), make([]float32, samples)
	for i := range ys {
		x := chance.Float32()*2 - 1
		xs[2*i], xs[2*i+1] = x, 1
		ys[i] = 3*x - 2 + (chance.Float32()-0.5)/4
	}
	x, err := tensor.FromFloat32([]int{samples, 2}, xs)
	if err != nil {
		return nil, err
	}
	y, err := tensor.FromFloat32([]int{samples, 1}, ys)
	return &points{x: value.Tensor{Tensor: x}, y: value.Tensor{Tensor: y}}, err
}

func (p *points) State() any      { return &p.state }
func (p *points) Restored() error { return nil }
func (p *points) Invoke(*component.Context, string, []value.Value) ([]value.Value, error) {
	return []value.Value{p.x, p.y}, nil
}

// averaged is a strategy of one's own: it asks all clients, and the mean of their models is the next one.
type averaged struct {
	state struct {
		Model []float64        `snap:"1"`
		Sum   []float64        `snap:"2"`
		Given int64            `snap:"3"`
		Round int64            `snap:"4"`
		Call  component.CallID `snap:"5"` // of the op that waits for the round's end
	}
}

func newAveraged(component.Env) (component.Component, error) {
	a := &averaged{}
	a.state.Model = []float64{0, 0}
	return a, nil
}

func (a *averaged) State() any      { return &a.state }
func (a *averaged) Restored() error { return nil }

func (a *averaged) Invoke(ctx *component.Context, method string, in []value.Value) ([]value.Value, error) {
	s, peers := &a.state, ctx.Peers("clients")
	switch method {
	case "Round": // asks all clients, and answers when all have
		s.Round, s.Given, s.Sum = int64(in[0].(value.Int)), 0, make([]float64, 2)
		list := make([]value.Value, len(peers))
		for i, p := range peers {
			list[i] = value.Peer(p)
		}
		if err := ctx.Publish("ask", value.NewList(value.NewList(list...), value.Int(s.Round),
			vector(s.Model))); err != nil {
			return nil, err
		}
		s.Call = ctx.Park()
		return nil, nil
	default: // Give: a client's model, once for each question
		update := in[1].(value.Tensor).Float32()
		s.Sum[0], s.Sum[1], s.Given = s.Sum[0]+float64(update[0]), s.Sum[1]+float64(update[1]), s.Given+1
		if n := float64(len(peers)); s.Given == int64(len(peers)) {
			s.Model = []float64{s.Sum[0] / n, s.Sum[1] / n}
			ctx.Resolve(s.Call, value.Float(s.Model[0]), value.Float(s.Model[1]))
		}
		return []value.Value{value.Trigger{}}, nil
	}
}

func vector(m []float64) value.Value {
	t, err := tensor.FromFloat32([]int{2, 1}, []float32{float32(m[0]), float32(m[1])})
	if err != nil {
		panic(err) // two numbers always make a vector
	}
	return value.Tensor{Tensor: t}
}

// regression is federated averaging of a linear regression: the choreography, with a model, a strategy and a data
// source of one's own.
func regression(clients, rounds int) (rhizome.Job, error) {
	g := graph.New("regression")
	server, client := g.Place("server"), g.Place("clients")
	g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: []graph.Place{client}})
	own := g.Component(graph.Component{Name: "points", Role: "protocol", Kind: "points", At: []graph.Place{client},
		Methods: []graph.Method{
			{Name: "All", In: []graph.Port{{Name: "trigger", Type: types.Any()}},
				Out: []graph.Port{{Name: "x", Type: types.Tensor()}, {Name: "y", Type: types.Tensor()}}},
		}})
	strategy := g.Component(graph.Component{Name: "strategy", Role: "protocol", Kind: "averaged",
		At: []graph.Place{server}, Methods: []graph.Method{
			{Name: "Round", In: []graph.Port{{Name: "round", Type: types.Int()}},
				Out:      []graph.Port{{Name: "slope", Type: types.Float()}, {Name: "bias", Type: types.Float()}},
				Deferred: true},
			{Name: "Give", In: []graph.Port{{Name: "round", Type: types.Any()}, {Name: "model", Type: types.Tensor()}},
				Out: []graph.Port{{Name: "given", Type: types.Trigger()}}},
		}})

	ask := g.Unbundle(g.Event(server, "ask"), 3) // at the server: whom, the round, the model
	asked := g.Request(graph.Edge{To: client, Name: "train"}, ask[0], ask[1], ask[2], ask[1])
	w := g.Typed(asked.Value(0), types.Tensors(tensor.Float32, 2, 1)) // from here on at each client
	all := g.Invoke(own, "All", asked.Value(1))
	x, y := g.Typed(all[0], types.Tensors(tensor.Float32, samples, 2)),
		g.Typed(all[1], types.Tensors(tensor.Float32, samples, 1))
	for range 4 { // local steps
		off := g.Sub(g.MatMul(x, w), y)
		loss := g.Tensor("ReduceMean", graph.Attrs{"keepdims": 0}, g.Mul(off, off))
		w = g.Sub(w, g.Mul(g.Gradient(loss, w)[0], g.Constant(rate)))
	}
	answer := g.Reply(asked, graph.Edge{Name: "model"}, w) // and back at the server, once for each answer
	g.Invoke(strategy, "Give", answer.Context(), answer.Value(0))

	last := g.At(server).Loop(g.Constant(value.Int(rounds)), []graph.Value{g.Constant(value.Float(0)),
		g.Constant(value.Float(0))},
		func(b *graph.Graph, i graph.Value, _ []graph.Value) []graph.Value {
			return b.Invoke(strategy, "Round", i)
		})
	g.AppEmit("trained", g.Bundle(last...))

	p, err := rhizome.Compile(g)
	j := rhizome.Job{
		Program: p, Nodes: map[string]int{"server": 1, "clients": clients}, Seed: 3,
		Components: []component.Kind{
			{Role: "protocol", Name: "points", New: newPoints},
			{Role: "protocol", Name: "averaged", New: newAveraged},
		},
		Data: func(m rhizome.Member) map[string][]byte { return map[string][]byte{"points": {byte(m.Index)}} },
	}
	j.Until.Place, j.Until.Event = "server", "trained"
	return j, err
}

var rate = func() value.Value {
	t, err := tensor.FromFloat32(nil, []float32{0.4})
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}()

// A federated job with a choreography, a model, a strategy and a data source of one's own, while nodes are killed.
func Example_federated() {
	j, err := regression(5, 20)
	if err != nil {
		log.Fatal(err)
	}
	got, err := rhizome.Simulate(context.Background(), j, rhizome.Conditions{Latency: 50 * time.Millisecond, Loss: 0.05,
		KillEvery: time.Second})
	if err != nil {
		log.Fatal(err)
	}
	line := got.Events[0].Value.(*value.List).Items()
	fmt.Printf("y = %.1f x %+.1f, after %d kills\n", line[0], line[1], got.Kills)
	// Output:
	// y = 3.0 x -2.0, after 6 kills
}
