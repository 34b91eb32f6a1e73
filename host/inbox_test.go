package host

import (
	"testing"

	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// TestInboxIsBoundedByBytes: packets beyond the bound are refused, a Step takes no more than one record is to hold, in the order
// in which they came, and what packets may wait for is never held up by packets.
func TestInboxIsBoundedByBytes(t *testing.T) {
	var b inbox
	packet := func(n int) *engine.Event { return Arrived("x", make([]byte, n)) }
	if !b.room(packet(2*inboxBytes), 10) {
		t.Error("a large packet does not fit into an empty inbox")
	}
	var sent []*engine.Event
	for b.room(packet(stepBytes/2), 1000) {
		sent = append(sent, packet(stepBytes/2))
		b.put(sent[len(sent)-1])
	}
	if len(sent) != 2*inboxBytes/stepBytes {
		t.Errorf("%d packets of %d bytes wait", len(sent), stepBytes/2)
	}
	other := &engine.Event{AppAck: &snapshot.AppAckEvent{UpTo: 1}}
	if !b.room(other, 1000) || b.room(other, len(sent)) {
		t.Error("an input that is no packet is bounded by bytes, or not by count")
	}
	b.put(other)
	first, left := b.take()
	if len(first) != 3 || first[0] != sent[0] || first[1] != sent[1] || first[2] != other || !left {
		t.Fatalf("%d inputs are taken at first, left: %v", len(first), left)
	}
	b.again(first[1:2])
	got := []*engine.Event{sent[0]}
	for left {
		var events []*engine.Event
		events, left = b.take()
		got = append(got, events...)
	}
	if len(got) != len(sent) || b.bytes != 0 {
		t.Fatalf("%d of %d packets came out, %d bytes are left", len(got), len(sent), b.bytes)
	}
	for i := range got {
		if got[i] != sent[i] {
			t.Fatalf("packet %d came out of order", i)
		}
	}
}
