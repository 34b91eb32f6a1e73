// Package rhizome runs nodes of federated and decentralised machine learning that can be stopped at any instant, by
// anything, and go on exactly where they were.
//
// # In short
//
// A choreography is one program for the whole network, recorded with package graph. Compile makes a Program of it,
// which holds the part of each place. Open runs one place's part as a node in a directory:
//
//	p, err := rhizome.Compile(g)
//	n, err := rhizome.Open(ctx, "state", rhizome.Config{Program: p, Place: "peer", Transport: libp2p.Config{Listen: addrs}.Open})
//	err = n.Call(ctx, "start", value.Int(7)) // durable when it returns
//	for ev := range n.Events(ctx) { … }      // numbered; each is acknowledged when its turn of the loop ends
//	err = n.Close(ctx)
//
// Know tells it where a peer is; Allow, Block and Unblock say who may talk to it. Snapshot gives its complete state.
//
// Everything that reaches a node is in its journal before anything leaves that depends on it, and a snapshot holds the
// complete state in flight. Kill the process, and Open brings the node back to the last durable input: nothing
// acknowledged is lost, nothing is applied twice.
//
// A Job is a whole network of nodes of one program: Run runs it in this process, each node durable in a folder of its
// own; Simulate runs the same nodes in virtual time, with losses and kills, and gives the same bytes each time.
//
// # Glossary
//
//   - Choreography: one program for the whole network. The compiler cuts it into the part of each place.
//   - Place: a part that nodes play, such as "server" or "clients". A value lives at a place; an op runs where its
//     inputs live.
//   - Edge: what carries values from one place to another. A send, a request or a reply names one.
//   - Site: where a value lands in the program of a place. Sites are numbered by the compiler, the same on every node
//     with the same program.
//   - Activation: one run of a function of the program, such as one round or the answer to one message.
//   - Component: what a node holds in a slot, with methods that the program invokes and a state that is in every
//     snapshot.
//   - Slot: the name of a component in a program, such as "model". Two slots may hold components of one kind.
//   - Role: what a component is for, such as "data" or "aggregator". Components of one role take the place of each
//     other.
//   - Kind: which implementation of its role a component is, such as "digits", with a version of its state and
//     settings.
//   - Peer: another node, known by its key (a libp2p peer id), wherever it is.
//   - Member: a peer that plays a place for a node, listed by component.Context.Peers: those of Config.Peers, and those
//     whom the operator of a network of the command rhizome let in. Config.Anyone makes no members: any peer whom the
//     node admits then plays the place (Context.Plays), and a component notes who came, as the kind registry does of
//     clients that join.
//   - Journal: the numbered inputs of a node on its disk. No effect leaves a node before the input that caused it is
//     durable.
//   - Snapshot: the complete state of a node in flight, also called a checkpoint. A start reads the newest one and
//     replays the journal after it.
//   - Incarnation: one life of a node, from a start to its end. Peers refuse what an older incarnation sends.
//   - Epoch: a stretch of incarnations whose messages are numbered on without a gap. A node that cannot vouch for its
//     journal's end, such as one from a backup, begins a new one.
//   - Exactly once: each message and each contribution has one effect, however often it is sent again. Its number in
//     the epoch tells.
//
// # Where to look
//
// Package graph is the language of choreographies, and types says what is known of the values in them; value and tensor
// are what travels. Package component is the contract of what an author adds to a node, and componenttest holds a
// component against it. Package strategy is how a federated job learns, dataset where its samples come from, codec what
// makes values smaller on their way: one file for each. Package transport is the contract of what carries messages
// (transport/memory within a process, transport/libp2p between machines), which transporttest proves. Package snapshot
// is the schema of a node's state. The command rhizome runs built-in kinds of jobs.
package rhizome
