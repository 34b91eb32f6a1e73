// Package memory is a transport inside one process: for nodes that share a machine's memory, and for tests.
//
// A node that joins a Network gets a Port, which keeps the contract of package transport: whoever joined under an id is
// that peer. Each pair of peers has a queue for each direction, and a goroutine that calls the receiver as long as the
// queue is not empty; an idle pair costs no goroutine.
//
// The network can be made faulty. With Options.Break links break, with all the reports that the contract promises. With
// Options.Drop, Duplicate and Reorder single messages are lost, repeated and overtaken, which no wire of packets in
// order would do, and without a report: that is harder than the contract, for nodes that must stand it. Each ordered
// pair of peers has its own generator, which is seeded by Options.Seed and the two names, and each message takes the
// same count of numbers from it; so what happens to the n-th message of a pair does not depend on what happens
// elsewhere.
//
// A peer that joins again gets nothing that was sent to its earlier life. The bytes of a message are shared between
// sender and receivers, and nobody may change them after Send.
package memory
