package libp2p

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// TestRelay: an end that listens nowhere keeps a place at a relay and is reached over it; packets go both ways; a peer
// whom the relay does not admit gets no place; when the relay is restarted the place is taken again.
func TestRelay(t *testing.T) {
	blocked := wire.PeerID("")
	rr := newBox()
	rr.admit = func(p wire.PeerID) error {
		if p == blocked {
			return errors.New("blocked")
		}
		return nil
	}
	relay := start(t, 1, rr, func(c *Config) { c.Relay = true }, tcpAny)
	at := relay.Addresses()[0]
	ra, rb, rc := newBox(), newBox(), newBox()
	soon := func(c *Config) { c.Relays, c.RetryMax = []string{at}, 20*time.Millisecond }
	a := start(t, 2, ra, soon)
	wait(t, "a place at the relay", func() bool { return len(a.Addresses()) == 1 })
	over := a.Addresses()[0]
	if p, err := wire.ParseAddress(over); err != nil || p.Relay != relay.Self() || p.Peer != a.Self() {
		t.Fatalf("%s: %v", over, err)
	}
	b := start(t, 3, rb, nil)
	b.Learn(a.Self(), []string{over})
	send := func(text string) {
		t.Helper()
		for from, to := range map[*Transport]*Transport{a: b, b: a} {
			r := map[*Transport]*box{a: ra, b: rb}[to]
			if from == a && text == "first" {
				continue
			}
			if err := from.Send(to.Self(), []byte(text)); err != nil {
				t.Fatal(err)
			}
			if p := <-r.got; string(p) != text {
				t.Fatalf("%q", p)
			}
		}
	}
	send("first")
	send("both ways")
	if l := b.records[a.Self()].linkOn(nil); l == nil || !strings.Contains(l.conn().RemoteMultiaddr().String(),
		"p2p-circuit") {
		t.Error("the link does not lead over the relay")
	}

	blocked = wire.PeerID(mustID(4))
	c := start(t, 4, rc, soon)
	wait(t, "a refusal", func() bool { return relay.Stats().Refused > 0 })
	if len(c.Addresses()) != 0 {
		t.Errorf("a blocked peer has a place: %v", c.Addresses())
	}

	// The relay goes away: the place is gone with it, and taken again when it is back.
	_ = relay.Close()
	wait(t, "the end of the place", func() bool { return len(a.Addresses()) == 0 })
	start(t, 1, newBox(), func(c *Config) { c.Relay = true }, strings.Split(at, "/p2p/")[0])
	wait(t, "the place again", func() bool { return len(a.Addresses()) == 1 })
}

// TestRelayToStraight: a link over a relay is left for a connection that leads straight to the peer.
func TestRelayToStraight(t *testing.T) {
	relay := start(t, 1, newBox(), func(c *Config) { c.Relay = true }, tcpAny)
	ra, rb := newBox(), newBox()
	a := start(t, 2, ra, func(c *Config) { c.Relays, c.HolePunch = relay.Addresses(), true }, tcpAny)
	wait(t, "a place at the relay", func() bool { return len(a.Addresses()) == 2 })
	b := start(t, 3, rb, func(c *Config) { c.HolePunch = true }, tcpAny)
	b.Learn(a.Self(), a.Addresses()[1:])
	if err := b.Send(a.Self(), []byte("over the relay")); err != nil {
		t.Fatal(err)
	}
	<-ra.got
	if l := b.records[a.Self()].linkOn(nil); l == nil || !b.records[a.Self()].overRelay(l) {
		t.Fatal("the link does not lead over the relay")
	}
	// As a punched hole would: a connection beside the one over the relay.
	if err := a.host.Connect(directly(t.Context()), peer.AddrInfo{ID: b.swarm.LocalPeer(),
		Addrs: b.host.Addrs()}); err != nil {
		t.Fatal(err)
	}
	wait(t, "the end of the old link", func() bool { return b.Stats().Unlinked == 1 })
	if err := b.Send(a.Self(), []byte("straight")); err != nil {
		t.Fatal(err)
	}
	if p := <-ra.got; string(p) != "straight" {
		t.Fatalf("%q", p)
	}
	if l := b.records[a.Self()].linkOn(nil); l == nil || b.records[a.Self()].overRelay(l) {
		t.Error("the new link leads over the relay")
	}
}
