package dataflow

import "slices"

// waits are the parked ops, in order of parking. Those that wait for one thing are found by it, and those of an
// activation are listed there: what wakes one op looks at no others.
type waits struct {
	list []*parked               // ascending by call; also some that are over
	over int                     // how many
	by   map[parkedFor][]*parked // by what they wait for, in order, also some that are over; nil while there are few
}

// parked is an op that waits for something other than a timer, a command or a child.
type parked struct {
	call   uint64
	exec   uint64
	op     int32
	reason parkReason
	label  string

	// Derived: it waits no more; its neighbours among the parked ops of its activation.
	over       bool
	prev, next *parked
}

// parkedFor is what ops wait for together; a component resolves its calls one by one.
type parkedFor struct {
	reason parkReason
	label  string
}

// waitsFew is how many parked ops are searched without an index.
const waitsFew = 32

// len returns how many ops wait.
func (w *waits) len() int { return len(w.list) - w.over }

// add puts in an op whose call is higher than all. f is its activation.
func (w *waits) add(p *parked, f *Frame) {
	w.list = append(w.list, p)
	if p.next = f.parked; p.next != nil {
		p.next.prev = p
	}
	f.parked = p
	switch {
	case w.by != nil:
		w.index(p)
	case len(w.list) > waitsFew:
		w.reindex()
	}
}

func (w *waits) index(p *parked) {
	if p.reason != parkComponent {
		k := parkedFor{p.reason, p.label}
		w.by[k] = append(w.by[k], p)
	}
}

// reindex forgets what is over, and makes the index anew.
func (w *waits) reindex() {
	w.list = slices.DeleteFunc(w.list, func(p *parked) bool { return p.over })
	w.over = 0
	if w.by = nil; len(w.list) > waitsFew {
		w.by = map[parkedFor][]*parked{}
		for _, p := range w.list {
			w.index(p)
		}
	}
}

// remove takes an op out. f is its activation.
func (w *waits) remove(p *parked, f *Frame) {
	w.unlink(p, f)
	p.over = true
	if w.over++; 2*w.over > len(w.list) {
		w.reindex()
	}
}

// unlink takes an op out of the list of its activation.
func (w *waits) unlink(p *parked, f *Frame) {
	if p.next != nil {
		p.next.prev = p.prev
	}
	switch {
	case p.prev != nil:
		p.prev.next = p.next
	case f != nil:
		f.parked = p.next
	}
	p.prev, p.next = nil, nil
}

// call returns the op that waits with the number of a call, or nil.
func (w *waits) call(id uint64) *parked {
	i, ok := slices.BinarySearchFunc(w.list, id, func(p *parked, id uint64) int { return compareNumbers(p.call, id) })
	if !ok || w.list[i].over {
		return nil
	}
	return w.list[i]
}

// take takes out the ops that wait for one thing, in order of parking.
func (w *waits) take(why parkReason, label string, frames *frames) []*parked {
	among := w.list
	if k := (parkedFor{why, label}); w.by != nil {
		among = w.by[k]
		delete(w.by, k)
	}
	var out []*parked
	for _, p := range among {
		if !p.over && p.reason == why && p.label == label {
			w.unlink(p, frames.get(p.exec))
			p.over = true
			out = append(out, p)
		}
	}
	if w.over += len(out); 2*w.over > len(w.list) {
		w.reindex()
	}
	return out
}

// all returns the ops that wait, in order of parking.
func (w *waits) all() []*parked {
	out := make([]*parked, 0, w.len())
	for _, p := range w.list {
		if !p.over {
			out = append(out, p)
		}
	}
	return out
}

// kids are the activations that another called and that live, in the order in which it called them.
type kids struct{ first, last *Frame }

// add puts in an activation that is younger than all.
func (k *kids) add(c *Frame) {
	if c.elder, c.kid = k.last, nil; k.last != nil {
		k.last.kid = c
	} else {
		k.first = c
	}
	k.last = c
}

func (k *kids) remove(c *Frame) {
	if c.elder != nil {
		c.elder.kid = c.kid
	} else {
		k.first = c.kid
	}
	if c.kid != nil {
		c.kid.elder = c.elder
	} else {
		k.last = c.elder
	}
	c.elder, c.kid = nil, nil
}
