package deploy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// Word is what a client heard of its server last.
type Word struct {
	Round  int       `json:"round"`
	Rounds int       `json:"rounds"`
	At     time.Time `json:"at,omitzero"` // when the round was heard of first
}

// wordEvery is how often a client writes down what it heard: each round would cost a sync of the disk.
const wordEvery = 30 * time.Second

// word follows what a client hears. It is safe for concurrent use.
type word struct {
	mu     sync.Mutex
	now    standing
	at     time.Time // the round was heard of first
	told   int       // the round that was told, or -1
	up     bool
	since  time.Time // the server is gone, or there
	reason error     // why it is gone
	saved  time.Time
	pace   pace
	waits  *Waits // as of the last look
}

// begin takes what an earlier life had heard.
func (w *word) begin(now time.Time, rec *Record, rounds int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told, w.since, w.saved = -1, now, now
	w.now.Rounds = rounds
	if rec.Word != nil {
		w.now.Round, w.at = rec.Word.Round, rec.Word.At
	}
}

// received takes what the server said, and says whether its round is another one than that which was told.
func (w *word) received(now time.Time, s standing) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.up {
		w.up, w.since, w.reason = true, now, nil
	}
	if s.Round != w.now.Round {
		w.at = now
	}
	w.now = s
	if s.over() || s.Round == w.told {
		return false
	}
	w.told = s.Round
	return true
}

// lost notes that the server cannot be reached.
func (w *word) lost(now time.Time, reason error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.up {
		w.up, w.since = false, now
	}
	w.reason = reason
}

// look returns what is to be told of what the client waits for, or nil, and what is to be written down, or nil.
func (w *word) look(now time.Time, server, self wire.PeerID) (tell *Waiting, save *Word) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.waits
	w.waits = w.awaits(now, server, self)
	first := paceFirst
	if w.up {
		first = 0 // the server says only what has lasted
	}
	due, over := w.pace.look(now, w.waits, first)
	switch {
	case due:
		tell = &Waiting{Waits: *w.waits, Waited: now.Sub(w.pace.began)}
	case over > 0 && w.waits == nil && before != nil:
		tell = &Waiting{Waits: *before, Over: true, Waited: over}
	}
	if now.Sub(w.saved) >= wordEvery {
		w.saved, save = now, w.said()
	}
	return tell, save
}

// said is what is written down.
func (w *word) said() *Word {
	if w.now.Round == 0 {
		return nil
	}
	return &Word{w.now.Round, w.now.Rounds, w.at}
}

// awaits returns what the client waits for: the network, the server, or what its job waits for.
func (w *word) awaits(now time.Time, server, self wire.PeerID) *Waits {
	if w.up {
		if w.now.Waits == nil {
			return nil
		}
		out := *w.now.Waits
		out.For = slices.Clone(out.For)
		for i := range out.For {
			if out.For[i].Peer == self {
				out.For[i].Name = "this client"
			}
		}
		return &out
	}
	on, reason := whose(w.reason)
	out := &Waits{On: on, Round: w.now.Round, For: []Awaited{{Name: "server", Peer: server, State: reason,
		Since: w.since}}}
	if w.now.Round > 0 {
		out.Hint = fmt.Sprintf("last heard round %d of %d", w.now.Round, w.now.Rounds)
	}
	switch over := w.now.Round > 0 && w.now.Round >= w.now.Rounds; {
	case over:
		out.Hint += ": the job may be over; start the server's command again, or end this one"
	case now.Sub(w.since) >= paceSecond:
		out.Hint = strings.TrimPrefix(out.Hint+
			"; if the job may be over, start the server's command again to hear it, or end this one", "; ")
	}
	return out
}

// whose says who is to blame for a server that cannot be reached, as far as can be told from here, and in which words.
func whose(err error) (on, reason string) {
	if err == nil {
		return OnNetwork, "not reached yet"
	}
	if errors.As(err, new(*transport.TurnedAwayError)) {
		return OnServer, "it answers, and turns this client away: its operator sees why"
	}
	text := job.Line(err.Error())
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
	}
	switch {
	case has("connection refused"):
		return OnServer, "connection refused: no server runs at its address"
	case has("does not serve", "protocols not supported"):
		return OnServer, "a node is there that serves no job"
	case has("broke off", "reset", "closed"):
		return OnServer, "the connection broke off"
	case has("is silent", "deadline exceeded", "timeout", "timed out"):
		return OnNetwork, "no answer"
	case has("no good addresses", "no such host"):
		return OnNetwork, "its addresses do not resolve or cannot be used"
	}
	return OnNetwork, text
}

// wordLook is how often a client looks at what it waits for.
const wordLook = 250 * time.Millisecond

// takenLook is how often an edge looks at whom its server does not list.
const takenLook = 2 * time.Second

// attend tells what the client waits for until the node ends, and writes down from time to time what it heard.
func (c *client) attend() {
	tick := time.NewTicker(wordLook)
	defer tick.Stop()
	self, told, looked := c.dir.ID.Peer(), map[wire.PeerID]bool{}, time.Now()
	for {
		select {
		case now := <-tick.C:
			if now.Sub(looked) >= takenLook {
				looked = now
				c.tellTaken(told)
			}
			tell, save := c.word.look(now, c.dir.Record().Server, self)
			if tell != nil {
				c.o.Notify(*tell)
			}
			if text := c.flap.look(now); text != "" {
				c.o.Notify(Warning{text})
			}
			if save != nil {
				c.keep(save)
			}
		case <-c.done.Done():
			return
		}
	}
}

// keep writes down what the client heard last.
func (c *client) keep(w *Word) {
	rec := c.dir.Record()
	if w == nil || rec == nil || rec.Word != nil && *rec.Word == *w {
		return
	}
	if err := c.dir.Save(func(r *Record) error { r.Word = w; return nil }); err != nil {
		c.fail(err)
	}
}

// part ends what the client says: what it heard last is written down.
func (c *client) part() {
	c.word.mu.Lock()
	said := c.word.said()
	c.word.mu.Unlock()
	c.keep(said)
}

// add puts what a client heard into its status.
func (w *word) add(s *Status, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now.Round > s.Round || w.up {
		s.Round = w.now.Round
	}
	if w.now.Rounds > 0 {
		s.Rounds = w.now.Rounds
	}
	if s.RoundAt = w.at; !w.up || w.now.Waits != nil {
		s.Waits = w.waits
	}
}

// trained adds what a client's own state says of its round.
func trained(s *Status, rec *Record, n *node.Node) {
	if rec.Role != RoleClient && rec.Role != RoleEdge {
		return
	}
	if rec.Word != nil {
		s.Round, s.RoundAt = max(s.Round, rec.Word.Round), rec.Word.At
	}
	if n != nil {
		s.Round = max(s.Round, observe.TrainedBefore(n))
	}
	if s.Rounds > 0 {
		s.Round = min(s.Round, s.Rounds)
	}
}
