package libp2p

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/wire"
)

// EnvelopeProtocol is the protocol of the streams that carry packets.
const EnvelopeProtocol = "/rhizome/envelopes/1"

// Config says who an end is and how it behaves. The zero value of each field but Key and Receiver has a meaning.
type Config struct {
	// Key is the identity: the peer id is its public half. It never appears in an error, a log or a String.
	Key ed25519.PrivateKey
	// Receiver is told what happens.
	Receiver transport.Receiver
	// Listen names the multiaddrs to listen at, such as /ip4/0.0.0.0/tcp/4001 and /ip4/0.0.0.0/udp/4001/quic-v1; port 0
	// lets the system choose. Empty: this end only dials.
	Listen []string
	// TLS offers TLS 1.3 on TCP beside Noise, after it.
	TLS bool
	// PreferQUIC dials QUIC before TCP also where the peer is near. By default TCP comes first at private and loopback
	// addresses, where it carries more than twice as much, and QUIC elsewhere.
	PreferQUIC bool
	// Limits bounds what peers can cost.
	Limits Limits
	// DialFor is how long packets wait for a link before they are Lost; 0 means 5 s.
	DialFor time.Duration
	// DialTimeout bounds one dial with its handshakes, and the handshakes of those who dial; 0 means 5 s.
	DialTimeout time.Duration
	// RetryMin and RetryMax bound the pause between two dials of a peer, which doubles from the one to the other and is
	// spread by chance; 0 means 20 ms and 2 s.
	RetryMin, RetryMax time.Duration
	// Alive is how often a silent connection is asked whether its peer is there; after three times this span without an
	// answer it is closed. 0 means 5 s.
	Alive time.Duration
}

// Limits bounds what peers can cost this end. The zero value of a field means the default in its comment.
type Limits struct {
	PacketBytes  int // of one packet, in both directions; the envelope's default, 16 MiB
	QueuePackets int // that wait for one peer; 4,096
	QueueBytes   int // of those; 256 MiB, at least PacketBytes
	Peers        int // that are known or linked; 16,384
	Links        int // inbound connections; 4,096
	PeerLinks    int // connections with one peer; 8
	Handshakes   int // inbound connections at once that have not shown who they are; 128
	AddressLinks int // connections with one IP address, loopback included; 0 means Links
	AddressRate  int // new inbound connections a second of one IP address, with a burst of four times as many; 0 means 50
	Streams      int // at once with one peer, of all protocols; 64
}

// sound fills in the defaults and says what cannot be.
func (c Config) sound() (Config, error) {
	if len(c.Key) != ed25519.PrivateKeySize {
		return c, fmt.Errorf("transport/libp2p: want a private key of %d bytes, not of %d", ed25519.PrivateKeySize, len(c.Key))
	}
	if c.Receiver == nil {
		return c, fmt.Errorf("transport/libp2p: want a receiver")
	}
	l := &c.Limits
	for _, d := range []struct {
		field *int
		value int
	}{
		{&l.PacketBytes, wire.DefaultLimits().EnvelopeBytes}, {&l.QueuePackets, 4096}, {&l.QueueBytes, 256 << 20},
		{&l.Peers, 16384}, {&l.Links, 4096}, {&l.PeerLinks, 8}, {&l.Handshakes, 128}, {&l.AddressRate, 50}, {&l.Streams, 64},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	l.QueueBytes = max(l.QueueBytes, l.PacketBytes)
	if l.AddressLinks <= 0 {
		l.AddressLinks = l.Links
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.DialFor, 5 * time.Second}, {&c.DialTimeout, 5 * time.Second},
		{&c.RetryMin, 20 * time.Millisecond}, {&c.RetryMax, 2 * time.Second}, {&c.Alive, 5 * time.Second},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	c.RetryMax = max(c.RetryMin, c.RetryMax)
	return c, nil
}
