package host

import (
	"context"
	"errors"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// callsMax bounds the calls of the control plane that wait for their result.
const callsMax = 256

// waiting are the calls of the control plane that wait. It is safe for concurrent use.
type waiting struct {
	mu   sync.Mutex
	next uint64 // number of the next; a life of the node has its own
	wait map[uint64]chan engine.ControlResult
}

func (c *waiting) begin() (uint64, chan engine.ControlResult, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.wait) >= callsMax {
		return 0, nil, &FullError{len(c.wait)}
	}
	if c.wait == nil {
		c.wait = map[uint64]chan engine.ControlResult{}
	}
	c.next++
	done := make(chan engine.ControlResult, 1)
	c.wait[c.next] = done
	return c.next, done, nil
}

func (c *waiting) end(id uint64) {
	c.mu.Lock()
	delete(c.wait, id)
	c.mu.Unlock()
}

// report gives a result to who waits for it; one of an earlier life has nobody.
func (c *waiting) report(r engine.ControlResult) {
	c.mu.Lock()
	done := c.wait[r.ID]
	delete(c.wait, r.ID)
	c.mu.Unlock()
	if done != nil {
		done <- r
	}
}

// Call is a call of the control plane.
type Call struct {
	Caller  wire.PeerID // a peer that the transport authenticated; empty: the node's own operator
	Op      string      // engine.ControlBlock and its like
	Peer    wire.PeerID // whom it is about
	Address string      // of engine.ControlLearn

	// Of the calls about members.
	Place string // of the member
	// of the member; of engine.ControlAdmit, -1 is the least that is free. It counts where Place is set
	Number int
	Name   string      // for people
	Other  wire.PeerID // of engine.ControlReplace: the peer that comes in the place of Peer
}

// Event returns the call as an input of the node.
func (c Call) Event(id uint64) *engine.Event {
	ev := &snapshot.ControlEvent{ID: id, Caller: string(c.Caller), Op: c.Op, Peer: string(c.Peer), Address: c.Address,
		Place: c.Place, Name: c.Name, Other: string(c.Other)}
	if c.Place != "" && c.Number >= 0 {
		ev.Number = uint64(c.Number) + 1
	}
	return &engine.Event{Control: ev}
}

// Control is Do for the calls about one peer and an address.
func (h *Host) Control(ctx context.Context, caller wire.PeerID, op string, p wire.PeerID,
	address string) (engine.ControlResult, error) {
	return h.Do(ctx, Call{Caller: caller, Op: op, Peer: p, Address: address})
}

// Do does a call of the control plane and returns what became of it, once that is durable. The caller is empty for the
// node's own operator, or a peer that the transport authenticated: then the node asks whether it may. A call that is
// denied is a result, not an error; errors are *FullError, ErrStopped and those of the context.
func (h *Host) Do(ctx context.Context, c Call) (engine.ControlResult, error) {
	id, done, err := h.calls.begin()
	if err != nil {
		return engine.ControlResult{}, err
	}
	defer h.calls.end(id)
	if err := h.post(c.Event(id), h.cfg.Inbox); err != nil {
		return engine.ControlResult{}, err
	}
	select {
	case r := <-done:
		return r, nil
	case <-ctx.Done():
		return engine.ControlResult{}, ctx.Err()
	case <-h.stop:
		return engine.ControlResult{}, ErrStopped
	}
}

// denied tells who waits for a call that the node refused at its door.
func (h *Host) denied(r Refusal) {
	c := r.Event.Control
	var re *engine.RefusedError
	if c != nil && errors.As(r.Err, &re) {
		h.calls.report(engine.ControlResult{ID: c.ID, Caller: wire.PeerID(c.Caller), Op: c.Op,
			Peer: wire.PeerID(c.Peer),
			Code: re.Code, Reason: re.Reason})
	}
}

// Reachable tells the node where it can be reached itself, in place of what it was told before: it says so to its
// peers.
func (h *Host) Reachable(ctx context.Context, addresses []string) error {
	self := h.cfg.Node.Self
	var known []string
	if err := h.View(func(n *node.Node) { known = n.Engine().Addresses(self) }); err != nil {
		return err
	}
	if same(known, addresses) {
		return nil
	}
	if len(known) > 0 {
		if _, err := h.Control(ctx, "", engine.ControlForget, self, ""); err != nil {
			return err
		}
	}
	for _, a := range addresses {
		r, err := h.Control(ctx, "", engine.ControlLearn, self, a)
		if err != nil {
			return err
		}
		if !r.Accepted && r.Code != engine.RefusedFull {
			return &ControlError{r}
		}
	}
	return nil
}

// same says whether two lists hold the same texts, in any order.
func same(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	in := map[string]bool{}
	for _, s := range a {
		in[s] = true
	}
	for _, s := range b {
		if !in[s] {
			return false
		}
	}
	return true
}

// ControlError says that a call of the control plane was denied.
type ControlError struct{ Result engine.ControlResult }

// Error names the call and why it was denied.
func (e *ControlError) Error() string {
	return "host: " + e.Result.Op + " was denied (" + e.Result.Code + "): " + e.Result.Reason
}
