package wire

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"pgregory.net/rapid"
)

// knownID is the peer id of the ed25519 key of the all-zero seed.
const knownID PeerID = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"

// TestPeerIDKnown: the id of a known key is the one of the libp2p specification's form: the identity multihash of the
// protobuf-encoded key. The vector is the all-zero seed's key, with the id written down by an independent
// implementation.
func TestPeerIDKnown(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	id, err := PeerIDFromPublicKey(key)
	if err != nil || len(id) != 52 || !strings.HasPrefix(string(id), "12D3KooW") {
		t.Fatalf("%v %s", err, id)
	}
	if id != knownID {
		t.Errorf("%s, want %s", id, knownID)
	}
	back, err := id.PublicKey()
	if err != nil || string(back) != string(key) {
		t.Errorf("%v %x", err, back)
	}
}

func TestPeerIDRefused(t *testing.T) {
	good := string(knownID)
	for _, s := range []string{"", "a", "server", good[:51], good + "1", "1" + good, "0" + good[1:],
		strings.Repeat("1", 200),
		"QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"} {
		var pe *PeerIDError
		if err := PeerID(s).Validate(); !errors.As(err, &pe) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := PeerIDFromPublicKey(make([]byte, 31)); err == nil {
		t.Error("a key of 31 bytes was accepted")
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]Address{
		"/ip4/127.0.0.1/tcp/4001": {"ip4", "127.0.0.1", "tcp",
			4001, "", ""},
		"/ip4/0.0.0.0/udp/0/quic-v1": {"ip4", "0.0.0.0", "quic-v1", 0,
			"", ""},
		"/ip6/::1/udp/65535": {"ip6", "::1", "udp", 65535, "",
			""},
		"/ip6/2001:db8::1/tcp/1/p2p/" + string(knownID): {"ip6", "2001:db8::1", "tcp", 1,
			knownID, ""},
		"/dns4/node-1.example.org/tcp/443": {"dns4", "node-1.example.org",
			"tcp", 443, "", ""},
		"/dns/a/udp/1/quic-v1/p2p/" + string(knownID): {"dns", "a", "quic-v1", 1,
			knownID, ""},
		"/memory/hub": {"memory", "hub", "", 0, "",
			""},
		"/memory/net_1.a-b/p2p/" + string(knownID): {"memory", "net_1.a-b", "", 0,
			knownID, ""},
		"/ip4/1.2.3.4/udp/1/quic-v1/p2p/" + string(knownID) + "/p2p-circuit": {"ip4", "1.2.3.4", "quic-v1", 1,
			"", knownID},
		"/dns4/a/tcp/1/p2p/" + string(knownID) + "/p2p-circuit/p2p/" + string(knownID): {"dns4", "a", "tcp", 1, knownID,
			knownID},
	} {
		got, err := ParseAddress(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %v %+v", text, err, got)
		}
	}
	for _, s := range []string{
		"", "/", "//", "ip4/1.2.3.4/tcp/1", "/ip4/1.2.3.4", "/ip4/1.2.3.4/tcp", "/ip4/1.2.3.4/tcp/",
		"/ip4/01.2.3.4/tcp/1",
		"/ip4/1.2.3/tcp/1", "/ip4/::1/tcp/1", "/ip6/1.2.3.4/tcp/1", "/ip6/0:0:0:0:0:0:0:1/tcp/1",
		"/ip6/fe80::1%eth0/tcp/1",
		"/ip6/::ffff:1.2.3.4%x/tcp/1", "/ip4/1.2.3.4/tcp/65536", "/ip4/1.2.3.4/tcp/01", "/ip4/1.2.3.4/tcp/1/",
		"/ip4/1.2.3.4/tcp/1/quic-v1",
		"/ip4/1.2.3.4/sctp/1", "/ip4/1.2.3.4/tcp/1/p2p/", "/ip4/1.2.3.4/tcp/1/p2p/server", "/ip4/1.2.3.4/tcp/1/p2p",
		"/dns4/-a/tcp/1", "/dns4/a..b/tcp/1", "/dns4/a_b/tcp/1", "/dns4//tcp/1",
		"/dns4/" + strings.Repeat("a", 64) + "/tcp/1",
		"/memory/", "/memory/a/tcp/1", "/memory/é", "/memory/" + strings.Repeat("a", 65), "/unix/a",
		"/ip4/1.2.3.4/tcp/1/p2p-circuit",
		"/memory/a/p2p/" + string(knownID) + "/p2p-circuit", "/ip4/1.2.3.4/tcp/1/p2p/x/p2p-circuit",
		"/ip4/1.2.3.4/tcp/1/p2p/" + string(knownID) + "/p2p-circuit/p2p-circuit",
		"/ip4/1.2.3.4/tcp/1" + strings.Repeat("/x", 200),
	} {
		got, err := ParseAddress(s)
		var ae *AddressError
		if !errors.As(err, &ae) || len(ae.Address) > 64 {
			t.Errorf("%q: %v %+v", s, err, got)
		}
	}
}

// TestAddressesOfOtherShapes: what people write in place of an address is told what the address would be.
func TestAddressesOfOtherShapes(t *testing.T) {
	for text, want := range map[string]string{
		"localhost:4001":         "here /dns/localhost/tcp/4001/p2p/<peer id>, or with /udp/4001/quic-v1 for QUIC",
		"127.0.0.1:25002":        "here /ip4/127.0.0.1/tcp/25002/p2p/<peer id>",
		"[::1]:25002":            "here /ip6/::1/tcp/25002/p2p/<peer id>",
		"http://192.0.2.7:8080/": "here /ip4/192.0.2.7/tcp/8080/p2p/<peer id>",
		"server.example":         "here /dns/server.example/tcp/4001/p2p/<peer id>",
		"::1":                    "here /ip6/::1/tcp/4001/p2p/<peer id>",
		"192.0.2.7":              "here /ip4/192.0.2.7/tcp/4001/p2p/<peer id>",
		"":                       "such as /ip4/192.0.2.7/tcp/4001/p2p/<peer id>",
		"a b":                    "such as /ip4/192.0.2.7/tcp/4001/p2p/<peer id>",
		"http://a/b":             "such as /ip4/192.0.2.7/tcp/4001/p2p/<peer id>",
		"\x1b[2J:1":              "such as /ip4/192.0.2.7/tcp/4001/p2p/<peer id>",
	} {
		_, err := ParseAddress(text)
		var ae *AddressError
		if !errors.As(err, &ae) || !strings.Contains(ae.Reason, want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestAddressCanonical: an accepted text is the canonical one, whatever it is made of.
func TestAddressCanonical(t *testing.T) {
	part := rapid.SampledFrom([]string{"", "ip4", "ip6", "dns4", "memory", "tcp", "udp", "quic-v1", "p2p",
		"p2p-circuit", "1", "4001", "::1", "10.0.0.1", "a.b", string(knownID)})
	rapid.Check(t, func(t *rapid.T) {
		s := "/" + strings.Join(rapid.SliceOfN(part, 1, 8).Draw(t, "parts"), "/")
		if a, err := ParseAddress(s); err == nil && a.String() != s {
			t.Fatalf("%q: %+v", s, a)
		}
	})
}

func FuzzParseAddress(f *testing.F) {
	f.Add("/ip4/127.0.0.1/tcp/4001")
	f.Add("/ip6/::1/udp/9/quic-v1/p2p/" + string(knownID))
	fuzzing.Run(f, func(t *testing.T, s string) {
		if a, err := ParseAddress(s); err == nil && a.String() != s {
			t.Fatalf("%q: %+v", s, a)
		}
	})
}

func FuzzPeerID(f *testing.F) {
	f.Add(string(knownID))
	fuzzing.Run(f, func(t *testing.T, s string) {
		key, err := PeerID(s).PublicKey()
		if err != nil {
			return
		}
		if id, err := PeerIDFromPublicKey(key); err != nil || string(id) != s {
			t.Fatalf("%q: %v %s", s, err, id)
		}
	})
}
