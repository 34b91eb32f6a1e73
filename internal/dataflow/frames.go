package dataflow

import "slices"

// frames are the activations that are alive, ascending by exec: new ones come at the end, and most end near the
// beginning.
type frames struct{ list []*Frame }

func (t *frames) len() int { return len(t.list) }

// find returns the place of exec, and whether it is there.
func (t *frames) find(exec uint64) (int, bool) {
	if n := len(t.list); n <= 8 {
		for i, f := range t.list {
			if f.Exec >= exec {
				return i, f.Exec == exec
			}
		}
		return n, false
	}
	return slices.BinarySearchFunc(t.list, exec, func(f *Frame, exec uint64) int {
		switch {
		case f.Exec < exec:
			return -1
		case f.Exec > exec:
			return 1
		}
		return 0
	})
}

// get returns the frame of an activation, or nil.
func (t *frames) get(exec uint64) *Frame {
	if i, ok := t.find(exec); ok {
		return t.list[i]
	}
	return nil
}

// add puts in a frame whose exec is higher than all.
func (t *frames) add(f *Frame) { t.list = append(t.list, f) }

func (t *frames) remove(exec uint64) {
	i, ok := t.find(exec)
	switch {
	case !ok:
	case len(t.list) == 1:
		t.list[0] = nil
		t.list = t.list[:0]
	case i == 0:
		t.list[0] = nil
		t.list = t.list[1:] // growing copies what is left to the beginning of a new list
	default:
		t.list = slices.Delete(t.list, i, i+1)
	}
}

// execs returns the activations that are alive, ascending.
func (t *frames) execs() []uint64 {
	out := make([]uint64, len(t.list))
	for i, f := range t.list {
		out[i] = f.Exec
	}
	return out
}
