package host

import (
	"errors"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// keptOut says whether a peer is kept out now: nil, or a *CutError.
func (h *Host) keptOut(p wire.PeerID) error {
	if !h.conduct.some.Load() {
		return nil
	}
	now, _ := h.now()
	return h.conduct.Admit(p, now)
}

// Cuts returns who is kept out now, and how often somebody was cut since the host started.
func (h *Host) Cuts() (now []Cut, times uint64) {
	at, _ := h.now()
	return h.conduct.Out(at), h.conduct.cuts.Load()
}

// cutLinger is how long the links of a peer that is cut stay, so that it hears why; what it sends meanwhile is not
// looked at.
const cutLinger = 200 * time.Millisecond

// assess notes what became of the frames of a step. Of peers of which nothing was refused lately it looks at nothing.
func (h *Host) assess(events []*engine.Event, t *Turn) {
	c := &h.conduct
	if len(t.Dropped) == 0 && len(t.Wasted) == 0 && !c.some.Load() {
		return
	}
	now, _ := h.now()
	type bad struct {
		peer         wire.PeerID
		code, reason string
		bytes        int
	}
	var all []bad
	for _, r := range t.Dropped {
		var re *engine.RefusedError
		if r.Event.Envelope != nil && errors.As(r.Err, &re) {
			all = append(all, bad{wire.PeerID(r.Event.Envelope.From), re.Code, re.Reason, len(r.Event.Envelope.Raw)})
		}
	}
	for _, w := range t.Wasted {
		all = append(all, bad{w.Peer, w.Code, wastedText(w.Code), w.Bytes})
	}
	for _, x := range all {
		c.know(x.peer, x.code, now)
	}
	for _, ev := range events {
		if ev.Envelope != nil {
			c.Took(wire.PeerID(ev.Envelope.From), 1)
		}
	}
	for _, ev := range t.Again {
		if ev.Envelope != nil {
			c.Took(wire.PeerID(ev.Envelope.From), -1)
		}
	}
	for _, x := range all {
		c.Took(x.peer, -1)
	}
	for _, x := range all {
		h.cut(c.Refused(x.peer, x.code, x.reason, x.bytes, now))
	}
}

func wastedText(code string) string {
	switch code {
	case engine.WastedEdge:
		return "no edge of the program that ends here, or a question where none can be"
	case engine.WastedMessage:
		return "a message for a component that is not here, or takes none"
	}
	return "of an earlier life or epoch, or out of order"
}

// cut tells a peer that it is cut, and ends its links; nil does nothing.
func (h *Host) cut(x *Cut) {
	if x == nil {
		return
	}
	if p, ok := h.d.Node.Engine().CutOff(x.Peer, int64(x.For)); ok {
		h.cfg.Send(p.To, p.Raw) // best effort
	}
	if h.cfg.OnCut != nil {
		h.cfg.OnCut(*x)
	}
	if h.cfg.Drop == nil {
		return
	}
	h.done.Go(func() {
		late := time.NewTimer(cutLinger)
		defer late.Stop()
		select {
		case <-late.C:
			h.cfg.Drop(x.Peer)
		case <-h.stop:
		}
	})
}

// broke notes that a link ended because its peer broke the framing.
func (h *Host) broke(p wire.PeerID, reason error) {
	var bad *transport.MalformedError
	if !errors.As(reason, &bad) {
		return
	}
	now, _ := h.now()
	if x := h.conduct.Refused(p, codeFrame, bad.Error(), 0, now); x != nil {
		if h.cfg.OnCut != nil {
			h.cfg.OnCut(*x)
		}
		if h.cfg.Drop != nil {
			h.cfg.Drop(p)
		}
	}
}
