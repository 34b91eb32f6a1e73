package deploy

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// Peers of a job without a server tell each other in two ways where they are. The component discovery exchanges parts
// of its view with one other at a time; that is in the state of the node, and outlives it. Beside it each says on a
// topic of the overlay where it is now: so a node that moved is found by all within seconds, also by those that lost
// it.

const (
	announceEvery = 5 * time.Second
	announceMax   = 4 << 10 // bytes
	heardMax      = 4096    // peers
	meetWithin    = 5 * time.Second
)

// announcement is what a peer says of itself; who it is, its signature says.
type announcement struct {
	Format    int      `json:"format"`
	Addresses []string `json:"addresses"`
}

// heard is where peers said last that they are. It is safe for concurrent use.
type heard struct {
	mu sync.Mutex
	at map[wire.PeerID][]string
}

// note keeps what a peer said, and says whether it is news. Of a full table some peer is forgotten: it says so again.
func (h *heard) note(p wire.PeerID, addresses []string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Equal(h.at[p], addresses) {
		return false
	}
	if h.at == nil {
		h.at = map[wire.PeerID][]string{}
	}
	if _, known := h.at[p]; !known && len(h.at) >= heardMax {
		for old := range h.at {
			delete(h.at, old)
			break
		}
	}
	h.at[p] = addresses
	return true
}

// parseAnnouncement checks what a peer says of itself.
func parseAnnouncement(author wire.PeerID, raw []byte) ([]string, error) {
	if len(raw) > announceMax {
		return nil, fmt.Errorf("an announcement of %d bytes; want at most %d", len(raw), announceMax)
	}
	var a announcement
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, err
	}
	out := sound(a.Addresses, author)
	if a.Format != 1 || len(out) == 0 || len(out) != len(a.Addresses) {
		return nil, fmt.Errorf("an announcement of format %d with %d addresses, of which %d can be used", a.Format,
			len(a.Addresses), len(out))
	}
	return out, nil
}

// announce takes part in the job's topic until the node ends. A transport without an overlay is an error.
func (e *equal) announce() error {
	t, ok := e.net.(*libp2p.Transport)
	if !ok {
		return fmt.Errorf("the transport has no overlay")
	}
	o, err := t.Overlay()
	if err != nil {
		return err
	}
	valid := func(author wire.PeerID, raw []byte) error {
		_, err := parseAnnouncement(author, raw)
		return err
	}
	topic, err := o.Join("rhizome/peers/"+e.digest, valid, func(author wire.PeerID, raw []byte) {
		addresses, err := parseAnnouncement(author, raw)
		if err == nil && e.heard.note(author, addresses) {
			e.net.Learn(author, addresses)
		}
	})
	if err != nil {
		return err
	}
	e.beside.Go(func() {
		e.publish(o, topic)
		topic.Leave()
	})
	return nil
}

// publish meets the peers that the node began with, and tells the topic where the node is, again and again.
func (e *equal) publish(o *libp2p.Overlay, topic *libp2p.Topic) {
	for wait := announceEvery / 10; ; wait = min(2*wait, announceEvery) {
		e.meet(o.Connect)
		if addresses := sound(e.net.Addresses(), e.dir.ID.Peer()); len(addresses) > 0 {
			raw, err := json.Marshal(announcement{1, addresses})
			if err == nil {
				topic.Publish(e.done, raw) // lost where nobody is there yet, and said again
			}
		}
		if !pause(e.done, wait) {
			return
		}
	}
}
