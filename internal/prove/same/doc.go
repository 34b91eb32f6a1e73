// Package same proves that a seed gives the same bytes wherever it runs. For each seed one line says what came of it:
// of a run in the simulator every packet, event and last state, and its model; of two nodes that lost power the bytes
// on their disks, journals and snapshots among them; of a random program the trace of each step. Other builds of this
// program, with other settings of the runtime, under the race detector and for another processor, are asked for the
// same lines.
package same
