package importer

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// rewrite takes the nodes that are written in another way once their types are known, and says whether it did.
func (w *walker) rewrite(n *onnx.NodeProto) bool {
	if n.Domain != "" {
		return false
	}
	switch n.OpType {
	case "MaxPool", "AveragePool":
		return w.manyAxes(n)
	case "BatchNormalization":
		if w.m.o.TrainMode {
			onnx.SetAttr(n, onnx.AttrInt("training_mode", 1))
		}
		return w.normalize(n)
	case "GroupNormalization":
		w.groups(n)
	}
	return false
}

// put finishes a node that stands for a part of another one, and returns its result.
func (w *walker) put(op string, in []string, attrs ...*onnx.AttributeProto) string {
	w.fresh++
	out := w.unique(fmt.Sprintf("rhizome/at/%d/%s", w.fresh, op))
	w.finish(onnx.Node("", op, out, in, []string{out}, attrs...), 0)
	return out
}

// ints gives a list of numbers.
func (w *walker) ints(v []int) string {
	list := make([]int64, len(v))
	for i, d := range v {
		list[i] = int64(d)
	}
	t, err := tensor.FromInt64([]int{len(list)}, list)
	if err != nil {
		return ""
	}
	w.fresh++
	out := w.unique(fmt.Sprintf("rhizome/at/%d/ints", w.fresh))
	w.define(out, t)
	return out
}

// manyAxes takes a pool over more than three axes of which most are of windows of one element: Keras on JAX writes
// MaxPool of rank 6 with the windows [1,2,2,1]. The axes that matter go last, and the others are put together.
func (w *walker) manyAxes(n *onnx.NodeProto) bool {
	x := w.at(n, 0)
	k, ok := onnx.GetInts(n, "kernel_shape")
	if !ok || !x.Static() || len(x.Shape) <= 5 || len(k) != len(x.Shape)-2 || len(n.Output) > 1 {
		return false
	}
	strides, _ := onnx.GetInts(n, "strides")
	dilations, _ := onnx.GetInts(n, "dilations")
	pads, _ := onnx.GetInts(n, "pads")
	of := func(list []int64, i int, def int64) int64 {
		if i < len(list) {
			return list[i]
		}
		return def
	}
	var other, axes []int
	var kernel, stride, dilation, low, high []int64
	other = append(other, 0, 1)
	for i := range k {
		if k[i] == 1 && of(strides, i, 1) == 1 && of(pads, i, 0) == 0 && of(pads, i+len(k), 0) == 0 {
			other = append(other, i+2)
			continue
		}
		axes = append(axes, i+2)
		kernel, stride = append(kernel, k[i]), append(stride, of(strides, i, 1))
		dilation = append(dilation, of(dilations, i, 1))
		low, high = append(low, of(pads, i, 0)), append(high, of(pads, i+len(k), 0))
	}
	if len(axes) == 0 || len(axes) > 3 {
		return false
	}
	perm := slices.Concat(other, axes)
	shape, outer := []int{1, 1}, 1
	var kept []int
	for _, a := range other {
		outer *= x.Shape[a]
		kept = append(kept, x.Shape[a])
	}
	shape[0] = outer
	for _, a := range axes {
		shape = append(shape, x.Shape[a])
	}
	attrs := []*onnx.AttributeProto{onnx.AttrInts("kernel_shape", kernel...), onnx.AttrInts("strides", stride...)}
	if len(dilations) > 0 {
		attrs = append(attrs, onnx.AttrInts("dilations", dilation...))
	}
	if len(pads) > 0 {
		attrs = append(attrs, onnx.AttrInts("pads", slices.Concat(low, high)...))
	}
	for _, name := range []string{"ceil_mode", "auto_pad", "count_include_pad"} {
		if a := onnx.FindAttr(n, name); a != nil {
			attrs = append(attrs, a)
		}
	}
	moved := w.put("Transpose", []string{n.Input[0]}, onnx.AttrInts("perm", wide(perm)...))
	flat := w.put("Reshape", []string{moved, w.ints(shape)})
	pooled := w.put(n.OpType, []string{flat}, attrs...)
	t, ok := w.types[pooled]
	if !ok {
		w.lose(n)
		return true
	}
	back := w.put("Reshape", []string{pooled, w.ints(slices.Concat(kept, t.Shape[2:]))})
	inverse := make([]int, len(perm))
	for i, p := range perm {
		inverse[p] = i
	}
	w.finish(onnx.Node("", "Transpose", n.Name, []string{back}, n.Output, onnx.AttrInts("perm", wide(inverse)...)), 0)
	w.repaired("%s %s works on %d axes of a tensor of rank %d, as Keras on JAX writes it", n.OpType, quote(nodeName(n)),
		len(axes), len(x.Shape))
	return true
}

func wide(v []int) []int64 {
	out := make([]int64, len(v))
	for i, d := range v {
		out[i] = int64(d)
	}
	return out
}

// groups: below 21 a GroupNormalization had a scale and a bias for each group, and has them for each channel since.
func (w *walker) groups(n *onnx.NodeProto) {
	x, scale := w.at(n, 0), w.at(n, 1)
	groups, _ := onnx.GetInt(n, "num_groups")
	if w.cur.version >= 21 || len(n.Input) != 3 || !x.Static() || len(x.Shape) < 2 || groups < 1 ||
		x.Shape[1]%int(groups) != 0 || len(scale.Shape) != 1 || scale.Shape[0] != int(groups) ||
		x.Shape[1] == int(groups) {
		return
	}
	for i := 1; i <= 2; i++ {
		one := w.put("Reshape", []string{n.Input[i], w.ints([]int{int(groups), 1})})
		each := w.put("Expand", []string{one, w.ints([]int{int(groups), x.Shape[1] / int(groups)})})
		n.Input[i] = w.put("Reshape", []string{each, w.ints([]int{x.Shape[1]})})
	}
}
