// Package peer holds what a node knows of its peers: where they are (AddressBook), who may talk and who is well
// (Governor), whom to leave alone for a while (Backoff), the numbered streams in both directions (Streams) with the
// round-trip times (RTT) and silences (Silence) of peers, who was asked to hold data back (Pressure), and the questions
// that are open (Requests).
//
// All of it is plain data under one owner: thread-unsafe, without a clock (engine time in nanoseconds is an argument),
// without a random source (a function that gives 64 bits is an argument), and with a deterministic order in all that it
// returns. Every table is bounded; what does not fit is a *FullError, or is evicted where the comment of the type says
// so.
//
// Each table has a Snapshot that gives its snapshot messages and a Restore that takes them back. Restore checks
// everything and returns a new table or a *RestoreError; the snapshot of a restored table equals the one that it came
// from.
//
// # The streams, as promises
//
//  1. The envelopes to a peer are numbered from 1 within the sender's epoch, without gaps, in the order of Push.
//  2. An envelope stays in the outbox until the peer acknowledged its number in this epoch; then it and all before it
//     leave.
//  3. A receiver takes each (peer, epoch, number) once. It goes by the number alone and never by content (trap
//     dedup-by-content).
//  4. What is taken out of order is remembered within a window; what lies beyond the window is refused and comes again.
//  5. An older epoch or incarnation than was seen is refused: it is a zombie's.
//  6. A new epoch of a peer starts its numbers anew. NewEpoch does that on this side and keeps the order of what is
//     unacknowledged.
//  7. A receiver that lost numbers which it had acknowledged is told by the sender's base that they never come again;
//     it goes on after them and reports how many were lost.
//  8. A life of this node greets each peer until the peer has said that it heard of it. Until then an acknowledgement
//     of the peer releases nothing that was given out in a life of which it may not have heard, and what a lost life
//     took is not acknowledged.
package peer
