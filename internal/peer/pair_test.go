package peer

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// node is one end of a lossy line: its streams, and what it applied.
type node struct {
	self, other wire.PeerID
	s           *Streams
	incarnation uint64
	applied     []int64
}

func (n *node) snapshot(t *rapid.T) func() {
	states, entries := n.s.Snapshot()
	epoch, applied := n.s.Epoch(), slices.Clone(n.applied)
	return func() { n.restore(t, epoch, states, entries, applied) }
}

func (n *node) restore(t *rapid.T, epoch uint64, states []snapshot.WireStateSnapshot,
	entries []snapshot.PendingOutboundEntry, applied []int64) {
	s, err := RestoreStreams(epoch, states, entries, registry, n.s.lim)
	if err != nil {
		t.Fatal(err)
	}
	n.s, n.applied = s, applied
	n.incarnation++
}

// stamp makes an envelope ready to go, as an engine does.
func (n *node) stamp(env *wire.Envelope) *wire.Envelope {
	out := *env
	out.From, out.To, out.Incarnation, out.Epoch = n.self, n.other, n.incarnation, n.s.Epoch()
	out.AckEpoch, out.Ack = n.s.TakeAck(n.other)
	out.Base = n.s.Base(n.other)
	return &out
}

func (n *node) receive(t *rapid.T, env *wire.Envelope, now int64) (lost uint64) {
	got, err := n.s.Accept(env)
	if err != nil {
		return 0
	}
	if env.AckEpoch != 0 {
		if _, err := n.s.Ack(env.From, env.AckEpoch, env.Ack, now); err != nil {
			t.Fatal(err)
		}
	}
	if len(env.Fills) > 0 && !got.Duplicate {
		n.applied = append(n.applied, int64(env.Fills[0].Value.(value.Int)))
	}
	return got.Lost
}

// TestLossyPair: two nodes exchange numbered envelopes over a line that drops, repeats and reorders, and each is killed
// and restored from its latest snapshot now and then. Every envelope is applied exactly once at its receiver (law
// applied-once), and the outboxes drain. Equal contents are sent on purpose (trap dedup-by-content).
func TestLossyPair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		lim := StreamLimits{Peers: 1, Envelopes: 40, Bytes: 1 << 20, Window: 8}
		a := &node{self: "a", other: "b", s: NewStreams(lim), incarnation: 1}
		b := &node{self: "b", other: "a", s: NewStreams(lim), incarnation: 1}
		var line []*wire.Envelope
		var sent int
		now := int64(0)
		step := func(loss bool) {
			for _, n := range []*node{a, b} {
				if loss && sent < 40 && n == a {
					env := &wire.Envelope{Version: 1, From: a.self, To: a.other,
						Fills: []wire.Fill{{Value: value.Int(sent / 3)}}}
					if n.s.Push(env, now, random.Uint64) == nil {
						sent++
						line = append(line, n.stamp(env))
					}
				}
				for _, env := range n.s.Due(now, random.Uint64) {
					line = append(line, n.stamp(env))
				}
				if len(n.s.AcksDue()) > 0 {
					line = append(line, n.stamp(&wire.Envelope{Version: 1}))
				}
				if loss && random.IntN(8) == 0 {
					n.snapshot(t)() // killed, and restored from the latest
				}
			}
			now += 50e6
			if loss {
				random.Shuffle(len(line), func(i, j int) { line[i], line[j] = line[j], line[i] })
			}
			for _, env := range line {
				for copies := random.IntN(3); !loss || copies > 0; copies-- {
					to := a
					if env.To == b.self {
						to = b
					}
					to.receive(t, env, now)
					if !loss {
						break
					}
				}
			}
			line = nil
		}
		for range 60 {
			step(true)
		}
		for range 300 {
			step(false)
		}
		if a.s.Unacknowledged() != 0 {
			t.Fatalf("%d of %d are still in the outbox", a.s.Unacknowledged(), sent)
		}
		want := make([]int64, sent)
		for i := range want {
			want[i] = int64(i / 3)
		}
		slices.Sort(b.applied)
		if !slices.Equal(b.applied, want) {
			t.Fatalf("applied %v, want %v", b.applied, want)
		}
	})
}

// TestOldSnapshot: a receiver that comes back from an old snapshot lacks numbers that it had acknowledged. The sender's
// base tells it; it goes on with what comes and says how many were lost, in place of waiting for them for ever.
func TestOldSnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lim := DefaultStreamLimits()
		random := rand.New(rand.NewPCG(1, 1)).Uint64
		a := &node{self: "a", other: "b", s: NewStreams(lim), incarnation: 1}
		b := &node{self: "b", other: "a", s: NewStreams(lim), incarnation: 1}
		send := func(n int64) *wire.Envelope {
			env := &wire.Envelope{Version: 1, From: "a", To: "b", Fills: []wire.Fill{{Value: value.Int(n)}}}
			if err := a.s.Push(env, 0, random); err != nil {
				t.Fatal(err)
			}
			return env
		}
		exchange := func(n int64) (lost uint64) {
			lost = b.receive(t, a.stamp(send(n)), 0)
			a.receive(t, b.stamp(&wire.Envelope{Version: 1}), 0)
			return lost
		}
		early := int64(rapid.IntRange(0, 5).Draw(t, "before the snapshot"))
		for n := range early {
			exchange(n)
		}
		back := b.snapshot(t)
		late := int64(rapid.IntRange(1, 5).Draw(t, "after the snapshot"))
		for n := range late {
			exchange(100 + n)
		}
		waiting := send(200) // not yet delivered when b falls back
		back()
		if err := b.s.NewEpoch(b.incarnation); err != nil {
			t.Fatal(err)
		}
		lost := exchange(201)
		lost += b.receive(t, a.stamp(waiting), 0)
		a.receive(t, b.stamp(&wire.Envelope{Version: 1}), 0)
		if lost != uint64(late) || a.s.Unacknowledged() != 0 || !slices.Equal(b.applied[early:], []int64{201, 200}) {
			t.Fatalf("lost %d of %d, %d in the outbox, applied %v", lost, late, a.s.Unacknowledged(), b.applied)
		}
	})
}
