package importer

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// repair changes a node whose constants hold the batch that the file was written for.
func (w *walker) repair(n *onnx.NodeProto) {
	for _, in := range w.cur.Input {
		for _, o := range w.cur.Output {
			w.outer[o] = max(w.outer[o], w.outer[in])
		}
	}
	if n.Domain != "" || len(n.Output) == 0 {
		return
	}
	switch n.OpType {
	case "Reshape":
		w.repairReshape(n)
	case "Expand":
		w.repairTarget(n, 1)
	case "ConstantOfShape":
		w.repairTarget(n, 0)
	case "LSTM":
		w.repairState(n, 5)
		w.repairState(n, 6)
	case "GRU", "RNN":
		w.repairState(n, 5)
	default:
		w.repairRows(n)
	}
}

func (w *walker) repaired(format string, args ...any) {
	w.repairs = append(w.repairs, fmt.Sprintf(format, args...))
}

// fixedTarget returns a shape that is a constant of the file: the same for the batch of the file and this one.
func (w *walker) fixedTarget(n *onnx.NodeProto, i int) []int64 {
	now := w.at(n, i).Value
	was := w.ref.types[w.ref.resolve(w.cur.Input[i])].Value
	if now == nil || was == nil || now.DType() != tensor.Int64 || !now.Equal(was) {
		return nil
	}
	return now.Int64()
}

// refShape is the shape of a value of the file for the file's own batch, or nil.
func (w *walker) refShape(name string) []int {
	t, ok := w.ref.types[w.ref.resolve(name)]
	if !ok || !t.Static() {
		return nil
	}
	return t.Shape
}

// repairReshape finds the dimension of the target that holds the batch: the one whose place in the row-major order of
// the elements is that of the input's dimension that changed.
func (w *walker) repairReshape(n *onnx.NodeProto) {
	x, was, out := w.at(n, 0), w.refShape(w.cur.Input[0]), w.refShape(w.cur.Output[0])
	if was == nil || out == nil || !x.Static() || len(x.Shape) != len(was) {
		return
	}
	p := -1
	for i, d := range x.Shape {
		if d != was[i] {
			if p >= 0 {
				return
			}
			p = i
		}
	}
	n0, n1 := w.ref.batch, w.batch
	if p < 0 || was[p]%n0 != 0 || x.Shape[p] != was[p]/n0*n1 {
		return
	}
	// The batch may be merged with other dimensions, and some of them stand before it.
	before := count(was[:p]) * max(w.outer[w.cur.Input[0]], 1)
	at := -1
	for i := range out {
		outer := count(out[:i])
		if outer < 1 || before%outer != 0 || out[i]%(before/outer*n0) != 0 {
			continue
		}
		if at < 0 || outer == before && (count(out[:at]) != before || i == p && len(out) == len(was)) {
			at = i
		}
	}
	if at < 0 {
		return
	}
	w.outer[w.cur.Output[0]] = before / count(out[:at])
	if w.fixedTarget(n, 1) == nil {
		return
	}
	want := make([]int64, len(out))
	for i, d := range out {
		want[i] = int64(d)
	}
	want[at] = int64(out[at] / n0 * n1)
	if naive, err := onnxop.Infer(n, []onnxop.Type{x, w.at(n, 1)}); err == nil && naive[0].Static() &&
		slices.EqualFunc(naive[0].Shape, want, func(a int, b int64) bool { return int64(a) == b }) {
		return
	}
	w.retarget(n, 1, want, "the shape of Reshape %s is made for this batch", quote(nodeName(n)))
}

// retarget gives the node a shape of its own.
func (w *walker) retarget(n *onnx.NodeProto, i int, want []int64, format string, args ...any) {
	t, err := tensor.FromInt64([]int{len(want)}, want)
	if err != nil {
		return
	}
	w.fresh++
	name := w.unique(fmt.Sprintf("rhizome/at/%d/shape", w.fresh))
	w.define(name, t)
	n.Input[i] = name
	w.repaired(format, args...)
}

// repairTarget changes a shape that a constant gives: the entry that is the batch, where only one can be.
func (w *walker) repairTarget(n *onnx.NodeProto, i int) {
	target := w.fixedTarget(n, i)
	if w.ref.batch < 2 || target == nil {
		return
	}
	at := slices.Index(target, int64(w.ref.batch))
	if at < 0 || at > 0 && slices.Contains(target[at+1:], int64(w.ref.batch)) {
		return
	}
	want := slices.Clone(target)
	want[at] = int64(w.batch)
	w.retarget(n, i, want, "the shape of %s %s is made for this batch", n.OpType, quote(nodeName(n)))
}

// repairState makes an initial state of the size of the batch, where it is zero or the same for every sample.
func (w *walker) repairState(n *onnx.NodeProto, i int) {
	x, s := w.at(n, 0), w.at(n, i)
	if s.Absent() || s.Value == nil || len(s.Shape) != 3 || len(x.Shape) != 3 {
		return
	}
	axis := 1
	if layout, _ := onnx.GetInt(n, "layout"); layout == 1 {
		axis = 0
	}
	if s.Shape[axis] == x.Shape[axis] {
		return
	}
	t, ok := tiled(s.Value, axis, x.Shape[axis])
	if !ok {
		w.refuse(n, "its initial state %s differs from sample to sample of the file's batch of %d; export with "+
			"dynamic_shapes={…: {0: \"batch\"}}", quote(n.Input[i]), w.ref.batch)
		return
	}
	w.fresh++
	name := w.unique(fmt.Sprintf("rhizome/at/%d/state", w.fresh))
	w.define(name, t)
	n.Input[i] = name
	w.repaired("the initial state of %s %s is made for this batch", n.OpType, quote(nodeName(n)))
}

// repairRows takes a tensor of the file that holds a row for each sample, as a class token does that was expanded, by
// its first row, where the rows are equal.
func (w *walker) repairRows(n *onnx.NodeProto) {
	fits := func() bool {
		in := make([]onnxop.Type, len(n.Input))
		for i := range n.Input {
			in[i] = w.at(n, i)
		}
		_, err := onnxop.Infer(n, in)
		return err == nil
	}
	if onnxop.Lookup("", n.OpType) == nil || fits() {
		return
	}
	for i, in := range n.Input {
		t := w.at(n, i)
		if in == "" || len(t.Shape) == 0 || t.Shape[0] != w.ref.batch || t.Value == nil && !w.trained[in] {
			continue
		}
		if t.Value != nil {
			v, ok := tiled(t.Value, 0, w.batch)
			if !ok {
				continue
			}
			w.fresh++
			n.Input[i] = w.unique(fmt.Sprintf("rhizome/at/%d/rows", w.fresh))
			w.define(n.Input[i], v)
		} else {
			if p := w.param(in); p != nil && p.Value != nil {
				if _, ok := tiled(p.Value, 0, 1); !ok {
					continue
				}
			}
			n.Input[i] = w.firstRow(in, t)
			w.rows[in] = true
		}
		w.repaired("%s holds a row for each sample of the file's batch; its first row stands for all, and is trained",
			quote(in))
		if fits() {
			return
		}
	}
}

// param returns a parameter by name.
func (w *walker) param(name string) *Param {
	for i := range w.m.params {
		if w.m.params[i].Name == name {
			return &w.m.params[i]
		}
	}
	return nil
}

// firstRow gives the first row of a parameter, once for each sample.
func (w *walker) firstRow(name string, t onnxop.Type) string {
	emit := func(op string, in ...string) string {
		w.fresh++
		out := w.unique(fmt.Sprintf("rhizome/at/%d/%s", w.fresh, op))
		w.finish(onnx.Node("", op, out, in, []string{out}), 0)
		return out
	}
	ints := func(v ...int64) string {
		w.fresh++
		out := w.unique(fmt.Sprintf("rhizome/at/%d/ints", w.fresh))
		c, err := tensor.FromInt64([]int{len(v)}, v)
		if err == nil {
			w.define(out, c)
		}
		return out
	}
	row := emit("Slice", name, ints(0), ints(1), ints(0))
	shape := []int64{int64(w.batch)}
	for _, d := range t.Shape[1:] {
		shape = append(shape, int64(d))
	}
	return emit("Expand", row, ints(shape...))
}

// tiled returns a tensor with n equal slices along an axis, of one whose slices there are equal.
func tiled(t *tensor.Tensor, axis, n int) (*tensor.Tensor, bool) {
	shape := t.Shape()
	raw := t.AppendRaw(nil, 0, t.RawBytes())
	inner := count(shape[axis+1:]) * t.DType().Size()
	if shape[axis] == 0 || inner == 0 {
		return nil, false
	}
	var out []byte
	for lo := 0; lo < len(raw); lo += shape[axis] * inner {
		first := raw[lo : lo+inner]
		for k := 1; k < shape[axis]; k++ {
			if !slices.Equal(first, raw[lo+k*inner:lo+(k+1)*inner]) {
				return nil, false
			}
		}
		for range n {
			out = append(out, first...)
		}
	}
	dims := make([]int64, len(shape))
	for i, d := range shape {
		dims[i] = int64(d)
	}
	dims[axis] = int64(n)
	v, err := tensor.FromProto(&onnx.TensorProto{Dims: dims, DataType: int32(t.DType()), RawData: out},
		tensor.DefaultLimits())
	return v, err == nil
}

// checkRows holds the outputs against those for the file's own batch: what had a row for each sample there has one
// here.
func (w *walker) checkRows(outputs []string) {
	for _, o := range outputs {
		was, now := w.refShape(o), w.types[w.resolve(o)].Shape
		if len(was) == 0 || len(now) != len(was) || was[0] != w.ref.batch || now[0] == w.batch {
			continue
		}
		w.bad.add(-1, "", o,
			"the output has %d rows for a batch of %d: the file is fixed to a batch of %d; export with "+
				"dynamic_shapes={…: {0: \"batch\"}}", now[0], w.batch, w.ref.batch)
	}
}
