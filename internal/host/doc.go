// Package host runs one node for real: it owns the only goroutines, the clock, the journal and the workers.
//
// Two layers stand here. A Durable is a node together with its journal and its snapshots, without a goroutine or a
// clock: every Step journals what it fed to the node, and opening a directory again brings back the node as it was. A
// Host drives a Durable with goroutines: one that steps, one that syncs, one that releases effects, and shared workers.
//
// The order that law durable-first asks for is kept in one place: Step returns the number of the record that holds its
// inputs, and the Host releases envelopes and app events only after the journal is durable up to that number.
// Acknowledgements between nodes ride on envelopes, so they are only ever given for durable input.
package host
