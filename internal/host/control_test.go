package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// TestControlPlane: calls of the operator are answered when they are durable; the copy of the lists that transports ask
// follows them, and is filled again by the next start; a call from afar without the right is denied with its reason.
func TestControlPlane(t *testing.T) {
	p := newPair(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	call := func(caller, op, who, address string, want bool, code string) {
		t.Helper()
		h := p.hosts[0]
		r, err := h.Control(ctx, wire.PeerID(caller), op, wire.PeerID(who), address)
		if err != nil || r.Accepted != want || r.Code != code || string(r.Caller) != caller {
			t.Fatalf("%s: %v %+v", op, err, r)
		}
		if want && h.d.Journal.Synced() < 2 {
			t.Fatal("the result was told before its call was durable")
		}
	}
	admitted := func(who string, want bool) {
		t.Helper()
		if err := p.hosts[0].Admit(wire.PeerID(who)); (err == nil) != want {
			t.Fatalf("%s: %v", who, err)
		}
	}
	admitted("bad", true)
	call("", engine.ControlBlock, "bad", "", true, "")
	admitted("bad", false)
	call("bad", engine.ControlOpen, "", "", false, engine.RefusedStranger)
	call("far", engine.ControlUnblock, "bad", "", false, engine.RefusedRight)
	call("", engine.ControlGrant, "far", "", true, "")
	call("far", engine.ControlAllow, "friend", "", true, "")
	call("far", "reboot", "friend", "", false, engine.RefusedUnknown)
	admitted("node1", false)
	admitted("friend", true)
	call("", engine.ControlLearn, "friend", "/memory/there", true, "")
	if err := p.hosts[0].Reachable(ctx, []string{"/memory/here", "/memory/too"}); err != nil {
		t.Fatal(err)
	}
	if err := p.hosts[0].Reachable(ctx, []string{"/memory/moved"}); err != nil {
		t.Fatal(err)
	}
	p.ports[0].Close()
	if err := p.hosts[0].Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.hosts[0].Control(ctx, "", engine.ControlOpen, "", ""); !errors.Is(err, ErrStopped) {
		t.Fatalf("a stopped host says %v", err)
	}
	p.start(0)
	admitted("bad", false)
	admitted("node1", false)
	admitted("friend", true)
	var own, friends []string
	err := p.hosts[0].View(func(n *node.Node) {
		own, friends = n.Engine().Addresses("node0"), n.Engine().Addresses("friend")
	})
	if err != nil || !slices.Equal(own, []string{"/memory/moved"}) ||
		!slices.Equal(friends, []string{"/memory/there"}) {
		t.Fatalf("%v: after the restart at %q, and friend at %q", err, own, friends)
	}
	if p.hosts[0].cfg.Admission.Refused() == 0 {
		t.Error("refusals are not counted")
	}
	call("", engine.ControlOpen, "", "", true, "")
	admitted("node1", true)
}

// TestFlappingLink: a link that comes and goes ten thousand times makes no more than a few records.
func TestFlappingLink(t *testing.T) {
	p := newPair(t)
	h := p.hosts[0]
	seen := func() (up, down uint64) {
		if err := h.View(func(n *node.Node) {
			for _, c := range n.Engine().Counters() {
				switch c.Name {
				case "link.up":
					up = c.Count
				case "link.down":
					down = c.Count
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		return up, down
	}
	began := time.Now()
	for range 10_000 {
		h.Linked("node1", "/memory/there")
		h.Unlinked("node1", errors.New("flaps"))
		h.Lost("node1", 1, errors.New("flaps"))
	}
	h.Linked("node1", "/memory/there")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var linked bool
		if up, down := seen(); up == down+1 {
			linked = true
		}
		if linked && time.Since(began) > 1500*time.Millisecond {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the node does not know that the link is there")
		}
	}
	up, down := seen()
	if most := 2 + uint64(time.Since(began)/time.Second); up > most || down > most {
		t.Errorf("%d links and %d ends within %v", up, down, time.Since(began))
	}
}

// TestOverflowIsNoFailure: a transport without room says nothing about the peer.
func TestOverflowIsNoFailure(t *testing.T) {
	h := &Host{notify: make(chan struct{}, 1)}
	h.Lost("a", 1, fmt.Errorf("sent: %w", &transport.OverflowError{Peer: "a", What: "bytes", Max: 1}))
	if events, _ := h.links.Take(1); len(events) != 0 || h.Overflows() != 1 {
		t.Fatalf("%d inputs, %d overflows", len(events), h.Overflows())
	}
	h.Lost("a", 1, &transport.UnreachableError{Peer: "a", Reason: "no address"})
	if events, _ := h.links.Take(1); len(events) != 1 || !events[0].SendFailed.Unreachable {
		t.Fatalf("%+v", events)
	}
}
