package sim

import (
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
)

// Tally is what a world counts. Events are all things that happened at a time: arrivals, steps, timers, syncs, acts.
type Tally struct {
	Events, Steps, Inputs, Sent, SentBytes, Delivered uint64
	InFlight                                          int
	// Alive is the number of nodes that run now; Births and Deaths count the lives that began and ended.
	Alive          int
	Births, Deaths uint64
}

// lane is where things happen to nodes: the world's own, where they happen at once and one after another, or one of
// those in which threads run nodes ahead of the world. There each node is as it will be, and what reaches beyond it is
// written down, for the world to do it in its turn.
type lane struct {
	w   *World
	now int64
	sum *Tally

	// What follows is of one in which nodes are run ahead.

	log   *deed   // what the event under way does; nil in the world's own lane
	own   queue   // what nodes set for themselves and is run ahead too
	items []int32 // what of the window is of its nodes
	until int64   // what is due from then on waits for its turn
	begun int     // how many of kept are in use
	kept  []*deed
}

// desk is what nodes without a disk work in, those that one thread runs ahead.
type desk struct {
	scratch *engine.Scratch
	arrival *arrival
}

// deed is what an event did beyond its node.
type deed struct {
	sum  Tally
	ops  []op
	done bool // it was run ahead
	told bool // the owner of the world is to hear of it
}

// op is one thing that an event did beyond its node.
type op struct {
	kind   uint8
	at     int64 // of opPush
	ev     event // likewise
	flight       // of opSend; its fault of opFault
	told   *engine.AppEvent
	why    string // of opRefuse
	err    error  // of opFail
}

// The kinds of op.
const (
	opPush = iota
	opSend
	opTell
	opFault
	opRefuse
	opFail
)

// push sets an event.
func (l *lane) push(at int64, ev event) {
	if l.log == nil {
		l.w.queue.push(at, ev)
		return
	}
	if at < l.until {
		ev.ahead = l.deed()
		l.own.push(at, ev)
	}
	l.log.ops = append(l.log.ops, op{kind: opPush, at: at, ev: ev})
}

// tell tells the owner of the world an app event; it says whether the run goes on.
func (l *lane) tell(n *Node, ev engine.AppEvent) bool {
	if l.log != nil {
		l.log.told = true
		l.log.ops = append(l.log.ops, op{kind: opTell, told: &ev})
		return true
	}
	if err := l.w.opt.OnApp(n, ev); err != nil {
		l.fail(err)
		return false
	}
	return true
}

// refuse counts an input that a node refused.
func (l *lane) refuse(why string) {
	if l.log != nil {
		l.log.ops = append(l.log.ops, op{kind: opRefuse, why: why})
		return
	}
	l.w.Refusals[why]++
}

// fail stops the run.
func (l *lane) fail(err error) {
	if l.log != nil {
		l.log.ops = append(l.log.ops, op{kind: opFail, err: err})
		return
	}
	l.w.Fail(err)
}

// failed says whether the run has failed, as far as the lane knows.
func (l *lane) failed() bool {
	if l.log == nil {
		return l.w.failure != nil
	}
	for i := range l.log.ops {
		if l.log.ops[i].kind == opFail {
			return true
		}
	}
	return false
}

// violate stops the run because a promise is broken.
func (l *lane) violate(checker, what string) {
	l.fail(&Violation{checker, time.Duration(l.now), what})
}

// deed returns an empty one.
func (l *lane) deed() *deed {
	if l.begun == len(l.kept) {
		l.kept = append(l.kept, &deed{})
	}
	r := l.kept[l.begun]
	l.begun++
	return r
}

// apply does what an event that was run ahead has done beyond its node.
func (w *World) apply(n *Node, r *deed) {
	s := &r.sum
	w.Steps += s.Steps
	w.Inputs += s.Inputs
	w.Delivered += s.Delivered
	w.InFlight += s.InFlight
	w.Alive += s.Alive
	w.Births += s.Births
	w.Deaths += s.Deaths
	for i := range r.ops {
		if w.failure != nil {
			return
		}
		switch o := &r.ops[i]; o.kind {
		case opPush:
			w.queue.push(o.at, o.ev)
		case opSend:
			w.fly(n, &o.flight)
		case opTell:
			w.tell(n, *o.told)
		case opFault:
			w.counts[o.fault]++
		case opRefuse:
			w.refuse(o.why)
		case opFail:
			w.Fail(o.err)
		default:
			w.Fail(fmt.Errorf("sim: nothing is known of op %d", o.kind))
		}
	}
	clear(r.ops)
	*r = deed{ops: r.ops[:0]}
}
