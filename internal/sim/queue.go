package sim

import (
	"cmp"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
)

// The kinds of event.
const (
	evArrive  = iota // a packet reaches a node
	evStep           // a node is to be stepped
	evWake           // a timer of a node is due
	evSync           // a sync of a node's journal comes to its end
	evPublish        // a snapshot of a node is written
	evWork           // a worker has a result
	evBegin          // a node starts
	evAct            // something that the owner of the world does
)

// event is one thing that happens at a time.
type event struct {
	kind     uint8
	node     int32
	from     int32         // of evArrive: the sender
	life     uint32        // of the node: an event of an earlier life does not happen, except arrivals
	raw      []byte        // of evArrive
	input    *engine.Event // of evWork
	act      func()        // of evAct
	wakeTime int64         // of evWake: the time for which it was set
	ahead    *deed         // what it does, once it was run ahead
}

// key orders events: by time, among equals by when they were first due, which is earlier for those that were put back,
// and then in the order in which they were set.
type key struct {
	at, due, seq int64
	slot         int32
}

// queue is a priority queue of events: a heap with four children to a node over small keys, and the events in slots
// that are used again.
type queue struct {
	heap  []key
	slots []event
	free  []int32
	seq   int64
}

func (q *queue) len() int { return len(q.heap) }

// next returns the time of the first event.
func (q *queue) next() int64 { return q.heap[0].at }

func (q *queue) push(at int64, ev event) {
	q.seq++
	q.insert(key{at: at, due: at, seq: q.seq}, ev)
}

// putBack sets the event that was popped with a key to a later time. However often events are put back, and to
// whatever times, those that meet there keep their order.
func (q *queue) putBack(at int64, k key, ev event) {
	k.at = at
	q.insert(k, ev)
}

// hasten sets the events of a node that were put back beyond a time to that time.
func (q *queue) hasten(node int32, at int64) {
	for i := range q.heap {
		if k := &q.heap[i]; k.due < k.at && at < k.at && q.slots[k.slot].node == node {
			k.at = at
		}
	}
	slices.SortFunc(q.heap, key.compare) // which is a heap
}

func (q *queue) insert(k key, ev event) {
	var slot int32
	if n := len(q.free); n > 0 {
		slot = q.free[n-1]
		q.free = q.free[:n-1]
		q.slots[slot] = ev
	} else {
		slot = int32(len(q.slots))
		q.slots = append(q.slots, ev)
	}
	k.slot = slot
	q.heap = append(q.heap, k)
	i := len(q.heap) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !k.before(q.heap[up]) {
			break
		}
		q.heap[i] = q.heap[up]
		i = up
	}
	q.heap[i] = k
}

func (k key) before(o key) bool {
	if k.at != o.at {
		return k.at < o.at
	}
	return k.due < o.due || k.due == o.due && k.seq < o.seq
}

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.at, o.at), cmp.Compare(k.due, o.due), cmp.Compare(k.seq, o.seq))
}

func (q *queue) pop() (key, event) {
	top := q.heap[0]
	n := len(q.heap) - 1
	last := q.heap[n]
	q.heap = q.heap[:n]
	if n > 0 {
		i := 0
		for {
			first := 4*i + 1
			if first >= n {
				break
			}
			least := first
			for c := first + 1; c < min(first+4, n); c++ {
				if q.heap[c].before(q.heap[least]) {
					least = c
				}
			}
			if !q.heap[least].before(last) {
				break
			}
			q.heap[i] = q.heap[least]
			i = least
		}
		q.heap[i] = last
	}
	ev := q.slots[top.slot]
	q.slots[top.slot] = event{}
	q.free = append(q.free, top.slot)
	return top, ev
}
