package memory

import "container/heap"

// queue holds events in the order of (arrival, sequence). It is used under a lock.
type queue struct {
	heap eventHeap
	seq  uint64
}

// push adds an event behind all that arrive at its time.
func (q *queue) push(e event) {
	q.seq++
	e.seq = q.seq
	heap.Push(&q.heap, e)
}

// first returns when the next event arrives, and whether there is one.
func (q *queue) first() (at int64, ok bool) {
	if len(q.heap) == 0 {
		return 0, false
	}
	return q.heap[0].at, true
}

// pop removes the next event; there must be one.
func (q *queue) pop() event { return heap.Pop(&q.heap).(event) }

// keep removes all events but some.
func (q *queue) keep(some func(event) bool) {
	kept := q.heap[:0]
	for _, e := range q.heap {
		if some(e) {
			kept = append(kept, e)
		}
	}
	clear(q.heap[len(kept):])
	q.heap = kept
	heap.Init(&q.heap)
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(e any)   { *h = append(*h, e.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return e
}
