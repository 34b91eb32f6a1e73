package backend

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// A step is row-wise where each row of its result is made of the same row of what it reads: then rows may be computed
// a few at a time. How many rows a tensor has is a matter of view: the leading dimensions, any number of them, count
// the rows, and the others are a row. What broadcasts over the leading dimensions is read whole for each row.

// rowKind is how a row-wise operator reads.
type rowKind uint8

const (
	notRows   rowKind = iota
	broadcast         // all inputs broadcast to the result
	mapped            // the first input has the shape of the result; the others are read whole
	reduced           // trailing dimensions of the first input are reduced; the others are read whole
	laned             // along an axis of the first input
	labelled          // a lane for each index of the first input; the others are read whole
)

// rowKinds are the row-wise operators of the standard domain that cannot fail.
var rowKinds = map[string]rowKind{
	"Add": broadcast, "Sub": broadcast, "Mul": broadcast, "Div": broadcast, "Max": broadcast, "Min": broadcast,
	"Sum": broadcast, "Mean": broadcast, "And": broadcast, "Or": broadcast, "Xor": broadcast, "Equal": broadcast,
	"Greater": broadcast, "GreaterOrEqual": broadcast, "Less": broadcast, "LessOrEqual": broadcast,
	"Where": broadcast,
	"Abs":   mapped, "Sign": mapped, "Neg": mapped, "Relu": mapped, "LeakyRelu": mapped, "Ceil": mapped,
	"Exp": mapped, "Floor": mapped, "Log": mapped, "Reciprocal": mapped, "Sigmoid": mapped, "Sqrt": mapped,
	"Tanh": mapped, "Not": mapped, "Clip": mapped, "Cast": mapped, "Erf": mapped, "Sin": mapped, "Cos": mapped,
	"Round": mapped, "IsNaN": mapped,
	"Expand":    broadcast,
	"ReduceSum": reduced, "ReduceMean": reduced, "ReduceMax": reduced, "ReduceMin": reduced,
	"ReduceSumSquare": reduced,
	"Softmax":         laned, "LogSoftmax": laned,
	"OneHot": labelled,
}

// rowKindOf says how a step reads.
func (l *lowered) rowKindOf(st *step) rowKind {
	if st.op.Domain != "" || len(st.out) != 1 || st.chain != nil || st.lanes != nil {
		return notRows
	}
	k := rowKinds[st.op.Name]
	t := l.types[st.out[0]]
	if st.op.Name == "Div" && !isFloat(t.DType) { // by zero it fails
		return notRows
	}
	return k
}

// split returns how many leading dimensions, the least number of them, count that many rows, which are more than one.
func split(shape []int, rows int) (int, bool) {
	n := 1
	for i, d := range shape {
		if n *= d; n == rows {
			return i + 1, true
		}
	}
	return 0, false
}

// rowsOf returns what a step may be cut to: numbers of rows, each above one, ascending.
func (l *lowered) rowsOf(st *step) []int {
	k := l.rowKindOf(st)
	if k == notRows {
		return nil
	}
	shape := l.types[st.out[0]].Shape
	if k != broadcast {
		shape = l.types[st.in[0]].Shape
	}
	var out []int
	n := 1
	for _, d := range shape {
		if n *= d; d > 1 && l.cuts(st, n) {
			out = append(out, n)
		}
	}
	return out
}

// cuts says whether a step may be cut to that number of rows.
func (l *lowered) cuts(st *step, rows int) bool {
	k := l.rowKindOf(st)
	if k == broadcast {
		if _, ok := split(l.types[st.out[0]].Shape, rows); !ok {
			return false
		}
		some := false
		for j := range l.operands(st) {
			r, ok := l.rowed(st, j, rows)
			if !ok {
				return false
			}
			some = some || r
		}
		return some
	}
	s, ok := split(l.types[st.in[0]].Shape, rows)
	_, fits := split(l.types[st.out[0]].Shape, rows)
	return ok && fits && l.uncut(st, k, s)
}

// operands are the inputs of a step that broadcast or have rows: the others are read as they are.
func (l *lowered) operands(st *step) []int {
	if l.rowKindOf(st) != broadcast || st.op.Name == "Expand" {
		return st.in[:1]
	}
	return st.in
}

// uncut says whether what a step does lies behind the first s dimensions.
func (l *lowered) uncut(st *step, k rowKind, s int) bool {
	in := l.types[st.in[0]]
	switch k {
	case mapped:
		return slices.Equal(in.Shape, l.types[st.out[0]].Shape)
	case reduced:
		set, err := onnxop.Reduced(st.proto, l.typesOf(st.in))
		return err == nil && set != nil && !slices.Contains(set[:s], true) && slices.Contains(set[s:], true)
	case laned:
		axis, err := onnxop.Axis(onnxop.Int(st.proto, "axis"), len(in.Shape))
		return err == nil && axis >= s
	case labelled:
		axis, err := onnxop.Axis(onnxop.Int(st.proto, "axis"), len(in.Shape)+1)
		return err == nil && axis == len(in.Shape)
	}
	return false
}

// rowed says whether input j of a step is cut with its rows; else it is read whole. It is not ok where neither can be.
func (l *lowered) rowed(st *step, j, rows int) (rowed, ok bool) {
	if j >= len(l.operands(st)) || st.in[j] < 0 {
		return false, true
	}
	if l.rowKindOf(st) != broadcast {
		return true, true
	}
	out, in := l.types[st.out[0]].Shape, l.types[st.in[j]].Shape
	s, ok := split(out, rows)
	if !ok {
		return false, false
	}
	pad, whole, equal := len(out)-len(in), true, true
	for d, n := range out[:s] {
		m := 1
		if d >= pad {
			m = in[d-pad]
		}
		whole, equal = whole && m == 1, equal && m == n
	}
	return equal, equal || whole
}

// cutTo returns the type of a value of which so many of the rows are there. The number of dimensions stays, so that an
// axis stays what it is.
func cutTo(t onnxop.Type, rows, some int) onnxop.Type {
	s, _ := split(t.Shape, rows)
	shape := slices.Clone(t.Shape)
	for i := range s {
		shape[i] = 1
	}
	shape[s-1] = some
	return onnxop.Type{DType: t.DType, Shape: shape}
}

// rowWork is how much row-wise work, in results that take no more than a sum, is worth a thread.
const rowWork = 1 << 16

// slowRows are row-wise operators whose results take as long as so many sums.
var slowRows = map[string]int{
	"Softmax": 8, "LogSoftmax": 8, "Exp": 8, "Log": 8, "Tanh": 8, "Sigmoid": 8, "Erf": 8, "Sin": 16, "Cos": 16,
	"Where": 4, "Round": 4, "OneHot": 4, "Cast": 2, "Div": 2, "Sqrt": 2, "ReduceMax": 4, "ReduceMin": 4,
	"ReduceSumSquare": 4, "Max": 4, "Min": 4, "Equal": 4, "Greater": 4, "GreaterOrEqual": 4, "Less": 4,
	"LessOrEqual": 4,
}

// workers is how many threads are worth while for the rows of some steps.
func (l *lowered) workers(parts []*step) int {
	if l.set.Workers <= 1 {
		return 1
	}
	work := 0
	for _, st := range parts {
		n := max(l.types[st.in[0]].Elements(), l.types[st.out[0]].Elements())
		work += n * max(1, slowRows[st.op.Name])
	}
	return max(1, min(l.set.Workers, work/rowWork))
}

// isFloat says whether the kernels compute on an element type as on a float.
func isFloat(d tensor.DType) bool { return d == tensor.Float32 || d == tensor.Float64 }
