package peer

import (
	"slices"

	"github.com/rhizome-ml/rhizome/snapshot"
)

// StreamsCapture is the streams at one moment. Nothing changes it any more, so its Message may be made beside the
// engine, by any goroutine.
type StreamsCapture struct{ pages []*imagePage }

// imagesPage is how many images stand on a page.
const imagesPage = 64

// images are the streams as captures show them, by slot: a row of pages that captures share with it. What changes
// afterwards is copied first, the row once and a page once for each capture. So a capture costs what changed since the
// last one, however many streams there are.
type images struct {
	row     []*imagePage
	shared  bool      // a capture has the row
	age     uint64    // how many captures there were; a page of an older age is shared
	size    int       // slots that were ever given out
	free    []int     // slots of streams that were forgotten
	changed []*stream // that the images do not show as they are, each once
}

type imagePage struct {
	age uint64
	of  [imagesPage]*stream // a copy that nobody changes, or nil
}

// touch says that a stream changes before the next op runs, so that the next capture looks at it again.
func (s *Streams) touch(t *stream) {
	if s.images != nil && !t.changed {
		t.changed = true
		s.images.changed = append(s.images.changed, t)
	}
}

// touchAll says so of all streams.
func (s *Streams) touchAll() {
	if s.images == nil {
		return
	}
	for i := range s.peers.rows {
		s.touch(s.peers.rows[i].v)
	}
}

// forgot takes a stream that is forgotten out of the images.
func (s *Streams) forgot(t *stream) {
	m := s.images
	if m == nil {
		return
	}
	if t.slot > 0 {
		m.set(int(t.slot)-1, nil)
		m.free = append(m.free, int(t.slot)-1)
	}
	t.slot = -1 // it may be on the list of those that changed
}

// Capture takes all streams as they are. The first one of an engine's life looks at each of them, the others at those
// that changed.
func (s *Streams) Capture() *StreamsCapture {
	if s.images == nil {
		s.images = &images{}
		s.touchAll()
	}
	m := s.images
	for _, t := range m.changed {
		t.changed = false
		if t.slot < 0 {
			continue
		}
		if t.slot == 0 {
			t.slot = int32(m.slot() + 1)
		}
		m.set(int(t.slot)-1, t.image())
	}
	clear(m.changed)
	m.changed = m.changed[:0]
	m.shared = true
	m.age++
	return &StreamsCapture{m.row}
}

// slot returns a place for the image of another stream.
func (m *images) slot() int {
	if n := len(m.free); n > 0 {
		k := m.free[n-1]
		m.free = m.free[:n-1]
		return k
	}
	m.size++
	return m.size - 1
}

// set puts an image into a slot.
func (m *images) set(slot int, t *stream) {
	if m.shared {
		m.row, m.shared = slices.Clone(m.row), false
	}
	k := slot / imagesPage
	if k == len(m.row) {
		m.row = append(m.row, &imagePage{age: m.age})
	}
	p := m.row[k]
	if p.age != m.age {
		p = &imagePage{m.age, p.of}
		m.row[k] = p
	}
	p.of[slot%imagesPage] = t
}

// image returns a copy of the stream that shares nothing with it that changes. What is remembered of silences grows at
// its end alone, so it is shared.
func (t *stream) image() *stream {
	x := *t
	x.beyond, x.out = slices.Clone(t.beyond), slices.Clone(t.out)
	if t.vitals != nil {
		v := *t.vitals
		x.vitals = &v
	}
	if t.resync != nil {
		r := *t.resync
		r.past, r.earlier, r.lives = slices.Clone(r.past), slices.Clone(r.earlier), slices.Clone(r.lives)
		for i := range r.past {
			r.past[i].beyond, r.past[i].earlier = slices.Clone(r.past[i].beyond), slices.Clone(r.past[i].earlier)
		}
		x.resync = &r
	}
	return &x
}

// Message returns the streams by peer, and the outbox by (peer, number). The envelopes in it are shared, since nobody
// changes them, and encoded with the snapshot.
func (c *StreamsCapture) Message() ([]snapshot.WireStateSnapshot, []snapshot.PendingOutboundEntry) {
	var all []*stream
	for _, p := range c.pages {
		for _, t := range p.of {
			if t != nil {
				all = append(all, t)
			}
		}
	}
	return message(all)
}

// Snapshot returns the streams as they are, as Capture and Message do, with a look at all of them.
func (s *Streams) Snapshot() ([]snapshot.WireStateSnapshot, []snapshot.PendingOutboundEntry) {
	all := make([]*stream, 0, s.peers.len())
	for i := range s.peers.rows {
		all = append(all, s.peers.rows[i].v)
	}
	return message(all)
}

// message returns streams in the form of a snapshot, by peer.
func message(all []*stream) (states []snapshot.WireStateSnapshot, entries []snapshot.PendingOutboundEntry) {
	slices.SortFunc(all, func(a, b *stream) int {
		if a.peer < b.peer {
			return -1
		}
		return 1
	})
	if len(all) > 0 {
		states = make([]snapshot.WireStateSnapshot, len(all))
	}
	for i, t := range all {
		t.describe(&states[i])
		entries = t.appendOutbox(entries)
	}
	return states, entries
}
