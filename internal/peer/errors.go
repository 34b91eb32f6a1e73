package peer

import (
	"fmt"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// FullError says that a table has no room; the caller can wait or give up.
type FullError struct {
	What string // what is full, such as "outbox bytes"
	Max  int    // its bound
}

// Error names the table and its bound.
func (e *FullError) Error() string {
	return fmt.Sprintf("peer: %s: no room, at most %d", e.What, e.Max)
}

// NotAdmittedError says that the governor does not let a peer in.
type NotAdmittedError struct {
	Peer   wire.PeerID
	Reason string // "blocked" or "not on the allowlist"
}

// Error names the peer and the reason.
func (e *NotAdmittedError) Error() string { return fmt.Sprintf("peer: %s is %s", e.Peer, e.Reason) }

// Code is the word under which such a refusal is counted: the first of the reason, and for a peer that is on no list
// "allowlist".
func (e *NotAdmittedError) Code() string {
	if e.Reason == "not on the allowlist" {
		return "allowlist"
	}
	word, _, _ := strings.Cut(e.Reason, ":")
	return word
}

// StaleError says that an envelope comes from an earlier life of its sender, or from a stream that it has given up.
type StaleError struct {
	Peer wire.PeerID
	// What is "incarnation", "epoch", "start" for another life with the incarnation that was seen, or "number" for a
	// life whose numbers begin at one that was taken from a life before it.
	What      string
	Got, Seen uint64 // what the envelope says, and the newest that was seen
}

// Error names the peer and both numbers.
func (e *StaleError) Error() string {
	return fmt.Sprintf("peer: %s: %s %d is over, %d was seen", e.Peer, e.What, e.Got, e.Seen)
}

// NumberError says that an envelope's number or base cannot be taken now.
type NumberError struct {
	Peer   wire.PeerID
	Number uint64
	Reason string // what is wrong, and what would be right
}

// Error names the peer, the number and what is wrong with it.
func (e *NumberError) Error() string {
	return fmt.Sprintf("peer: %s: number %d: %s", e.Peer, e.Number, e.Reason)
}

// AckError says that a peer acknowledged what was never sent to it.
type AckError struct {
	Peer              wire.PeerID
	Epoch, UpTo       uint64 // what it acknowledged
	OwnEpoch, OwnUpTo uint64 // what was sent to it
}

// Error names the peer, what it acknowledged and what was sent.
func (e *AckError) Error() string {
	return fmt.Sprintf("peer: %s acknowledged epoch %d up to %d; sent were epoch %d up to %d", e.Peer, e.Epoch, e.UpTo,
		e.OwnEpoch, e.OwnUpTo)
}

// EpochError says that a new epoch is not newer than the current one.
type EpochError struct{ Got, Current uint64 }

// Error names both epochs.
func (e *EpochError) Error() string {
	return fmt.Sprintf("peer: new epoch %d, want more than %d", e.Got, e.Current)
}

// DuplicateError says that a question is known already.
type DuplicateError struct {
	Peer    wire.PeerID
	Request wire.Request
}

// Error names the peer and the question.
func (e *DuplicateError) Error() string {
	return fmt.Sprintf("peer: %s: request %d of epoch %d is known already", e.Peer, e.Request.ID, e.Request.Epoch)
}

// RestoreError says that a snapshot's table is not sound.
type RestoreError struct {
	Table  string // which table
	Entry  string // which entry of it, by peer or number
	Reason string // what is wrong, and what would be right
}

// Error names the table, the entry and what is wrong with it.
func (e *RestoreError) Error() string {
	return fmt.Sprintf("peer: restore %s, entry %s: %s", e.Table, e.Entry, e.Reason)
}
