//go:build arm64 && !purego

package kernel

import "unsafe"

// haveRows says whether there is a loop for single rows: there is none, and fusedRow is never called.
const haveRows = false

func fusedRow(_, _ *float32, _ *int32, _ *float32, _, _ int) {}

// turnsPanels says that turn16 is faster than a loop: it is one.
const turnsPanels = false

// gatherPanel writes for each term what up to tileCols positions meet, as a row of a panel.
func gatherPanel(panel, frames *float32, deltas *int32, terms int, runs *run, n int) {
	all, dst := unsafe.Slice(runs, n), unsafe.Slice(panel, terms*tileCols)
	for t, d := range unsafe.Slice(deltas, terms) {
		for _, r := range all {
			copy(dst[t*tileCols+r.at/4:], valuesAt(frames, r.src+int(d)*4, r.n))
		}
	}
}

// gatherRows writes for each term what the positions of a block meet, as rows stride bytes apart.
func gatherRows(rows *float32, stride int, frames *float32, deltas *int32, terms int, runs *run, n int) {
	all := unsafe.Slice(runs, n)
	for t, d := range unsafe.Slice(deltas, terms) {
		for _, r := range all {
			copy(valuesAt(rows, t*stride+r.at, r.n), valuesAt(frames, r.src+int(d)*4, r.n))
		}
	}
}

// turn16 writes tileCols rows of terms values, stride bytes apart, as a panel.
func turn16(panel, rows *float32, stride, terms int) {
	dst := unsafe.Slice(panel, terms*tileCols)
	for q := range tileCols {
		for p, v := range valuesAt(rows, q*stride, terms) {
			dst[p*tileCols+q] = v
		}
	}
}

// valuesAt are n values that begin some bytes behind the first.
func valuesAt(first *float32, bytes, n int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(first), bytes)), n)
}
