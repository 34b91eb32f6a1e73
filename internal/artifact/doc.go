// Package artifact says how programs are written in ONNX models: the names of domains and metadata keys, the records of
// component slots and edges, and the digest.
//
// There are two forms. A choreography is what an author records: one main graph for all places, sub-modules and
// bootstraps as functions. An artifact is what the compiler makes of it: one function per activation and place, and
// tensor functions. Package graph writes the first, compile reads it and writes the second, program reads that.
package artifact
