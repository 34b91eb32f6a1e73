package libp2p

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/transport"
)

// TestOnePortOneListener: a port at which a node listens is refused to every other one, over TCP as over QUIC, also to
// nodes that punch holes. Two that both listened would each get a part of the connections of either.
func TestOnePortOneListener(t *testing.T) {
	for _, at := range []string{tcpAny, quicAny} {
		for _, punch := range []bool{false, true} {
			first := start(t, 1, newBox(), func(c *Config) { c.HolePunch = punch }, at)
			taken := strings.TrimSuffix(first.Addresses()[0], "/p2p/"+string(first.Self()))
			for _, also := range []bool{false, true} {
				_, err := New(Config{Key: key(2), Receiver: newBox(), Listen: []string{taken}, HolePunch: also})
				var le *transport.ListenError
				if !errors.As(err, &le) || le.Address != taken || !strings.Contains(le.Reason,
					"address already in use") || !errors.Is(err, syscall.EADDRINUSE) {
					t.Errorf("%s, hole punching %v and %v: %v", taken, punch, also, err)
				}
			}
			if err := first.Close(); err != nil {
				t.Error(err)
			}
			again := start(t, 1, newBox(), func(c *Config) { c.HolePunch = punch }, taken) // at once, whatever lingers
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestForeignAddress: an address that this machine does not have is refused in those words.
func TestForeignAddress(t *testing.T) {
	for _, at := range []string{"/ip4/192.0.2.1/tcp/0", "/ip4/192.0.2.1/udp/0/quic-v1"} {
		_, err := New(Config{Key: key(1), Receiver: newBox(), Listen: []string{at}})
		var le *transport.ListenError
		if !errors.As(err, &le) || !strings.Contains(le.Reason, "this machine has no such address") {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// TestNamesThatDoNotResolve: an error names the host and DNS. The name is of the domain that never exists (RFC 2606).
func TestNamesThatDoNotResolve(t *testing.T) {
	a := start(t, 1, newBox(), nil, tcpAny)
	b := start(t, 2, newBox(), nil, tcpAny)
	defer a.Close()
	peer := b.Self()
	b.Close()
	for _, at := range []string{"/dns4/no-such-host.invalid/tcp/4001", "/dns/no-such-host.invalid/udp/4001/quic-v1"} {
		a.Learn(peer, []string{at})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := a.Open(ctx, peer, "/rhizome/test/1")
		cancel()
		var away *transport.UnreachableError
		if !errors.As(err, &away) || !strings.Contains(away.Reason,
			"the name no-such-host.invalid does not resolve (DNS: ") {
			t.Errorf("%s: %v", at, err)
		}
	}
}
