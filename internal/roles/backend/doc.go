// Package backend runs tensor graphs of standard ONNX operators on the CPU, with the same bits on every machine.
//
// A graph is compiled once into a Plan, which is run many times, by any number of goroutines at once. Compiling checks
// every operator, name and shape. Running allocates the outputs and nothing else: all other memory comes from a pool.
//
// A Plan goes through these forms, one file each:
//
//  1. source.go: names become numbers; order, operators and dead nodes are checked once.
//  2. lower.go: for given shapes of the inputs every type is known; what depends on constants alone is computed.
//  3. fuse.go: neighbours that gain from it become one step, without changing a bit of the result. sparse.go: a table of
//     zeros to which few rows are added is these rows. sweep.go: what is done to the parameters is one step.
//  4. attend.go: an attention becomes one step, which goes over the scores of each head by some queries at once; so does
//     its way back. No bit changes.
//  5. chain.go: row-wise steps in a row become one, which works on a few rows at a time, so that what they hand on to
//     each other stays in the cache. Again no bit changes.
//  6. place.go: values get memory; a value with one reader gives its memory to that reader's result.
//  7. program.go: the steps run in order.
//
// Inputs of which a dimension is open, or whose values decide a shape (such as the target of a Reshape), make a Plan
// keep a bounded number of programs, one per combination that it has met.
//
// Determinism rests on package kernel: fixed orders of summation, products that round as the rules say, our own
// elementary functions. The scalar loops and the vector loops give the same bits; every NaN of an output that a program
// computes is one and the same NaN.
package backend
