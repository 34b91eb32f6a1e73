package rhizome

import (
	"github.com/rhizome-ml/rhizome/component"
	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

// Source makes a component kind of a data source of one's own, for Config.Components and Job.Components.
func Source(kind dataset.Kind) component.Kind {
	return component.Kind{Role: data.Role, Name: kind.Name, New: data.Serve(kind)}
}

// Samples declares a slot of that name that holds samples, for Graph.Component. Use names the source: a kind of package
// dataset, or one of the program's own, which Source makes. Its Batch and Epochs have no default: a node refuses a
// program without them. The slot has a cursor that survives a restart, and the methods of every data source, for
// Graph.Invoke:
//
//	Begin(round Int) → samples Int, steps Int           begins a round: own samples, and batches in the round
//	NextBatch(step Int, [round Int]) → batch, labels    of step 0 to steps-1; the round is that of Begin where not given
//	Test(trigger) → batch, labels                       all samples of the test
//	Reset(trigger) → done Trigger                       puts the cursor at the start of its round
//	Loaded(trigger) → samples Int                       how many samples the node trains on
//
// The batch is a tensor of [n, ...] with the shape and type of the source's features (dataset.Schema), and labels are
// [n]; n is Batch of Use, or that of all samples of the test. A round has Epochs times the samples, in an order drawn
// from the seed for each epoch: Epochs·⌈samples/Batch⌉ steps. Every batch is full: the last one of an epoch is filled
// up from the beginning of the epoch's order, so that all have one shape. The graph does not know the shape: say it
// with Graph.Typed.
//
// A node says what it holds in the slot's options (Config.Options, Job.Options), an object with
//
//	partition      which part of Use.Partitions it trains on, from 0. Without it the node holds none: Begin fails, and
//	               Test does not. It is not needed where Use.Partitions is 0.
//	rows_sha256    that it trains on the rows of Config.Data of the slot, whose SHA-256 this is in hex, and not on those
//	               of the partition.
func Samples(slot string, use dataset.Use, at ...graph.Place) graph.Component {
	kind := data.KindSource
	if _, err := dataset.Find(use.Source); err != nil {
		kind = use.Source
	}
	return graph.Component{Name: slot, Role: data.Role, Kind: kind, Version: data.Version, At: at,
		Methods: data.Methods(), Config: use}
}
