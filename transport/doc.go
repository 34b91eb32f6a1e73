// Package transport says what carries envelopes between nodes: the contract that a transport keeps, and the errors that
// all of them speak. The transports are in the folders below; transporttest holds each against the contract.
//
// # What a transport promises
//
//  1. A peer is who it says it is: the id of a Receive was proven by the peer's key, or assigned by the process itself.
//  2. Packets of one link arrive in the order of Send, whole, and once. A link is what is between a Linked and its
//     Unlinked.
//  3. Nothing is lost without a report: a packet that Send took has left, or Lost names it, or the link that it left on
//     ends with an Unlinked. Whether the last packets of a link arrived is known to the streams of package peer only.
//  4. Send never blocks. What waits for a peer is bounded by count and by bytes; beyond it Send is an *OverflowError.
//  5. A receiver that blocks in Receive slows its sender down, and no other peer.
//  6. A peer that Admit refuses has no link: not before the handshake where the id is known by then, and never after
//     it. It may hear that it is not admitted, and nothing more; a Receiver that Knocks is told of it.
//  7. After Close returns, no call of the Receiver runs or starts, and no goroutine of the transport is left.
package transport
