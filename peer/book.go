package peer

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/wire"
)

// AddressBook says where peers can be reached. It is thread-unsafe.
//
// An entry is counted exactly: each Insert that returns nil takes one reference, each Release gives one back, and at none
// the entry leaves. Nothing else touches the count, traffic least of all (trap 28).
type AddressBook struct {
	peers, addresses int // bounds
	entries          map[wire.PeerID]*bookEntry
}

type bookEntry struct {
	addresses []string // in order of preference: the first inserted first
	refs      int64
}

// NewAddressBook returns an empty book with room for so many peers, and addresses of each.
func NewAddressBook(peers, addresses int) *AddressBook {
	return &AddressBook{peers: peers, addresses: addresses}
}

// Insert takes a reference to the peer and adds the address after those that are known. An address that is known keeps its
// place. Errors, after which nothing is changed, are *FullError and *wire.AddressError.
func (b *AddressBook) Insert(p wire.PeerID, address string) error {
	if err := checkAddress(p, address); err != nil {
		return err
	}
	e := b.entries[p]
	if e == nil {
		if len(b.entries) >= b.peers {
			return &FullError{"peers of the address book", b.peers}
		}
		e = &bookEntry{}
	}
	known := slices.Contains(e.addresses, address)
	switch {
	case !known && len(e.addresses) >= b.addresses:
		return &FullError{"addresses of a peer", b.addresses}
	case e.refs == math.MaxInt32:
		return &FullError{"references to a peer", math.MaxInt32}
	}
	if !known {
		e.addresses = append(e.addresses, address)
	}
	e.refs++
	put(&b.entries, p, e)
	return nil
}

// checkAddress says whether the address is sound and does not name another peer.
func checkAddress(p wire.PeerID, address string) error {
	a, err := wire.ParseAddress(address)
	if err == nil && a.Peer != "" && a.Peer != p {
		err = &wire.AddressError{Address: address, Reason: "it is the address of another peer"}
	}
	return err
}

// Release gives one reference back and says whether there was one.
func (b *AddressBook) Release(p wire.PeerID) bool {
	e := b.entries[p]
	if e == nil {
		return false
	}
	if e.refs--; e.refs == 0 {
		delete(b.entries, p)
	}
	return true
}

// Lookup returns the peer's addresses in order of preference, or nil; the caller must not change them.
func (b *AddressBook) Lookup(p wire.PeerID) []string {
	if e := b.entries[p]; e != nil {
		return slices.Clip(e.addresses)
	}
	return nil
}

// Snapshot returns the entries by peer.
func (b *AddressBook) Snapshot() []snapshot.AddressBookEntrySnapshot {
	var out []snapshot.AddressBookEntrySnapshot
	for _, p := range sorted(b.entries) {
		e := b.entries[p]
		out = append(out, snapshot.AddressBookEntrySnapshot{Peer: string(p), Addresses: slices.Clone(e.addresses), Refs: e.refs})
	}
	return out
}

// RestoreAddressBook returns the book that the entries describe.
func RestoreAddressBook(entries []snapshot.AddressBookEntrySnapshot, peers, addresses int) (*AddressBook, error) {
	b := NewAddressBook(peers, addresses)
	if len(entries) > peers {
		return nil, &FullError{"peers of the address book", peers}
	}
	last := ""
	for _, e := range entries {
		bad := func(why string) error { return &RestoreError{"address book", e.Peer, why} }
		switch {
		case e.Peer <= last:
			return nil, bad("the peers are not in ascending order")
		case len(e.Addresses) == 0 || len(e.Addresses) > addresses:
			return nil, bad("a peer has at least one address and no more than are allowed")
		case e.Refs < 1 || e.Refs > math.MaxInt32:
			return nil, bad("an entry has at least one reference, and not more than can be counted")
		}
		for i, a := range e.Addresses {
			if err := checkAddress(wire.PeerID(e.Peer), a); err != nil {
				return nil, bad(err.Error())
			}
			if slices.Contains(e.Addresses[:i], a) {
				return nil, bad("an address stands there twice")
			}
		}
		put(&b.entries, wire.PeerID(e.Peer), &bookEntry{slices.Clone(e.Addresses), e.Refs})
		last = e.Peer
	}
	return b, nil
}
