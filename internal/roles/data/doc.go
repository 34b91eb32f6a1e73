// Package data feeds a node's own samples to its training: it serves any source of package dataset by a cursor that is
// state.
//
// From the job's seed alone follow: which fifth of each class is held out for the test, which samples each partition
// holds, and the order in which a partition's samples are read in a round and epoch. So every node knows its part
// without asking, a killed node reads on where it was, and two runs with one seed see the same batches.
//
// A node may train on rows of its own in place of a partition: its host reads them and gives them with the slot, and
// their hash stands in the node's options, so that a restart with other rows is refused.
//
// It stands in artifacts as three kinds, whose settings are different and whose ops are the same: "source" names its
// source in its settings; "digits" and "synthetic" are what earlier releases had, and serve just that. A program that
// brings a source of its own serves it by Serve.
//
// Ops of the component:
//
//	Begin(round Int)                 → samples Int, steps Int   puts the cursor at the start of the round
//	NextBatch(step Int | trigger)    → x, y                     a step of the round, or the step at the cursor
//	NextBatch(step Int, round Int)   → x, y                     the same without regard to the cursor's round
//	Reset(trigger)                   → trigger                  puts the cursor back to the start of its round
//	Loaded(trigger)                  → samples Int
//	Test(trigger)                    → x, y                     the held-out samples
//	Tests(trigger)                   → samples Int, steps Int   of the test, in batches
//	TestBatch(step Int)              → x, y, weights            weights are 1, or 0 where a batch was filled up
//	Turn(round Int)                  → turn                     the round as a tensor
//	Pass(round Int)                  → batches Int              of a round's, that are one pass over the samples
//	Moments(trigger)                 → counts, sums, squares    of the own samples' features, exact
//
// x is [batch, …] with the shape and type of the source's features, y is [batch] of its labels. Each batch has the full
// size: the last one of an epoch is filled up from the beginning of the epoch's order, so that the plans of all steps
// have one shape. The kind "synthetic" keeps no cursor, and takes both step and round.
package data
