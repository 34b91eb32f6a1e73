package wire

import (
	"net/netip"
	"strconv"
	"strings"
)

// AddressBytesMax bounds the text of an address.
const AddressBytesMax = 256

// circuit stands behind the relay in an address that leads over one.
const circuit = "/p2p-circuit"

// Address is a parsed multiaddr of one of the forms that nodes use:
//
//	/ip4|ip6|dns|dns4|dns6/<host>/tcp/<port>[/p2p/<peer>]
//	/ip4|ip6|dns|dns4|dns6/<host>/udp/<port>[/quic-v1][/p2p/<peer>]
//	/memory/<name>[/p2p/<peer>]
//	<one of the first two with a peer>/p2p-circuit[/p2p/<peer>]
//
// The last one leads over a relay, which is what stands before p2p-circuit.
//
// It is plain data and comparable; equal addresses have equal texts.
type Address struct {
	Net   string // ip4, ip6, dns, dns4, dns6 or memory
	Host  string // IP address, DNS name, or name of the in-process network
	Proto string // tcp, udp or quic-v1; empty for memory
	Port  uint16 // 0 for memory, and where the system chooses
	Peer  PeerID // who is there, or empty
	Relay PeerID // the relay that is at the host, on the way to the peer; empty for a direct address
}

// ParseAddress reads the text of an address. It takes only the canonical text, the one that String returns; the error
// is an *AddressError.
func ParseAddress(text string) (Address, error) {
	var a Address
	why := a.parse(text)
	if why == "" && a.String() != text {
		why = "not in canonical form, which is " + a.String()
	}
	if why != "" {
		return Address{}, &AddressError{cut(text), why}
	}
	return a, nil
}

// String returns the canonical text of the address.
func (a Address) String() string {
	var b strings.Builder
	b.WriteString("/" + a.Net + "/" + a.Host)
	if a.Net != "memory" {
		proto, tail := a.Proto, ""
		if proto == "quic-v1" {
			proto, tail = "udp", "/quic-v1"
		}
		b.WriteString("/" + proto + "/" + strconv.Itoa(int(a.Port)) + tail)
	}
	if a.Relay != "" {
		b.WriteString("/p2p/" + string(a.Relay) + circuit)
	}
	if a.Peer != "" {
		b.WriteString("/p2p/" + string(a.Peer))
	}
	return b.String()
}

// parse fills a from the text, or says what is wrong with the text.
func (a *Address) parse(text string) string {
	if len(text) > AddressBytesMax {
		return "longer than 256 bytes"
	}
	parts := strings.Split(text, "/")
	if len(parts) < 3 || parts[0] != "" {
		return shaped(text)
	}
	a.Net, a.Host = parts[1], parts[2]
	if why := checkHost(a.Net, a.Host); why != "" {
		return why
	}
	parts = parts[3:]
	if a.Net != "memory" {
		if len(parts) < 2 || parts[0] != "tcp" && parts[0] != "udp" {
			return "want /tcp/<port> or /udp/<port> after the host"
		}
		port, ok := number(parts[1], 1<<16-1)
		if !ok {
			return "want a port from 0 to 65535"
		}
		a.Proto, a.Port = parts[0], uint16(port)
		parts = parts[2:]
		if a.Proto == "udp" && len(parts) > 0 && parts[0] == "quic-v1" {
			a.Proto = "quic-v1"
			parts = parts[1:]
		}
	}
	if len(parts) >= 3 && a.Net != "memory" && parts[0] == "p2p" && parts[2] == circuit[1:] {
		a.Relay = PeerID(parts[1])
		if err := a.Relay.Validate(); err != nil {
			return err.Error()
		}
		parts = parts[3:]
	}
	if len(parts) == 0 {
		return ""
	}
	if len(parts) != 2 || parts[0] != "p2p" {
		return "only /p2p/<peer> can stand at the end, with /p2p-circuit between a relay and a peer"
	}
	a.Peer = PeerID(parts[1])
	if err := a.Peer.Validate(); err != nil {
		return err.Error()
	}
	return ""
}

// shaped says what an address would look like, after the example of the text where it is a host and a port.
func shaped(text string) string {
	const want = "want an address such as /ip4/192.0.2.7/tcp/4001/p2p/<peer id>"
	_, rest, url := strings.Cut(text, "://")
	if !url {
		rest = text
	}
	host, port := strings.TrimSuffix(rest, "/"), "4001"
	if i := strings.LastIndexByte(host, ':'); i >= 0 && (strings.Count(host, ":") == 1 || host[0] == '[') {
		host, port = strings.TrimSuffix(strings.TrimPrefix(host[:i], "["), "]"), host[i+1:]
	}
	a := Address{Net: "dns", Host: host, Proto: "tcp"}
	if ip, err := netip.ParseAddr(host); err == nil {
		a.Net = "ip4"
		if a.Host = ip.String(); ip.Is6() {
			a.Net = "ip6"
		}
	}
	n, ok := number(port, 1<<16-1)
	if a.Port = uint16(n); !ok || checkHost(a.Net, a.Host) != "" || strings.Contains(host, "/") {
		return want
	}
	return "want an address as nodes print them, here " + a.String() + "/p2p/<peer id>, or with /udp/" +
		strconv.Itoa(int(a.Port)) + "/quic-v1 for QUIC"
}

// checkHost says what is wrong with the host, or "".
func checkHost(network, host string) string {
	switch network {
	case "ip4", "ip6":
		ip, err := netip.ParseAddr(host)
		if err != nil || ip.Is4() != (network == "ip4") || ip.Zone() != "" || ip.String() != host {
			return "want a plain " + network + " address in its shortest form"
		}
	case "dns", "dns4", "dns6":
		if !dnsName(host) {
			return "want a DNS name of letters, digits and hyphens"
		}
	case "memory":
		if host == "" || len(host) > 64 || strings.ContainsFunc(host, func(c rune) bool {
			return c > 127 || !letterOrDigit(byte(c)) && strings.IndexByte("_-.", byte(c)) < 0
		}) {
			return "want a name of 1 to 64 letters, digits and \"_-.\""
		}
	default:
		return "want ip4, ip6, dns, dns4, dns6 or memory first"
	}
	return ""
}

// dnsName says whether s is a host name of labels of 1 to 63 bytes, 253 bytes in all.
func dnsName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !letterOrDigit(c) && c != '-' {
				return false
			}
		}
	}
	return true
}
