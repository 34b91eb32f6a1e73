package transporttest

import (
	"crypto/ed25519"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// Options says what an end is to be.
type Options struct {
	Key      ed25519.PrivateKey // who it is
	Receiver transport.Receiver
	At       string // where to listen: an address that an earlier end had, or empty for a new one
	Dialer   bool   // listens nowhere, where the transport can do that

	// gives up, and finds out who is silent, within a second or two; other ends have patience, for slow machines
	Soon bool

	// Bounds of the end; 0 means the transport's own. The ends of one check have the same ones, so that a transport
	// whose ends share them may take those of the first. An end that disregards them fails the check of sizes.
	PacketBytes, QueuePackets, QueueBytes int
}

// Factory makes ends of one network, and says what can be done to it. Each of Run's checks has a network of its own.
type Factory struct {
	// Network returns a function that makes ends which can reach each other. What it opens it closes with t.Cleanup,
	// which runs after the ends were closed.
	Network func(t *testing.T) func(Options) (transport.Transport, error)
	// Faulty: packets are dropped, repeated and reordered without a report. Only what still makes sense is checked.
	Faulty bool
	// Breaks: links break by themselves, with a report.
	Breaks bool
	// Silence returns an address that leads to an end's address over a wire that the function cuts without a word, as
	// when a cable is pulled. Nil: the transport has no such wire.
	Silence func(t *testing.T, address string) (through string, cut func())
	// Gone says that addresses of ends do not count, as in one process: who is there is found by its id.
	Gone bool
}

// Key returns the i-th identity of the kit.
func Key(i int) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0], seed[1] = byte(i), 'k'
	return ed25519.NewKeyFromSeed(seed)
}

// ID returns the peer id of the i-th identity.
func ID(i int) wire.PeerID {
	id, err := wire.PeerIDFromPublicKey(Key(i).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err) // an ed25519 key has 32 bytes
	}
	return id
}
