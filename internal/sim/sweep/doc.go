// Package sweep is the list of the runs of a job over settings and seeds, and what came of them. It runs nothing. The
// list has an order; a shard i/n has of it each n-th run from run i on, and keeps what came of them in a file of its
// own: JSON lines, of which the first, a Head, says what sweep it is, and each other, a Run, what came of one run. The
// file is replaced whole with each run, so that it is whole whenever its process is killed, and goes on from there.
// Merge puts files together, of whatever shards, and gives what one process would have.
//
// Equal runs give equal lines: nothing in them is of the machine or of real time.
package sweep
