package libp2p

import (
	"net"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// TestMDNS: two ends on one network find each other, and link by what was found.
func TestMDNS(t *testing.T) {
	if ifaces, err := net.Interfaces(); err != nil || !multicast(ifaces) {
		t.Skip("no interface of this machine carries multicast: mDNS cannot be tried here")
	}
	type found struct {
		p         wire.PeerID
		addresses []string
	}
	told := make(chan found, 100)
	with := func(c *Config) {
		c.MDNS = "rhizome-test"
		c.Found = func(p wire.PeerID, addresses []string) {
			select {
			case told <- found{p, addresses}:
			default:
			}
		}
	}
	ra := newBox()
	a := start(t, 1, ra, with, "/ip4/0.0.0.0/tcp/0")
	b := start(t, 2, newBox(), func(c *Config) { with(c); c.Found = func(wire.PeerID, []string) {} },
		"/ip4/0.0.0.0/tcp/0")
	select {
	case f := <-told:
		if f.p != b.Self() || len(f.addresses) == 0 {
			t.Fatalf("found %+v", f)
		}
		a.Learn(f.p, f.addresses)
		if err := a.Send(f.p, []byte("found you")); err != nil {
			t.Fatal(err)
		}
		wait(t, "a link", func() bool { return b.Stats().Received == 1 })
	case <-time.After(3 * time.Second):
		t.Skip("multicast does not come back on this machine: mDNS cannot be tried here")
	}
}

func multicast(ifaces []net.Interface) bool {
	for _, i := range ifaces {
		if i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagUp != 0 {
			return true
		}
	}
	return false
}
