package rhizome_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/component"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// adagrad is a strategy of one's own, FedAdagrad (Reddi and others, "Adaptive Federated Optimization", 2021): the
// server takes what the mean changes as a gradient, and makes smaller steps where it has made many. It keeps the sum of
// squares.
var adagrad = strategy.Strategy{
	Name: "fedadagrad",
	Settings: []strategy.Setting{
		{Name: "rate", Doc: "The length of the first step.", Default: 0.1, Least: 1e-6, Most: 10},
	},
	Kept: 1,
	Server: func(s *strategy.Server) (params []graph.Value, kept [][]graph.Value) {
		squares := make([]graph.Value, len(s.Mean))
		for i, mean := range s.Mean {
			step := s.Sub(mean, s.Global[i])
			squares[i] = s.Add(s.Kept[0][i], s.Mul(step, step))
			scale := s.Add(s.Tensor("Sqrt", nil, squares[i]), s.Number(1e-3))
			params = append(params, s.Add(s.Global[i], s.Mul(s.Tensor("Div", nil, step, scale), s.Setting("rate"))))
		}
		return params, [][]graph.Value{squares}
	},
}

// meeting asks all clients about the model of a round, and answers with what the strategy makes of their updates.
type meeting struct {
	by    strategy.Chosen // never changes
	state struct {
		Given []value.Value    `snap:"1"` // in the order of their arrival, which is journaled
		Call  component.CallID `snap:"2"` // of the op that waits for the round's end
	}
}

func (m *meeting) State() any      { return &m.state }
func (m *meeting) Restored() error { return nil }
func (m *meeting) Invoke(ctx *component.Context, method string, in []value.Value) ([]value.Value, error) {
	s, peers := &m.state, ctx.Peers("clients")
	if method == "Ask" {
		list := make([]value.Value, len(peers))
		for i, p := range peers {
			list[i] = value.Peer(p)
		}
		s.Given, s.Call = nil, ctx.Park()
		return nil, ctx.Publish("ask", value.NewList(value.NewList(list...), in[0], value.Trigger{}))
	}
	if s.Given = append(s.Given, in[0]); len(s.Given) == len(peers) {
		out, parts, weights := make([]float32, 1), make([][]float32, len(peers)), make([]int64, len(peers))
		for i, v := range s.Given {
			parts[i], weights[i] = v.(value.Tensor).Float32(), 1
		}
		if err := m.by.Fold(out, parts, weights); err != nil {
			return nil, err
		}
		ctx.Resolve(s.Call, scalar(out[0]))
	}
	return []value.Value{value.Trigger{}}, nil
}

// goal is what a client alone knows: the number that it would have the model be.
type goal struct {
	state struct{}
	at    value.Value
}

func (g *goal) State() any      { return &g.state }
func (g *goal) Restored() error { return nil }
func (g *goal) Invoke(*component.Context, string, []value.Value) ([]value.Value, error) {
	return []value.Value{g.at}, nil
}

// learned returns a job of some rounds, which learns by a strategy.
func learned(by strategy.Chosen, clients, rounds int) (rhizome.Job, error) {
	params := types.Tensors(tensor.Float32) // one number
	g := graph.New("learned")
	server, client := g.Place("server"), g.Place("clients")
	g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: []graph.Place{server, client}})
	meet := g.Component(graph.Component{Name: "meeting", Role: "protocol", Kind: "meeting", At: []graph.Place{server},
		Methods: []graph.Method{
			{Name: "Ask", In: []graph.Port{{Name: "params", Type: params}},
				Out:      []graph.Port{{Name: "mean", Type: params}},
				Deferred: true},
			{Name: "Give", In: []graph.Port{{Name: "update", Type: params}},
				Out: []graph.Port{{Name: "given", Type: types.Trigger()}}},
		}})
	own := g.Component(graph.Component{Name: "goal", Role: "protocol", Kind: "goal", At: []graph.Place{client},
		Methods: []graph.Method{
			{Name: "Goal", In: []graph.Port{{Name: "when", Type: types.Any()}},
				Out: []graph.Port{{Name: "goal", Type: params}}},
		}})

	ask := g.Unbundle(g.Event(server, "ask"), 3)
	asked := g.Request(graph.Edge{To: client, Name: "train"}, ask[0], ask[2], ask[1], ask[2])
	global := g.Typed(asked.Value(0), params) // from here on at each client
	off := g.Sub(global, g.Invoke(own, "Goal", asked.Value(1))[0])
	here := []graph.Value{global}
	step := by.Gradients(&strategy.Local{Graph: g, Global: here, Params: here,
		Gradients: g.Gradient(g.Mul(off, off), global)})[0]
	answer := g.Reply(asked, graph.Edge{Name: "update"}, g.Sub(global, g.Mul(step, g.Constant(scalar(0.1)))))
	g.Invoke(meet, "Give", answer.Value(0)) // and back at the server

	at := g.At(server)
	begin := []graph.Value{at.Constant(scalar(0))}
	for _, kept := range by.Begin(at, begin) {
		begin = append(begin, kept[0])
	}
	end := at.Loop(g.Constant(value.Int(rounds)), begin, func(b *graph.Graph, _ graph.Value,
		carried []graph.Value) []graph.Value {
		global := []graph.Value{b.Typed(carried[0], params)}
		var kept [][]graph.Value
		for _, k := range carried[1:] {
			kept = append(kept, []graph.Value{b.Typed(k, params)})
		}
		next, kept := by.Next(&strategy.Server{Graph: b, Global: global, Mean: b.Invoke(meet, "Ask", global[0]),
			Kept: kept})
		for _, k := range kept {
			next = append(next, k[0])
		}
		return next
	})
	g.AppEmit("learned", end[0])

	p, err := rhizome.Compile(g)
	j := rhizome.Job{
		Program: p, Nodes: map[string]int{"server": 1, "clients": clients}, Seed: 3,
		Components: []component.Kind{
			{Role: "protocol", Name: "meeting", New: func(component.Env) (component.Component,
				error) {
				return &meeting{by: by}, nil
			}},
			{Role: "protocol", Name: "goal", New: func(e component.Env) (component.Component, error) {
				return &goal{at: scalar(float32(e.Data[0]))}, nil
			}},
		},
		Data: func(m rhizome.Member) map[string][]byte { return map[string][]byte{"goal": {byte(m.Index)}} },
	}
	j.Until.Place, j.Until.Event = "server", "learned"
	return j, err
}

// A strategy of one's own, in a choreography that takes any: the same job by it and by three that are there, while
// nodes are killed. The clients, who would have the model be 0, 1, 2, 3 and 4, come to agree on 2.
func Example_strategy() {
	mine, err := adagrad.With("rate=0.5")
	if err != nil {
		log.Fatal(err)
	}
	chosen := []strategy.Chosen{mine}
	for _, text := range []string{"fedavg", "fedavgm momentum=0.5", "median"} {
		c, err := strategy.Parse(text)
		if err != nil {
			log.Fatal(err)
		}
		chosen = append(chosen, c)
	}
	for _, by := range chosen {
		j, err := learned(by, 5, 12)
		if err != nil {
			log.Fatal(err)
		}
		got, err := rhizome.Simulate(context.Background(), j, rhizome.Conditions{Latency: 50 * time.Millisecond,
			KillEvery: time.Second})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %.2f after %d kills\n", by, got.Events[0].Value.(value.Tensor).Float32()[0], got.Kills)
	}
	_, err = adagrad.With("rate=20")
	fmt.Println(err)
	// Output:
	// fedadagrad rate=0.5: 1.79 after 3 kills
	// fedavg: 1.86 after 3 kills
	// fedavgm momentum=0.5 rate=1: 2.01 after 3 kills
	// median: 1.86 after 3 kills
	// strategy "rate=20"; want rate=NUMBER from 1e-06 to 10
}
