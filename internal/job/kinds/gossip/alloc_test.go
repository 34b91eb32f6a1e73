package gossip

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// TestMessageAllocations bounds what a warm message of a gossip job costs, from the tick that sends it to the merge:
// the two models, the one that was decoded and the one that was made, are new values, because values are never written
// again (law immutable-values); five words are boxed (the tick, the neighbour, the age on both sides, the sender).
// Engine, wire and peers add nothing.
func TestMessageAllocations(t *testing.T) {
	cfg := Default()
	cfg.Nodes = 2
	s, err := cfg.Swarm()
	if err != nil {
		t.Fatal(err)
	}
	scratch := engine.NewScratch()
	var nodes [2]*node.Node
	var due [2]int64
	for i := range nodes {
		c := s.Node(i)
		c.Scratch = scratch
		if nodes[i], err = node.Install(c); err != nil {
			t.Fatal(err)
		}
		due[i] = nodes[i].Poll(0).Wake
	}
	input := &engine.Event{Envelope: &snapshot.EnvelopeEvent{}}
	sent := 0
	message := func() {
		from := 0
		if due[1] < due[0] {
			from = 1
		}
		at := due[from]
		out := nodes[from].Poll(at)
		due[from] = out.Wake
		raw := out.Envelopes[0].Raw
		*input.Envelope = snapshot.EnvelopeEvent{From: string(s.Peers()[from]), Raw: raw}
		to := nodes[1-from]
		if err := to.Deliver(input); err != nil {
			t.Fatal(err)
		}
		to.Poll(at)
		if to.Engine().Waiting() != 0 {
			t.Fatal("the message was not taken")
		}
		scratch.Recycle(raw)
		sent++
	}
	for range 2000 { // counts beyond 255 are boxed like all that follow
		message()
	}
	if got := testing.AllocsPerRun(1000, message); got > 7 {
		t.Errorf("%v allocations for a message, want at most 7", got)
	}
	if merged := counter(nodes[0], CountMerges) + counter(nodes[1], CountMerges); merged != uint64(sent) {
		t.Errorf("%d of %d models were merged", merged, sent)
	}
}
