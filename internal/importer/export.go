package importer

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Check says whether tensors can be the values of what is trained: as many, of the same types and shapes.
func (m *Model) Check(values []*tensor.Tensor) error {
	params := m.Trained()
	if len(values) != len(params) {
		return fmt.Errorf("model: %d tensors; the model has %d trained parameters", len(values), len(params))
	}
	for i, v := range values {
		p := &params[i]
		if v == nil || !slices.Equal(v.Shape(), p.Shape) || v.DType() != m.dtype(p) {
			return fmt.Errorf("model: parameter %d (%s) is %v; want %v %v", i, quote(p.Name), v, m.dtype(p), p.Shape)
		}
	}
	return nil
}

func (m *Model) dtype(p *Param) tensor.DType { return tensor.DType(m.d.initials[p.index].dtype) }

// Export returns the file as it was read, metadata and all, with these values for what is trained, in the order of
// Trained, and with those of buffers that are given by name. Whatever else is in the file is the same: names, nodes,
// operator set, and the bytes of untouched tensors. Tensors that lay in files beside the model are in the file now. No
// repair is in it, but that the first row of a class token, where it was trained for all, is put in the place of all.
func (m *Model) Export(values []*tensor.Tensor, buffers map[string]*tensor.Tensor) (*onnx.ModelProto, error) {
	if err := m.Check(values); err != nil {
		return nil, err
	}
	out, g := shallow(m.file)
	at := map[string]int{}
	for i, t := range g.Initializer {
		at[t.GetName()] = i
	}
	set := func(x *initial, v *tensor.Tensor) error {
		if x.made != nil {
			return setAttr(g, x, v)
		}
		i, ok := at[x.name]
		if !ok {
			return fmt.Errorf("model: the file has no initializer %s", quote(x.name))
		}
		g.Initializer[i] = inForm(g.Initializer[i], v, x.half)
		return nil
	}
	for i, p := range m.Trained() {
		v := values[i]
		if m.rows[p.Name] {
			v = rowed(p.Value, v)
		}
		if err := set(m.d.initials[p.index], v); err != nil {
			return nil, err
		}
	}
	for _, b := range m.buffers {
		v := buffers[b.Name]
		if v == nil {
			continue
		}
		x := m.d.named[b.Name]
		if !slices.Equal(v.Shape(), b.Shape) || int32(v.DType()) != x.dtype {
			return nil, fmt.Errorf("model: buffer %s is %v; want %v", quote(b.Name), v, b.Shape)
		}
		if err := set(x, v); err != nil {
			return nil, err
		}
	}
	m.settled(g)
	return out, nil
}

// shallow returns a model that shares everything with another but its lists of nodes and initializers.
func shallow(m *onnx.ModelProto) (*onnx.ModelProto, *onnx.GraphProto) {
	g := m.GetGraph()
	own := &onnx.GraphProto{Node: slices.Clone(g.Node), Name: g.Name, Initializer: slices.Clone(g.Initializer),
		DocString: g.DocString, Input: g.Input, Output: g.Output, ValueInfo: g.ValueInfo,
		QuantizationAnnotation: g.QuantizationAnnotation, SparseInitializer: g.SparseInitializer,
		MetadataProps: g.MetadataProps}
	own.ProtoReflect().SetUnknown(g.ProtoReflect().GetUnknown())
	out := &onnx.ModelProto{IrVersion: m.IrVersion, ProducerName: m.ProducerName, ProducerVersion: m.ProducerVersion,
		Domain: m.Domain, ModelVersion: m.ModelVersion, DocString: m.DocString, Graph: own, OpsetImport: m.OpsetImport,
		MetadataProps: m.MetadataProps, TrainingInfo: m.TrainingInfo, Functions: m.Functions}
	out.ProtoReflect().SetUnknown(m.ProtoReflect().GetUnknown())
	return out, own
}

// inForm returns a tensor of the file with other numbers, in the field that the numbers were in.
func inForm(t *onnx.TensorProto, v *tensor.Tensor, half int32) *onnx.TensorProto {
	out := &onnx.TensorProto{Dims: t.Dims, DataType: t.DataType, Name: t.Name, DocString: t.DocString,
		MetadataProps: t.MetadataProps}
	switch {
	case half != 0 && len(t.Int32Data) > 0:
		for raw := narrowed(v.Float32(), half); len(raw) > 0; raw = raw[2:] {
			out.Int32Data = append(out.Int32Data, int32(raw[0])|int32(raw[1])<<8)
		}
	case half != 0:
		out.RawData = narrowed(v.Float32(), half)
	case len(t.FloatData) > 0 && v.DType() == tensor.Float32:
		out.FloatData = slices.Clone(v.Float32())
	case len(t.DoubleData) > 0 && v.DType() == tensor.Float64:
		out.DoubleData = slices.Clone(v.Float64())
	case v.Len() > 0:
		out.RawData = v.AppendRaw(nil, 0, v.RawBytes())
	}
	return out
}

// setAttr writes numbers back into the attribute that they were taken from.
func setAttr(g *onnx.GraphProto, x *initial, v *tensor.Tensor) error {
	if x.made.node < 0 || x.made.node >= len(g.Node) || v.DType() != tensor.Float32 {
		return fmt.Errorf("model: %s is in no attribute of the file", quote(x.name))
	}
	n := proto.CloneOf(g.Node[x.made.node])
	onnx.SetAttr(n, onnx.AttrFloats(x.made.attr, slices.Clone(v.Float32())...))
	g.Node[x.made.node] = n
	return nil
}
