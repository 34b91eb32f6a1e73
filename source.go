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
// dataset, or one of the program's own, which Source makes. The slot has the methods of every data source: Begin,
// NextBatch, Test, Reset and Loaded; and a cursor that survives a restart.
func Samples(slot string, use dataset.Use, at ...graph.Place) graph.Component {
	kind := data.KindSource
	if _, err := dataset.Find(use.Source); err != nil {
		kind = use.Source
	}
	return graph.Component{Name: slot, Role: data.Role, Kind: kind, Version: data.Version, At: at,
		Methods: data.Methods(), Config: use}
}
