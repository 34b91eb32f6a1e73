package engine

import (
	"encoding/binary"
	"errors"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// The calls of the control plane.
const (
	ControlBlock    = "block"    // keep a peer out
	ControlUnblock  = "unblock"  // take that back
	ControlAllow    = "allow"    // put a peer on the allowlist, which keeps all others out
	ControlDisallow = "disallow" // take it from the allowlist, which stays: empty, it keeps everybody out
	ControlOpen     = "open"     // drop the allowlist
	ControlClose    = "close"    // keep out all that are not on the allowlist
	ControlLearn    = "learn"    // note an address of a peer, or of this node, and hold it
	ControlForget   = "forget"   // hold the peer no more
	ControlGrant    = "grant"    // let a peer call the control plane
	ControlRevoke   = "revoke"   // take that back
)

// controlOps says of each call whether it is about a peer, and whether it takes an address.
var controlOps = map[string]struct{ peer, address bool }{
	ControlBlock: {peer: true}, ControlUnblock: {peer: true}, ControlAllow: {peer: true}, ControlDisallow: {peer: true},
	ControlOpen: {}, ControlClose: {}, ControlLearn: {true, true}, ControlForget: {peer: true},
	ControlGrant: {peer: true}, ControlRevoke: {peer: true},
	ControlAdmit: {peer: true}, ControlRemove: {}, ControlReplace: {}, ControlLeave: {},
}

// aboutMembers says whether a call is one of those about members, which say in several ways whom they are about.
func aboutMembers(op string) bool {
	return op == ControlAdmit || op == ControlRemove || op == ControlReplace || op == ControlLeave
}

// ControlResult says what became of a call of the control plane (trap anonymous-call).
type ControlResult struct {
	ID       uint64 // of the call
	Caller   wire.PeerID
	Op       string
	Peer     wire.PeerID
	Accepted bool
	Code     string // why not: one of the Refused constants
	Reason   string // likewise, in words
	Place    string // of calls about members: the place of the member
	Number   int    // likewise, its number
}

// append adds a form of the result to what is hashed.
func (r *ControlResult) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(append(b, 1), r.ID)
	for _, s := range []string{string(r.Caller), r.Op, string(r.Peer), r.Code, r.Reason} {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	if r.Accepted {
		b = append(b, 1)
	}
	if r.Place != "" {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(r.Place))), r.Place...)
		b = binary.LittleEndian.AppendUint64(b, uint64(r.Number))
	}
	return b
}

// mayControl says whether a caller may do that. The node's own operator may do all; from afar, only peers that it
// granted the right to, and they cannot grant it on.
func (e *Engine) mayControl(c *snapshot.ControlEvent) *RefusedError {
	if c.Caller == "" {
		return nil
	}
	if c.Op == ControlLeave {
		return e.mayLeave(c)
	}
	err := e.st.governor.MayControl(wire.PeerID(c.Caller))
	if err == nil && (c.Op == ControlGrant || c.Op == ControlRevoke) {
		err = &peer.NotAdmittedError{Peer: wire.PeerID(c.Caller),
			Reason: "an operator from afar, who cannot " + c.Op + " that right"}
	}
	if err == nil {
		return nil
	}
	code := RefusedRight
	if e.st.governor.Admit(wire.PeerID(c.Caller)) != nil {
		code = RefusedStranger
	}
	return &RefusedError{Code: code, What: "control", Reason: err.Error()}
}

// mayLeave says whether a caller may leave: each member may, for itself.
func (e *Engine) mayLeave(c *snapshot.ControlEvent) *RefusedError {
	p := wire.PeerID(c.Caller)
	if err := e.st.governor.Admit(p); err != nil {
		return &RefusedError{Code: RefusedStranger, What: "control", Reason: err.Error()}
	}
	if m, ok := e.st.roster.Get(p); !ok || m.State != peer.MemberIs {
		return &RefusedError{Code: RefusedUnknown, What: "control", Reason: "the caller is no member, and cannot leave"}
	}
	if c.Peer != "" && c.Peer != c.Caller {
		return &RefusedError{Code: RefusedRight, What: "control",
			Reason: "a member leaves by itself; want remove for another"}
	}
	return nil
}

// takeControl does a call of the control plane and says what became of it.
func (e *Engine) takeControl(c *snapshot.ControlEvent) {
	r := ControlResult{ID: c.ID, Caller: wire.PeerID(c.Caller), Op: c.Op, Peer: wire.PeerID(c.Peer), Accepted: true}
	if bad := e.mayControl(c); bad != nil { // the right may have been taken since the call was accepted
		r.Accepted, r.Code, r.Reason = false, bad.Code, bad.Reason
	} else if err := e.control(c, &r); err != nil {
		r.Accepted, r.Code, r.Reason = false, RefusedUnknown, err.Error()
		var full *peer.FullError
		var address *wire.AddressError
		switch {
		case errors.As(err, &full):
			r.Code = RefusedFull
		case errors.As(err, &address):
			r.Code = RefusedAddress
		case codeOf(err) != "":
			r.Code = codeOf(err)
		}
	}
	if r.Accepted {
		e.m.Count("control.accepted")
	} else {
		e.m.Count("control.denied")
	}
	e.out.Controls = append(e.out.Controls, r)
}

// unknownError says that a call has nothing to take back.
type unknownError string

func (e unknownError) Error() string { return string(e) }

func (e *Engine) control(c *snapshot.ControlEvent, r *ControlResult) error {
	g, p := e.st.governor, wire.PeerID(c.Peer)
	found := func(was bool, what string) error {
		if !was {
			return unknownError(what)
		}
		return nil
	}
	if wire.PeerID(c.Other) == e.st.self {
		return unknownError("the node itself is no member of its own roster")
	}
	if p == e.st.self && c.Op != ControlLearn && c.Op != ControlForget {
		return unknownError("the node itself cannot be blocked, allowed or given rights")
	}
	if aboutMembers(c.Op) {
		return e.controlMember(c, r)
	}
	switch c.Op {
	case ControlBlock:
		return e.govern(p, func() error { return g.Block(p) })
	case ControlUnblock:
		return e.govern(p, func() error { return found(g.Unblock(p), "the peer is not blocked") })
	case ControlAllow:
		return e.allow(p)
	case ControlDisallow:
		return e.govern(p, func() error { return found(g.Disallow(p), "the peer is not on the allowlist") })
	case ControlOpen:
		return e.govern("", func() error { g.Open(); return nil })
	case ControlClose:
		return e.govern("", func() error { g.Close(); return nil })
	case ControlLearn:
		err := e.st.book.Pin(p, c.Address)
		if err == nil {
			e.newAddress(p)
		}
		return err
	case ControlForget:
		err := found(e.st.book.Unpin(p), "the host holds no address of the peer")
		if err == nil {
			e.sendAddresses(p)
		}
		return err
	case ControlGrant:
		return g.Grant(p)
	case ControlRevoke:
		return found(g.Revoke(p), "the peer does not have the right")
	}
	return unknownError("no such call")
}

// allow puts a peer on the allowlist; the first one keeps all others out.
func (e *Engine) allow(p wire.PeerID) error {
	only := p
	if _, _, closed := e.st.governor.Lists(); !closed {
		only = ""
	}
	return e.govern(only, func() error { return e.st.governor.Allow(p) })
}

// Addresses returns where a peer, or the node itself, can be reached as far as the address book knows, the best first.
func (e *Engine) Addresses(p wire.PeerID) []string { return e.st.book.Lookup(p) }

// Listed returns a number that is another one when the lists have changed. It is not State.
func (e *Engine) Listed() uint64 { return e.listed }

// Lists returns the blocked and the allowed peers, ascending, and whether all others are kept out: what a host copies
// so that its transport can ask without waiting for the engine. The slices are good until the next Poll.
func (e *Engine) Lists() (blocked, allowed []wire.PeerID, closed bool) { return e.st.governor.Lists() }
