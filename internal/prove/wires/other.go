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

// Close does nothing.
func (*Host) Close() error { return nil }

// Join returns a wire that carries nothing.
func Join(a, b *Host, c Conditions) *Wire { return &Wire{} }

// Cut does nothing.
func (*Wire) Cut() {}

// Heal does nothing.
func (*Wire) Heal() {}

// Counts is nothing.
func (*Wire) Counts() Counts { return Counts{} }

// Close does nothing.
func (*Wire) Close() {}
