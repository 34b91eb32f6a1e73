package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// SegmentBytes and snapshotBytes are the sizes of a simulated node's files: short, so that rotation, snapshots and
// release come often.
const (
	SegmentBytes  = 4 << 10
	snapshotBytes = 12 << 10
)

// begin starts a node, or brings it back from its disk.
func (l *lane) begin(n *Node) {
	if n.nd != nil || n.fenced || n.gone {
		return
	}
	l.resume(n)
	n.Starts++
	l.sum.Births++
	if !n.durable {
		nd, err := node.Install(*n.cfg)
		if err != nil {
			l.fail(fmt.Errorf("sim: %s: %w", n.Name, err))
			return
		}
		n.nd, n.cfg = nd, nil
		l.sum.Alive++
		if n.Starts > 1 { // it remembers nothing, so its peers must know its streams for new ones
			l.direct(n, &engine.Event{Restarted: &snapshot.RestartedEvent{Incarnation: uint64(n.Starts),
				NewEpoch: true}})
			return
		}
		l.poll(n)
		return
	}
	store := n.store
	if store.SegmentBytes == 0 {
		store.SegmentBytes = SegmentBytes
	}
	if store.SnapshotBytes == 0 {
		store.SnapshotBytes = snapshotBytes
	}
	store.FS, store.Salt = n.fs, uint64(n.id)+1
	d, rec, err := host.Open(*n.cfg, store)
	if err != nil {
		l.stopped(n, fmt.Errorf("opening: %w", err))
		return
	}
	n.drv, n.nd = host.NewDriver(d, rec, nil), d.Node
	if next := d.Journal.Next(); next < n.known || rec.NewEpoch {
		if n.backup == nil && n.Intact {
			l.violate("nothing acknowledged is lost",
				fmt.Sprintf("%s came back with records below %d (new epoch %v), and those below %d were durable",
					n.Name, next, rec.NewEpoch, n.known))
			return
		}
		if n.cut && !rec.NewEpoch {
			l.violate("a lost tail is noticed",
				fmt.Sprintf("%s lost the records from %d on, and goes on in its old epoch", n.Name, next))
			return
		}
		n.Unnoticed = n.Unnoticed || !rec.NewEpoch
		n.Intact, n.known = false, next
	}
	if len(rec.Skipped) > 0 && l.w.opt.OnTrace != nil {
		l.trace(n, "repairs", fmt.Sprintf("took an older snapshot: %v", rec.Skipped[0]))
	}
	wall := n.clock.wall(l.now)
	n.mono0, n.now0 = n.clock.mono(l.now), n.drv.Origin(wall)
	if l.w.opt.OnTrace != nil {
		l.trace(n, "starts", fmt.Sprintf("life %d: snapshot %d, %d records replayed", rec.Incarnation, rec.Snapshot,
			rec.Replayed))
	}
	pending := n.nd.Engine().Pending()
	t, err := n.drv.Begin(n.now0, wall)
	if err != nil {
		n.nd = nil
		l.stopped(n, fmt.Errorf("beginning: %w", err))
		return
	}
	l.checkLife(n, pending, t)
	n.backup, n.cut = nil, false
	l.sum.Alive++
	l.follow(n, t)
	if n.nd != nil {
		l.soon(n)
	}
}

// stopped takes a node down because something that it did has failed. What the disk was made to do is the cause;
// anything else is a broken promise.
func (l *lane) stopped(n *Node, err error) {
	var injected *vfs.InjectedError
	switch {
	case errors.As(err, &injected) && injected.Crashed:
		if n.nd == nil {
			l.fault(CrashInRecovery, n, "the power fails while it recovers")
		}
		l.down(n, true)
	case errors.As(err, &injected):
		l.down(n, false)
	default:
		var damaged *journal.CorruptionError
		if n.backup == nil || !errors.As(err, &damaged) {
			l.violate("recovery", n.Name+": "+err.Error())
			return
		}
		if l.w.opt.OnTrace != nil {
			l.trace(n, "refuses", "its disk, and is given the one from before: "+err.Error())
		}
		n.Refusals++
		for f, k := range n.fs.Faults() {
			l.w.counts[ofDisk[f]] += k - n.backup.Faults()[f] // a node with a backup is not run ahead
		}
		n.fs, n.cut = n.backup.Kill(), false
	}
	l.comeBack(n)
}

// down ends a life: by a power failure, or by the end of the process.
func (l *lane) down(n *Node, power bool) {
	if n.nd != nil {
		l.sum.Alive--
		if n.cfg == nil {
			c := n.nd.Config()
			n.cfg = &c
		}
	}
	n.life++
	n.Crashes++
	l.sum.Deaths++
	if n.drv != nil {
		n.known = max(n.known, n.drv.Durable().Journal.Synced())
	}
	n.drv, n.nd, n.ckpt = nil, nil, nil
	n.inbox, n.wakeAt = nil, 0
	n.stepping, n.syncing, n.resync, n.saving, n.silent = false, false, false, false, 0
	if n.fs == nil {
		return
	}
	if power {
		n.fs = n.crash()
	} else {
		n.fs = n.fs.Kill()
	}
}

// crash returns what a power failure leaves of the node's disk: of any kind, or most of one kind, so that none is rare.
func (n *Node) crash() *vfs.Mem {
	rng := rand.New(&n.chance)
	if kinds := []vfs.Fault{vfs.LostWrite, vfs.TornWrite, vfs.Reordered, vfs.LostName}; n.chance.Below(2) == 0 {
		return n.fs.CrashAs(kinds[n.chance.Below(len(kinds))], rng)
	}
	return n.fs.Crash(rng)
}

// comeBack sets the start of a node's next life.
func (l *lane) comeBack(n *Node) {
	l.push(l.now+l.w.opt.Restart.draw(&n.chance), event{kind: evBegin, node: n.id})
}

// Kill ends a node's process at once; the machine goes on. The node comes back after the world's restart time.
func (w *World) Kill(n *Node) {
	if n.nd == nil {
		return
	}
	w.fault(Kill, n, "its process is killed")
	w.down(n, false)
	w.comeBack(n)
}

// PowerOff cuts a node's power at once, while it writes what it was about to write.
func (w *World) PowerOff(n *Node) {
	if n.nd == nil {
		return
	}
	w.fault(PowerOff, n, "its power fails")
	if n.drv != nil {
		n.fs.CrashAt(n.fs.Ops() + 1 + n.chance.Below(3))
		n.drv.Durable().Journal.Sync() // under way as the power goes: what it returns, nobody reads
	}
	w.down(n, true)
	w.comeBack(n)
}

// PowerOffIn cuts a node's power at the k-th operation of its disk from now, wherever that is: in a step, a sync, the
// writing of a snapshot, or a recovery.
func (w *World) PowerOffIn(n *Node, k int) {
	if n.fs == nil {
		w.PowerOff(n)
		return
	}
	n.fs.CrashAt(n.fs.Ops() + max(k, 1))
	w.fault(PowerOff, n, fmt.Sprintf("its power will fail at the %d. operation of its disk", k))
}

// Pause stops a node's process for a time, as a machine that sleeps does: its clock goes on.
func (w *World) Pause(n *Node, d time.Duration) {
	if n.nd == nil {
		return
	}
	w.fault(Pause, n, fmt.Sprintf("is stopped for %v", d))
	n.pausedTo = max(n.pausedTo, w.now+int64(d))
}

// resume ends a pause before its time, and says whether there was one. What was put back happens now.
func (l *lane) resume(n *Node) bool {
	if l.now >= n.pausedTo {
		return false
	}
	n.pausedTo = l.now
	l.w.giveBack() // what was put back may be among what comes next
	l.w.queue.hasten(n.id, l.now)
	return true
}

// DropNewestSnapshot takes a node down and removes its newest snapshot, so that an older one and a longer replay must
// take its place. It does nothing when there are fewer than two.
func (w *World) DropNewestSnapshot(n *Node) bool {
	if n.nd == nil || n.fs == nil {
		return false
	}
	snaps := filesOf(n.fs, ".snap")
	if len(snaps) < 2 || n.tainted {
		return false
	}
	w.fault(OlderSnapshot, n, "comes back without its newest snapshot")
	w.down(n, false)
	if err := n.fs.Remove(snaps[len(snaps)-1]); err != nil {
		w.Fail(err)
	}
	if err := n.fs.SyncDir("node"); err != nil {
		w.Fail(err)
	}
	w.comeBack(n)
	return true
}

// Damage takes a node down and damages something durable on its disk, which no crash explains: a BitFlip, a Cut, or
// what is Stale. The node may repair it, refuse it, or come back without what was lost; when it refuses, it is given
// the disk from before. It says whether there was something to damage.
func (w *World) Damage(n *Node, f Fault) bool {
	if n.nd == nil || n.fs == nil {
		return false
	}
	w.down(n, true)
	defer w.comeBack(n)
	before := n.fs.Kill()
	d, ok := n.fs.Damage(vfs.Fault(slices.Index(ofDisk[:], f)), rand.New(&n.chance))
	if !ok {
		return false
	}
	n.backup, n.tainted, n.cut = before, true, f == Cut
	if w.opt.OnTrace != nil {
		w.trace(n, "fault", d.String())
	}
	return true
}

// filesOf returns the files of a kind on a disk, oldest first.
func filesOf(fs *vfs.Mem, suffix string) (out []string) {
	for _, name := range fs.Names() {
		if strings.HasSuffix(name, suffix) {
			out = append(out, name)
		}
	}
	return out
}
