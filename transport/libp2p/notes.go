package libp2p

// What a note tells.
type kind uint8

const (
	linked kind = iota
	unlinked
	lost
)

// note is a report that the receiver has not got yet.
type note struct {
	kind    kind
	remote  string
	packets int
	reason  error
}

// flush gives the notes to the receiver, in order, unless a call of it for this peer runs: then whoever makes that call
// does it afterwards. So a receiver that blocks delays its reports, and not those who have something to report.
func (r *record) flush() {
	for {
		r.mu.Lock()
		none := len(r.notes) == 0
		r.mu.Unlock()
		if none || !r.calls.TryLock() {
			return
		}
		r.drain()
		r.calls.Unlock()
		// A note that came between drain and Unlock found the lock held: look again.
	}
}

// drain gives the notes to the receiver. The caller holds calls.
func (r *record) drain() {
	for {
		r.mu.Lock()
		if len(r.notes) == 0 {
			r.notes = nil
			r.mu.Unlock()
			return
		}
		n := r.notes[0]
		r.notes = r.notes[1:]
		r.mu.Unlock()
		if r.mute {
			continue
		}
		switch to := r.t.cfg.Receiver; n.kind {
		case linked:
			to.Linked(r.id, n.remote)
		case unlinked:
			to.Unlinked(r.id, n.reason)
		case lost:
			to.Lost(r.id, n.packets, n.reason)
		}
	}
}

// deliver gives a packet of a link to the receiver, after all notes. It returns false when the link is over.
func (r *record) deliver(l *link, raw []byte) bool {
	r.calls.Lock()
	r.drain()
	r.mu.Lock()
	over := l.over && !l.beside
	r.mu.Unlock()
	if over || r.mute {
		r.calls.Unlock()
		r.flush()
		return false
	}
	r.t.counts.received.Add(1)
	r.t.counts.receivedBytes.Add(uint64(len(raw)))
	if err := r.t.cfg.Receiver.Receive(r.id, raw); err != nil {
		r.t.counts.dropped.Add(1)
	}
	r.calls.Unlock()
	r.flush()
	return true
}
