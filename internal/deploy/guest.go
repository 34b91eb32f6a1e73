package deploy

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// goal is the server that a client was sent to, and by what.
type goal struct {
	server    wire.PeerID // empty: none was named
	addresses []string
	secret    *invitation.Secret // of its invitation, or nil
	digest    string             // that the invitation agrees to, or ""
}

// goalOf reads what a client was given: an invitation, or addresses of one server. A terminal that wraps lines cuts an
// invitation into several words.
func goalOf(texts []string) (g goal, err error) {
	if len(texts) > 0 && invitation.Is(strings.TrimSpace(texts[0])) {
		i, err := invitation.Parse(strings.Join(texts, ""))
		if err != nil {
			return g, err
		}
		return goal{i.Server, i.Full(), &i.Secret, hex.EncodeToString(i.Digest[:])}, nil
	}
	g.server, g.addresses, err = serverOf(texts)
	return g, err
}

// serverOf returns the one peer that all addresses name, and the addresses.
func serverOf(texts []string) (p wire.PeerID, out []string, err error) {
	for _, text := range texts {
		a, err := wire.ParseAddress(text)
		switch {
		case err != nil && likely(text) != "":
			return "", nil, &InputError{"ADDR", clean.Text(text, 100), likely(text)}
		case err != nil:
			return "", nil, err
		case a.Peer == "" || p != "" && a.Peer != p:
			return "", nil, &InputError{"ADDR", text,
				"addresses of one server that end with /p2p/ and its peer id, as rhizome server prints them"}
		}
		p, out = a.Peer, append(out, text)
	}
	return p, out, nil
}

// exampleAddress is an address as rhizome server prints it.
const exampleAddress = "/ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…"

// likely says what would be right for a text that is no address, or "" where its own error says it best.
func likely(text string) string {
	want := "the line that rhizome server prints: rhizome join rhizome:…, or an address such as " + exampleAddress
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		return want + "; nodes do not speak " + clean.Text(u.Scheme, 16)
	}
	host, port, ok := cutPort(text)
	if !ok {
		if strings.HasPrefix(text, "/") {
			return ""
		}
		return want
	}
	form := "dns4"
	if ip, err := netip.ParseAddr(host); err == nil {
		form = map[bool]string{true: "ip4", false: "ip6"}[ip.Is4()]
	}
	return fmt.Sprintf("%s; here perhaps /%s/%s/tcp/%s/p2p/PEER, with the peer id that the server prints", want, form,
		host, port)
}

// cutPort cuts "host:port".
func cutPort(text string) (host, port string, ok bool) {
	at := strings.LastIndexByte(text, ':')
	if at < 1 || strings.ContainsAny(text, "/ ") {
		return "", "", false
	}
	host, port = strings.Trim(text[:at], "[]"), text[at+1:]
	ok = port != "" && len(port) <= 5 && strings.Trim(port, "0123456789") == ""
	return host, port, ok && host != ""
}
