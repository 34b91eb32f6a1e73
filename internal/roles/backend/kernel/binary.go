package kernel

// Rows is an elementwise operator of two operands on one run of elements: both operands in step, or one of them the
// same for the whole run. The output may be the very slice of an operand in step.
type Rows[T, R any] struct {
	VV func(dst []R, a, b []T)
	VS func(dst []R, a []T, b T)
	SV func(dst []R, a T, b []T)
}

// Binary applies an operator along the way of its two broadcast operands. dst may be the very slice of an operand that
// has as many elements as the result.
func Binary[T, R any](w *Walk, op *Rows[T, R], dst []R, a, b []T) {
	if len(w.outer) == 0 {
		op.run(w, dst[:w.Len], a, b)
		return
	}
	w.Runs(func(at int, off [operandsMax]int) {
		op.run(w, dst[at:at+w.N], a[off[0]:], b[off[1]:])
	})
}

func (op *Rows[T, R]) run(w *Walk, dst []R, a, b []T) {
	n := len(dst)
	switch {
	case n == 0:
	case w.Step[0] != 0 && w.Step[1] != 0:
		op.VV(dst, a[:n], b[:n])
	case w.Step[0] != 0:
		op.VS(dst, a[:n], b[0])
	case w.Step[1] != 0:
		op.SV(dst, a[0], b[:n])
	default: // one element, or both repeat: all results are the same
		a0, b0 := [1]T{a[0]}, [1]T{b[0]}
		op.VV(dst[:1], a0[:], b0[:])
		for i := range dst[1:] {
			dst[i+1] = dst[0]
		}
	}
}

// Lift makes an operator from a function of two elements.
func Lift[T, R any](f func(a, b T) R) Rows[T, R] {
	return Rows[T, R]{
		VV: func(dst []R, a, b []T) {
			for i, x := range a {
				dst[i] = f(x, b[i])
			}
		},
		VS: func(dst []R, a []T, y T) {
			for i, x := range a {
				dst[i] = f(x, y)
			}
		},
		SV: func(dst []R, x T, b []T) {
			for i, y := range b {
				dst[i] = f(x, y)
			}
		},
	}
}

// Where writes to dst the elements of a where c holds and those of b elsewhere; w has the operands c, a, b. dst may be
// the very slice of a or b that has as many elements as the result.
func Where[T any](w *Walk, dst []T, c []bool, a, b []T) {
	sc, sa, sb := w.Step[0], w.Step[1], w.Step[2]
	w.Runs(func(at int, off [operandsMax]int) {
		ic, ia, ib := off[0], off[1], off[2]
		d := dst[at : at+w.N]
		for i := range d {
			x := b[ib]
			if c[ic] {
				x = a[ia]
			}
			d[i] = x
			ic, ia, ib = ic+sc, ia+sa, ib+sb
		}
	})
}
