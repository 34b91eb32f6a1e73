package memory

import (
	"crypto/ed25519"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/transporttest"
)

// factory makes ends of a network with these faults.
func factory(faults Options) transporttest.Factory {
	return transporttest.Factory{
		Gone: true, Breaks: faults.Break > 0, Faulty: faults.Drop+faults.Duplicate+faults.Reorder > 0,
		Network: func(t *testing.T) func(transporttest.Options) (transport.Transport, error) {
			var first *Network
			return func(o transporttest.Options) (transport.Transport, error) {
				id, err := wire.PeerIDFromPublicKey(o.Key.Public().(ed25519.PublicKey))
				if err != nil {
					return nil, err
				}
				if first == nil { // bounds are the network's here
					opts := faults
					opts.PacketBytes, opts.QueueMessages, opts.QueueBytes = o.PacketBytes, o.QueuePackets, o.QueueBytes
					first = New(opts)
				}
				return first.Attach(id, o.Receiver), nil
			}
		},
	}
}

// TestConformance holds the network against the contract: plain, with links that break, and with messages that are
// lost, repeated and overtaken, where less is promised.
func TestConformance(t *testing.T) {
	for name, o := range map[string]Options{
		"plain":  {},
		"breaks": {Seed: 1, Break: 0.02},
		"faulty": {Seed: 2, Drop: 0.1, Duplicate: 0.1, Reorder: 0.2},
	} {
		t.Run(name, func(t *testing.T) { transporttest.Run(t, factory(o)) })
	}
}
