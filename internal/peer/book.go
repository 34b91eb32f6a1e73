package peer

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// AddressBook says where peers can be reached. It is thread-unsafe.
//
// An entry is counted exactly: each Insert that returns nil takes one reference, each Release gives one back, and the
// host holds at most one more (Pin, Unpin). Nothing else touches the count, traffic least of all (trap growing-count).
// What nobody refers to stays only while it may be of use: it was seen on a link or claimed by the peer itself, and was
// heard of within BookAgeNs.
//
// The addresses of a peer stand in order of preference: what worked before what was not tried, the newest first; then
// what was inserted, observed, claimed, and heard of from others; at the end what failed. Of a full list only what
// never worked and comes from a weaker source makes room, and of a full book only an entry that nobody refers to and
// that never worked.
type AddressBook struct {
	peers, addresses int // bounds
	entries          map[wire.PeerID]*bookEntry
	ageAt            int64 // no entry is too old before; derived, 0 where it is not known
}

// BookAgeNs is how long an entry stays that nobody refers to and that is not heard of, in nanoseconds.
const BookAgeNs = 3600e9

// The sources of an address, the strongest first.
const (
	sourceInserted = iota // by a program or the host
	sourceObserved        // of a link
	sourceClaimed         // by the peer, of itself
	sourceHeard           // from a third peer
)

type bookEntry struct {
	addresses []bookAddress // in order of preference
	refs      int64         // of programs
	pinned    bool          // by the host
	linked    bool
	severed   bool  // a link ended, and none came since
	told      bool  // this node's own addresses went to the peer over this link
	heard     int64 // engine time
}

type bookAddress struct {
	text     string
	source   uint32
	worked   int64 // engine time, at least 1; 0 is never
	failures int32 // in a row
}

// NewAddressBook returns an empty book with room for so many peers, and addresses of each.
func NewAddressBook(peers, addresses int) *AddressBook {
	return &AddressBook{peers: peers, addresses: addresses}
}

// held says whether somebody refers to the entry, or a link is there.
func (e *bookEntry) held() bool { return e.refs > 0 || e.pinned || e.linked }

// worked says whether an address of the entry ever worked.
func (e *bookEntry) worked() bool {
	return slices.ContainsFunc(e.addresses, func(a bookAddress) bool { return a.worked != 0 })
}

// Insert takes a reference to the peer and adds the address. One that is known keeps its place. Errors, after which
// nothing is changed, are *FullError and *wire.AddressError.
func (b *AddressBook) Insert(p wire.PeerID, address string) error {
	if e := b.entries[p]; e != nil && e.refs == math.MaxInt32 {
		return &FullError{"references to a peer", math.MaxInt32}
	}
	e, err := b.insert(p, address)
	if err == nil {
		e.refs++
	}
	return err
}

// Pin is the Insert of the host: it may come again and is one reference all the same.
func (b *AddressBook) Pin(p wire.PeerID, address string) error {
	e, err := b.insert(p, address)
	if err == nil {
		e.pinned = true
	}
	return err
}

func (b *AddressBook) insert(p wire.PeerID, address string) (*bookEntry, error) {
	if err := checkAddress(p, address); err != nil {
		return nil, err
	}
	e, err := b.room(p)
	if err != nil {
		return nil, err
	}
	if _, err := b.add(e, address, sourceInserted); err != nil {
		return nil, err
	}
	put(&b.entries, p, e)
	return e, nil
}

// room returns the peer's entry, or an empty one that is not in the book yet although there is room for it.
func (b *AddressBook) room(p wire.PeerID) (*bookEntry, error) {
	if e := b.entries[p]; e != nil {
		return e, nil
	}
	if len(b.entries) >= b.peers && !b.evict() {
		return nil, &FullError{"peers of the address book", b.peers}
	}
	return &bookEntry{}, nil
}

// evict drops the entry that was silent for longest of those that nobody refers to and that never worked.
func (b *AddressBook) evict() bool {
	var least wire.PeerID
	var of *bookEntry
	for p, e := range b.entries { // the least by time and name, whatever the order
		if (of == nil || e.heard < of.heard || e.heard == of.heard && p < least) && !e.held() && !e.worked() {
			least, of = p, e
		}
	}
	delete(b.entries, least)
	return of != nil
}

// add puts an address into the list and says whether it is new there.
func (b *AddressBook) add(e *bookEntry, address string, source uint32) (bool, error) {
	if i := e.find(address); i >= 0 {
		if e.addresses[i].source > source {
			e.addresses[i].source = source
			e.order()
		}
		return false, nil
	}
	if len(e.addresses) >= b.addresses {
		last := -1
		for i, a := range e.addresses {
			if a.source > source && a.worked == 0 {
				last = i
			}
		}
		if last < 0 {
			return false, &FullError{"addresses of a peer", b.addresses}
		}
		e.addresses = slices.Delete(e.addresses, last, last+1)
	}
	e.addresses = append(e.addresses, bookAddress{text: address, source: source})
	e.order()
	return true, nil
}

// Release gives one reference back and says whether there was one.
func (b *AddressBook) Release(p wire.PeerID) bool {
	e := b.entries[p]
	if e == nil || e.refs == 0 {
		return false
	}
	e.refs--
	b.unheld(p, e)
	return true
}

// Unpin gives the host's reference back and says whether there was one.
func (b *AddressBook) Unpin(p wire.PeerID) bool {
	e := b.entries[p]
	if e == nil || !e.pinned {
		return false
	}
	e.pinned = false
	b.unheld(p, e)
	return true
}

// unheld lets go of what was known only because somebody inserted it.
func (b *AddressBook) unheld(p wire.PeerID, e *bookEntry) {
	if e.refs > 0 || e.pinned {
		return
	}
	e.addresses = slices.DeleteFunc(e.addresses, func(a bookAddress) bool {
		return a.source == sourceInserted &&
			a.worked == 0
	})
	for i := range e.addresses {
		e.addresses[i].source = max(e.addresses[i].source, sourceObserved)
	}
	e.order()
	b.ageAt = 0
	if len(e.addresses) == 0 && !e.linked {
		delete(b.entries, p)
	}
}

// Lookup returns the peer's addresses in order of preference, or nil.
func (b *AddressBook) Lookup(p wire.PeerID) []string {
	e := b.entries[p]
	if e == nil || len(e.addresses) == 0 {
		return nil
	}
	out := make([]string, len(e.addresses))
	for i := range e.addresses {
		out[i] = e.addresses[i].text
	}
	return out
}

// Peers returns the peers of the book, ascending.
func (b *AddressBook) Peers() []wire.PeerID { return sorted(b.entries) }
