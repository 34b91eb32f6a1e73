package importer

import (
	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

func intAttr(list []*onnx.AttributeProto, name string) (int64, bool) {
	return onnx.GetInt(&onnx.NodeProto{Attribute: list}, name)
}

// undone returns the file with what the exporter did undone, as the options ask: shared tensors become one for each
// reader, and biases that were left out come back as zeros. Running statistics that change in training are no tensors
// of anything else. It is nil where that changes nothing.
func (m *Model) undone(o Options) *onnx.ModelProto {
	out, g := shallow(m.file)
	own := map[int]*onnx.NodeProto{}
	node := func(i int) *onnx.NodeProto {
		if own[i] == nil {
			own[i] = proto.CloneOf(g.Node[i])
			g.Node[i] = own[i]
		}
		return own[i]
	}
	var shared []sharing
	if o.SplitShared {
		shared = m.shared()
	} else if o.Buffers != "" && o.Buffers != BuffersFrozen {
		shared = m.statisticsShared()
	}
	if len(shared) == 0 && !o.AddBias {
		return nil
	}
	for _, s := range shared {
		for _, x := range s.splits {
			c := proto.CloneOf(m.d.named[s.name].proto)
			c.Name = x.name
			g.Initializer = append(g.Initializer, c)
			node(x.node).Input[x.in] = x.name
		}
	}
	if o.AddBias {
		for _, b := range m.biases() {
			n := node(b.node)
			for len(n.Input) < 3 {
				n.Input = append(n.Input, "")
			}
			n.Input[2] = b.name
			t := &onnx.TensorProto{Name: b.name, DataType: m.d.named[n.Input[1]].dtype, Dims: []int64{int64(b.size)}}
			width := 4
			switch onnx.TensorProto_DataType(t.DataType) {
			case onnx.TensorProto_DOUBLE:
				width = 8
			case onnx.TensorProto_FLOAT16, onnx.TensorProto_BFLOAT16:
				width = 2
			}
			t.RawData = make([]byte, width*b.size)
			g.Initializer = append(g.Initializer, t)
		}
	}
	return out
}
