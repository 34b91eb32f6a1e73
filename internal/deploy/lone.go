package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/mix"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/discovery"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// OnNeighbour is what a node without a server waits for: its first neighbour, before its periods count, or later any.
const OnNeighbour = "neighbour"

// MergedNothingError says that a node without a server went through its periods and no model of another one came. Its
// result is there, and is what it would have been without the network.
type MergedNothingError struct {
	Job    string
	Rounds int
	Model  string // path
}

// Error says what the model is worth.
func (e *MergedNothingError) Error() string {
	return fmt.Sprintf(
		"%s: nothing was merged: in %d periods no model of another node came, and %s learned from nobody", e.Job,
		e.Rounds, e.Model)
}

// company is what a node without a server knows of being alone. It is safe for concurrent use.
type company struct {
	mu     sync.Mutex
	began  int64 // engine time from which the periods count; 0 while it waits for the first neighbour
	period time.Duration
	rounds int
	founds bool // it begins with nobody: the others come to it
	pace   pace
	waits  *Waits
	begin  string // why the peers to begin with do not answer, or empty
	warned time.Time
}

// round returns the period of an engine time, 0 while none counts.
func (c *company) round(now int64) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return periodAt(now, c.began, c.period, c.rounds)
}

// waiting says whether the node still waits for its first neighbour.
func (c *company) waiting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.began == 0
}

func periodAt(now, began int64, period time.Duration, rounds int) int {
	if began == 0 || period <= 0 { // nodes in step have none
		return 0
	}
	return min(int(max(now-began, 0)/int64(period)), rounds)
}

// inStep is what a node that goes in step with its neighbours waits for.
type inStep struct {
	round int       // from 1; 0 while it waits for nobody
	whose []Awaited // models of the round that have not come
}

// stepOf looks for whom a node in step waits. It reads the node, so it runs in the node's thread.
func stepOf(n *node.Node, known []wire.PeerID) (s inStep) {
	c, ok := n.Component("mix").(*mix.Component)
	if !ok {
		return s
	}
	round, come, waits := c.Awaited()
	if !waits {
		return s
	}
	s.round = int(round) + 1
	for _, p := range known {
		if !slices.Contains(come, string(p)) {
			s.whose = append(s.whose, Awaited{Name: nameOf(nil, p), Peer: p, State: AwaitedAsked})
		}
	}
	return s
}

// linked says of each who is waited for whether there is a link with it.
func (s *inStep) linked(up map[wire.PeerID]string) {
	for i := range s.whose {
		if _, ok := up[s.whose[i].Peer]; !ok {
			s.whose[i].State = AwaitedUnlinked
		}
	}
}

// look takes how many neighbours are linked, and how many it needs, and returns what is to be told, or nil. A node in
// step knows better what it waits for.
func (c *company) look(now time.Time, linked, need int, alone bool, step inStep) *Waiting {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.waits
	c.waits = nil
	first, w := time.Duration(0), &Waits{On: OnNeighbour, Need: need, Have: linked, For: []Awaited{}, Hint: c.begin}
	switch {
	case c.period == 0 && step.round > 0 && len(step.whose) > 0:
		first = paceSecond
		w.Round, w.Have, w.For = step.round, need-len(step.whose), step.whose[:min(len(step.whose), awaitedMax)]
		w.More = len(step.whose) - len(w.For)
		w.Hint = join(w.Hint, "a round waits for all neighbours")
	case linked >= need:
		w = nil
	case c.period == 0:
		first = paceSecond
		w.Hint = join(w.Hint, "a round waits for all neighbours")
	case c.began == 0:
		if !c.founds {
			first = paceFirst
		}
	case alone:
		w.Hint = join(w.Hint, "it trains alone meanwhile")
		w.Round = 1
	default:
		first = max(paceSecond, 3*c.period)
		w.Hint = join(w.Hint, "its periods go on")
		w.Round = 1
	}
	c.waits = w
	tell, over := c.pace.look(now, w, first)
	switch {
	case tell:
		return &Waiting{Waits: *w, Waited: now.Sub(c.pace.began)}
	case over > 0 && w == nil && before != nil:
		return &Waiting{Waits: *before, Over: true, Waited: over}
	}
	return nil
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// add puts what is known into the status of the node.
func (c *company) add(s *Status, _ time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Done == nil && s.Failed == nil {
		s.Waits = c.waits
	}
}

// unmet notes whether the peers to begin with answer, and says what is to be warned of: at once, and then each minute.
func (c *company) unmet(now time.Time, why string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin = why
	if why == "" || !c.warned.IsZero() && now.Sub(c.warned) < paceEach {
		return ""
	}
	c.warned = now
	return why + "; they are tried again"
}

// neighbours returns whom a node without a server would send to.
func neighbours(n *node.Node, rec *Record) []wire.PeerID {
	var out []wire.PeerID
	if d, ok := n.Component("discovery").(*discovery.Component); ok {
		for _, e := range d.State().(*discovery.State).Entries {
			out = append(out, wire.PeerID(e.Peer))
		}
		return out
	}
	for _, m := range rec.Members {
		out = append(out, m.Peer)
	}
	return out
}

// alone sees whether the node has a neighbour, and lets the periods count from the first one on, or at once where the
// job trains alone. It writes that down before anything follows from it.
func (e *equal) alone(now int64, known []wire.PeerID, merges uint64, step inStep) error {
	up := e.links.look()
	linked := 0
	for _, p := range known {
		if _, ok := up[p]; ok {
			linked++
		}
	}
	if e.company.waiting() && (linked > 0 || merges > 0 || e.trainsAlone) {
		began := max(now, 1)
		if merges > 0 && e.resumed {
			began = 1 // of a release whose periods counted from the start
		}
		if err := e.dir.Save(func(r *Record) error { r.Began = began; return nil }); err != nil {
			return err
		}
		e.company.mu.Lock()
		e.company.began = began
		e.company.mu.Unlock()
	}
	need := 1
	if e.inStep() {
		need = len(known)
	}
	step.linked(up)
	if w := e.company.look(time.Now(), linked, need, e.trainsAlone, step); w != nil {
		e.o.Notify(*w)
	}
	return nil
}

// meet connects to those of the peers that the node began with to whom there is no link, and says so where nobody
// answers.
func (e *equal) meet(connect func(context.Context, wire.PeerID) error) {
	members := e.dir.Record().Members
	met, why := len(members) == 0, ""
	for _, m := range members {
		if _, up := e.links.look()[m.Peer]; up {
			met = true
			continue
		}
		if err := e.lists.Admit(m.Peer); err != nil {
			why = err.Error()
			continue
		}
		ctx, cancel := context.WithTimeout(e.done, meetWithin)
		err := connect(ctx, m.Peer) // tried again
		cancel()
		if err == nil {
			met = true
		} else if why == "" {
			why = err.Error()
			if away := (*transport.UnreachableError)(nil); errors.As(err, &away) {
				why = away.Reason // who it is, is said already
			}
		}
	}
	if met || len(e.links.look()) > 0 || e.done.Err() != nil {
		why = ""
	} else if len(members) == 1 {
		why = "the peer to begin with does not answer: " + why
	} else {
		why = fmt.Sprintf("none of the %d peers to begin with answers: %s", len(members), why)
	}
	if text := e.company.unmet(time.Now(), why); text != "" {
		e.o.Notify(Warning{text})
	}
}

// aged puts the period of a node without a server into its status, or its round.
func aged(s *Status, rec *Record, n *node.Node) {
	if rec.Role != RolePeer || rec.Done != nil {
		return
	}
	cfg, err := kinds.StoredPeered(rec.Kind, rec.Settings)
	if err != nil {
		return
	}
	period, _ := cfg.Pace()
	s.Round = periodAt(s.NowNs, rec.Began, period, cfg.About().Rounds)
	if period == 0 { // in step, it merges once in each round
		s.Round = int(min(cfg.Merged(n), uint64(cfg.About().Rounds)))
	}
	if rec.Began == 0 && s.Starts > 0 && rec.Failed == nil {
		s.Waits = &Waits{On: OnNeighbour, Need: 1, For: []Awaited{}}
	}
}
