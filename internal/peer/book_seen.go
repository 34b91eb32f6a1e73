package peer

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Linked notes a link with the peer and the address at which it is seen, which may be empty. An address that was known
// before has worked; another is observed, in place of the one that was observed before it and never worked. It says
// whether the addresses changed, and whether a link had ended before. Errors, after which nothing is changed, are
// *FullError and *wire.AddressError.
func (b *AddressBook) Linked(p wire.PeerID, remote string, now int64) (changed, again bool, err error) {
	if remote != "" {
		if err := checkAddress(p, remote); err != nil {
			return false, false, err
		}
	}
	b.age(now)
	e, err := b.room(p)
	if err != nil {
		return false, false, err
	}
	again = e.severed
	e.linked, e.severed, e.told, e.heard = true, false, false, now
	put(&b.entries, p, e)
	if remote == "" {
		return false, again, nil
	}
	if i := e.find(remote); i >= 0 {
		before := e.texts()
		e.addresses[i].worked, e.addresses[i].failures = max(1, now), 0
		e.order()
		return !slices.Equal(before, e.texts()), again, nil
	}
	e.addresses = slices.DeleteFunc(e.addresses, func(a bookAddress) bool {
		return a.source == sourceObserved &&
			a.worked == 0
	})
	if _, err := b.add(e, remote, sourceObserved); err != nil {
		return false, again, nil // a full list of better ones: the link is noted, its address is not
	}
	return true, again, nil
}

// Unlinked notes that the last link with the peer ended, and says whether there was one.
func (b *AddressBook) Unlinked(p wire.PeerID, now int64) bool {
	e := b.entries[p]
	if e == nil || !e.linked {
		return false
	}
	e.linked, e.severed, e.told, e.heard = false, true, false, now
	b.ageAt = 0
	if !e.held() && len(e.addresses) == 0 {
		delete(b.entries, p)
	}
	return true
}

// IsLinked says whether there is a link with the peer.
func (b *AddressBook) IsLinked(p wire.PeerID) bool {
	e := b.entries[p]
	return e != nil && e.linked
}

// Unlink notes, after a restart, that no link is there any more.
func (b *AddressBook) Unlink() {
	for _, p := range sorted(b.entries) {
		if e := b.entries[p]; e.linked {
			b.Unlinked(p, e.heard)
		}
	}
}

// Notify says whether the node's own addresses are to go to the peer, and notes that they did: once for each link.
func (b *AddressBook) Notify(p wire.PeerID) bool {
	e := b.entries[p]
	if e == nil || !e.linked || e.told {
		return false
	}
	e.told = true
	return true
}

// Claim takes what a peer says of where it is, in place of what it said before. What it does not say again leaves
// unless it worked. It says whether the addresses changed, and how many claims were refused: those that are not sound,
// that name another peer, or for which there is no room.
func (b *AddressBook) Claim(p wire.PeerID, addresses []string, now int64) (changed bool, refused int) {
	b.age(now)
	var sound []string
	for _, a := range addresses {
		if checkClaim(p, a) != nil {
			refused++
		} else {
			sound = append(sound, a)
		}
	}
	if len(sound) == 0 && b.entries[p] == nil {
		return false, refused
	}
	e, err := b.room(p)
	if err != nil {
		return false, len(addresses)
	}
	before := e.texts()
	said := func(a bookAddress) bool {
		return slices.ContainsFunc(sound, func(s string) bool { return bare(s) == bare(a.text) })
	}
	e.addresses = slices.DeleteFunc(e.addresses, func(a bookAddress) bool {
		return a.source >= sourceClaimed && a.worked == 0 && !said(a)
	})
	for _, a := range sound {
		if _, err := b.add(e, a, sourceClaimed); err != nil {
			refused++
		}
	}
	if e.heard = max(e.heard, now); len(e.addresses) > 0 || e.held() {
		put(&b.entries, p, e)
	} else {
		delete(b.entries, p)
	}
	return !slices.Equal(before, e.texts()), refused
}

// Learn takes what a third peer says of where the peer is. It is used only where nothing better is known, and in place
// of what was heard before: nobody can change what is known of another peer, and the transport finds out who is there.
// It says whether the addresses changed.
func (b *AddressBook) Learn(p wire.PeerID, addresses []string, now int64) bool {
	b.age(now)
	known := b.entries[p]
	if known != nil && slices.ContainsFunc(known.addresses, func(a bookAddress) bool {
		return a.source < sourceHeard ||
			a.worked != 0
	}) {
		return false
	}
	var sound []string
	for _, a := range addresses {
		if checkClaim(p, a) == nil {
			sound = append(sound, a)
		}
	}
	if len(sound) == 0 {
		return false
	}
	e, err := b.room(p)
	if err != nil {
		return false
	}
	before := e.texts()
	e.addresses = slices.DeleteFunc(e.addresses, func(a bookAddress) bool {
		return !slices.ContainsFunc(sound, func(s string) bool { return bare(s) == bare(a.text) })
	})
	for _, a := range sound {
		b.add(e, a, sourceHeard) // what has no room is left out
	}
	e.heard = max(e.heard, now)
	put(&b.entries, p, e)
	return !slices.Equal(before, e.texts())
}

// NotifyAgain has the node's own addresses told again over each link: they changed.
func (b *AddressBook) NotifyAgain() {
	for _, e := range b.entries {
		e.told = false
	}
}

// Failed notes that the peer was not reached at an address, or at any of them where it is empty; what failed sinks. It
// says whether the addresses changed their order, and whether there is one left that has not failed.
func (b *AddressBook) Failed(p wire.PeerID, address string) (changed, hope bool) {
	e := b.entries[p]
	if e == nil {
		return false, false
	}
	before := e.texts()
	for i := range e.addresses {
		if a := &e.addresses[i]; address == "" || bare(a.text) == bare(address) {
			a.failures = min(a.failures+1, math.MaxInt16)
		}
	}
	e.order()
	return !slices.Equal(before, e.texts()), len(e.addresses) > 0 && e.addresses[0].failures == 0
}

// age drops the entries that nobody refers to and that were not heard of for BookAgeNs.
func (b *AddressBook) age(now int64) {
	if now < b.ageAt {
		return
	}
	b.ageAt = math.MaxInt64
	for _, p := range sorted(b.entries) {
		e := b.entries[p]
		switch {
		case e.held():
		case after(e.heard, BookAgeNs) <= now:
			delete(b.entries, p)
		default:
			b.ageAt = min(b.ageAt, after(e.heard, BookAgeNs))
		}
	}
	// An entry that comes later is younger; one that is let go of later sets ageAt to 0.
	b.ageAt = min(b.ageAt, after(now, BookAgeNs))
}

func (e *bookEntry) texts() []string {
	var out []string
	for _, a := range e.addresses {
		out = append(out, a.text)
	}
	return out
}
