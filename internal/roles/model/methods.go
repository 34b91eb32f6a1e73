package model

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/types"
)

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	return []graph.Method{
		{
			Name: "Parameters", Doc: "Gives the parameters in the model's order.",
			In:  []graph.Port{{Name: "trigger", Type: types.Trigger()}},
			Out: []graph.Port{{Name: "params", Type: types.ListsOf(types.Tensor())}},
		},
		{
			Name: "Personal",
			Doc:  "Gives what is trained and stays with whoever trains it, as it is at first, in the model's order.",
			In:   []graph.Port{{Name: "trigger", Type: types.Trigger()}},
			Out:  []graph.Port{{Name: "first", Type: types.ListsOf(types.Tensor())}},
		},
		{
			Name: "LoadParameters", Doc: "Puts parameters in place of the model's.",
			In:  []graph.Port{{Name: "params", Type: types.ListsOf(types.Tensor())}},
			Out: []graph.Port{{Name: "loaded", Type: types.Trigger()}},
		},
		{
			Name: "LoadScale",
			Doc:  "Notes what each input is shifted and divided by before the model sees it, for its export.",
			In: []graph.Port{{Name: "shift", Type: types.Tensor()},
				{Name: "divide", Type: types.Tensor()}},
			Out: []graph.Port{{Name: "loaded", Type: types.Trigger()}},
		},
		{
			Name: "Export", Doc: "Gives the model as an ONNX file with these parameters.",
			In:  []graph.Port{{Name: "params", Type: types.ListsOf(types.Tensor())}},
			Out: []graph.Port{{Name: "file", Type: types.Bytes()}},
		},
	}
}
