package sim

import (
	"runtime"
	"sync/atomic"
)

// Two threads can run one world because a packet takes time. Whatever nodes do within a window no longer than the
// least latency of the network, none of it reaches another node in that window. So the threads run the nodes ahead,
// to the end of the window, each those that are its own, each node through its own events in their order. What an
// event does beyond its node is written down. Then the world lets everything happen in the order in which it would
// have happened anyway, and where an event was run ahead it only does what was written down: packets, numbers in the
// queue, counts and calls of the owner come as if one thread had done it all.
//
// An act of the owner may do anything to any node, so a window ends before the next act. Not run ahead is what is rare
// and reaches further than a node: starts after a crash, copies beside their originals, pauses, disks that wait for a
// fault; and a node that has told its host something, until the world has heard it.

// windowMost bounds the events of a window, and windowLeast is how many are worth a second thread.
const (
	windowMost  = 1 << 14
	windowLeast = 4
)

// window is what comes next: events that were taken out of the queue in their order, and may have been run ahead.
type window struct {
	keys   []key
	events []event
	next   int
	number uint64 // counts windows
	until  int64
	ahead  uint64 // events that were run ahead in all
}

// Ahead returns how many events were run ahead so far.
func (w *World) Ahead() uint64 { return w.window.ahead }

// single ends that nodes are run ahead: the owner may do anything to the world whenever Run returns.
func (w *World) Single() { w.single = true }

// left says whether something of the window is left.
func (win *window) left() bool { return win.next < len(win.keys) }

// more says whether something is left to happen.
func (w *World) more() bool { return w.window.left() || w.queue.len() > 0 }

// due returns the time of what happens next.
func (w *World) due() int64 {
	switch win := &w.window; {
	case !win.left():
		return w.queue.next()
	case w.queue.len() == 0:
		return win.keys[win.next].at
	default:
		return min(win.keys[win.next].at, w.queue.next())
	}
}

// take returns what happens next.
func (w *World) take() (key, event) {
	win := &w.window
	if !win.left() || w.queue.len() > 0 && w.queue.heap[0].before(win.keys[win.next]) {
		return w.queue.pop()
	}
	i := win.next
	win.next++
	return win.keys[i], win.events[i]
}

// lookAhead runs nodes ahead, if that can be done and is worth it.
func (w *World) lookAhead(end int64) {
	win := &w.window
	if win.left() || len(w.lanes) == 0 || w.single || w.opt.OnTrace != nil || w.opt.Mutate != nil || w.pairs > 0 ||
		w.queue.next() < win.until { // these were left for the world to do
		return
	}
	first := w.queue.next()
	if win.until = min(first+int64(w.net.Latency.Min), end+1); win.until <= first {
		return
	}
	win.keys, win.events, win.next = win.keys[:0], win.events[:0], 0
	for w.queue.len() > 0 && w.queue.next() < win.until {
		top := w.queue.heap[0]
		if w.queue.slots[top.slot].kind == evAct || len(win.keys) == windowMost {
			win.until = top.at
			break
		}
		k, ev := w.queue.pop()
		win.keys, win.events = append(win.keys, k), append(win.events, ev)
	}
	if len(win.keys) < windowLeast {
		return
	}
	win.number++
	w.crew.run(w)
	for _, l := range w.lanes {
		win.ahead += uint64(l.begun)
	}
}

// runAhead runs the nodes of a thread through the window.
func (l *lane) runAhead(thread, threads int) {
	win := &l.w.window
	l.now, l.until, l.begun = l.w.now, win.until, 0
	for i := 0; ; {
		for i < len(win.keys) && int(win.events[i].node)%threads != thread {
			i++
		}
		switch {
		case i < len(win.keys) && (l.own.len() == 0 || win.keys[i].at <= l.own.next()):
			ev := &win.events[i]
			if n := l.w.nodes[ev.node]; l.mayLead(n, ev, win.keys[i].at) {
				ev.ahead = l.deed()
				l.lead(n, win.keys[i].at, *ev)
			}
			i++
		case l.own.len() > 0:
			k, ev := l.own.pop()
			if n := l.w.nodes[ev.node]; l.mayLead(n, &ev, k.at) {
				l.lead(n, k.at, ev)
			}
		default:
			l.log = nil
			return
		}
	}
}

// mayLead says whether an event of a node can be run ahead. If not, none of the node after it is in this window.
func (l *lane) mayLead(n *Node, ev *event, at int64) bool {
	switch {
	case n.held == l.w.window.number:
		return false
	case ev.kind == evBegin && n.Starts > 0, at < n.pausedTo, n.backup != nil, n.fs != nil && n.fs.Armed():
		n.held = l.w.window.number
		return false
	}
	return true
}

// lead runs an event of a node ahead.
func (l *lane) lead(n *Node, at int64, ev event) {
	r := ev.ahead
	l.now, l.log, l.sum = max(l.now, at), r, &r.sum
	r.done = true
	l.happen(n, &ev)
	if r.told {
		n.held = l.w.window.number
	}
}

// crew are the threads that run nodes ahead beside that of the world, while Run is under way.
type crew struct {
	turn  atomic.Uint64 // of the threads: which window they run
	ended atomic.Int64  // how many have run it
	quit  bool          // read behind turn
	wake  []chan struct{}
	sleep []atomic.Bool
	on    bool
}

// spins is how often a thread looks for its turn before it sleeps: windows come every few microseconds, or not at all.
const spins = 200

// run has all threads run the window; it returns when they have.
func (c *crew) run(w *World) {
	threads := len(w.lanes)
	if !c.on {
		c.on, c.quit = true, false
		if c.wake == nil {
			c.wake, c.sleep = make([]chan struct{}, threads), make([]atomic.Bool, threads)
		}
		for i := 1; i < threads; i++ {
			c.wake[i] = make(chan struct{}, 1)
			go c.work(w, i, threads, c.turn.Load())
		}
	}
	c.call(threads)
	w.lanes[0].runAhead(0, threads)
	for c.ended.Load() < int64(threads-1) {
		runtime.Gosched()
	}
}

// call gives all threads their turn.
func (c *crew) call(threads int) {
	c.ended.Store(0)
	c.turn.Add(1)
	for i := 1; i < threads; i++ {
		if c.sleep[i].CompareAndSwap(true, false) {
			c.wake[i] <- struct{}{}
		}
	}
}

// work runs what a thread has to run, turn after turn.
func (c *crew) work(w *World, thread, threads int, seen uint64) {
	for {
		for k := 0; c.turn.Load() == seen; k++ {
			if k < spins {
				runtime.Gosched()
				continue
			}
			c.sleep[thread].Store(true)
			if c.turn.Load() != seen && c.sleep[thread].CompareAndSwap(true, false) {
				break // it came between
			}
			<-c.wake[thread]
		}
		seen++
		if c.quit {
			c.ended.Add(1)
			return
		}
		w.lanes[thread].runAhead(thread, threads)
		c.ended.Add(1)
	}
}

// rest ends the threads.
func (w *World) rest() {
	c := &w.crew
	if !c.on {
		return
	}
	c.on, c.quit = false, true
	c.call(len(w.lanes))
	for c.ended.Load() < int64(len(w.lanes)-1) {
		runtime.Gosched()
	}
}
