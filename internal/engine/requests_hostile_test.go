package engine

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// TestForeignAnswers is trap bare-request-number: a question is answered by the peer that was asked, once, under the
// number and epoch that it had. Answers of others, of other numbers, and questions of the peer under the same number
// leave it open.
func TestForeignAnswers(t *testing.T) {
	w, a, b := pairOf(t, conversationProgram(t, "ask"))
	a.deliver(&Event{Invoke: &snapshot.InvokeEvent{Name: "call", Inputs: []value.Value{value.Int(1)}}})
	out, _ := a.sent()
	asked := out[0].Request
	answer := func(from wire.PeerID, edge int32, number uint64, answers, asks wire.Request) {
		env := &wire.Envelope{
			Version: 1, From: from, To: "node0", Digest: a.e.prog.Digest, Incarnation: 1, Epoch: b.e.Epoch(),
			Number: number, Edge: edge,
			Answer: answers, Request: asks, Fills: []wire.Fill{{Value: value.String("forged")}},
		}
		raw, err := wire.Append(nil, a.cfg.Registry, env)
		if err != nil {
			t.Fatal(err)
		}
		if re := a.arrive(netPacket{from, "node0", raw}); re != nil {
			t.Fatal(re)
		}
		w.now++
	}
	answer("node2", 1, 1, asked, wire.Request{})
	answer("node1", 1, 1, wire.Request{Epoch: asked.Epoch, ID: asked.ID + 1}, wire.Request{})
	answer("node1", 1, 2, wire.Request{Epoch: asked.Epoch + 1, ID: asked.ID}, wire.Request{})
	answer("node1", 1, 3, wire.Request{}, wire.Request{})
	answer("node1", 1, 4, wire.Request{}, asked)
	answer("node1", 0, 5, asked, wire.Request{})
	answered := func() (n int) {
		for _, ev := range a.poll().AppEvents {
			if ev.Name == "answered" {
				n++
			}
		}
		return n
	}
	if n := answered(); n != 0 || a.e.st.requests.Open() != 1 {
		t.Fatalf("forged answers count as %d, %d questions are open", n, a.e.st.requests.Open())
	}
	answer("node1", 1, 6, asked, wire.Request{})
	answer("node1", 1, 7, asked, wire.Request{})
	if n := answered(); n != 1 || a.e.st.requests.Open() != 0 {
		t.Errorf("the answer, twice, counts as %d", n)
	}
}
