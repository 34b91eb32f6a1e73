package peer

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// checkAddress says whether the address is sound and does not name another peer.
func checkAddress(p wire.PeerID, address string) error {
	a, err := wire.ParseAddress(address)
	if err == nil && a.Peer != "" && a.Peer != p {
		err = &wire.AddressError{Address: address, Reason: "it is the address of another peer"}
	}
	return err
}

// checkClaim is checkAddress for what a peer says of itself: it must be a place to which one can go.
func checkClaim(p wire.PeerID, address string) error {
	if err := checkAddress(p, address); err != nil {
		return err
	}
	a, _ := wire.ParseAddress(address)
	switch {
	case a.Net != "memory" && a.Port == 0:
		return &wire.AddressError{Address: address, Reason: "nobody can be reached at port 0"}
	case a.Host == "0.0.0.0" || a.Host == "::":
		return &wire.AddressError{Address: address, Reason: "it stands for all addresses of a machine"}
	}
	return nil
}

// bare is an address without the peer id at its end, with which it may be written or not.
func bare(address string) string {
	if i := strings.LastIndex(address, "/p2p/"); i > 0 && !strings.Contains(address[i+5:], "/") {
		return address[:i]
	}
	return address
}

// find returns the place of an address in the list, or -1.
func (e *bookEntry) find(address string) int {
	want := bare(address)
	return slices.IndexFunc(e.addresses, func(a bookAddress) bool { return bare(a.text) == want })
}

// order restores the order of preference; equals keep theirs.
func (e *bookEntry) order() { slices.SortStableFunc(e.addresses, compareAddresses) }

func compareAddresses(a, b bookAddress) int {
	return cmp.Or(
		cmp.Compare(a.failures, b.failures),
		cmp.Compare(b.worked, a.worked), // the newest first, never last
		cmp.Compare(a.source, b.source),
	)
}
