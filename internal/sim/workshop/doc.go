// Package workshop is a small program, written by hand, that uses everything that a node keeps, and the books that tell
// what must come of it: for the simulator and for the prover of restores.
//
// A hub is called by numbers. Each call is noted once, asked of every leaf of the cohort, and goes through permits,
// timers, a queue, a held value, the bus, a body, commands of workers, ops that fail and are tried again, and parked
// ops. Leaves tell the hub the same thing twice, because equal content is no duplicate; they contribute to rounds,
// twice, one of them too late, one unasked. The clerk at each node counts.
package workshop
