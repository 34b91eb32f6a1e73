// Package sim runs many real nodes under virtual time: the very same node, engine, journal, peer and wire code as a
// deployment, with the doors to the disk, the clock, chance and the network replaced.
//
// A World is one run. It owns the time: a queue of events, ordered by (time, number), is its only source of progress,
// and one seed decides everything that is left to chance, so the same World with the same seed gives the same bytes,
// whether one thread runs it or, with Options.Threads, several do (ahead.go says how). It is thread-unsafe.
//
// What stands in for what:
//
//	the network  Network: latency, loss, repetition, reordering, corruption, truncation, replay of old packets; and the acts
//	             Partition, Clog. Packets are framed with a checksum, as every transport must; a damaged frame goes no further.
//	the disk     a vfs.Mem for each durable node, with Disk's latencies; power failures, kills and damage are acts
//	the process  host.Driver, which decides for a real host too; Crash, Kill, Pause, Restart are acts
//	the clock    one for each node: its rate and its jumps are acts. Engine time never goes back
//	the workers  Workers: how long a command takes; errors, panics, time-outs and silence are acts
//
// An act is something that the owner of the World does to it at a time, by At. Every act and every fate of a packet is
// counted by its Fault, so that a run shows what it has been through.
package sim
