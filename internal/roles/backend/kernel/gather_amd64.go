//go:build amd64 && !purego

package kernel

// haveRows says whether there is a loop for single rows.
const haveRows = true

// turnsPanels says that turn16 is faster than a loop.
const turnsPanels = true

// gatherPanel writes for each term what up to tileCols positions meet, as a row of a panel. It reads tileCols values
// from each run's first, and writes as many behind the panel.
//
//go:noescape
func gatherPanel(panel, frames *float32, deltas *int32, terms int, runs *run, n int)

// gatherRows writes for each term what the positions of a block meet, as rows stride bytes apart. It reads and writes
// up to 7 values behind the last.
//
//go:noescape
func gatherRows(rows *float32, stride int, frames *float32, deltas *int32, terms int, runs *run, n int)

// turn16 writes tileCols rows of terms values, stride bytes apart, as a panel; terms up to the next multiple of 8.
//
//go:noescape
func turn16(panel, rows *float32, stride, terms int)

// fusedRow writes n sums, n a multiple of 16, of terms products of a with what positions side by side meet.
//
//go:noescape
func fusedRow(dst, frame *float32, deltas *int32, a *float32, terms, n int)
