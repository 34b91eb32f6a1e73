package kernel

// rankMax bounds the dimensions of a Walk; it is that of tensors.
const rankMax = 16

// operandsMax bounds the operands of a Walk.
const operandsMax = 3

// Walk is the way over a tensor in row-major order in step with operands of other strides. It is made once for given
// shapes and is immutable. Dimensions that can be joined are joined, so that the innermost one is as long as can be.
type Walk struct {
	Len   int              // elements of the tensor
	N     int              // elements of one innermost run
	Step  [operandsMax]int // what an operand's offset grows by from one element of a run to the next: 0 or its stride
	outer []outerDim       // from the outermost
}

type outerDim struct {
	n    int
	step [operandsMax]int
}

// NewWalk returns the way over a tensor of that shape; strides holds one stride per dimension for each operand.
func NewWalk(shape []int, strides ...[]int) Walk {
	w := Walk{Len: 1}
	var dims []outerDim
	for i, n := range shape {
		w.Len *= n
		if n == 1 {
			continue
		}
		d := outerDim{n: n}
		for j, s := range strides {
			d.step[j] = s[i]
		}
		if last := len(dims) - 1; last >= 0 && joins(dims[last], d) {
			d.n *= dims[last].n
			dims[last] = d
			continue
		}
		dims = append(dims, d)
	}
	if len(dims) == 0 {
		w.N = 1
		return w
	}
	last := dims[len(dims)-1]
	w.N, w.Step, w.outer = last.n, last.step, dims[:len(dims)-1]
	return w
}

// joins says whether stepping over the whole inner dimension is the same as one step of the outer one.
func joins(outer, inner outerDim) bool {
	for j := range outer.step {
		if outer.step[j] != inner.n*inner.step[j] {
			return false
		}
	}
	return true
}

// Broadcast returns the way over a result of shape out in step with operands that broadcast to it.
func Broadcast(out []int, operands ...[]int) Walk {
	strides := make([][]int, len(operands))
	for j, shape := range operands {
		s := make([]int, len(out))
		step, pad := 1, len(out)-len(shape)
		for i := len(shape) - 1; i >= 0; i-- {
			if shape[i] != 1 {
				s[pad+i] = step
			}
			step *= shape[i]
		}
		strides[j] = s
	}
	return NewWalk(out, strides...)
}

// Runs calls f for every innermost run in order, with the offset of its first element in the tensor and in each
// operand.
func (w *Walk) Runs(f func(at int, operand [operandsMax]int)) {
	if w.Len == 0 {
		return
	}
	var index [rankMax]int
	var off [operandsMax]int
	for at := 0; ; at += w.N {
		f(at, off)
		d := len(w.outer) - 1
		for ; d >= 0; d-- {
			o := &w.outer[d]
			index[d]++
			for j := range off {
				off[j] += o.step[j]
			}
			if index[d] < o.n {
				break
			}
			for j := range off {
				off[j] -= o.n * o.step[j]
			}
			index[d] = 0
		}
		if d < 0 {
			return
		}
	}
}

// Each calls f for every element in order, with its offset in each operand.
func (w *Walk) Each(f func(at int, operand [operandsMax]int)) {
	w.Runs(func(at int, off [operandsMax]int) {
		for i := range w.N {
			f(at+i, off)
			for j := range off {
				off[j] += w.Step[j]
			}
		}
	})
}

// Strides returns the strides of a dense row-major tensor.
func Strides(shape []int) []int {
	s := make([]int, len(shape))
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = step
		step *= shape[i]
	}
	return s
}

// Copy writes to dst the elements of src along the way, from an offset on: transposition, slicing and repetition are
// all this. dst and src must not overlap.
func Copy[T any](w *Walk, dst, src []T, offset int) {
	step := w.Step[0]
	w.Runs(func(at int, off [operandsMax]int) {
		d, s := dst[at:at+w.N], offset+off[0]
		switch step {
		case 1:
			copy(d, src[s:])
		case 0:
			x := src[s]
			for i := range d {
				d[i] = x
			}
		default:
			for i := range d {
				d[i] = src[s]
				s += step
			}
		}
	})
}
