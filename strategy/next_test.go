package strategy_test

import (
	"context"
	"testing"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// TestMomentumGoesOn: three rounds of FedAvgM whose mean is always half of the parameters, computed apart: what the
// server keeps of one round is in the next.
func TestMomentumGoesOn(t *testing.T) {
	ctx := context.Background()
	c, err := strategy.Parse("fedavgm momentum=0.5 rate=0.25")
	if err != nil {
		t.Fatal(err)
	}
	start, err := tensor.FromFloat32([]int{3}, []float32{1, -2, 0.1})
	if err != nil {
		t.Fatal(err)
	}
	half, err := tensor.FromFloat32(nil, []float32{0.5})
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New("momentum")
	here := g.Place("here")
	g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: []graph.Place{here}})
	in := g.Input(here, "start", types.Tensors(tensor.Float32, 3))
	end := g.Loop(g.Constant(value.Int(3)), append(in, c.Begin(g, in)[0]...), func(b *graph.Graph, _ graph.Value,
		carried []graph.Value) []graph.Value {
		for i := range carried {
			carried[i] = b.Typed(carried[i], types.Tensors(tensor.Float32, 3))
		}
		mean := b.Mul(carried[0], b.Constant(value.Tensor{Tensor: half}))
		params, kept := c.Next(&strategy.Server{Graph: b, Global: carried[:1], Mean: []graph.Value{mean},
			Kept: [][]graph.Value{carried[1:]}})
		return append(params, kept[0]...)
	})
	g.AppEmit("end", end[0])
	p, err := rhizome.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	n, err := rhizome.Open(ctx, t.TempDir(), rhizome.Config{Program: p})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	if err := n.Call(ctx, "start", value.Tensor{Tensor: start}); err != nil {
		t.Fatal(err)
	}
	want := append([]float32(nil), start.Float32()...)
	for i := range want {
		v := float32(0)
		for range 3 {
			v = float32(v*0.5) + (float32(want[i]*0.5) - want[i])
			want[i] += float32(v * 0.25)
		}
	}
	for ev := range n.Events(ctx) {
		for i, x := range ev.Value.(value.Tensor).Float32() {
			if x != want[i] {
				t.Errorf("element %d is %v, want %v", i, x, want[i])
			}
		}
		break
	}
}
