// Package synthetic makes a node's own samples out of the job's seed, as the component kind "synthetic" version 1: a
// classification of two classes with any number of features, for simulations of many nodes.
//
// Features are uniform, a plane through 0 that the seed decides says the class, and a share of the labels is turned round.
// A node makes its own samples without holding those of others: they are a function of the seed and of its partition, or of
// its peer id where it is given no partition. The test's samples are a function of the seed alone.
//
// Samples are made when they are first asked for, so that a node that does nothing holds none.
//
// Ops of the component, as of kind "digits":
//
//	Begin(round Int)                 → samples Int, steps Int
//	NextBatch(step Int, round Int)   → x, y    float32 [batch, features] and int64 [batch]
//	Reset(trigger)                   → trigger
//	Loaded(trigger)                  → samples Int
//	Test(trigger)                    → x, y    the held-out samples
package synthetic
