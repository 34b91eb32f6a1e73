// Package hostile proves that bytes from outside do no harm. Two things are done with each seed.
//
// Envelopes: what nodes of real jobs sent each other is captured, with the state that their receivers were in, and
// mutated as somebody would who knows the format. Each mutant is decoded, and some are delivered to a live node.
// Nothing panics, decoding takes no more memory than wire.Limits.Budget says, what is refused is refused by a typed
// error that is counted, and a node that was fed all mutants equals, to the byte, its twin that was fed only those that
// it accepted.
//
// Decoders: the fuzz targets of the tree are tried by themselves, in test binaries that count coverage (package
// fuzzing). Inputs that reach new code are kept, and mutated further.
package hostile
