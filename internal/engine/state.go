package engine

import (
	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// State is everything about a node's session with its peers that changes, as plain data, and with that of its machine
// all that changes at all; behaviour is rebuilt from the Program (law plain-state). A field is encoded into the
// snapshot, or it stands on the list of derived fields in state_test.go.
//
// What every Poll looks at stands first, so that it is in few cache lines.
type State struct {
	phase uint32 // where a Poll stands; 0 between polls

	ingress      []ingress // FIFO
	fresh        uint32    // of these, at the end, no Poll has seen
	ingressBytes int       // derived: recomputed on restore and checked against the running figure

	// counters of identities
	nextRequest, nextToken uint64

	// peers
	streams  *peer.Streams
	governor *peer.Governor
	backoff  *peer.Backoff
	requests *peer.Requests
	book     *peer.AddressBook
	pressure *peer.Pressure
	roster   *peer.Roster // nil until a peer is admitted
	loans    *peer.Loans
	borrowed []*borrowed // ascending by lender, epoch and number
	arrivals []*arrival  // ascending by number
	waiting  int         // bytes that arrivals are charged

	// identity
	limits      *Limits // that hold; shared, read-only
	wanted      *Limits // that take effect when no input waits; or nil
	self        wire.PeerID
	incarnation uint64
	epoch       uint64 // of own streams
	start       uint64 // of the present life; 0 where it was not told
	proof       []byte // of that start, for peers; or nil
	asking      uint64 // stands in own questions and tokens, so that no two lives give out the same; 0 stands for epoch
}

// ingress is an input that was accepted and not yet processed; env is the decoded form of an envelope.
type ingress struct {
	event *Event
	env   *wire.Envelope
	bytes int
}
