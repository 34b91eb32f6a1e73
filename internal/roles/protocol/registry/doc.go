// Package registry lets a server know its clients, as the component kind "registry" version 1. It lives at both ends.
//
// A client joins each server that it knows from the start with the number of its samples and a name, and then sends a
// heartbeat in each period. A heartbeat says all that the join said, so that a server which lost its memory learns it
// again; the join itself is applied once and resent until it is acknowledged, heartbeats are best effort. When a server
// comes back as another run, the client joins anew.
//
// A server lists who joined. A member that was not heard of for the time to live lapses: it is no longer a member until
// it is heard of again, but what it joined with stays known, because an answer of it may still be under way. Everything
// is bounded: a peer has one entry however often it joins, and a full list takes a new peer only in the place of one
// that lapsed (a stranger that floods joins finds a typed refusal).
//
// With Config.Edges clients join an edge, which lists them and tells the server who they are; see edge.go.
//
// Ops of the component, at a server:
//
//	Await(round Int)    → trigger        waits until at least Config.Min are members, and fixes who they are for the round
//	Members(trigger)    → List of Peer   sorted
//	Edges(peers)        → List of Peer   the edges that some members joined
//
// and at an edge:
//
//	Mine(peers)         → List of Peer   those that joined it
package registry
