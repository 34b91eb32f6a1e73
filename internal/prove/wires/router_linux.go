package wires

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
)

// Router is a host with a second device that leads outside, and translates addresses.
type Router struct {
	*Host
	outside Port
}

// outer is the name of a router's device that leads outside.
const outer = "wire1"

// NewRouter makes a router. Its inner address is what those behind it share a prefix with; one of them, client, gets
// what comes to a full cone unasked. It wants the rights of root and the programs ip and nft; else the error is an
// *UnavailableError.
func NewRouter(inner, outside netip.Prefix, kind Translation, client netip.Addr) (*Router, error) {
	h, err := NewHost(inner)
	if err != nil {
		return nil, err
	}
	r := &Router{Host: h, outside: Port{at: outside}}
	err = h.Do(func() (err error) {
		if r.outside.tun, err = openTUN(outer, outside); err != nil {
			return err
		}
		if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
			return &UnavailableError{"a namespace may not forward packets", err}
		}
		return nil
	})
	if err == nil {
		err = h.run("", "ip", "route", "add", "default", "dev", outer)
	}
	if err == nil {
		err = h.run(rules(kind, client), "nft", "-f", "-")
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// rules are those of the translation for nft. What comes from outside unasked is dropped before it leaves a trace: a
// connection that the kernel has noted as its own would take the outer port away from the client that sends a moment
// later, and no hole could be punched.
func rules(kind Translation, client netip.Addr) string {
	masquerade, in := "masquerade", ""
	switch kind {
	case Symmetric:
		masquerade = "masquerade fully-random"
	case FullCone:
		in = fmt.Sprintf("meta l4proto { tcp, udp } iifname %q dnat to %s", outer, client)
	}
	return fmt.Sprintf(`
table ip translation {
	chain in { type nat hook prerouting priority -100; %s; }
	chain out { type nat hook postrouting priority 100; oifname %q %s; }
	chain through { type filter hook forward priority 0; iifname %q ct state new ct status ! dnat drop; }
	chain here { type filter hook input priority 0; iifname %q ct state new drop; }
}
`, in, outer, masquerade, outer, outer)
}

// Rebind has the router forget the connections that it knows and give them other outer ports from now on, as one does
// that was restarted: the kernel forgets what it has masqueraded behind a device that goes down.
func (r *Router) Rebind() error {
	for _, args := range [][]string{{"link", "set", outer, "down"}, {"link", "set", outer, "up"},
		{"route", "replace", "default", "dev", outer}} {
		if err := r.run("", "ip", args...); err != nil {
			return err
		}
	}
	return r.run("flush ruleset\n"+rules(Symmetric, netip.Addr{}), "nft", "-f", "-")
}

// Outside is where the router is joined to the world.
func (r *Router) Outside() Port { return r.outside }

// Close ends the router.
func (r *Router) Close() error {
	err := r.Host.Close()
	if r.outside.tun != nil {
		err = errors.Join(err, r.outside.tun.Close())
	}
	return err
}
