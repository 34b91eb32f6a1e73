package invitation

import (
	"crypto/ed25519"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// The forms of an address in a text.
const (
	formText    = 0 // a byte of length, then the address as it is written
	formIP4TCP  = 1 // 4 bytes of host, 2 of port
	formIP4QUIC = 2
	formIP6TCP  = 3 // 16 bytes of host, 2 of port
	formIP6QUIC = 4
	formRelayed = 4 // added to one of those with host and port: of a relay there, whose public key of 32 bytes follows
)

var forms = map[string]byte{"ip4/tcp": formIP4TCP, "ip4/quic-v1": formIP4QUIC, "ip6/tcp": formIP6TCP,
	"ip6/quic-v1": formIP6QUIC}

// appendAddress appends the short form of an address, without the peer id behind it.
func appendAddress(b []byte, text string) ([]byte, bool) {
	a, err := wire.ParseAddress(text)
	if err != nil {
		return b, false
	}
	a.Peer = ""
	form := forms[a.Net+"/"+a.Proto]
	if form == formText {
		text = a.String()
		if len(text) > 100 {
			return b, false
		}
		return append(append(b, formText, byte(len(text))), text...), true
	}
	ip, err := netip.ParseAddr(a.Host)
	if err != nil {
		return b, false
	}
	start := len(b)
	b = append(append(b, form), ip.AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, a.Port)
	if a.Relay == "" {
		return b, true
	}
	key, err := a.Relay.PublicKey()
	if err != nil {
		return b, false
	}
	b[start] += formRelayed
	return append(b, key...), true
}

// cutAddress reads one address and returns what is behind it.
func cutAddress(b []byte) (text string, rest []byte, err error) {
	n := 0
	a := wire.Address{Net: "ip4", Proto: "tcp"}
	form, relayed := b[0], b[0] > formIP6QUIC && b[0] <= formIP6QUIC+formRelayed
	if relayed {
		form -= formRelayed
	}
	switch form {
	case formText:
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return "", nil, wrong("has half an address")
		}
		n = 2 + int(b[1])
		text = string(b[2:n])
	case formIP4TCP, formIP4QUIC, formIP6TCP, formIP6QUIC:
		host := 4
		if form == formIP6TCP || form == formIP6QUIC {
			a.Net, host = "ip6", 16
		}
		if form == formIP4QUIC || form == formIP6QUIC {
			a.Proto = "quic-v1"
		}
		if n = 1 + host + 2; len(b) < n {
			return "", nil, wrong("has half an address")
		}
		ip, _ := netip.AddrFromSlice(b[1 : 1+host])
		a.Host, a.Port = ip.String(), binary.BigEndian.Uint16(b[1+host:n])
		if relayed {
			if len(b) < n+ed25519.PublicKeySize {
				return "", nil, wrong("has half an address")
			}
			if a.Relay, err = wire.PeerIDFromPublicKey(b[n : n+ed25519.PublicKeySize]); err != nil {
				return "", nil, wrong("names no relay: %v", err)
			}
			n += ed25519.PublicKeySize
		}
		text = a.String()
	default:
		return "", nil, wrong("has an address of the form %d, which this release does not know", b[0])
	}
	parsed, err := wire.ParseAddress(text)
	if err != nil || parsed.Peer != "" {
		return "", nil, wrong("has the address %q, which is none", text)
	}
	return text, b[n:], nil
}

// Best returns the few of a server's addresses that an invitation should tell: those that others can reach first, and
// loopback ones only where there are no others. Of one host it takes each kind of wire once, and of those over relays
// at least one.
func Best(addresses []string) []string {
	var far, near []string
	over := "" // the first that leads over a relay: who has one is not reached without it
	for _, text := range addresses {
		a, err := wire.ParseAddress(text)
		if err != nil {
			continue
		}
		a.Peer = ""
		short := a.String()
		ip, err := netip.ParseAddr(a.Host)
		switch {
		case err == nil && (ip.IsUnspecified() || ip.IsLinkLocalUnicast()):
		case err == nil && ip.IsLoopback():
			near = append(near, short)
		default:
			far = append(far, short)
		}
		if a.Relay != "" && over == "" {
			over = short
		}
	}
	if len(far) == 0 {
		far = near
	}
	if len(far) > AddressesMax {
		if far = spread(far); over != "" && !slices.Contains(far, over) {
			far[len(far)-1] = over
		}
	}
	return far
}

// spread takes a few of many addresses: the first of each host and wire in turn, so that no host with many ports hides
// another.
func spread(all []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, text := range all {
		a, err := wire.ParseAddress(text)
		key := a.Host + " " + a.Proto
		if err == nil && len(out) < AddressesMax && !seen[key] {
			seen[key] = true
			out = append(out, text)
		}
	}
	return out
}
