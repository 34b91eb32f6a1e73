package bench

import (
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

const peersBench = "peers"

// manyPeers and fewPeers are the sizes that are compared: what one message costs must not grow with the number of
// peers.
const manyPeers, fewPeers = 10000, 100

// Peers measures what a node pays for having many peers, each figure beside the same with a hundred.
func Peers(_ vfs.FS, _ string, emit func(Metric)) error {
	for _, part := range []struct {
		name    string
		measure func(func(Metric)) error
	}{{"answers", peerAnswers}, {"deadlines", peerDeadlines}, {"links", peerLinks}, {"captures", peerCaptures}} {
		if err := part.measure(emit); err != nil {
			return fmt.Errorf("bench %s: %w", part.name, err)
		}
	}
	return nil
}

func peerName(i int) wire.PeerID { return wire.PeerID(fmt.Sprintf("12D3KooWpeer%07d", i)) }

// peerEngine returns an engine that asks whom it is told to, with a deadline, and sleeps for whoever gives it a job.
func peerEngine() (*engine.Engine, engine.Config, error) {
	p := &program.Program{Place: "one", Bootstrap: program.None, Main: program.None, Digest: [32]byte{1},
		Edges: []program.Edge{
			{ID: 0, Name: "ask", From: "one", To: "other", Sites: []program.SiteID{90001}, Trigger: []bool{false},
				Reply: 1, Deadline: 3600e9},
			{ID: 1, Name: "answer", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false},
				Answer: true, Reply: program.None},
			{ID: 2, Name: "job", From: "other", To: "one", Sites: []program.SiteID{2000}, Trigger: []bool{false},
				Reply: program.None},
		},
		Funcs: []program.Func{
			{ID: 0, Name: "answered", Kind: program.KindRecv, Edge: 1, Inputs: 3, Slots: 3},
			{ID: 1, Name: "ask", Kind: program.KindInvoke, Label: "ask", Edge: program.None, SiteBase: 1000,
				OpBase: 1000, Inputs: 1, Slots: 3, Ops: []program.Op{
					{Code: program.OpConstant, Name: "what", Value: value.Int(1), Out: []program.Slot{1}},
					{Code: program.OpRequest, Name: "ask", Edge: 0, In: []program.Slot{0, 1, 1},
						Out: []program.Slot{2}},
				}},
			{ID: 2, Name: "job", Kind: program.KindRecv, Edge: 2, SiteBase: 2000, OpBase: 2000, Inputs: 3, Slots: 4,
				Ops: []program.Op{
					{Code: program.OpSleep, Name: "sleep", Delay: 1e15, In: []program.Slot{0}, Out: []program.Slot{3}},
				}},
		},
	}
	if err := p.Link(); err != nil {
		return nil, engine.Config{}, err
	}
	l := engine.DefaultLimits()
	l.OutboxEnvelopes, l.Requests, l.Frames, l.BookPeers, l.Timers = 1<<20, 1<<20, 1<<20, 1<<20, 1<<20
	l.IngressEvents, l.IngressBytes = 1<<20, 1<<30
	cfg := engine.Config{Program: p, Registry: value.NewRegistry(), Self: "self", Seed: 1, Limits: l,
		Anyone: []string{"other"}}
	e, err := engine.New(cfg)
	return e, cfg, err
}

// receivedFrom gives the engine an envelope of a peer.
func receivedFrom(e *engine.Engine, p wire.PeerID, env wire.Envelope) error {
	env.Version, env.From, env.To, env.Digest, env.Incarnation, env.Epoch = wire.PlainVersion, p, "self",
		e.Program().Digest, 1, 1
	raw, err := wire.Append(nil, value.NewRegistry(), &env)
	if err != nil {
		return err
	}
	return e.Deliver(&engine.Event{Envelope: &snapshot.EnvelopeEvent{From: string(p), Raw: raw}})
}

// rest polls until nothing is left to do at a time, and returns how long the longest Poll took.
func rest(e *engine.Engine, now int64) (longest time.Duration) {
	for more := true; more; {
		start := time.Now()
		more = e.Poll(now).More
		longest = max(longest, time.Since(start))
	}
	return longest
}

// peerAnswers measures what an answer costs while a deadline is armed for each open question.
func peerAnswers(emit func(Metric)) error {
	measure := func(n int) (float64, error) {
		e, _, err := peerEngine()
		if err != nil {
			return 0, err
		}
		peers := make([]value.Value, n)
		for i := range peers {
			peers[i] = value.Peer(peerName(i))
		}
		if err := e.Deliver(&engine.Event{Invoke: &snapshot.InvokeEvent{Name: "ask",
			Inputs: []value.Value{value.NewList(peers...)}}}); err != nil {
			return 0, err
		}
		rest(e, 1)
		for i := range n {
			if err := receivedFrom(e, peerName(i), wire.Envelope{Edge: 1, Number: 1, AckEpoch: 1, Ack: 1,
				Answer: wire.Request{Epoch: 1, ID: uint64(i + 1)},
				Fills:  []wire.Fill{{Value: value.Int(1)}}}); err != nil {
				return 0, err
			}
		}
		took := once(func() { rest(e, 2) })
		if left := len(e.Pending()) + e.Waiting(); left > 0 {
			return 0, fmt.Errorf("%d things are left after all answers", left)
		}
		return took / float64(n) / 1e3, nil
	}
	return compared(emit, "engine_answer_us", "us", measure, "the same with 100 open questions", 10, 2)
}

// compared measures many peers and few, and gives the figure with its aims.
func compared(emit func(Metric), name, unit string, measure func(n int) (float64, error), what string, aim,
	ratio float64) error {
	var failed error
	of := func(n int) float64 {
		slow := 0.0 // a measurement that takes seconds is noise enough by itself
		return median(func() float64 {
			if slow != 0 {
				return slow
			}
			start := time.Now()
			v, err := measure(n)
			if err != nil {
				failed = err
			}
			if time.Since(start) > 5*time.Second {
				slow = v
			}
			return v
		})
	}
	few, many := of(fewPeers), of(manyPeers)
	m := metric(peersBench, fmt.Sprintf("%s_%d", name, manyPeers), many, unit, few, what)
	if ratio > 0 {
		m = m.aimRatio(ratio)
	}
	if aim > 0 {
		m = m.aim(aim)
	}
	if failed == nil {
		emit(m)
	}
	return failed
}

// peerDeadlines measures how long the Polls take in which the deadlines of all activations pass.
func peerDeadlines(emit func(Metric)) error {
	measure := func(n int) (float64, error) {
		e, _, err := peerEngine()
		if err != nil {
			return 0, err
		}
		rest(e, 1)
		for i := range n {
			if err := receivedFrom(e, peerName(i), wire.Envelope{Edge: 2, Number: 1, Deadline: 1e9,
				Fills: []wire.Fill{{Site: 2000, Value: value.Int(1)}}}); err != nil {
				return 0, err
			}
		}
		rest(e, 2)
		took := once(func() { rest(e, 2e9) })
		return took / 1e6, nil
	}
	return compared(emit, "engine_deadlines_ms", "ms", measure, "the same with 100 deadlines", 200, 0)
}

// peerLinks measures what a step of a host pays for the peers that are linked and of which there is no news.
func peerLinks(emit func(Metric)) error {
	measure := func(n int) (float64, error) {
		l := &host.Links{}
		for i := range n {
			l.Up(peerName(i), "")
		}
		l.Take(1)
		l.Take(5e9)
		const steps = 100
		return once(func() {
			for range steps {
				l.Take(6e9)
			}
		}) / steps / 1e3, nil
	}
	return compared(emit, "host_step_idle_us", "us", measure, "the same with 100 linked peers", 20, 0)
}

// peerCaptures measures the pause of a capture when each peer was heard a thousand times before: after 100 peers were
// heard since the last capture, and after all were.
func peerCaptures(emit func(Metric)) error {
	var heard int // of the peers, before each capture
	measure := func(n int) (float64, error) {
		e, err := longHeard(n)
		if err != nil {
			return 0, err
		}
		if _, err := e.Capture(); err != nil {
			return 0, err
		}
		for i := range min(heard, n) {
			if err := receivedFrom(e, peerName(i), wire.Envelope{Edge: -1}); err != nil {
				return 0, err
			}
		}
		rest(e, 3e9)
		var failed error
		took := once(func() { _, failed = e.Capture() })
		return took / 1e6, failed
	}
	heard = fewPeers
	if err := compared(emit, "peer_capture_ms", "ms", measure,
		"the same with 100 peers, all of them heard since the last capture", 3, 0); err != nil {
		return err
	}
	heard = manyPeers
	return compared(emit, "peer_capture_all_ms", "ms", measure, "the same with 100 peers", 0, 0)
}

// longHeard returns an engine that has heard so many peers a thousand times each.
func longHeard(n int) (*engine.Engine, error) {
	e, cfg, err := peerEngine()
	if err != nil {
		return nil, err
	}
	if !e.Adopt(2) { // which remembers single silences
		return nil, fmt.Errorf("the engine does not know rules 2")
	}
	rest(e, 1)
	s, err := e.Snapshot()
	if err != nil {
		return nil, err
	}
	silences := make([]uint64, 1000)
	for i := range silences {
		silences[i] = uint64(i)
	}
	for i := range n {
		s.WireStates = append(s.WireStates, snapshot.WireStateSnapshot{
			Peer: string(peerName(i)), Incarnation: 1, RecvEpoch: 1, NextNumber: 2, AckedUpTo: 1, RTT: 1e6, RTTVar: 1e5,
			RTTSamples: 1000, Silences: silences,
		})
	}
	if e, err = engine.Restore(cfg, 1, s); err != nil {
		return nil, err
	}
	if err := e.Deliver(&engine.Event{Restarted: &snapshot.RestartedEvent{Incarnation: 2,
		Rules: engine.CurrentRules}}); err != nil {
		return nil, err
	}
	rest(e, 2e9)
	return e, nil
}
