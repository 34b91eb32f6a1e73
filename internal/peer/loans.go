package peer

import (
	"cmp"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// LoanLimits bounds Loans. A zero field allows nothing.
type LoanLimits struct {
	Loans  int   // values lent at once
	Bytes  int64 // of them that travel in chunks; what is lent to several peers counts once
	Chunks int   // that one peer may wait for, of one loan
}

// LoanName names a loan of this node: no two have the same, in all its lives.
type LoanName struct{ Epoch, Number uint64 }

func (n LoanName) compare(m LoanName) int {
	return cmp.Or(cmp.Compare(n.Epoch, m.Epoch), cmp.Compare(n.Number, m.Number))
}

// NameOf returns the name of a loan.
func NameOf(l *value.Loan) LoanName { return LoanName{l.Epoch, l.Number} }

// Loans are the values that this node lends: too large for an envelope, they stay here, and those to whom they are lent
// take them in chunks. One that went with a question or an answer is there as long as that is kept; one that was sent
// is there until all have returned it. It is thread-unsafe.
type Loans struct {
	lim   LoanLimits
	list  []*lent // ascending by name
	bytes int64   // derived
}

type lent struct {
	loan   *value.Loan
	value  value.Value
	kept   bool          // by a question or an answer: returning it does not end it
	to     []borrower    // ascending by peer
	layout *value.Layout // derived
}

type borrower struct {
	peer wire.PeerID
	owed []uint64 // chunks that it asked for and did not get yet, in that order
	back bool     // it has returned the value, which is kept for the question or answer alone
}

// NewLoans returns an empty table.
func NewLoans(lim LoanLimits) *Loans { return &Loans{lim: lim} }

// Len returns how many values are lent.
func (s *Loans) Len() int { return len(s.list) }

// Room says whether some more values that have so many bytes in all can be lent now, and whether they ever could.
func (s *Loans) Room(values int, bytes int64) (now, ever bool) {
	ever = values <= s.lim.Loans && bytes <= s.lim.Bytes
	return ever && values <= s.lim.Loans-len(s.list) && bytes <= s.lim.Bytes-s.bytes, ever
}

func (s *Loans) find(n LoanName) (int, bool) {
	return slices.BinarySearchFunc(s.list, n, func(l *lent, n LoanName) int { return NameOf(l.loan).compare(n) })
}

func (l *lent) find(p wire.PeerID) (int, bool) {
	return slices.BinarySearchFunc(l.to, p, func(b borrower, p wire.PeerID) int { return cmp.Compare(b.peer, p) })
}

// Lend keeps a value for those to whom To lends it. kept says that it goes with a question or an answer.
func (s *Loans) Lend(l *value.Loan, v value.Value, kept bool) {
	i, _ := s.find(NameOf(l))
	s.list = slices.Insert(s.list, i, &lent{loan: l, value: v, kept: kept, layout: l.Layout()})
	s.bytes += l.Large()
}

// To lends to a peer what the envelope to it says.
func (s *Loans) To(env *wire.Envelope) {
	s.each(env.Fills, func(i int) {
		if at, there := s.list[i].find(env.To); !there {
			s.list[i].to = slices.Insert(s.list[i].to, at, borrower{peer: env.To})
		}
	})
}

// Settle forgets what nobody has borrowed after all.
func (s *Loans) Settle(fills []wire.Fill) {
	s.each(fills, func(i int) { s.drop(i) })
}

// each calls do with the place of each loan that stands in fills.
func (s *Loans) each(fills []wire.Fill, do func(i int)) {
	for k := range fills {
		if l, ok := fills[k].Value.(*value.Loan); ok {
			if i, there := s.find(NameOf(l)); there {
				do(i)
			}
		}
	}
}

// drop forgets a value that nobody borrows.
func (s *Loans) drop(i int) {
	if len(s.list[i].to) == 0 {
		s.bytes -= s.list[i].loan.Large()
		s.list = slices.Delete(s.list, i, i+1)
	}
}

func (s *Loans) take(i int, p wire.PeerID) {
	l := s.list[i]
	if at, there := l.find(p); there {
		l.to = slices.Delete(l.to, at, at+1)
	}
	s.drop(i)
}

// End ends what went with a question or an answer that is kept no more.
func (s *Loans) End(env *wire.Envelope) {
	if s == nil || len(s.list) == 0 {
		return
	}
	s.each(env.Fills, func(i int) { s.take(i, env.To) })
}

// Return ends what a peer gives back, and says whether there is more room than before. What is kept with a question or
// an answer stays as long as that, unless Requests.Trim needs the room.
func (s *Loans) Return(p wire.PeerID, n LoanName) bool {
	i, there := s.find(n)
	if !there {
		return false
	}
	at, borrows := s.list[i].find(p)
	if !borrows {
		return false
	}
	if s.list[i].kept {
		b := &s.list[i].to[at]
		b.owed, b.back = nil, true
	} else {
		s.take(i, p)
	}
	return true
}

// returned says whether the receiver of an envelope has returned all that it lends.
func (s *Loans) returned(env *wire.Envelope) bool {
	lends, back := false, true
	s.each(env.Fills, func(i int) {
		if at, borrows := s.list[i].find(env.To); borrows {
			lends, back = true, back && s.list[i].to[at].back
		}
	})
	return lends && back
}

// Forget ends everything that a peer borrows.
func (s *Loans) Forget(p wire.PeerID) {
	for i := len(s.list) - 1; i >= 0; i-- {
		s.take(i, p)
	}
}

// SentTo returns what is lent to a peer and went neither with a question nor with an answer.
func (s *Loans) SentTo(p wire.PeerID) (out []LoanName) {
	for _, l := range s.list {
		if _, borrows := l.find(p); borrows && !l.kept {
			out = append(out, NameOf(l.loan))
		}
	}
	return out
}

// Want notes which chunks a peer asks for. It returns false for what is not lent to it, or not any more; more than one
// may wait for is dropped, and how many that were is returned.
func (s *Loans) Want(p wire.PeerID, n LoanName, first, count uint64) (known bool, dropped int) {
	i, there := s.find(n)
	if !there {
		return false, 0
	}
	l := s.list[i]
	at, borrows := l.find(p)
	if !borrows {
		return false, 0
	}
	b := &l.to[at]
	for k := first; k < first+min(count, uint64(s.lim.Chunks)+1); k++ {
		if len(b.owed) >= s.lim.Chunks || k >= uint64(l.layout.Chunks()) {
			dropped++
			continue
		}
		if !slices.Contains(b.owed, k) {
			b.owed = append(b.owed, k)
		}
	}
	return true, dropped
}

// Owed returns the next chunk that is owed to a peer, or ok = false where there is none. It is owed until Gave.
func (s *Loans) Owed(p wire.PeerID) (n LoanName, chunk uint64, size int, ok bool) {
	for _, l := range s.list {
		if at, borrows := l.find(p); borrows && len(l.to[at].owed) > 0 {
			return NameOf(l.loan), l.to[at].owed[0], l.loan.Chunk, true
		}
	}
	return LoanName{}, 0, 0, false
}

// Give takes the next chunk that is owed of a loan to a peer from the table, and returns it in memory of its own.
func (s *Loans) Give(p wire.PeerID, n LoanName) value.Value {
	i, _ := s.find(n)
	l := s.list[i]
	at, _ := l.find(p)
	b := &l.to[at]
	k := b.owed[0]
	b.owed = slices.Delete(b.owed, 0, 1)
	return l.loan.Cut(l.layout, int(k), l.value)
}

// Snapshot describes the table. Values are shared.
func (s *Loans) Snapshot() []snapshot.LoanSnapshot {
	if len(s.list) == 0 {
		return nil
	}
	out := make([]snapshot.LoanSnapshot, len(s.list))
	for i, l := range s.list {
		out[i] = snapshot.LoanSnapshot{Loan: l.loan, Value: l.value, Kept: l.kept}
		for _, b := range l.to {
			out[i].To = append(out[i].To, snapshot.BorrowerSnapshot{Peer: string(b.peer), Owed: slices.Clone(b.owed),
				Back: b.back})
		}
	}
	return out
}

// RestoreLoans returns the table that the messages describe.
func RestoreLoans(list []snapshot.LoanSnapshot, lim LoanLimits) (*Loans, error) {
	s := NewLoans(lim)
	for k := range list {
		x := &list[k]
		bad := func(why string) error { return &RestoreError{"loans", "", why} }
		l, ok := x.Loan.(*value.Loan)
		if !ok || x.Value == nil || len(x.To) == 0 {
			return nil, bad("one lacks its loan, its value, or whoever borrows it")
		}
		if i, there := s.find(NameOf(l)); there || i < len(s.list) {
			return nil, bad("they are out of order")
		}
		if now, _ := s.Room(1, l.Large()); !now {
			return nil, &FullError{"loans", lim.Loans}
		}
		s.Lend(l, x.Value, x.Kept)
		at := s.list[k]
		if !l.Of(x.Value) {
			return nil, bad("the value is not of the form that is lent")
		}
		for i, b := range x.To {
			if b.Peer == "" || i > 0 && b.Peer <= x.To[i-1].Peer || len(b.Owed) > lim.Chunks || b.Back && !x.Kept {
				return nil, bad("whoever borrows is out of order, or waits for more than it may")
			}
			if slices.ContainsFunc(b.Owed, func(k uint64) bool { return k >= uint64(at.layout.Chunks()) }) {
				return nil, bad("a chunk is owed that there is not")
			}
			at.to = append(at.to, borrower{wire.PeerID(b.Peer), slices.Clone(b.Owed), b.Back})
		}
	}
	return s, nil
}
