package memory

import (
	"container/heap"

	"github.com/rhizome-ml/rhizome/wire"
)

// message is a message under way.
type message struct {
	at   int64 // of arrival
	seq  uint64
	from wire.PeerID
	to   *VirtualPort // of a virtual network
	raw  []byte
}

// queue holds messages in the order of (arrival, sequence). It is used under a lock or by one thread.
type queue struct {
	heap messageHeap
	seq  uint64
}

func (q *queue) len() int { return len(q.heap) }

// push adds a message behind all that arrive at its time.
func (q *queue) push(m message) {
	q.seq++
	m.seq = q.seq
	heap.Push(&q.heap, m)
}

// first returns the arrival of the next message.
func (q *queue) first() (at int64, ok bool) {
	if len(q.heap) == 0 {
		return 0, false
	}
	return q.heap[0].at, true
}

// pop removes the next message; there is one.
func (q *queue) pop() message { return heap.Pop(&q.heap).(message) }

type messageHeap []message

func (h messageHeap) Len() int { return len(h) }

func (h messageHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}

func (h messageHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is for package heap.
func (h *messageHeap) Push(x any) { *h = append(*h, x.(message)) }

// Pop is for package heap.
func (h *messageHeap) Pop() any {
	last := len(*h) - 1
	m := (*h)[last]
	(*h)[last] = message{}
	*h = (*h)[:last]
	return m
}
