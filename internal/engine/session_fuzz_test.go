package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/prove/programs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// FuzzSession has peers say to a node whatever they like, with every field of an envelope that reads as one, while
// links come and go, its operator calls, and time passes. After each input all charges are right; and a node that is
// restored from a snapshot now and then does what one does that is left alone, to the last byte of its outputs and of
// its state.
func FuzzSession(f *testing.F) {
	for seed := range uint64(100) { // with 95 a stranger has a large value read, which leaves its slot in both lives
		rng := rand.New(rand.NewPCG(seed, 0))
		drawing, plan := make([]byte, 300+seed%2), make([]byte, 1400)
		for i := range drawing {
			drawing[i] = byte(rng.Uint32())
		}
		for i := range plan {
			plan[i] = byte(rng.Uint32())
		}
		f.Add(drawing, plan)
	}
	life := func(int) int { return 256 << 20 } // each try is two lives, with a snapshot after each step
	fuzzing.RunWithin(f, life, func(t *testing.T, drawing, plan []byte) {
		draw := programs.Random
		if len(drawing) > 0 && drawing[0]&1 != 0 {
			draw = programs.Lending
		}
		parts, err := draw(programs.Bytes(drawing))
		if err != nil {
			t.Fatal(err)
		}
		side := len(drawing) % 2 // of the node among the two
		alone, reborn := newWorld(t, parts, false), newWorld(t, parts, false)
		if len(drawing) > 1 && drawing[1]&1 != 0 { // who is no member is nobody
			for _, w := range []*world{alone, reborn} {
				n := w.nodes[side]
				n.cfg.Anyone = nil
				e, err := New(n.cfg)
				if err != nil {
					t.Fatal(err)
				}
				n.use(e)
			}
		}
		s := speaker{programs.Bytes(plan[:min(len(plan), 1<<12)])}
		for range 60 {
			ev, ns, restore := s.input(alone.nodes[side]), int64(0), s.Int(0, 5, "restore") == 0
			if s.Int(0, 2, "time") == 0 {
				ns = int64(1) << s.Int(0, 36, "ns")
			}
			for _, w := range []*world{alone, reborn} {
				n, own := w.nodes[side], *ev
				if own.Envelope != nil {
					e := *own.Envelope
					own.Envelope = &e
				}
				w.now += ns
				n.deliver(&own)
				for range 20 {
					out := n.poll()
					fmt.Fprintf(&n.log.polls, "digest %x\n", out.Digest(n.cfg.Registry))
					if !out.More {
						break
					}
				}
				audit(t, n.e)
			}
			if restore {
				reborn.nodes[side].reborn()
			}
		}
		a, b := alone.nodes[side], reborn.nodes[side]
		if a.log.String() != b.log.String() || !bytes.Equal(a.encode(), b.encode()) {
			t.Fatalf("alone it says\n%s\nrestored now and then\n%s", a.log.String(), b.log.String())
		}
	})
}

// speaker makes inputs of a node.
type speaker struct{ programs.Source }

func (s speaker) small() uint64 { return uint64(s.Int(0, 12, "small")) }

func (s speaker) peer() wire.PeerID {
	return []wire.PeerID{"node0", "node1", "stranger", "other"}[s.Int(0, 3, "peer")]
}

func (s speaker) input(n *testNode) *Event {
	p := string(s.peer())
	switch s.Int(0, 15, "input") {
	case 0:
		return &Event{Link: &snapshot.LinkEvent{Peer: p, Up: s.Int(0, 1, "up") == 1,
			Remote: []string{"", "/ip4/10.0.0.1/tcp/1"}[s.Int(0, 1, "remote")]}}
	case 1:
		ops := []string{ControlBlock, ControlUnblock, ControlUnblock, ControlAllow, ControlDisallow, ControlClose,
			ControlOpen, ControlOpen, ControlOpen,
			ControlAdmit, ControlAdmit, ControlAdmit, ControlRemove, ControlReplace, ControlLeave, ControlForget}
		c := &snapshot.ControlEvent{ID: s.small(), Op: ops[s.Int(0, len(ops)-1, "op")]}
		switch c.Op {
		case ControlOpen, ControlClose:
		case ControlAdmit:
			c.Peer, c.Place = p, []string{"one", "other"}[s.Int(0, 1, "place")]
		case ControlReplace:
			c.Peer, c.Other = p, string(s.peer())
		default:
			c.Peer = p
		}
		return &Event{Control: c}
	case 2:
		return &Event{SendFailed: &snapshot.SendFailedEvent{Peer: p, Reason: "no way",
			Unreachable: s.Int(0, 1, "unreachable") == 1}}
	case 3:
		if s.Int(0, 3, "takeover") == 0 {
			return &Event{Restarted: &snapshot.RestartedEvent{Takeover: true, Incarnation: s.small(), Start: s.small()}}
		}
		return &Event{Restarted: &snapshot.RestartedEvent{Incarnation: s.small(), NewEpoch: s.Int(0, 1, "epoch") == 1,
			Rules: CurrentRules, Start: s.small()}}
	case 4:
		return &Event{Invoke: &snapshot.InvokeEvent{Name: "call", Inputs: []value.Value{value.Int(1), value.Int(2)}}}
	}
	env := s.envelope(n)
	raw, err := wire.Append(nil, n.cfg.Registry, env)
	if err != nil { // it has no wire form: what a stranger sends then
		raw = []byte{byte(s.small()), 1, byte(s.small())}
	}
	return &Event{Envelope: &snapshot.EnvelopeEvent{From: string(env.From), Raw: raw}}
}

// envelope is one that may be of any peer, of any life, at any place of its stream.
func (s speaker) envelope(n *testNode) *wire.Envelope {
	env := &wire.Envelope{
		Version: wire.PlainVersion, From: s.peer(), To: n.cfg.Self, Digest: n.cfg.Program.Digest, Incarnation: 1,
		Epoch: 1, Number: s.small(), Edge: -1,
	}
	if s.Int(0, 7, "life") == 0 {
		env.Incarnation, env.Epoch, env.Start, env.Before = s.small(), s.small(), s.small(), s.small()
		env.Greets, env.Heard, env.Redelivered = s.Int(0, 1, "greets") == 1, s.small(), s.Int(0, 1, "again") == 1
	}
	if s.Int(0, 15, "claims") == 0 {
		env.Source = []string{"/ip4/10.0.0.2/udp/4001/quic-v1"}
	}
	if s.Int(0, 1, "acks") == 1 {
		if env.AckEpoch, env.Ack = n.e.Epoch(), s.small(); s.Int(0, 3, "honest") > 0 {
			env.Ack = min(env.Ack, uint64(n.e.st.streams.Unacknowledged()))
		}
	}
	env.Base, env.Deadline = min(env.Number, s.small()), int64(s.small())*100
	switch s.Int(0, 6, "says") {
	case 0:
		env.Notice = s.notice()
		if env.Notice.Refuses() { // it travels alone
			return &wire.Envelope{Version: wire.CurrentVersion, From: env.From, To: env.To, Digest: env.Digest,
				Incarnation: env.Incarnation, Start: env.Start, Edge: -1, Notice: env.Notice}
		}
	case 1:
		if f, ok := s.chunk(n, env.From); ok {
			env.Fills = f
			break
		}
		op := []string{loanWant, loanChunk, loanReturn, loanGone, loanHeld, "hello"}[s.Int(0, 5, "op")]
		in := []value.Value{value.Int(s.small()), value.Int(s.small())}
		if op == loanWant || op == loanChunk {
			in = append(in, value.Int(s.small()), s.value(env.From))
		}
		env.Fills = []wire.Fill{{Component: wire.LoanComponent, Op: op, Value: value.NewList(in...)}}
	case 2:
		env.Fills = []wire.Fill{{Component: int32(s.Int(0, 2, "component")), Op: "hello", Value: s.value(env.From)}}
	default:
		edge := &n.cfg.Program.Edges[s.Int(0, len(n.cfg.Program.Edges)-1, "edge")]
		env.Edge = int32(edge.ID)
		for _, site := range edge.Sites {
			env.Fills = append(env.Fills, wire.Fill{Site: uint32(site), Value: s.value(env.From)})
		}
		if r := (wire.Request{Epoch: 1, ID: s.small()}); edge.Answer {
			if env.Answer = r; s.Int(0, 3, "open") > 0 { // to a question that is open, where there is one
				for _, q := range n.e.st.requests.Outstanding(env.From) {
					env.Answer = q.Request
				}
			}
		} else if edge.Reply >= 0 {
			env.Request = r
		}
	}
	return env
}

// chunk gives a node a chunk that it waits for, where there is one.
func (s speaker) chunk(n *testNode, from wire.PeerID) ([]wire.Fill, bool) {
	for _, b := range n.e.borrowedOf(from) {
		if len(b.wanted) == 0 {
			continue
		}
		x, err := tensor.FromFloat32([]int{b.layout.Len(int(b.wanted[0]))},
			make([]float32, b.layout.Len(int(b.wanted[0]))))
		if err != nil {
			panic(err)
		}
		in := value.NewList(value.Int(b.loan.Epoch), value.Int(b.loan.Number), value.Int(b.wanted[0]),
			value.Tensor{Tensor: x})
		return []wire.Fill{{Component: wire.LoanComponent, Op: loanChunk, Value: in}}, true
	}
	return nil, false
}

func (s speaker) notice() wire.Notice {
	n := wire.Notice{Kind: wire.NoticeKind(s.Int(1, int(wire.NoticeCut), "notice"))}
	switch n.Kind {
	case wire.NoticePressure:
		if n.Level = uint32(s.Int(0, 100, "level")); n.Level > 0 {
			n.Hold = int64(s.small()+1) * 1e6
		}
	case wire.NoticeStale, wire.NoticeAhead:
		n.Seen, n.SeenStart = s.small()+1, s.small()
	case wire.NoticeCut:
		n.Hold = 1e9
	}
	return n
}

func (s speaker) value(from wire.PeerID) value.Value {
	switch s.Int(0, 5, "value") {
	case 0:
		x, err := tensor.FromFloat32([]int{16}, make([]float32, 16))
		if err != nil {
			panic(err)
		}
		return value.Tensor{Tensor: x}
	case 1:
		return value.Fail(value.CodeError, string(from), "it does not want to")
	case 2:
		x, err := tensor.FromFloat32([]int{64}, make([]float32, 64))
		if err != nil {
			panic(err)
		}
		if l := value.NewLoan(value.Peer(from), s.small(), s.small(), 64, 1, value.Tensor{Tensor: x}); l != nil {
			return l
		}
	case 3:
		return value.NewList(value.Int(1), value.Peer(from))
	}
	return value.Int(s.small())
}
