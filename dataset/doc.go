// Package dataset is what a user brings as data, and what comes with the project: a source of samples, or a partitioner
// that deals samples to clients, is one file of this package and its test.
//
// A Source has a Schema and numbered samples, and reads them by number into memory that it is given. It has no cursor,
// no order and no chance: which samples a node trains on, in which order, and where it was when it was stopped is the
// work of the component that reads it. A source that is larger than memory reads from its file; nothing asks for the
// whole of it.
//
// A Kind makes sources: it opens what every node has of itself (Digits are embedded, Synthetic draws them from the
// seed), parses a file that somebody brings (CSV), or both. A Partitioner deals the samples of one source to clients,
// drawn from the seed, so that every node knows its part without asking.
//
// A file of this package registers its kind in init. A program with a kind of its own hands it to rhizome.Source
// instead.
package dataset
