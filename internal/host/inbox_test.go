package host

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// TestInboxIsBoundedByBytes: packets beyond the bound are refused, a Step takes no more than one record is to hold, in
// the order in which they came, and what packets may wait for is never held up by packets.
func TestInboxIsBoundedByBytes(t *testing.T) {
	var b inbox
	packet := func(n int) *engine.Event { return Arrived("x", make([]byte, n)) }
	if !b.room(packet(2*inboxBytes), 10) {
		t.Error("a large packet does not fit into an empty inbox")
	}
	var sent []*engine.Event
	for i := range 1000 {
		ev := Arrived(wire.PeerID(fmt.Sprint(i)), make([]byte, stepBytes/2))
		if !b.room(ev, 1000) {
			break
		}
		sent = append(sent, ev)
		b.put(ev)
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

// TestALoudPeerLeavesRoom: one peer that sends without end fills half of the inbox, whether by number or by bytes;
// others are heard.
func TestALoudPeerLeavesRoom(t *testing.T) {
	for _, size := range []int{10, 100 << 10} {
		var b inbox
		const max = 512
		loud := 0
		for ; b.room(Arrived("loud", make([]byte, size)), max); loud++ {
			b.put(Arrived("loud", make([]byte, size)))
		}
		if most := min(max, inboxBytes/size); loud > most/2+1 {
			t.Errorf("%d packets of %d bytes of one peer wait, of %d that fit", loud, size, most)
		}
		for i := range 20 {
			ev := Arrived(wire.PeerID(fmt.Sprint("quiet", i)), make([]byte, size))
			if !b.room(ev, max) {
				t.Fatalf("quiet peer %d finds no room for %d bytes", i, size)
			}
			b.put(ev)
		}
		for left := true; left; {
			_, left = b.take()
		}
		if b.bytes != 0 || len(b.shares) != 0 {
			t.Errorf("%d bytes and %d shares are left of nothing", b.bytes, len(b.shares))
		}
	}
}

// TestAcceptWaitsForRoom: a packet that does not fit waits until something is taken, and nothing is lost; a host that
// stops, or who asks for it, ends the wait.
func TestAcceptWaitsForRoom(t *testing.T) {
	r := newRig(t, 1)
	h, err := Start(Config{Node: r.config(0), Store: Store{FS: vfs.NewMem(), Dir: "n"}, Inbox: 4,
		Send: func(wire.PeerID, []byte) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Stop()
	looking, goOn := make(chan struct{}), make(chan struct{})
	go h.View(func(*node.Node) {
		close(looking)
		<-goOn
	})
	<-looking // the thread that steps stands still
	release := sync.OnceFunc(func() { close(goOn) })
	defer release()
	for i := range 5 {
		if err := h.Receive(wire.PeerID(fmt.Sprint("x", i)), []byte{1}); errors.As(err, new(*FullError)) != (i == 4) {
			t.Fatalf("packet %d of 4 that there is room for: %v", i+1, err)
		}
	}
	const waiting = 8
	done := make(chan error, waiting+1)
	for range waiting {
		go func() { done <- h.Accept("y", []byte{2}, nil) }()
	}
	stop := make(chan struct{})
	go func() { done <- h.Accept("z", []byte{3}, stop) }()
	select {
	case err := <-done:
		t.Fatalf("without room Accept says %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(stop)
	if err := <-done; err != ErrStopped {
		t.Fatalf("who asked for the end of the wait gets %v", err)
	}
	release()
	for range waiting {
		if err := <-done; err != nil {
			t.Fatalf("with room Accept says %v", err)
		}
	}
	h.Stop()
	if err := h.Accept("x", []byte{1}, nil); err != ErrStopped {
		t.Fatalf("a host that has stopped says %v", err)
	}
}
