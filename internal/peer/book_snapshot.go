package peer

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// Snapshot returns the entries by peer.
func (b *AddressBook) Snapshot() []snapshot.AddressBookEntrySnapshot { return b.Capture()() }

// Capture takes the book as it is, and returns what describes it, which may run beside the engine.
func (b *AddressBook) Capture() func() []snapshot.AddressBookEntrySnapshot {
	rows := make([]row[bookEntry], 0, len(b.entries))
	for p, e := range b.entries { // sorted before anybody sees it
		x := *e
		x.addresses = slices.Clone(e.addresses)
		rows = append(rows, row[bookEntry]{p, x})
	}
	return func() []snapshot.AddressBookEntrySnapshot { return describeBook(inOrder(rows)) }
}

func describeBook(rows []row[bookEntry]) []snapshot.AddressBookEntrySnapshot {
	var out []snapshot.AddressBookEntrySnapshot
	for i := range rows {
		e := &rows[i].v
		x := snapshot.AddressBookEntrySnapshot{
			Peer: string(rows[i].peer), Addresses: e.texts(), Refs: e.refs, Pinned: e.pinned, Linked: e.linked,
			Severed: e.severed,
			Told:    e.told, Heard: e.heard,
		}
		for _, a := range e.addresses {
			if e.plain() {
				break
			}
			x.Seen = append(x.Seen, snapshot.AddressSeen{Source: a.source, Worked: a.worked, Failures: a.failures})
		}
		out = append(out, x)
	}
	return out
}

// plain says that all addresses were inserted and none was tried: then a snapshot says nothing of how they are known,
// as those of the first release never did.
func (e *bookEntry) plain() bool {
	return !slices.ContainsFunc(e.addresses, func(a bookAddress) bool { return a != bookAddress{text: a.text} })
}

// RestoreAddressBook returns the book that the entries describe.
func RestoreAddressBook(entries []snapshot.AddressBookEntrySnapshot, peers, addresses int) (*AddressBook, error) {
	b := NewAddressBook(peers, addresses)
	if len(entries) > peers {
		return nil, &FullError{"peers of the address book", peers}
	}
	last := ""
	for i := range entries {
		x := &entries[i]
		bad := func(why string) error { return &RestoreError{"address book", x.Peer, why} }
		e := &bookEntry{refs: x.Refs, pinned: x.Pinned, linked: x.Linked, severed: x.Severed, told: x.Told,
			heard: x.Heard}
		switch {
		case x.Peer <= last:
			return nil, bad("the peers are not in ascending order")
		case x.Refs < 0 || x.Refs > math.MaxInt32:
			return nil, bad("references are not negative, and not more than can be counted")
		case len(x.Addresses) > addresses || len(x.Seen) > 0 && len(x.Seen) != len(x.Addresses):
			return nil, bad("a peer has no more addresses than are allowed, and of each is known how it is known")
		case len(x.Addresses) == 0 && (!x.Linked || x.Refs > 0 || x.Pinned):
			return nil, bad("a peer has at least one address, or a link and no reference")
		case x.Linked && x.Severed || x.Told && !x.Linked || x.Heard < 0:
			return nil, bad("a link is there or has ended, and only over one that is there something was told")
		}
		for i, text := range x.Addresses {
			if err := checkAddress(wire.PeerID(x.Peer), text); err != nil {
				return nil, bad(err.Error())
			}
			if e.find(text) >= 0 {
				return nil, bad("an address stands there twice")
			}
			a := bookAddress{text: text}
			if len(x.Seen) > 0 {
				a.source, a.worked, a.failures = x.Seen[i].Source, x.Seen[i].Worked, x.Seen[i].Failures
			}
			switch {
			case a.source > sourceHeard || a.worked < 0 || a.failures < 0 || a.failures > math.MaxInt16:
				return nil, bad("an address is known in a way that does not exist")
			case a.source == sourceInserted && x.Refs == 0 && !x.Pinned:
				return nil, bad("it has an inserted address and nobody holds it")
			}
			e.addresses = append(e.addresses, a)
		}
		if len(x.Seen) > 0 && e.plain() {
			return nil, bad("it says of addresses what holds of itself")
		}
		if !slices.IsSortedFunc(e.addresses, compareAddresses) {
			return nil, bad("the addresses are not in order of preference")
		}
		put(&b.entries, wire.PeerID(x.Peer), e)
		last = x.Peer
	}
	return b, nil
}
