package deploy

import (
	"fmt"
	"slices"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// others are peers that have refused what a node sends because its program is another than theirs, since the process
// started. It is safe for concurrent use.
type others struct {
	mu    sync.Mutex
	peers []wire.PeerID // the first ones, at most awaitedMax
}

func (o *others) note(p wire.PeerID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.peers) < awaitedMax && !slices.Contains(o.peers, p) {
		o.peers = append(o.peers, p)
	}
}

// notes says who they are, and what would be right.
func (o *others) notes() (out []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.peers[:min(len(o.peers), spokenMax)] {
		out = append(out, fmt.Sprintf("%s has refused what this node sends: it runs another program; all nodes of a job "+
			"name the same one, with the same settings", nameOf(nil, p)))
	}
	if n := len(o.peers) - spokenMax; n > 0 {
		out = append(out, fmt.Sprintf("%d more nodes have refused it likewise", n))
	}
	return out
}
