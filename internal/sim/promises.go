package sim

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// checkLife holds the beginning of a life against the one before: every command that was pending is given out again
// under its number, and the incarnation is one that no life before had.
func (l *lane) checkLife(n *Node, pending []engine.Command, t *host.Turn) {
	for _, p := range pending {
		if !slices.ContainsFunc(t.Commands, func(c engine.Command) bool { return c.ID == p.ID }) {
			l.violate("commands keep their numbers", fmt.Sprintf("%s does not give out command %d (%s) again", n.Name,
				p.ID, p.Method))
		}
	}
	inc := n.nd.Engine().Incarnation()
	if inc <= n.lives && !n.tainted { // damage may bring back the file that names it, of a life that nobody heard of
		l.violate("each life has its number", fmt.Sprintf("%s begins life %d after life %d", n.Name, inc, n.lives))
	}
	n.lives = max(n.lives, inc)
}

// checkDurable holds what leaves a node against its journal: the inputs that it comes from are durable (law
// durable-first).
func (l *lane) checkDurable(n *Node, lsn uint64) {
	if synced := n.drv.Durable().Journal.Synced(); lsn >= synced {
		l.violate("nothing leaves before it is durable",
			fmt.Sprintf("effects of record %d leave %s, whose journal is durable below %d", lsn, n.Name, synced))
	}
}

// syncJournal makes the journal of a node durable. When an operation of its disk fails meanwhile, the journal must say
// so: what a failed sync lost, no second one brings back (trap retried-sync).
func (l *lane) syncJournal(n *Node) error {
	before := failures(n.fs)
	err := n.drv.Durable().Journal.Sync()
	if err == nil && failures(n.fs) != before {
		l.violate("a failed sync stops the node", n.Name+" goes on after a failure of its disk in a sync")
	}
	return err
}

// failures returns how many operations of a disk have failed.
func failures(m *vfs.Mem) uint64 {
	f := m.Faults()
	return f[vfs.ErrorOnce] + f[vfs.ErrorForever] + f[vfs.FullDisk] + f[vfs.ShortWrite]
}

// checkKept holds what is left on a disk that was damaged, after a snapshot was published and older things were
// removed: as many good snapshots as are kept by default, or a journal from its first record.
func (l *lane) checkKept(n *Node) {
	if !n.tainted || n.drv.Durable().Journal.First() == 1 {
		return
	}
	disk, good := n.fs.Kill(), 0 // a copy: looking must not count as operations of the node's disk
	for _, path := range filesOf(disk, ".snap") {
		if _, err := journal.Verify(disk, "node", path[len("node/"):], journal.Limits{}); err == nil {
			good++
		}
	}
	if good < 2 {
		l.violate("a way back", fmt.Sprintf("%s has %d good snapshots, and its journal begins with record %d", n.Name,
			good, n.drv.Durable().Journal.First()))
	}
}
