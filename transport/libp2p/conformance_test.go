package libp2p

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/transporttest"
)

// TestConformance holds both wires against the contract, with real sockets on loopback.
func TestConformance(t *testing.T) {
	for _, wire := range []struct{ name, listen string }{{"tcp", tcpAny}, {"quic", quicAny}} {
		t.Run(wire.name, func(t *testing.T) {
			transporttest.Run(t, transporttest.Factory{
				Network: func(*testing.T) func(transporttest.Options) (transport.Transport,
					error) {
					return maker(wire.listen)
				},
				Silence: silence,
			})
		})
	}
}

// maker makes ends that listen on loopback.
func maker(listen string) func(transporttest.Options) (transport.Transport, error) {
	return func(o transporttest.Options) (transport.Transport, error) {
		cfg := Config{Key: o.Key, Receiver: o.Receiver, Listen: []string{listen}, DialFor: 15 * time.Second,
			RetryMin: 5 * time.Millisecond, RetryMax: 50 * time.Millisecond,
			Limits: Limits{PacketBytes: o.PacketBytes, QueuePackets: o.QueuePackets, QueueBytes: o.QueueBytes,
				AddressRate: 1000}}
		if o.Soon {
			cfg.DialFor, cfg.DialTimeout, cfg.Alive = 300*time.Millisecond, 2*time.Second, 100*time.Millisecond
		}
		if o.At != "" {
			cfg.Listen = []string{strings.Split(o.At, "/p2p/")[0]}
		}
		if o.Dialer {
			cfg.Listen = nil
		}
		return New(cfg)
	}
}

// silence puts a proxy before an address, which stops passing anything on when it is cut.
func silence(t *testing.T, address string) (through string, cut func()) {
	a, err := wire.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	to := fmt.Sprintf("%s:%d", a.Host, a.Port)
	if a.Proto == "tcp" {
		a.Port, cut = tcpProxy(t, to)
	} else {
		a.Port, cut = udpProxy(t, to)
	}
	return a.String(), cut
}
