package importer

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// convert writes every node in the canonical form: operators of ai.onnx.ml as standard ones, and those of older and
// newer operator sets as they are written at onnxop.Opset.
func (d *draft) convert(m *Model) {
	old := d.nodes
	d.nodes = make([]node, 0, len(old))
	for _, n := range old {
		if n.NodeProto == nil {
			continue
		}
		if n.GetDomain() == mlDomain && d.ml(n, m) {
			continue
		}
		if n.GetDomain() == "" {
			if up := upgrades[n.GetOpType()]; up != nil {
				up(d, &n)
			}
		}
		if n.NodeProto != nil {
			d.nodes = append(d.nodes, n)
		}
	}
}

// emit adds a node that another one becomes, and returns its result.
func (d *draft) emit(n *node, op string, in []string, attrs ...*onnx.AttributeProto) string {
	out := d.name(op)
	d.emitTo(n, op, in, out, attrs...)
	return out
}

// emitTo is emit for a result that has a name.
func (d *draft) emitTo(n *node, op string, in []string, out string, attrs ...*onnx.AttributeProto) {
	d.nodes = append(d.nodes, node{from: n.from, version: 21,
		NodeProto: onnx.Node("", op, nodeName(n.NodeProto), in, []string{out}, attrs...)})
}

// drop removes attributes of a node.
func drop(n *node, names ...string) {
	n.Attribute = slices.DeleteFunc(n.Attribute, func(a *onnx.AttributeProto) bool {
		return slices.Contains(names, a.GetName())
	})
}

// input makes the node's input i a name, with empty ones before it where there are fewer.
func input(n *node, i int, name string) {
	for len(n.Input) <= i {
		n.Input = append(n.Input, "")
	}
	n.Input[i] = name
}

// upgrades are the operators whose form changed, by name. Each is told what the node was written in by node.version.
var upgrades map[string]func(d *draft, n *node)

func init() {
	upgrades = map[string]func(d *draft, n *node){
		"Softmax": softmaxes, "LogSoftmax": softmaxes, "Hardmax": softmaxes,
		"Squeeze": axesToInput, "Unsqueeze": axesToInput,
		"Clip": clip, "Pad": pad, "Slice": slice, "Upsample": upsample, "Resize": resize, "TopK": topK,
		"BatchNormalization": batchNormalization, "Reshape": reshape, "Split": split, "Scatter": scatter,
		"Cast": cast, "Dropout": dropout, "RoiAlign": roiAlign, "Constant": literal, "ConstantOfShape": literal,
	}
}

// softmaxes: below operator set 13 they work on the input as a matrix, cut at the axis (1 where none is given).
func softmaxes(d *draft, n *node) {
	if n.version >= 13 {
		return
	}
	axis, ok := onnx.GetInt(n.NodeProto, "axis")
	if !ok {
		axis = 1
	}
	x := n.Input[0]
	flat := d.emit(n, "Flatten", []string{x}, onnx.AttrInt("axis", axis))
	soft := d.emit(n, n.GetOpType(), []string{flat}, onnx.AttrInt("axis", -1))
	shape := d.emit(n, "Shape", []string{x})
	d.emitTo(n, "Reshape", []string{soft, shape}, n.Output[0], onnx.AttrInt("allowzero", 1))
	n.NodeProto = nil
}

// axesToInput: the axes were an attribute below 13.
func axesToInput(d *draft, n *node) {
	if axes, ok := onnx.GetInts(n.NodeProto, "axes"); ok {
		drop(n, "axes")
		input(n, 1, d.ints(slices.Clone(axes)...))
	}
}

// clip: the bounds were attributes below 11.
func clip(d *draft, n *node) {
	for i, name := range []string{"min", "max"} {
		if v, ok := onnx.GetFloat(n.NodeProto, name); ok {
			input(n, i+1, d.float(v))
		}
	}
	drop(n, "min", "max")
}

// pad: widths and value were attributes below 11.
func pad(d *draft, n *node) {
	widths, ok := onnx.GetInts(n.NodeProto, "pads")
	if !ok {
		return
	}
	value, _ := onnx.GetFloat(n.NodeProto, "value")
	drop(n, "pads", "value")
	input(n, 1, d.ints(slices.Clone(widths)...))
	if value != 0 {
		input(n, 2, d.float(value))
	}
}

// slice: bounds were attributes below 10.
func slice(d *draft, n *node) {
	starts, ok := onnx.GetInts(n.NodeProto, "starts")
	if !ok {
		return
	}
	ends, _ := onnx.GetInts(n.NodeProto, "ends")
	axes, given := onnx.GetInts(n.NodeProto, "axes")
	drop(n, "starts", "ends", "axes")
	input(n, 1, d.ints(slices.Clone(starts)...))
	input(n, 2, d.ints(slices.Clone(ends)...))
	if given {
		input(n, 3, d.ints(slices.Clone(axes)...))
	}
}

// upsample became Resize at 10, whose first form still had its meaning.
func upsample(d *draft, n *node) {
	if scales, ok := onnx.GetFloats(n.NodeProto, "scales"); ok {
		drop(n, "scales")
		input(n, 1, d.floats(slices.Clone(scales)))
	}
	if len(n.Input) < 2 {
		return
	}
	n.OpType, n.version = "Resize", 10
	resize(d, n)
}

// resize: at 10 it had no region of interest, and one way to find the coordinates.
func resize(_ *draft, n *node) {
	if n.version >= 11 || len(n.Input) != 2 {
		return
	}
	n.Input = []string{n.Input[0], "", n.Input[1]}
	n.Attribute = append(n.Attribute, onnx.AttrString("coordinate_transformation_mode", "asymmetric"))
	if mode, _ := onnx.GetString(n.NodeProto, "mode"); mode == "" || mode == "nearest" {
		n.Attribute = append(n.Attribute, onnx.AttrString("nearest_mode", "floor"))
	}
}

// topK: the count was an attribute below 10.
func topK(d *draft, n *node) {
	if k, ok := onnx.GetInt(n.NodeProto, "k"); ok {
		drop(n, "k")
		input(n, 1, d.ints(k))
	}
}

// batchNormalization: below 14 training was told by the number of outputs, and spatial was an attribute below 9.
func batchNormalization(_ *draft, n *node) {
	if v, ok := onnx.GetInt(n.NodeProto, "spatial"); !ok || v != 0 {
		drop(n, "spatial")
	}
	drop(n, "is_test", "consumed_inputs")
	if n.version < 14 && len(n.Output) > 1 {
		if len(n.Output) > 3 {
			n.Output = n.Output[:3] // the saved statistics are for a kind of backward pass that is not here
		}
		n.Attribute = append(n.Attribute, onnx.AttrInt("training_mode", 1))
	}
	for len(n.Output) > 1 && n.Output[len(n.Output)-1] == "" {
		n.Output = n.Output[:len(n.Output)-1]
	}
}

// reshape: the shape was an attribute below 5.
func reshape(d *draft, n *node) {
	if shape, ok := onnx.GetInts(n.NodeProto, "shape"); ok {
		drop(n, "shape")
		input(n, 1, d.ints(slices.Clone(shape)...))
	}
}

// split: the lengths were an attribute below 13. From 18 on their number may be given instead; where neither is, the
// outputs say it.
func split(d *draft, n *node) {
	if lengths, ok := onnx.GetInts(n.NodeProto, "split"); ok {
		drop(n, "split")
		input(n, 1, d.ints(slices.Clone(lengths)...))
	}
}

// scatter was given its other name at 11.
func scatter(_ *draft, n *node) { n.OpType = "ScatterElements" }

// cast: how to saturate and to round is about types of 8 bits alone; a type of 16 bits is float32 here.
func cast(_ *draft, n *node) {
	to, _ := onnx.GetInt(n.NodeProto, "to")
	if isHalf(int32(min(to, 255))) {
		n.half = int32(to)
		onnx.SetAttr(n.NodeProto, onnx.AttrInt("to", int64(tensor.Float32)))
	}
	if tensor.DType(min(max(to, 0), 255)).Valid() {
		drop(n, "saturate", "round_mode")
	}
}

// literal: a constant of 16 bits is one of float32 here.
func literal(_ *draft, n *node) {
	t, ok := onnx.GetTensor(n.NodeProto, "value")
	if !ok || !isHalf(t.GetDataType()) {
		return
	}
	shape := make([]int, len(t.GetDims()))
	for i, d := range t.GetDims() {
		if d < 0 || d > elementsMax || len(shape) > tensor.MaxRank {
			return
		}
		shape[i] = int(d)
	}
	if count(shape) > elementsMax {
		return
	}
	if v := widened(t, shape); v != nil {
		onnx.SetAttr(n.NodeProto, onnx.AttrTensor("value", v.Proto("")))
	}
}

// dropout: the ratio was an attribute below 12, and below 7 whether it is a test.
func dropout(d *draft, n *node) {
	if ratio, ok := onnx.GetFloat(n.NodeProto, "ratio"); ok {
		input(n, 1, d.float(ratio))
	}
	drop(n, "ratio", "is_test")
}

// roiAlign: below 16 boxes lay half an element further.
func roiAlign(_ *draft, n *node) {
	if n.version < 16 {
		onnx.SetAttr(n.NodeProto, onnx.AttrString("coordinate_transformation_mode", "output_half_pixel"))
	}
}
