package libp2p

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
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
	// IdleFor is how long a connection without a stream is kept after its opening and the last stream that its peer
	// opened; 0 means 60 s.
	IdleFor time.Duration
	// Relays names relays, by addresses that end with their peer ids, at which this end keeps a place: then it has an
	// address at each that leads over it. They are dialled without asking Receiver.Admit.
	Relays []string
	// Relay makes this end a relay for those whom Receiver.Admit admits.
	Relay bool
	// HolePunch tries to replace a connection over a relay by one that leads straight through both ends' address
	// translators.
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
	// new connections a second of one IP address, with a burst of four times as many; 0 means 10, and 500 for loopback
	AddressRate int
	Streams     int // at once with one peer, of all protocols; 64
}

// EdgeLimits returns the limits of a small device, which has few peers and little memory.
func EdgeLimits() Limits {
	return Limits{PacketBytes: wire.EdgeLimits().EnvelopeBytes, QueuePackets: 256, QueueBytes: 8 << 20, Peers: 512,
		Links:     64,
		PeerLinks: 4, Handshakes: 16, AddressLinks: 16, AddressRate: 10, Streams: 16}
}

// Validate says whether an end can be like that: nil, or a *transport.ConfigError for the first field that cannot be.
// Zeros stand for defaults, but those of Key and Receiver.
func (c Config) Validate() error {
	_, err := c.sound()
	return err
}

// sound fills in the defaults, or says what cannot be, with a *transport.ConfigError.
func (c Config) sound() (Config, error) {
	no := func(field string, got any, want string) error {
		return &transport.ConfigError{Field: field, Got: fmt.Sprint(got), Want: want}
	}
	const orMore = "0 for the default, or more"
	switch {
	case len(c.Key) != ed25519.PrivateKeySize:
		return c, no("Key", fmt.Sprintf("of %d bytes", len(c.Key)), fmt.Sprintf("an ed25519 private key, of %d",
			ed25519.PrivateKeySize))
	case c.Receiver == nil:
		return c, no("Receiver", "nil", "who is told what happens")
	case c.MDNS != "" && c.Found == nil:
		return c, no("Found", "nil", "who is told whom MDNS has found, or no MDNS")
	}
	for i, text := range c.Listen {
		if _, err := ma.NewMultiaddr(text); err != nil {
			return c, no(fmt.Sprintf("Listen[%d]", i), strconv.Quote(text), "a multiaddr such as /ip4/0.0.0.0/tcp/4001")
		}
	}
	l := &c.Limits
	for _, d := range []struct {
		name  string
		field *int
		value int
	}{
		{"PacketBytes", &l.PacketBytes, wire.DefaultLimits().EnvelopeBytes}, {"QueuePackets", &l.QueuePackets, 4096},
		{"QueueBytes", &l.QueueBytes, 256 << 20},
		{"Peers", &l.Peers, 16384}, {"Links", &l.Links, 4096}, {"PeerLinks", &l.PeerLinks, 8},
		{"Handshakes", &l.Handshakes, 256}, {"Streams", &l.Streams, 64},
		// whose defaults depend on the address
		{"AddressLinks", &l.AddressLinks, 0}, {"AddressRate", &l.AddressRate, 0},
	} {
		if *d.field < 0 {
			return c, no("Limits."+d.name, *d.field, orMore)
		}
		*d.field = cmp.Or(*d.field, d.value)
	}
	if int64(l.PacketBytes) > math.MaxUint32 {
		return c, no("Limits.PacketBytes", l.PacketBytes, "at most 4 GiB: the length of a packet has 32 bits")
	}
	l.QueueBytes = max(l.QueueBytes, l.PacketBytes)
	if c.RetryMax > 0 && c.RetryMax < c.RetryMin {
		return c, no("RetryMax", c.RetryMax, "at least RetryMin, which is "+c.RetryMin.String())
	}
	for _, d := range []struct {
		name  string
		field *time.Duration
		value time.Duration
	}{
		{"DialFor", &c.DialFor, 5 * time.Second}, {"DialTimeout", &c.DialTimeout, 5 * time.Second},
		{"RetryMin", &c.RetryMin, 20 * time.Millisecond}, {"RetryMax", &c.RetryMax, 2 * time.Second},
		{"Alive", &c.Alive, 5 * time.Second},
		{"IdleFor", &c.IdleFor, time.Minute},
	} {
		if *d.field < 0 {
			return c, no(d.name, *d.field, orMore)
		}
		*d.field = cmp.Or(*d.field, d.value)
	}
	c.RetryMax = max(c.RetryMin, c.RetryMax)
	return c, nil
}
