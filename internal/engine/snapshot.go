package engine

import (
	"github.com/rhizome-ml/rhizome/internal/dataflow"
	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// Capture is what was in flight in an engine at one moment. Nothing changes it any more, so its Message may be made
// beside the engine, once or often, by any goroutine.
type Capture struct {
	rest    *snapshot.TransientSnapshot // all but what follows
	machine dataflow.Capture
	streams *peer.StreamsCapture
	peers   peerTables
}

// peerTables describe the tables of peers as they were when the capture was taken.
type peerTables struct {
	book     func() []snapshot.AddressBookEntrySnapshot
	governor func() snapshot.PeerGovernorSnapshot
	backoff  func() []snapshot.BackoffEntry
	requests func() ([]snapshot.OutboundRequest, []snapshot.InboundRequest)
}

func (e *Engine) capturePeers() peerTables {
	return peerTables{e.st.book.Capture(), e.st.governor.Capture(), e.st.backoff.Capture(), e.st.requests.Capture()}
}

func (p *peerTables) describe(w *snapshot.FrameworkSnapshot) {
	w.AddressBook, w.PeerGovernor, w.BackoffTable = p.book(), p.governor(), p.backoff()
	w.Requests, w.Inbound = p.requests()
}

// Capture takes everything of the engine that is in flight. It may be called between any two ops, also from
// Config.AfterOp in the middle of a Poll, and never refuses (law snapshot-anywhere). Values are shared, not copied, and
// of activations, commands and timers only those are looked at that changed since the last capture.
func (e *Engine) Capture() (*Capture, error) {
	rest, err := e.snapRest()
	if err != nil {
		return nil, err
	}
	return &Capture{rest, e.m.Capture(), e.st.streams.Capture(), e.capturePeers()}, nil
}

// Snapshot returns everything of the engine that is in flight, as a message: Capture and Message in one.
func (e *Engine) Snapshot() (*snapshot.TransientSnapshot, error) {
	c, err := e.Capture()
	if err != nil {
		return nil, err
	}
	return c.Message(), nil
}

// Message returns the capture as a message. It shares values with the engine, which are immutable.
func (c *Capture) Message() *snapshot.TransientSnapshot {
	t := *c.rest
	t.WireStates, t.Framework.PendingOutbound = c.streams.Message()
	c.peers.describe(&t.Framework)
	c.machine.Describe(&t)
	return &t
}

// snapRest returns all but activations, commands, timers, streams and the large tables of peers.
func (e *Engine) snapRest() (*snapshot.TransientSnapshot, error) {
	t := &snapshot.TransientSnapshot{
		Poll: snapshot.PollSnapshot{Phase: e.st.phase, Fresh: e.st.fresh},
		Framework: snapshot.FrameworkSnapshot{
			SpecVersion: snapshot.CurrentSnapshotSpecVersion, PeerID: string(e.st.self), NextRequest: e.st.nextRequest,
			NextToken: e.st.nextToken,
			Epoch:     e.st.epoch, Start: e.st.start, Proof: e.st.proof, Asking: e.st.asking,
			Pressure: e.st.pressure.Snapshot(), Roster: e.st.roster.Snapshot(), Lent: e.st.loans.Snapshot(),
			Limits: e.OpeningLimits(),
		},
	}
	for i := range e.st.ingress {
		t.Ingress = append(t.Ingress, *e.st.ingress[i].event)
	}
	t.Framework.Borrowed, t.Framework.Arrivals = e.snapBorrowed()
	if e.st.wanted != nil {
		t.Framework.Wanted = e.st.wanted.listed()
	}
	if err := e.m.Snap(t); err != nil {
		return nil, err
	}
	return t, nil
}
