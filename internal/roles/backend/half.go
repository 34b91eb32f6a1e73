package backend

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// isHalf says whether a value is of a float of 16 bits, in which nothing computes.
func isHalf(t onnxop.Type) bool { return t.DType == tensor.Float16 || t.DType == tensor.BFloat16 }

// widen makes a step that computes on floats of 16 bits one that computes on float32: what it reads is widened, which
// is exact, and each result is rounded to its type once.
func (l *lowered) widen(st *step) error {
	wide := *st
	wide.in, wide.out = append([]int(nil), st.in...), append([]int(nil), st.out...)
	for i, id := range st.in {
		if id >= 0 && isHalf(l.types[id]) {
			wide.in[i] = l.wider(id)
			if err := l.schedule(castStep(id, wide.in[i], tensor.Float32)); err != nil {
				return err
			}
		}
	}
	for i, id := range st.out {
		if isHalf(l.types[id]) {
			wide.out[i] = l.wider(id)
		}
	}
	if err := l.schedule(&wide); err != nil {
		return err
	}
	for i, id := range st.out {
		if id != wide.out[i] {
			if err := l.schedule(castStep(wide.out[i], id, l.types[id].DType)); err != nil {
				return err
			}
		}
	}
	return nil
}

// wider adds a value of the shape of another, of float32.
func (l *lowered) wider(id int) int {
	l.types = append(l.types, onnxop.Type{DType: tensor.Float32, Shape: l.types[id].Shape})
	return len(l.types) - 1
}

// castStep is a Cast of one value to another.
func castStep(from, to int, d tensor.DType) *step {
	n := onnx.Node("", "Cast", "", []string{""}, []string{""}, onnx.AttrInt("to", int64(d)))
	return &step{def: kernels[kernelKey{"", "Cast"}],
		sourceNode: sourceNode{proto: n, op: onnxop.Lookup("", "Cast"), in: []int{from}, out: []int{to}}}
}
