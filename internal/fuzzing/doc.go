// Package fuzzing runs the fuzz targets of the tree. A target calls Run in place of f.Fuzz. As a test, and under go
// test -fuzz, that is the same. For `rhizome prove hostile` a test binary that counts coverage is told by its
// environment to try a number of inputs by itself, in one process and without a word between two of them: ten times as
// many as go test -fuzz. Inputs that reach a statement that none before them reached are kept, and mutated further.
package fuzzing
