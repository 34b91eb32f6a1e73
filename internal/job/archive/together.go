package archive

import (
	"fmt"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// Kept says what a run's directory holds.
type Kept struct {
	Config    job.Served
	Digest    string   // of the program
	Processes bool     // its nodes are processes of their own
	Begun     bool     // all its nodes are there
	Nodes     []string // folders of the nodes, the server first
}

// KeptIn reads what a run's directory says of itself. Errors are those of Stored.
func KeptIn(fsys vfs.FS, dir string) (*Kept, error) {
	cfg, r, err := rundir.Load(fsys, dir)
	if err != nil {
		return nil, err
	}
	k := &Kept{Config: cfg, Digest: r.Artifact, Begun: r.State == rundir.StateRunning,
		Nodes: job.NodesOf(cfg.About())}
	if k.Processes, err = vfs.Exists(fsys, filepath.Join(dir, rundir.ProcessesFile)); err != nil || !k.Processes {
		return k, err
	}
	k.Begun = true
	for _, name := range k.Nodes {
		there, err := rundir.Filled(fsys, filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		k.Begun = k.Begun && there
	}
	return k, nil
}

// Cut is a node at a record of its journal.
type Cut struct {
	Record      uint64
	Wall        int64             // the host's clock at that record, or 0
	Incarnation uint64            // there
	Node        *offline.Restored // at its last record, not at that one
}

// SplitError says that journals that were read one after the other hold no moment that all nodes were in.
type SplitError struct{ Node, Of string }

// Error names two nodes that do not fit.
func (e *SplitError) Error() string {
	return fmt.Sprintf("job: %s has something of %s that none of its records that were read has sent", e.Node, e.Of)
}

// Together brings back nodes whose journals were copied one after the other while they ran, each from the oldest state
// that is kept, and returns the newest records at which none of them has anything that another one has not sent: a
// moment that all of them could have been stopped in. There is one that is not older than the copying, as a node makes
// durable what it takes in before it sends what that causes.
func Together(nodes ...*NodeView) ([]Cut, error) {
	histories := make([][]moment, len(nodes))
	cuts := make([]Cut, len(nodes))
	for i, n := range nodes {
		h, b, err := historyOf(n)
		if err != nil {
			return nil, &job.NodeError{Node: n.Name, Err: err}
		}
		histories[i], cuts[i].Node = h, b
	}
	for again := true; again; {
		again = false
		for i, n := range nodes {
			for k, other := range nodes {
				for i != k &&
					newest(histories[i]).link(string(other.Config.Self)).beyond(
						newest(histories[k]).link(string(n.Config.Self))) {
					if len(histories[i]) == 1 {
						return nil, &SplitError{n.Name, other.Name}
					}
					histories[i] = histories[i][:len(histories[i])-1]
					again = true
				}
			}
		}
	}
	for i, h := range histories {
		cuts[i].Record, cuts[i].Wall, cuts[i].Incarnation = newest(h).record, newest(h).wall, newest(h).incarnation
	}
	return cuts, nil
}

// moment is a node over records between which it neither took nor sent anything.
type moment struct {
	record             uint64 // the last of them
	wall               int64
	incarnation, epoch uint64
	links              map[string]link
}

// link returns what the node knows of its streams with a peer.
func (m *moment) link(peer string) link {
	if l, ok := m.links[peer]; ok {
		return l
	}
	return link{incarnation: m.incarnation, epoch: m.epoch}
}

func newest(h []moment) *moment { return &h[len(h)-1] }

// historyOf brings a node back and returns its moments, in order.
func historyOf(n *NodeView) (all []moment, b *offline.Restored, err error) {
	b,
		err = n.Restore(offline.Look{Oldest: true, Visit: func(b *offline.Restored, r *record.Record,
		out *engine.Output) error {
		if r == nil { // a look begins, perhaps not the first
			all = nil
		} else if len(out.Envelopes) == 0 && !hasWire(r.Events) {
			all[len(all)-1].record, all[len(all)-1].wall = b.Record, b.Wall
			return nil
		}
		m := moment{record: b.Record, wall: b.Wall, incarnation: b.Node.Engine().Incarnation()}
		m.links, m.epoch, err = linksOf(b.Node)
		all = append(all, m)
		return err
	}})
	return all, b, err
}

func hasWire(events []engine.Event) bool {
	for i := range events {
		if overWire(events[i]) {
			return true
		}
	}
	return false
}
