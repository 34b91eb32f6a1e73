package job

import (
	"cmp"
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Surpassed tells that the node's directory had gone back, as from a backup: a peer holds more of the node than it
// does. The node goes on in a new epoch, into which its peers help it.
type Surpassed struct {
	Node string      // whose directory it is, of a run; empty: of the node that tells it
	Peer wire.PeerID // who holds more
	Name string      // what that one is called, of a run
	From time.Time   // the directory's last record before this life; zero where it is not known
	Saw  time.Time   // when the lost life that the peer has seen began; zero where it did not say
}

// String says what happened and what follows.
func (s Surpassed) String() string {
	form := "2006-01-02 15:04:05"
	if apart := s.From.Sub(s.Saw).Abs(); apart < 2*time.Second {
		form += ".000"
	}
	what := "this directory"
	if s.Node != "" {
		what = "the directory of " + s.Node
	}
	text := what + " went back"
	if !s.From.IsZero() {
		text = what + " is from " + s.From.Format(form)
	}
	if !s.Saw.IsZero() {
		began := "start"
		if s.From.After(s.Saw) {
			began = "start elsewhere" // while this directory was in use: there were two
		}
		text += fmt.Sprintf("; %s saw this node %s at %s", cmp.Or(s.Name, string(s.Peer)), began, s.Saw.Format(form))
	}
	return text + ": it goes on in a new epoch with the help of its peers, and nothing counts twice"
}

// SurpassedBy returns what is told of a notice that the node's directory had gone back; last is the host's clock at the
// last record that it holds, or 0.
func SurpassedBy(n engine.PeerNotice, last int64) Surpassed {
	s := Surpassed{Peer: n.Peer}
	if last != 0 {
		s.From = time.Unix(0, last)
	}
	if n.SeenStart != 0 {
		s.Saw = time.UnixMicro(int64(n.SeenStart))
	}
	return s
}
