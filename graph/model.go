package graph

import (
	"cmp"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// standardOpset is the version of ai.onnx that tensor ops are recorded for.
const standardOpset = onnxop.Opset

// model writes the choreography. Places and slots are sorted: the order of their declarations does not matter.
func (st *state) model() (*onnx.ModelProto, error) {
	m := &onnx.ModelProto{
		IrVersion:    artifact.IRVersion,
		ProducerName: "rhizome",
		Graph:        &onnx.GraphProto{Name: st.name, Node: st.main.nodes},
		Functions:    st.functions,
	}
	lists := [][]*onnx.NodeProto{st.main.nodes}
	for _, f := range st.functions {
		f.OpsetImport = st.domains(f.Node)
		lists = append(lists, f.Node)
	}
	m.OpsetImport = st.domains(lists...)
	if len(st.functions) > 0 {
		for _, d := range []string{artifact.BootstrapDomain, artifact.ModuleDomain} {
			if !slices.ContainsFunc(m.OpsetImport,
				func(o *onnx.OperatorSetIdProto) bool { return o.GetDomain() == d }) {
				m.OpsetImport = append(m.OpsetImport, &onnx.OperatorSetIdProto{Domain: d, Version: 1})
			}
		}
	}
	places := slices.Clone(st.places)
	slices.Sort(places)
	slots := make([]artifact.Slot, len(st.slots))
	for i, s := range st.slots {
		slots[i] = s.rec
	}
	slices.SortFunc(slots, func(a, b artifact.Slot) int { return cmp.Compare(a.Name, b.Name) })
	m.MetadataProps = onnx.SetMeta(m.MetadataProps, artifact.KeyForm, artifact.FormChoreography)
	for _, e := range []struct {
		key string
		v   any
	}{{artifact.KeyPlaces, nonNil(places)}, {artifact.KeySlots, nonNil(slots)}} {
		text, err := artifact.Encode(e.v)
		if err != nil {
			return nil, err
		}
		m.MetadataProps = onnx.SetMeta(m.MetadataProps, e.key, string(text))
	}
	return m, nil
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
