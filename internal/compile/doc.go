// Package compile makes an artifact of a choreography: one part for each place, with the receives written, tensor ops
// fused, and every id fixed by the artifact alone.
//
// The passes run in this order, one file each:
//
//	validate   every function against the catalogue: names, order, ports, attributes, slots
//	expand     sub-modules are put in the place of their calls; the bodies of If, Loop and Call stay callable
//	infer      types and shapes
//	place      where each op runs
//	gradients  Gradient becomes tensor ops
//	cut        Send, Request and Reply become edges, their receives are written, and each place gets its functions
//	bind       ops to component slots, by name
//	fuse       tensor ops to tensor functions
//	edges      which values of an edge need no payload
//	deadlines  of edges and ops
//	seal       ids, the model, the digest
//
// Every pass goes over all functions: the main graph, the bootstraps, the sub-modules and the bodies (trap
// first-function-only). All of it is pure: the same model gives the same bytes. Nothing here is safe for concurrent
// use, but two compilations do not share anything.
package compile
