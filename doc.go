// Package rhizome runs nodes of federated and decentralised machine learning that can be stopped at any instant, by anything, and go on
// exactly where they were.
//
// # In short
//
// A choreography is one program for the whole network, recorded with package graph. Compile makes a Program of it, which holds the part of
// each place. Open runs one place's part as a node in a directory:
//
//	p, err := rhizome.Compile(g)
//	n, err := rhizome.Open(ctx, "state", rhizome.Config{Program: p, Place: "peer", Transport: libp2p.Config{Listen: addrs}.Open})
//	err = n.Call(ctx, "start", value.Int(7)) // durable when it returns
//	for ev := range n.Events(ctx) { … }      // numbered; each is acknowledged when its turn of the loop ends
//	err = n.Close(ctx)
//
// Know tells it where a peer is; Allow, Block and Unblock say who may talk to it.
//
// Everything that reaches a node is in its journal before anything leaves that depends on it, and a snapshot holds the complete state in
// flight. Kill the process, and Open brings the node back to the last durable input: nothing acknowledged is lost, nothing is applied twice.
//
// A Job is a whole network of nodes of one program: Run runs it in this process, each node durable in a folder of its own; Simulate runs
// the same nodes in virtual time, with losses and kills, and gives the same bytes each time.
//
// # Words
//
// A place is a part that nodes play, such as "server"; values live at a place. An edge carries values from one place to another. A site is
// where a value lands. A component is what a node has in a named slot: its role says what it is for, its kind which implementation
// it is. A member is a peer that plays a place for a node. An incarnation is one life of a node between two starts; an epoch is a stretch
// of lives whose messages are numbered on without a gap.
//
// # Where to look
//
// Package graph is the language of choreographies, component the contract of what an author adds to a node, value and tensor what
// travels, transport what carries it (transport/memory within a process, transport/libp2p between machines), snapshot the schema of a
// node's state. Package job holds the built-in kinds of job, and the command rhizome runs them.
package rhizome
