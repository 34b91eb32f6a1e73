// Package prove runs the floors of the project's promises: how often each was tried, and that it held every time. A
// part is one promise with its floors; its work is numbered by seeds, and a seed is all that is needed to see one trial
// again. The parts are spread over processes of this very program, one for each processor, because the thing that is
// proven is a single-threaded machine.
//
// A part stands in a package below this one, or in package sim, and knows nothing of processes, bars and ledgers: it
// asks its Shard for seeds and adds to its counts.
package prove
