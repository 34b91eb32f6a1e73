package peer

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// TestLoansRestore: what the running table can hold is restored as it is, and what it cannot hold is refused.
func TestLoansRestore(t *testing.T) {
	lim := LoanLimits{Loans: 3, Bytes: 1000, Chunks: 4}
	v := value.NewBytes(make([]byte, 300))
	loan := func(n uint64) *value.Loan { return value.NewLoan("self", 1, n, 64, 1, v) }
	s := NewLoans(lim)
	for i, kept := range []bool{true, false} {
		l := loan(uint64(i + 1))
		s.Lend(l, v, kept)
		for _, p := range []wire.PeerID{"b", "a"} {
			s.To(&wire.Envelope{To: p, Fills: []wire.Fill{{Value: l}}})
		}
		if known, dropped := s.Want("a", NameOf(l), 0, 9); !known || dropped != 1 { // of five chunks, four may be owed
			t.Errorf("known %v, dropped %d", known, dropped)
		}
	}
	s.Return("b", NameOf(loan(1)))
	s.Return("b", NameOf(loan(2)))
	list := s.Snapshot()
	again, err := RestoreLoans(list, lim)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Snapshot()) != 2 || again.bytes != s.bytes || len(list[0].To) != 2 || !list[0].To[1].Back ||
		len(list[1].To) != 1 {
		t.Errorf("restored %+v of %+v", again.Snapshot(), list)
	}
	for name, spoil := range map[string]func(l []snapshot.LoanSnapshot) []snapshot.LoanSnapshot{
		"no loan":  func(l []snapshot.LoanSnapshot) []snapshot.LoanSnapshot { l[0].Loan = v; return l },
		"no value": func(l []snapshot.LoanSnapshot) []snapshot.LoanSnapshot { l[0].Value = nil; return l },
		"another value": func(l []snapshot.LoanSnapshot) []snapshot.LoanSnapshot {
			l[0].Value = value.Int(1)
			return l
		},
		"nobody":  func(l []snapshot.LoanSnapshot) []snapshot.LoanSnapshot { l[0].To = nil; return l },
		"no name": func(l []snapshot.LoanSnapshot) []snapshot.LoanSnapshot { l[0].To[0].Peer = ""; return l },
		"order":   func(l []snapshot.LoanSnapshot) []snapshot.LoanSnapshot { l[0], l[1] = l[1], l[0]; return l },
		"twice":   func(l []snapshot.LoanSnapshot) []snapshot.LoanSnapshot { return append(l, l[1]) },
		"peers twice": func(l []snapshot.LoanSnapshot) []snapshot.LoanSnapshot {
			l[0].To[1].Peer = l[0].To[0].Peer
			return l
		},
		"a chunk that is none": func(l []snapshot.LoanSnapshot) []snapshot.LoanSnapshot {
			l[0].To[0].Owed = []uint64{5}
			return l
		},
		"too many owed": func(l []snapshot.LoanSnapshot) []snapshot.LoanSnapshot {
			l[0].To[0].Owed = []uint64{0, 1, 2, 3, 4}
			return l
		},
		"back and not kept": func(l []snapshot.LoanSnapshot) []snapshot.LoanSnapshot {
			l[1].To[0].Back = true
			return l
		},
		"too many": func(l []snapshot.LoanSnapshot) []snapshot.LoanSnapshot {
			for n := uint64(3); n < 5; n++ {
				l = append(l, snapshot.LoanSnapshot{Loan: loan(n), Value: v,
					To: []snapshot.BorrowerSnapshot{{Peer: "a"}}})
			}
			return l
		},
	} {
		if _, err := RestoreLoans(spoil(s.Snapshot()), lim); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
	if n := s.SentTo("a"); len(n) != 1 || n[0] != NameOf(loan(2)) {
		t.Errorf("sent to a: %v", n)
	}
	s.Forget("a")
	s.Forget("b")
	if s.Len() != 0 || s.bytes != 0 {
		t.Errorf("%d values of %d bytes are lent to nobody", s.Len(), s.bytes)
	}
}
