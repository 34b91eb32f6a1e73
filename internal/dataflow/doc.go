// Package dataflow is the machine that runs the activations of one node's part of a program. It knows of no peer,
// stream or envelope: what an op asks of anything beyond the node, it asks of its Outside, and package engine is that
// for a node.
//
// # Dataflow
//
// An activation is one run of a function and has a Frame: a dense table of slots. An op fires exactly once per
// activation, when all its inputs have arrived; readiness is counted, not searched (trap uncounted-readiness). A
// failure is a value: it travels along the edges, fails the ops that read it, and ends at an Any or a Catch, at the
// asker of a request, or at the host as the app event FailureEvent.
//
// # The contract
//
// A Machine is thread-unsafe and owns no clock, file, socket, goroutine or global random source. Between Begin and
// Finish its surroundings call the phases PollFrontier, PollBus, PollTimers, PollCompletions and PollLifecycle, in an
// order of theirs that is the same in each Poll; what the machine wants from the world stands at the end of the lists
// of Config.Output. Its state changes only in these calls and in those which its Outside makes meanwhile.
//
// Its state is plain data. Snap and Capture put it into the message of a snapshot, between any two ops; a new machine
// takes it back by its Restore methods, and cannot be told apart from the one that was captured.
package dataflow
