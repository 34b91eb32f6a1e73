// Package engine is the sans-IO state machine that runs one node's part of a program. It is two things put together:
// the dataflow machine of package dataflow, which runs activations and knows of no peer, and the node's session with
// its peers, which is here: who may talk, what is sent and taken in which order, questions and their answers, loans,
// pressure, members, lives. The tables of the session are in package peer. What an op asks of it, it asks through the
// type outside.
//
// # The contract of Poll
//
// An Engine is thread-unsafe: one caller at a time. It owns no clock, file, socket, goroutine or global random source;
// (State, now, events) → (State', Output) is a pure function, so the same inputs give the same bytes on every machine.
//
// The single-mutation rule: State changes only inside Deliver and Poll (and the component calls that Poll makes).
// The drain rule: the Output of a Poll is valid until the next Poll; take everything out of it first.
// The closed set of outputs, in order: Envelopes and AppEvents, which may leave only once the inputs that were
// delivered before this Poll are durable; Commands, which may start at once, because a worker's result comes back as an
// input; Peers, what became of other nodes, which the host may act on at once and is told once; Wake, the engine time
// at which Poll is due even if nothing arrives; More, that work is left and Poll is due now; Trace.
//
// The host's loop in six steps:
//  1. take what arrived: envelopes, completions, calls; read the clock
//  2. Deliver each; one that is refused is not journaled: its error says why
//  3. out := Poll(now)
//  4. append the accepted inputs, now and out.Digest() to the journal
//  5. start out.Commands; when the journal is durable up to step 4, send out.Envelopes and out.AppEvents
//  6. wait until out.Wake or an arrival, at once if out.More
//
// The engine owns: order, readiness, activation, deadlines, retry, dedup, acknowledgement, resend, bounds.
// The host owns: the clock, durability, workers, sockets, and acknowledging app events after it has stored them.
package engine
