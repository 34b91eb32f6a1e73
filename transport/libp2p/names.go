package libp2p

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	madns "github.com/multiformats/go-multiaddr-dns"
)

// names resolves the names in addresses as the swarm does, and remembers which do not resolve: the swarm leaves such an
// address out without a word, and "no good addresses" would be all that is told of it. It is safe for concurrent use.
type names struct {
	network.MultiaddrDNSResolver

	mu     sync.Mutex
	failed map[string]string // by address: why its name did not resolve when it was asked for last
}

// namesMax bounds the names that are remembered as failed; beyond it, all are forgotten and noted anew.
const namesMax = 256

func newNames() *names {
	return &names{MultiaddrDNSResolver: swarm.ResolverFromMaDNS{Resolver: madns.DefaultResolver},
		failed: map[string]string{}}
}

// ResolveDNSComponent resolves the name at the beginning of an address.
func (n *names) ResolveDNSComponent(ctx context.Context, a ma.Multiaddr, limit int) ([]ma.Multiaddr, error) {
	out, err := n.MultiaddrDNSResolver.ResolveDNSComponent(ctx, a, limit)
	n.note(a, len(out), err)
	return out, err
}

// ResolveDNSAddr resolves a name of addresses.
func (n *names) ResolveDNSAddr(ctx context.Context, p peer.ID, a ma.Multiaddr, depth, limit int) ([]ma.Multiaddr,
	error) {
	out, err := n.MultiaddrDNSResolver.ResolveDNSAddr(ctx, p, a, depth, limit)
	n.note(a, len(out), err)
	return out, err
}

func (n *names) note(a ma.Multiaddr, found int, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := a.String()
	if err == nil && found > 0 {
		delete(n.failed, key)
		return
	}
	if len(n.failed) >= namesMax {
		clear(n.failed)
	}
	n.failed[key] = unresolved(a, err)
}

// unresolved says that the name in an address does not resolve, and what was answered.
func unresolved(a ma.Multiaddr, err error) string {
	host := a.String()
	ma.ForEach(a, func(c ma.Component) bool { host = c.Value(); return false })
	why := "it has no address of that kind"
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		why = "no such host"
	case errors.As(err, &dns):
		why = dns.Err
	case err != nil:
		why = err.Error()
	}
	return fmt.Sprintf("the name %s does not resolve (DNS: %s)", host, why)
}

// why returns what is known of the addresses whose names did not resolve.
func (n *names) why(addrs []ma.Multiaddr) (out []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range addrs {
		if text, ok := n.failed[a.String()]; ok {
			out = append(out, text)
		}
	}
	return out
}
