package libp2p

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/rhizome-ml/rhizome/transport"
)

// listen opens the addresses of the Config: all of them, or it is an error, a *transport.ListenError where the system
// says no.
func (t *Transport) listen() error {
	for _, text := range t.cfg.Listen {
		a, err := ma.NewMultiaddr(text)
		if err != nil {
			return fmt.Errorf("transport/libp2p: listen at %q: %w", text, err)
		}
		if t.cfg.HolePunch {
			err = nobodyAt(a)
		}
		if err == nil {
			err = t.swarm.AddListenAddr(a)
		}
		if err != nil {
			return &transport.ListenError{Address: text, Reason: inTheWay(err), Err: err}
		}
	}
	return nil
}

// nobodyAt sees that no one listens at a TCP address. An end that punches holes dials from the port at which it
// listens, so that it listens with SO_REUSEPORT, and the kernel would not refuse it a port of another such end.
func nobodyAt(a ma.Multiaddr) error {
	network, at, err := manet.DialArgs(a)
	if err != nil || (network != "tcp4" && network != "tcp6") {
		return nil // QUIC, a name, or nonsense: the transport says so itself
	}
	l, err := net.Listen(network, at)
	if err != nil {
		return err
	}
	return l.Close()
}

// inTheWay says why an end cannot listen.
func inTheWay(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "address already in use: another process listens at this port; stop it, or choose another port (0 " +
			"takes any that is free)"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address: choose one of its own, or 0.0.0.0 or :: for all of them"
	case errors.Is(err, syscall.EACCES):
		return "this user may not take that port: choose one from 1024 on (0 takes any that is free)"
	}
	return reason(err)
}
