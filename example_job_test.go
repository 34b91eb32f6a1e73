package rhizome_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/component"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// share is a node's part of an average by push-sum (Kempe, Dobra and Gehrke, "Gossip-based computation of aggregate
// information", 2003): in every period a node keeps half of its sum and weight, and sends the other half to a peer that
// chance picks.
type share struct {
	state struct {
		Sum    float64 `snap:"1"`
		Weight float64 `snap:"2"`
		Ticks  int64   `snap:"3"`
	}
}

func (s *share) State() any      { return &s.state }
func (s *share) Restored() error { return nil }

func (s *share) Invoke(ctx *component.Context, method string, in []value.Value) ([]value.Value, error) {
	switch method {
	case "Halve":
		s.state.Sum, s.state.Weight, s.state.Ticks = s.state.Sum/2, s.state.Weight/2, s.state.Ticks+1
		peers := ctx.Peers("peer") // without the node itself
		to := peers[ctx.Random()%uint64(len(peers))]
		return []value.Value{value.NewList(value.Peer(to)), value.Float(s.state.Sum), value.Float(s.state.Weight),
			value.Float(s.state.Sum / s.state.Weight), value.Bool(s.state.Ticks == 60)}, nil
	default: // Add
		s.state.Sum += float64(in[0].(value.Float))
		s.state.Weight += float64(in[1].(value.Float))
		return []value.Value{value.Trigger{}}, nil
	}
}

// averaging returns a job in which every node begins with a number of its own, and all learn the average of them.
func averaging(nodes int) (rhizome.Job, error) {
	g := graph.New("average")
	peer := g.Place("peer")
	own := g.Component(graph.Component{Name: "share", Role: "protocol", Kind: "share", At: []graph.Place{peer},
		Methods: []graph.Method{
			{Name: "Halve", In: []graph.Port{{Name: "tick", Type: types.Any()}}, Out: []graph.Port{
				{Name: "to", Type: types.ListsOf(types.Peer())}, {Name: "sum", Type: types.Float()},
				{Name: "weight", Type: types.Float()},
				{Name: "average", Type: types.Float()}, {Name: "last", Type: types.Bool()}}},
			{Name: "Add", In: []graph.Port{{Name: "sum", Type: types.Float()}, {Name: "weight", Type: types.Float()}},
				Out: []graph.Port{{Name: "added", Type: types.Trigger()}}},
		}})
	half := g.Invoke(own, "Halve", g.SpreadInterval(peer, 50*time.Millisecond))
	got := g.Send(graph.Edge{To: peer, Name: "half"}, half[0], half[1], half[2])
	g.Invoke(own, "Add", got.Value(0), got.Value(1))
	g.If(half[4],
		func(b *graph.Graph) []graph.Value { return []graph.Value{b.AppEmit("settled", half[3])} },
		func(b *graph.Graph) []graph.Value { return []graph.Value{b.Constant(value.Trigger{})} })
	p, err := rhizome.Compile(g)
	j := rhizome.Job{
		Program: p, Nodes: map[string]int{"peer": nodes}, Seed: 7,
		Components: []component.Kind{{Role: "protocol", Name: "share", New: func(e component.Env) (component.Component,
			error) {
			s := &share{}
			s.state.Weight = 1
			_, err := fmt.Sscan(string(e.Data), &s.state.Sum)
			return s, err
		}}},
		Data: func(m rhizome.Member) map[string][]byte {
			return map[string][]byte{"share": fmt.Appendf(nil, "%d", 10*m.Index)}
		},
	}
	j.Until.Place, j.Until.Event = "peer", "settled"
	return j, err
}

// A whole network in virtual time, with packets that are lost and nodes that are killed all the while.
func ExampleSimulate() {
	j, err := averaging(20)
	if err != nil {
		log.Fatal(err)
	}
	got, err := rhizome.Simulate(context.Background(), j, rhizome.Conditions{
		Latency: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.1, KillEvery: 200 * time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d nodes agree on %.0f after %d kills\n", len(got.Events), got.Events[0].Value, got.Kills)
	// Output:
	// 20 nodes agree on 95 after 28 kills
}

// The same network in this process, each node durable in a folder of its own.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "rhizome")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	j, err := averaging(6)
	if err != nil {
		log.Fatal(err)
	}
	settled, err := rhizome.Run(context.Background(), dir, j) // kill it, and the same line goes on
	if err != nil {
		log.Fatal(err)
	}
	average := settled[0].Value.(value.Float)
	fmt.Println(len(settled), "nodes have settled, the first one between 20 and 30:", 20 < average && average < 30)
	// Output:
	// 6 nodes have settled, the first one between 20 and 30: true
}
