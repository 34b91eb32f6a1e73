package deploy

import (
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// claimed returns those of the addresses that a member says it has which a server may dial.
//
// A member may say anything: the address of a printer in the server's network, or a name that leads there, so that the
// server knocks at each of its doors whenever it starts, and tells by how soon it gives up which of them are open. So a
// claim counts only where its host is one at which the transport has seen the member itself: the far end of a link on
// which the member has shown its key, now or when the addresses that are written down came in. The port is the member's
// to choose, on the host where it is. Names do not count, for where they lead is decided later, and by others. A member
// that is nowhere that was seen comes by itself: it dials the server, never the other way round.
func (s *hub) claimed(p wire.PeerID, addresses []string) []string {
	seen := map[string]bool{}
	note := func(text string) {
		if a, err := wire.ParseAddress(text); err == nil && hostOf(a) != "" {
			seen[hostOf(a)] = true
		}
	}
	if remote, up := s.links.look()[p]; up {
		note(remote)
	}
	for _, text := range written(s.dir.Record(), p) {
		note(text)
	}
	return slices.DeleteFunc(slices.Clone(addresses), func(text string) bool {
		a, err := wire.ParseAddress(text)
		return err != nil || !seen[hostOf(a)]
	})
}

// linkWithin is how long a link that just came up may take to be noted.
const linkWithin = time.Second

// awaitLink waits a moment for the link of a peer that speaks already: streams and links are told by different
// goroutines.
func (s *hub) awaitLink(p wire.PeerID) {
	for range 20 {
		if _, up := s.links.look()[p]; up || !pause(s.done, linkWithin/20) {
			return
		}
	}
}

// hostOf names the host of an address as a transport sees one, or "": names are none.
func hostOf(a wire.Address) string {
	switch a.Net {
	case "ip4", "ip6":
		return a.Host
	case "memory":
		return "memory" // one process
	}
	return ""
}
