package deploy

import (
	"sync"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// watchers are the streams on which members follow the job: one of each member, the newest. It is safe for concurrent
// use.
type watchers struct {
	mu  sync.Mutex
	now map[wire.PeerID]*watcher
}

// watcher is a stream, and whose it is.
type watcher struct {
	stream transport.Stream
	parted chan struct{} // closed when it is no member any more
	once   sync.Once
}

// begin makes a stream the one of a member: an earlier one, which may be of a life of it that ended, is given up. What
// it returns is called when the stream ends, and closed when the member is none any more.
func (w *watchers) begin(p wire.PeerID, s transport.Stream) (end func(), parted <-chan struct{}) {
	w.mu.Lock()
	before := w.now[p]
	if w.now == nil {
		w.now = map[wire.PeerID]*watcher{}
	}
	mine := &watcher{stream: s, parted: make(chan struct{})}
	w.now[p] = mine
	w.mu.Unlock()
	if before != nil {
		before.stream.Reset()
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.now[p] == mine {
			delete(w.now, p)
		}
	}, mine.parted
}

// part notes that a peer is no member any more.
func (w *watchers) part(p wire.PeerID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if x := w.now[p]; x != nil {
		x.once.Do(func() { close(x.parted) })
	}
}
