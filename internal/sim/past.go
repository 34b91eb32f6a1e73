package sim

import (
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// past is the directory of a node as it was at a time, as a copy or a backup of it holds it.
type past struct {
	disk   *vfs.Mem
	recall func() // takes the owner of the world back to what it knew of the node then; nil for nothing
}

// copiesMax bounds how many copies of one node's directory wait to be put back.
const copiesMax = 4

// copyOf copies the directory of a node, whether it runs or not. It returns nil where there is nothing that a node
// could begin from.
func (w *World) copyOf(n *Node) *past {
	if n.fs == nil || len(filesOf(n.fs, ".snap")) == 0 {
		return nil
	}
	disk := n.fs
	if n.backup != nil { // what is damaged and not seen yet is not what this fault is about
		disk = n.backup
	}
	p := &past{disk: disk.Kill()}
	if w.opt.OnCopy != nil {
		p.recall = w.opt.OnCopy(n)
	}
	return p
}

// Rollback copies a node's directory now, and puts the copy back after d: what the node did between is forgotten, and
// it cannot know. The node is taken down for it, and starts again. It says whether there was something to copy.
func (w *World) Rollback(n *Node, d time.Duration) bool {
	if n.copies >= copiesMax {
		return false
	}
	p := w.copyOf(n)
	if p == nil {
		return false
	}
	n.copies++
	taken, heals := w.now, w.heals
	w.At(time.Duration(w.now)+d, func() {
		n.copies--
		if w.heals != heals || n.twin != nil { // a copy that runs has its own end
			return
		}
		w.fault(Rollback, n, fmt.Sprintf("its directory is put back to what it was %v ago", time.Duration(w.now-taken)))
		if n.nd != nil {
			w.down(n, false)
			w.comeBack(n)
		}
		w.putBack(n, p)
	})
	return true
}

// putBack gives a node that is down another directory of its own.
func (w *World) putBack(n *Node, p *past) {
	old, other := n.fs.Faults(), p.disk.Faults()
	for f := range old {
		w.counts[ofDisk[f]] += old[f] - other[f]
	}
	n.fs, n.backup, n.cut = p.disk, nil, false
	n.known, n.lives = 0, 0
	n.Rewound++
	if p.recall != nil {
		p.recall()
	}
}

// Twin starts a copy of a running node beside it, with the same peer id: what others send goes to one of the two, as it
// falls. One that learns that a later life runs is stopped, as a host does it. After d one of the two directories is
// lost, and the node goes on from the other.
func (w *World) Twin(n *Node, d time.Duration) bool {
	if n.nd == nil || n.twin != nil {
		return false
	}
	p := w.copyOf(n)
	if p == nil {
		return false
	}
	w.fault(Twin, n, fmt.Sprintf("a copy of its directory is started beside it, for %v", d))
	cfg := *n.cfg
	t := &Node{
		Name: n.Name + " (twin)", Peer: n.Peer, id: int32(len(w.nodes)), cfg: &cfg, store: n.store, durable: true,
		fs:     p.disk,
		chance: NewChance(w.opt.Seed, uint64(len(w.nodes))+1), clock: n.clock, tainted: n.tainted, Intact: n.Intact,
		Rewound: 1, original: n, recall: p.recall,
	}
	t.cfg.BeforeWork = func(engine.Command) error { return t.work.strike() }
	w.nodes = append(w.nodes, t)
	w.twins++
	n.twin = t
	w.pairs++
	n.Rewound++ // peers hear of two lives in one: what they hold of it is what they make of that
	w.comeBack(t)
	w.At(time.Duration(w.now)+d, func() { w.part(n, t) })
	return true
}

// part ends that a node has a twin.
func (w *World) part(n, t *Node) {
	if n.twin != t {
		return
	}
	n.twin = nil
	w.pairs--
	if t.nd != nil {
		w.down(t, false)
	}
	t.gone = true
	original := n.chance.Below(2) == 0 || t.Starts == 0
	if original {
		if w.opt.OnTrace != nil {
			w.trace(n, "fault", "the directory of its twin is lost")
		}
	} else {
		if w.opt.OnTrace != nil {
			w.trace(n, "fault", "its directory is lost, and it goes on from that of its twin")
		}
		if n.nd != nil {
			w.down(n, false)
			w.comeBack(n)
		}
		w.putBack(n, &past{t.fs, t.recall})
		w.recount(n, t.told)
	}
	if n.fenced {
		n.fenced = false
		w.comeBack(n)
	}
	t.fs, t.told, t.recall = nil, nil, nil
}

// recount tells the owner of the world what the twin told its host, because the node goes on from there.
func (w *World) recount(n *Node, told []engine.AppEvent) {
	for _, ev := range told {
		if w.opt.OnApp == nil {
			return
		}
		if err := w.opt.OnApp(n, ev); err != nil {
			w.Fail(err)
			return
		}
	}
}

// superseded does what a host does that learns of a later life of its node which runs elsewhere: it stops. Where none
// runs any more, the operator starts the node again, which begins a later life; where its clock is behind that of the
// other life, with --takeover.
func (l *lane) superseded(n *Node, p engine.PeerNotice) {
	switch twins := n.twin != nil || n.original != nil; {
	case twins:
		if l.w.opt.OnTrace != nil {
			l.trace(n, "stops", "a life of it that began later runs elsewhere")
		}
		l.down(n, false)
		n.fenced = true
	case uint64(max(0, n.clock.wall(l.now)))/1000 <= p.SeenStart:
		l.later(n, n.drv.TakenOver(p))
	default:
		l.down(n, false)
		l.comeBack(n)
	}
}

// addressee returns which of two that run with one peer id a packet reaches.
func (l *lane) addressee(from *Node, to int32) int32 {
	if l.w.pairs == 0 {
		return to
	}
	n := l.w.nodes[to]
	switch t := n.twin; {
	case t == nil || t.nd == nil:
		return to
	case n.nd == nil || from.chance.Below(2) == 0:
		return t.id
	}
	return to
}
