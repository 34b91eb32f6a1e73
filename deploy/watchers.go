package deploy

import (
	"sync"

	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/wire"
)

// watchers are the streams on which members follow the job: one of each member, the newest. It is safe for concurrent use.
type watchers struct {
	mu  sync.Mutex
	now map[wire.PeerID]transport.Stream
}

// begin makes a stream the one of a member: an earlier one, which may be of a life of it that ended, is given up. What it returns
// is called when the stream ends.
func (w *watchers) begin(p wire.PeerID, s transport.Stream) (end func()) {
	w.mu.Lock()
	before := w.now[p]
	if w.now == nil {
		w.now = map[wire.PeerID]transport.Stream{}
	}
	w.now[p] = s
	w.mu.Unlock()
	if before != nil {
		before.Reset()
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.now[p] == s {
			delete(w.now, p)
		}
	}
}
