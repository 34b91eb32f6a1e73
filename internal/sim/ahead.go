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

// giveBack puts what is left of the window back into the queue, but for what was run ahead.
func (w *World) giveBack() {
	win := &w.window
	kept := win.next
	for i := win.next; i < len(win.keys); i++ {
		if r := win.events[i].ahead; r == nil || !r.done {
			win.events[i].ahead = nil
			w.queue.insert(win.keys[i], win.events[i])
			continue
		}
		win.keys[kept], win.events[kept] = win.keys[i], win.events[i]
		kept++
	}
	win.keys, win.events = win.keys[:kept], win.events[:kept]
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
		l := w.lanes[int(ev.node)%len(w.lanes)]
		l.items = append(l.items, int32(len(win.keys)))
		win.keys, win.events = append(win.keys, k), append(win.events, ev)
	}
	if len(win.keys) < windowLeast {
		for _, l := range w.lanes {
			l.items = l.items[:0]
		}
		return
	}
	win.number++
	if w.crew == nil {
		w.crew = newCrew(w, w.opt.Threads-1)
	}
	w.crew.run(w)
	for _, l := range w.lanes {
		win.ahead += uint64(l.begun)
	}
}

// runAhead runs the nodes of the lane through the window.
func (l *lane) runAhead() {
	win := &l.w.window
	l.now, l.until, l.begun = l.w.now, win.until, 0
	for items := l.items; len(items) > 0 || l.own.len() > 0; {
		if len(items) > 0 && (l.own.len() == 0 || win.keys[items[0]].at <= l.own.next()) {
			at, ev := win.keys[items[0]].at, &win.events[items[0]]
			if n := l.w.nodes[ev.node]; l.mayLead(n, ev, at) {
				ev.ahead = l.deed()
				l.lead(n, at, *ev)
			}
			items = items[1:]
			continue
		}
		k, ev := l.own.pop()
		if n := l.w.nodes[ev.node]; l.mayLead(n, &ev, k.at) {
			l.lead(n, k.at, ev)
		}
	}
	l.log, l.items = nil, l.items[:0]
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

// lanesEach is how many lanes there are for each thread, so that one with much to do holds up nobody.
const lanesEach = 4

// crew are the threads that run nodes ahead beside that of the world, while Run is under way. A lane is run by who
// comes first: a thread that gets no processor is not waited for before it has begun.
type crew struct {
	turn  atomic.Uint64 // which window is run, and below turnShift the lane that nobody has begun
	ended atomic.Int64  // how many lanes have been run
	sleep []atomic.Bool
	wake  []chan struct{}
	done  chan struct{} // closed when Run returns
}

const turnShift = 32

// The waits of a thread for the next window: windows come every few microseconds, or not at all.
const (
	looks = 50 // before it lets others have the processor
	yield = 50 // how often it does before it sleeps
)

// newCrew starts the threads of a world but its own.
func newCrew(w *World, others int) *crew {
	c := &crew{sleep: make([]atomic.Bool, others), wake: make([]chan struct{}, others), done: make(chan struct{})}
	c.turn.Store(uint64(len(w.lanes)))
	for i := range c.wake {
		c.wake[i] = make(chan struct{}, 1)
		go c.work(w, i, c.turn.Load()>>turnShift)
	}
	return c
}

// run has all lanes run the window; it returns when they have.
func (c *crew) run(w *World) {
	c.ended.Store(0)
	c.turn.Store((c.turn.Load()>>turnShift + 1) << turnShift)
	for i := range c.sleep {
		if c.sleep[i].CompareAndSwap(true, false) {
			c.wake[i] <- struct{}{}
		}
	}
	c.claim(w)
	for k := 0; c.ended.Load() < int64(len(w.lanes)); k++ {
		if k%looks == looks-1 {
			runtime.Gosched()
		}
	}
}

// claim runs lanes as long as there are some that nobody has begun.
func (c *crew) claim(w *World) {
	for {
		lane := (c.turn.Add(1) - 1) & (1<<turnShift - 1)
		if lane >= uint64(len(w.lanes)) {
			return
		}
		w.lanes[lane].runAhead()
		c.ended.Add(1)
	}
}

// work runs lanes, window after window.
func (c *crew) work(w *World, thread int, seen uint64) {
	for {
		for k := 0; c.turn.Load()>>turnShift == seen; k++ {
			switch {
			case k%looks != looks-1:
			case k < looks*yield:
				runtime.Gosched()
			default:
				c.sleep[thread].Store(true)
				if c.turn.Load()>>turnShift != seen && c.sleep[thread].CompareAndSwap(true, false) {
					continue // it came between
				}
				select {
				case <-c.wake[thread]:
				case <-c.done:
					return
				}
			}
		}
		seen = c.turn.Load() >> turnShift
		c.claim(w)
	}
}

// rest ends the threads.
func (w *World) rest() {
	if w.crew != nil {
		close(w.crew.done)
		w.crew = nil
	}
}
