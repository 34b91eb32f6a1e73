// Package program holds the compiled form of one node's part of a choreography: dense tables that the engine runs.
//
// A Program is immutable after Load (or Build) and shared by every node of the process that plays the part; it is safe
// for concurrent use. All ids in it come from the artifact alone, so that every peer with the same artifact digest
// agrees on them and they survive restarts.
package program
