// Package memory is a transport inside one process: for nodes that share a machine, and for tests.
//
// Network is for real time: each node that joins gets a Port with one goroutine, which calls its receiver for one message
// after the other, from a bounded queue. Virtual is the same network for one thread and virtual time: a priority queue that
// its owner drains, so that a run can be repeated to the byte.
//
// Both can be made faulty: messages are dropped, repeated, delayed and reordered. Each ordered pair of peers has its own
// generator, which is seeded by Options.Seed and the two names, and each message takes the same count of numbers from it; so
// what happens to the n-th message of a pair does not depend on what happens elsewhere.
//
// Promises:
//
//  1. Messages of a pair arrive in the order of sending, apart from those that Options.Reorder lets fall behind and from
//     repetitions, which come later.
//  2. What was sent to a port that closed meanwhile is lost and counted, like what is under way to a machine that stops. A
//     peer that joins again gets nothing that was sent to its earlier life.
//  3. Send never blocks: a full queue is an *OverflowError, and a peer that is not there is an *UnreachableError.
//  4. The bytes of a message are shared between sender and receivers, and nobody may change them after Send.
package memory
