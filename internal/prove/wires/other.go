//go:build !linux

package wires

import (
	"errors"
	"net/netip"
	"os/exec"
)

// Host is a network namespace, which only Linux has.
type Host struct{}

// Wire is the router between two hosts, of which there are none here.
type Wire struct{}

var errLinux = errors.New("this is not Linux")

// NewHost refuses.
func NewHost(netip.Prefix) (*Host, error) {
	return nil, &UnavailableError{"network namespaces are not here", errLinux}
}

// Do refuses.
func (*Host) Do(func() error) error { return errLinux }

// Start refuses.
func (*Host) Start(*exec.Cmd) error { return errLinux }

// Readdress refuses.
func (*Host) Readdress(netip.Prefix) error { return errLinux }

// Afar refuses.
func (*Host) Afar() error { return errLinux }

// Move refuses.
func (*Host) Move(netip.Addr) error { return errLinux }

// Port is nothing.
func (*Host) Port() Port { return Port{} }

// Close does nothing.
func (*Host) Close() error { return nil }

// Port is where a host is joined to a Wire, of which there are none here.
type Port struct{}

// Router is a host that translates addresses, of which there are none here.
type Router struct{ *Host }

// NewRouter refuses.
func NewRouter(inner, outside netip.Prefix, kind Translation, client netip.Addr) (*Router, error) {
	return nil, &UnavailableError{"network namespaces are not here", errLinux}
}

// Outside is nothing.
func (*Router) Outside() Port { return Port{} }

// Rebind refuses.
func (*Router) Rebind() error { return errLinux }

// Join returns a wire that carries nothing.
func Join(a, b *Host, c Conditions) *Wire { return &Wire{} }

// Connect returns a wire that carries nothing.
func Connect(Conditions, ...Port) *Wire { return &Wire{} }

// Cut does nothing.
func (*Wire) Cut() {}

// Heal does nothing.
func (*Wire) Heal() {}

// Counts is nothing.
func (*Wire) Counts() Counts { return Counts{} }

// Close does nothing.
func (*Wire) Close() {}
