package libp2p

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"time"

	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/wire"
)

// EnvelopeProtocol is the protocol of the streams that carry packets.
const EnvelopeProtocol = "/rhizome/envelopes/1"

// Config says who an end is and how it behaves. The zero value of each field but Key and Receiver has a meaning.
type Config struct {
	// Key is the identity: the peer id is its public half. It never appears in an error, a log or a String.
	Key ed25519.PrivateKey `json:"-"`
	// Receiver is told what happens.
	Receiver transport.Receiver `json:"-"`
	// Listen names the multiaddrs to listen at, such as /ip4/0.0.0.0/tcp/4001 and /ip4/0.0.0.0/udp/4001/quic-v1; port 0
	// lets the system choose. Empty: this end only dials.
	Listen []string
	// TLS offers TLS 1.3 on TCP beside Noise, after it.
	TLS bool
	// PreferQUIC dials QUIC before TCP also where the peer is near. By default TCP comes first at private and loopback
	// addresses, where it carries half as much again and more, and QUIC elsewhere.
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
	// IdleFor is how long a connection without a stream is kept after its opening and the last stream that its peer opened; 0 means 60 s.
	IdleFor time.Duration
	// Relays names relays, by addresses that end with their peer ids, at which this end keeps a place: then it has an address
	// at each that leads over it. They are dialled without asking Receiver.Admit.
	Relays []string
	// Relay makes this end a relay for those whom Receiver.Admit admits.
	Relay bool
	// HolePunch tries to replace a connection over a relay by one that leads straight through both ends' address translators.
	HolePunch bool
	// MDNS is the name under which ends find each other on the local network, such as rhizome; empty: they do not.
	MDNS string
	// Found is told whom MDNS has found; it may be called at any time, from any goroutine, and again for the same peer.
	Found func(p wire.PeerID, addresses []string) `json:"-"`
}

// String says where the end listens, and nothing of its key; so does every other form in which a Config can be printed.
func (c Config) String() string { return fmt.Sprintf("libp2p.Config listening at %q", c.Listen) }

// GoString is String.
func (c Config) GoString() string { return c.String() }

// Format writes String for every verb.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// Limits bounds what peers can cost this end. The zero value of a field means the default in its comment.
type Limits struct {
	PacketBytes  int // of one packet, in both directions; the envelope's default, 16 MiB
	QueuePackets int // that wait for one peer; 4,096
	QueueBytes   int // of those; 256 MiB, at least PacketBytes
	Peers        int // that are known or linked; 16,384
	Links        int // inbound connections; 4,096
	PeerLinks    int // connections with one peer; 8
	Handshakes   int // inbound connections at once that have not shown who they are; 256
	AddressLinks int // connections with one IP address; 0 means 256, and Links for loopback
	AddressRate  int // new connections a second of one IP address, with a burst of four times as many; 0 means 10, and 500 for loopback
	Streams      int // at once with one peer, of all protocols; 64
}

// EdgeLimits returns the limits of a small device, which has few peers and little memory.
func EdgeLimits() Limits {
	return Limits{PacketBytes: wire.EdgeLimits().EnvelopeBytes, QueuePackets: 256, QueueBytes: 8 << 20, Peers: 512, Links: 64,
		PeerLinks: 4, Handshakes: 16, AddressLinks: 16, AddressRate: 10, Streams: 16}
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
		{&l.Peers, 16384}, {&l.Links, 4096}, {&l.PeerLinks, 8}, {&l.Handshakes, 256}, {&l.Streams, 64},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	l.QueueBytes = max(l.QueueBytes, l.PacketBytes)
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.DialFor, 5 * time.Second}, {&c.DialTimeout, 5 * time.Second},
		{&c.RetryMin, 20 * time.Millisecond}, {&c.RetryMax, 2 * time.Second}, {&c.Alive, 5 * time.Second},
		{&c.IdleFor, time.Minute},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if c.MDNS != "" && c.Found == nil {
		return c, fmt.Errorf("transport/libp2p: want Found with MDNS")
	}
	c.RetryMax = max(c.RetryMin, c.RetryMax)
	return c, nil
}
