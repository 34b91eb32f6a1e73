package rhizome_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/component"
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// line is a data source of one's own: sample i is a point of a line, made when it is read, so that it could be of any
// length.
type line struct{ n int }

func (l line) Schema() dataset.Schema {
	return dataset.Schema{Shape: []int{1}, Features: tensor.Float32, Label: tensor.Float32, Names: []string{"x"}}
}

func (l line) Len() int { return l.n }

func (l line) Read(rows []int, into dataset.Batch) error {
	for i, r := range rows {
		if r < 0 || r >= l.n {
			return fmt.Errorf("there is no sample %d; want 0 to %d", r, l.n-1)
		}
		x := float32(r)/float32(l.n)*2 - 1
		if into.Features.Float32 != nil { // a column without memory is not wanted
			into.Features.Float32[i] = x
		}
		if into.Labels.Float32 != nil {
			into.Labels.Float32[i] = 3*x - 2
		}
	}
	return nil
}

// A data source of one's own: a type with three methods. A node trains on it batch by batch; which samples it holds
// out, in which order it reads, and where it was when it was stopped comes with the source's component.
func ExampleSource() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "rhizome")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	g := graph.New("fit")
	here := g.Place("here")
	g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: []graph.Place{here}})
	points := g.Component(rhizome.Samples("points", dataset.Use{Source: "line", Batch: 10, Epochs: 20}, here))
	round := g.Input(here, "fit", types.Int())[0]
	begun := g.Invoke(points, "Begin", round) // samples, and how many batches a round has
	zero := g.Constant(scalar(0))
	fit := g.Loop(begun[1], []graph.Value{zero, zero}, func(b *graph.Graph, step graph.Value,
		line []graph.Value) []graph.Value {
		batch := b.Invoke(points, "NextBatch", step, round)
		x := b.Tensor("Squeeze", nil, b.Typed(batch[0], types.Tensors(tensor.Float32, 10, 1)))
		y := b.Typed(batch[1], types.Tensors(tensor.Float32, 10))
		slope, bias := b.Typed(line[0], types.Tensors(tensor.Float32)), b.Typed(line[1], types.Tensors(tensor.Float32))
		off := b.Sub(b.Add(b.Mul(x, slope), bias), y)
		steps := b.Gradient(b.Tensor("ReduceMean", graph.Attrs{"keepdims": 0}, b.Mul(off, off)), slope, bias)
		rate := b.Constant(scalar(0.2))
		return []graph.Value{b.Sub(slope, b.Mul(steps[0], rate)), b.Sub(bias, b.Mul(steps[1], rate))}
	})
	g.AppEmit("fitted", g.Bundle(append(fit, begun[0])...))
	p, err := rhizome.Compile(g)
	if err != nil {
		log.Fatal(err)
	}

	mine := dataset.Kind{Name: "line", Open: func(dataset.Env) (dataset.Source, error) { return line{100}, nil }}
	n, err := rhizome.Open(ctx, dir, rhizome.Config{Program: p, Components: []component.Kind{rhizome.Source(mine)}})
	if err != nil {
		log.Fatal(err)
	}
	if err := n.Call(ctx, "fit", value.Int(0)); err != nil {
		log.Fatal(err)
	}
	for ev := range n.Events(ctx) {
		got := ev.Value.(*value.List).Items()
		fmt.Printf("y = %.2f x %+.2f, from %v samples\n", got[0].(value.Tensor).Float32()[0],
			got[1].(value.Tensor).Float32()[0], got[2])
		break
	}
	if err := n.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// y = 3.00 x -2.00, from 100 samples
}

func scalar(x float32) value.Value {
	t, err := tensor.FromFloat32(nil, []float32{x})
	if err != nil {
		panic(err) // one number always makes a scalar
	}
	return value.Tensor{Tensor: t}
}
