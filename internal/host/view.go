package host

import "github.com/rhizome-ml/rhizome/internal/node"

// view is a look at the node that waits for the stepping thread.
type view struct {
	see  func(*node.Node)
	seen chan struct{}
}

// View calls see with the node between two steps, and returns when it has returned; ErrStopped when the host was
// stopped first. What see reads may not be durable yet. It must not block, change the node, or keep it.
func (h *Host) View(see func(*node.Node)) error {
	v := view{see, make(chan struct{})}
	select {
	case h.views <- v:
		<-v.seen
		return nil
	case <-h.stop:
		return ErrStopped
	}
}

// Now returns the engine time that it is now; the node may have seen less of it.
func (h *Host) Now() int64 {
	now, _ := h.now()
	return now
}

// Stopped is closed when the host takes nothing more: Stop was called, or it has failed.
func (h *Host) Stopped() <-chan struct{} { return h.stop }
