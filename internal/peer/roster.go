package peer

import (
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// MemberState says whether a peer is a member, or was one.
type MemberState uint8

// The states of a Member.
const (
	MemberIs      MemberState = iota + 1 // it plays its place
	MemberRemoved                        // an operator took it from the roster, or put another in its place
	MemberLeft                           // it left by itself
)

var memberStates = [...]string{MemberIs: "member", MemberRemoved: "removed", MemberLeft: "left"}

// String returns the name of the state.
func (s MemberState) String() string {
	if s == 0 || int(s) >= len(memberStates) {
		return "unknown"
	}
	return memberStates[s]
}

// MemberNameMax bounds the name of a member, in bytes.
const MemberNameMax = 128

// Member is a peer that was admitted to a place.
type Member struct {
	Number int // of the place, from 0; another may have it once the peer is no member any more
	Peer   wire.PeerID
	Place  string
	Name   string // for people, at most MemberNameMax bytes
	State  MemberState
	Since  int64 // engine time of the state
}

// order is how rosters are listed: by place and number, a member before those that had its number.
func order(a, b Member) int {
	return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Number, b.Number), cmp.Compare(a.State, b.State),
		cmp.Compare(a.Since, b.Since), cmp.Compare(a.Peer, b.Peer))
}

// TakenError says that a number, or a peer, is a member's already.
type TakenError struct {
	Place  string
	Number int
	Peer   wire.PeerID // that has it
}

// Error names the place, the number and who has it.
func (e *TakenError) Error() string {
	return fmt.Sprintf("peer: number %d of %s is %s's", e.Number, e.Place, e.Peer)
}

// NoMemberError says that a peer, or a number, is no member's.
type NoMemberError struct{ What string }

// Error names what was looked for.
func (e *NoMemberError) Error() string { return "peer: " + e.What + " is no member" }

// Roster says which peers are members, of which place and with which number. It remembers also, as far as its bound
// goes, who was removed or left; beyond that the oldest are forgotten. A nil Roster has no members. It is
// thread-unsafe.
type Roster struct {
	all   table[Member]
	limit int // of members, and of the others

	// Derived from all:
	count int               // members, without those that are none any more
	seats map[string]*seats // by place
}

// seats are the numbers of a place that are taken.
type seats struct {
	by    map[int]wire.PeerID // who has each
	least int                 // none below it is free
}

// free returns the least number that nobody has.
func (s *seats) free() int {
	for s.by[s.least] != "" {
		s.least++
	}
	return s.least
}

// seat gives a member its number, or takes it back.
func (r *Roster) seat(m *Member, takes bool) {
	s := r.seats[m.Place]
	switch {
	case takes && s == nil:
		s = &seats{by: map[int]wire.PeerID{}}
		put(&r.seats, m.Place, s)
		fallthrough
	case takes:
		s.by[m.Number] = m.Peer
		r.count++
	default:
		delete(s.by, m.Number)
		s.least = min(s.least, m.Number)
		r.count--
		if len(s.by) == 0 {
			delete(r.seats, m.Place)
		}
	}
}

// NewRoster returns a roster without members, with room for so many.
func NewRoster(limit int) *Roster { return &Roster{limit: limit} }

// Plays says whether the peer is a member of the place.
func (r *Roster) Plays(p wire.PeerID, place string) bool {
	m, ok := r.Get(p)
	return ok && m.State == MemberIs && m.Place == place
}

// Get returns what is known of a peer.
func (r *Roster) Get(p wire.PeerID) (Member, bool) {
	if r == nil {
		return Member{}, false
	}
	if m := r.all.get(p); m != nil {
		return *m, true
	}
	return Member{}, false
}

// Parted says whether the peer was a member and is none any more.
func (r *Roster) Parted(p wire.PeerID) bool {
	m, ok := r.Get(p)
	return ok && m.State != MemberIs
}

// Count returns how many members there are.
func (r *Roster) Count() int {
	if r == nil {
		return 0
	}
	return r.count
}

// At returns the member of a place that has a number.
func (r *Roster) At(place string, number int) (Member, bool) {
	if r != nil {
		if s := r.seats[place]; s != nil && s.by[number] != "" {
			return r.Get(s.by[number])
		}
	}
	return Member{}, false
}

// Members returns the members of a place, or of all where it is empty, and those that were members, in order.
func (r *Roster) Members(place string) []Member {
	if r == nil {
		return nil
	}
	out := make([]Member, 0, r.all.len())
	for i := range r.all.rows {
		if m := r.all.rows[i].v; place == "" || m.Place == place {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, order)
	return out
}

// Admit makes a peer a member of a place with a number, or where that is -1, with the one that it had before or else
// the least that is free. A peer that is a member already keeps what it has, and fresh is false. Errors, after which
// nothing is changed, are *TakenError and *FullError.
func (r *Roster) Admit(p wire.PeerID, place string, number int, name string, now int64) (m Member, fresh bool,
	err error) {
	old, known := r.Get(p)
	if known && old.State == MemberIs {
		if old.Place != place || number >= 0 && number != old.Number {
			return old, false, &TakenError{old.Place, old.Number, p}
		}
		return old, false, nil
	}
	if r.count >= r.limit {
		return Member{}, false, &FullError{"members", r.limit}
	}
	if number < 0 {
		if _, taken := r.At(place, old.Number); known && old.Place == place && !taken {
			number = old.Number
		} else if s := r.seats[place]; s != nil {
			number = s.free()
		} else {
			number = 0
		}
	}
	if other, ok := r.At(place, number); ok {
		return Member{}, false, &TakenError{place, number, other.Peer}
	}
	m = Member{Number: number, Peer: p, Place: place, Name: name, State: MemberIs, Since: now}
	r.put(m)
	return m, true, nil
}

// Part ends the membership of a peer, as it was removed or left. The error is a *NoMemberError.
func (r *Roster) Part(p wire.PeerID, state MemberState, now int64) (Member, error) {
	m, ok := r.Get(p)
	if !ok || m.State != MemberIs {
		return Member{}, &NoMemberError{string(p)}
	}
	was := m
	m.State, m.Since = state, now
	r.put(m)
	return was, nil
}

// Replace puts a peer in the place of a member, whose number and name it gets; a name that is not empty is the new
// one's. Errors, after which nothing is changed, are *NoMemberError and *TakenError.
func (r *Roster) Replace(old, p wire.PeerID, name string, now int64) (Member, error) {
	was, ok := r.Get(old)
	if !ok || was.State != MemberIs {
		return Member{}, &NoMemberError{string(old)}
	}
	if is, ok := r.Get(p); ok && is.State == MemberIs {
		return Member{}, &TakenError{is.Place, is.Number, p}
	}
	if _, err := r.Part(old, MemberRemoved, now); err != nil {
		return Member{}, err
	}
	m := was
	m.Peer, m.Since = p, now
	if name != "" {
		m.Name = name
	}
	r.put(m)
	return m, nil
}

// put notes what a peer is from now on, and forgets what is beyond the bound.
func (r *Roster) put(m Member) {
	if row := r.all.get(m.Peer); row != nil {
		if row.State == MemberIs {
			r.seat(row, false)
		}
		*row = m
	} else {
		r.all.put(m.Peer, m)
	}
	if m.State == MemberIs {
		r.seat(&m, true)
	}
	for r.all.len()-r.count > r.limit {
		var oldest *Member
		for i := range r.all.rows {
			// The least of an order over all is one, so that of the table does not show.
			x := &r.all.rows[i].v
			if x.State != MemberIs && (oldest == nil || cmp.Or(cmp.Compare(x.Since, oldest.Since),
				cmp.Compare(x.Peer, oldest.Peer)) < 0) {
				oldest = x
			}
		}
		r.all.remove(oldest.Peer)
	}
}

// SoundName says whether a name is text that a roster takes.
func SoundName(name string) bool { return len(name) <= MemberNameMax && utf8.ValidString(name) }

// Snapshot returns the roster in its order.
func (r *Roster) Snapshot() []snapshot.MemberSnapshot {
	var out []snapshot.MemberSnapshot
	for _, m := range r.Members("") {
		out = append(out, snapshot.MemberSnapshot{Number: uint64(m.Number), Peer: string(m.Peer), Place: m.Place,
			Name: m.Name, State: uint32(m.State), Since: m.Since})
	}
	return out
}

// RestoreRoster returns the roster that the messages describe, nil where there are none.
func RestoreRoster(s []snapshot.MemberSnapshot, limit int) (*Roster, error) {
	if len(s) == 0 {
		return nil, nil
	}
	r := NewRoster(limit)
	last := Member{}
	for i, x := range s {
		m := Member{Number: int(x.Number), Peer: wire.PeerID(x.Peer), Place: x.Place, Name: x.Name,
			State: MemberState(x.State), Since: x.Since}
		bad := func(why string) (*Roster, error) { return nil, &RestoreError{"roster", x.Peer, why} }
		switch {
		case x.Peer == "" || len(x.Peer) > wire.PeerIDBytesMax || x.Place == "" || !SoundName(x.Name):
			return bad("it lacks a peer or a place, or its name is too long or no text")
		case m.State < MemberIs || m.State > MemberLeft || x.Number > MemberNumberMax || x.Since < 0:
			return bad("its state, number or time does not exist")
		case i > 0 && order(last, m) >= 0:
			return bad("the members are not in order")
		case r.all.get(m.Peer) != nil:
			return bad("it stands there twice")
		}
		if m.State == MemberIs {
			if last.State == MemberIs && last.Place == m.Place && last.Number == m.Number {
				return bad("its number is another member's")
			}
			r.seat(&m, true)
		}
		r.all.put(m.Peer, m)
		last = m
	}
	if r.count > limit || len(s)-r.count > limit {
		return nil, &FullError{"members", limit}
	}
	return r, nil
}

// MemberNumberMax bounds the number of a member.
const MemberNumberMax = 1<<31 - 1
