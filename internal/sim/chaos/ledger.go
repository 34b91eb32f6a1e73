package chaos

import (
	"fmt"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// ledger is the scenario of questions that are counted: each number that the asker's host gives is answered once by
// each of the others, and counted once by each.
type ledger struct {
	w      *sim.World
	plan   *Plan
	nodes  []*sim.Node // the asker first
	told   toldOnce
	given  map[string]map[int64]bool // by answerer: the numbers that it answered
	asked  int                       // numbers that were given to the asker in its present life
	starts int                       // of the asker, when asked was counted
}

// askEvery returns how often the asker's host looks whether it may ask again: so that the questions last as long as the
// faults do.
func (l *ledger) askEvery() time.Duration {
	return max(2*time.Millisecond, l.plan.Horizon/time.Duration(l.plan.Work))
}

// askedAhead is how many questions may be open.
const askedAhead = 6

func (l *ledger) Build(w *sim.World, p *Plan, trace bool) error {
	l.w, l.plan, l.told, l.given = w, p, toldOnce{}, map[string]map[int64]bool{}
	parts, err := ledgerOf(p.Nodes - 1)
	if err != nil {
		return err
	}
	for i := range p.Nodes {
		cfg, err := parts.config(i, p.Seed, trace)
		if err != nil {
			return err
		}
		n := w.Add(sim.Spec{Name: string(cfg.Self), Config: cfg, Durable: true, KeepOld: p.strikes(sim.Stale),
			Store: host.Store{SnapshotBytes: p.Snapshot}}, 0)
		l.nodes = append(l.nodes, n)
		if i > 0 {
			l.given[n.Name] = map[int64]bool{}
		}
	}
	l.ask()
	return nil
}

// ask gives the asker its next numbers. What its node has counted is what it has taken; a number that went down with
// the process is given again, as a host does that keeps its own list.
func (l *ledger) ask() {
	asker := l.nodes[0]
	if asker.Up() {
		if asker.Starts != l.starts {
			l.starts, l.asked = asker.Starts, int(counterOf(asker, countInvoked))
		}
		if l.asked < l.plan.Work && l.asked-l.answered() < askedAhead {
			l.asked++
			l.w.Deliver(asker,
				&engine.Event{Invoke: &snapshot.InvokeEvent{Name: "ask", Inputs: []value.Value{value.Int(l.asked)}}})
		}
	}
	if !l.Settled() {
		l.w.At(l.w.Now()+l.askEvery(), l.ask)
	}
}

// answered returns how many numbers the slowest of the others has answered.
func (l *ledger) answered() int {
	least := l.plan.Work
	for _, n := range l.nodes[1:] {
		if !n.Lied {
			least = min(least, len(l.given[n.Name]))
		}
	}
	return least
}

func (l *ledger) App(n *sim.Node, ev engine.AppEvent) error {
	forgot := lost(l.nodes)
	first, err := l.told.first(l.w, n, ev)
	if (err != nil || !first) && !forgot {
		return err
	}
	if ev.Name == engine.FailureEvent && (forgot || lied(l.nodes)) {
		return nil // what it refuses is a lie, or belongs to a life that is forgotten
	}
	if ev.Name == engine.FailureEvent {
		return broken(l.w, "nothing fails", "%s: %s", n.Name, render(ev.Value))
	}
	list, ok := ev.Value.(*value.List)
	if ev.Name != eventAnswered || !ok || list.Len() != 4 {
		return broken(l.w, "answers", "%s told %s %s", n.Name, ev.Name, render(ev.Value))
	}
	number, _ := list.At(0).(value.Int)
	who, _ := list.At(1).(value.Peer)
	doubled, _ := list.At(2).(value.Int)
	counted, _ := list.At(3).(value.Int)
	given := l.given[string(who)]
	if o := l.w.NodeOf(wire.PeerID(who)); o != nil && o.Lied {
		return nil
	}
	switch {
	case given == nil:
		return broken(l.w, "answers", "an answer of %q, which was not asked", who)
	case doubled != 2*number || counted != number:
		return broken(l.w, "answers", "%s answered %d with %d and %d", who, number, doubled, counted)
	case given[int64(number)] && !forgot:
		return broken(l.w, "no effect twice", "the answer of %s to %d was told under two numbers", who, number)
	}
	given[int64(number)] = true
	return nil
}

// Missing names questions without an answer.
func (l *ledger) Missing() string {
	var out []string
	for _, n := range l.nodes[1:] {
		for i := 1; i <= l.plan.Work && !n.Lied; i++ {
			if !l.given[n.Name][int64(i)] && len(out) < 5 {
				out = append(out, fmt.Sprintf("%s to %d (%d were asked)", n.Name, i, l.asked))
			}
		}
	}
	return strings.Join(out, ", ")
}

func (l *ledger) Settled() bool { return l.answered() >= l.plan.Work }

func (l *ledger) Audit() error {
	if lost(l.nodes) {
		return nil
	}
	if n := counterOf(l.nodes[0], countInvoked); n != uint64(l.plan.Work) && !lied(l.nodes) {
		return broken(l.w, "no effect twice", "the asker took %d questions of %d", n, l.plan.Work)
	}
	for _, n := range l.nodes[1:] {
		if n.Lied {
			continue
		}
		c := n.Node().Component("tally").(*tally)
		switch {
		case c.state.Twice != 0:
			return broken(l.w, "no effect twice", "%s counted %d numbers twice", n.Name, c.state.Twice)
		case len(c.state.Seen) != l.plan.Work:
			return broken(l.w, "nothing acknowledged is lost", "%s counted %d numbers of %d", n.Name, len(c.state.Seen),
				l.plan.Work)
		}
		for _, name := range []string{countDistinct, countTaken} {
			if got := counterOf(n, name); got != uint64(l.plan.Work) {
				return broken(l.w, "no effect twice", "counter %s of %s is %d after %d questions", name, n.Name, got,
					l.plan.Work)
			}
		}
	}
	for _, n := range l.nodes {
		if err := bounded(l.w, n, l.plan); err != nil {
			return err
		}
	}
	if lied(l.nodes) {
		return nil // the others wait for what a liar owes them
	}
	for _, n := range l.nodes {
		if err := balanced(l.w, n); err != nil {
			return err
		}
	}
	return nil
}

// render writes a value for comparisons and for people.
func render(v value.Value) string {
	if l, ok := v.(*value.List); ok {
		s := ""
		for _, x := range l.Items() {
			s += render(x) + " "
		}
		return "[" + s + "]"
	}
	if t, ok := v.(value.Tensor); ok {
		return fmt.Sprintf("tensor %v %x", t.Shape(), t.Float32())
	}
	return fmt.Sprint(v)
}
