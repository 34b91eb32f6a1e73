package offline

import (
	"errors"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// Look says how to bring back a node for looking at it; the zero value brings back its newest state.
type Look struct {
	// Until is the last record that is replayed; 0 means the last one that is there.
	Until uint64
	// Oldest begins at the oldest snapshot that is whole, and not at the newest that Until allows: everything that is
	// kept is replayed.
	Oldest bool
	// Visit, if not nil, is called with the node that was loaded and no record, and then after each record, with the
	// node as it is then, the record, and what the Poll put out. ErrEnough ends the replay there; any other error is
	// returned as it is. It must not change the node or keep the output.
	Visit func(b *Restored, r *record.Record, out *engine.Output) error
}

// ErrEnough ends a replay without an error: what Look.See wanted to see was there.
var ErrEnough = errors.New("host: enough was replayed")

// Restored is a node as it was at a record of its journal.
type Restored struct {
	Node     *node.Node
	Snapshot uint64  // the first record that was replayed on a snapshot, or 0 where the node was installed anew
	Record   uint64  // the last record that was replayed; Snapshot-1 where none was
	Replayed int     // records
	Wall     int64   // the host's clock at that record, or 0 where none was replayed
	Torn     int64   // bytes of an unfinished record at the end of the journal
	Short    bool    // the end of the journal was lost
	Skipped  []error // damaged snapshots, in whose place others were taken
}

// Restore brings back the node of a directory in memory, at any record that is kept, and changes nothing on the disk:
// it is for directories that no node runs in. The outputs of all records that it replays are held against the journal.
// Errors are those of journal and node, *record.DivergenceError, and *journal.RangeError for a record that is not
// there.
func Restore(cfg node.Config, fsys vfs.FS, dir string, l Look) (*Restored, error) {
	b := &Restored{}
	from, err := b.load(cfg, fsys, dir, l)
	if err != nil {
		return nil, err
	}
	b.Record = from - 1
	blobs, err := journal.OpenBlobs(fsys, dir, 0)
	if err != nil {
		return nil, err
	}
	p := record.NewPlayer(b.Node, blobs)
	stop := false
	see := func(r *record.Record, out *engine.Output) error {
		if l.Visit == nil {
			return nil
		}
		err := l.Visit(b, r, out)
		stop = errors.Is(err, ErrEnough)
		if stop {
			return nil
		}
		return err
	}
	if err := see(nil, nil); err != nil || l.Until != 0 && b.Record == l.Until {
		return b, err
	}
	rep, err := journal.Walk(fsys, dir, from, func(at journal.Position, payload []byte) error {
		if stop || l.Until != 0 && at.Record > l.Until {
			return nil // the walk goes on to the end, which tells damage from a torn tail
		}
		out, err := p.Play(at.Record, payload)
		if err != nil {
			return err
		}
		b.Record, b.Wall = at.Record, p.Last.Wall
		b.Replayed++
		return see(&p.Last, out)
	})
	var damaged *journal.CorruptionError
	past := l.Until != 0 && b.Record >= l.Until || stop
	switch {
	case errors.As(err, &damaged) && past && damaged.Record > b.Record:
		err = nil // what was asked for lies before the damage
	case err == nil && l.Until != 0 && !past:
		err = &journal.RangeError{LSN: l.Until, First: from, Next: max(rep.Next, from)}
	}
	if err != nil {
		return nil, err
	}
	b.Torn, b.Short = rep.TornBytes, rep.Short
	return b, nil
}

// load builds the node from the snapshot that the look asks for and returns the first record to replay on it.
func (b *Restored) load(cfg node.Config, fsys vfs.FS, dir string, l Look) (from uint64, err error) {
	refs, err := journal.List(fsys, dir)
	if err != nil {
		return 0, err
	}
	first, err := journal.First(fsys, dir)
	if err != nil {
		return 0, err
	}
	if l.Oldest && first != 0 {
		// Snapshots that stay for their age only may be older than the journal: nothing could be replayed on them.
		refs = slices.DeleteFunc(refs, func(ref journal.SnapshotRef) bool { return ref.LSN < first })
		slices.Reverse(refs)
	}
	for _, ref := range refs {
		if l.Until != 0 && ref.LSN > l.Until+1 {
			continue
		}
		if l.Until != 0 && ref.LSN <= l.Until && ref.LSN < first {
			break // the records between are gone
		}
		payload, _, err := journal.Load(fsys, dir, ref.Name, journal.Limits{})
		if directory.AllDamaged(err) {
			b.Skipped = append(b.Skipped, err)
			continue
		}
		if err == nil {
			b.Node, err = node.Restored(cfg, payload)
		}
		b.Snapshot = ref.LSN
		return ref.LSN, err
	}
	// Without a snapshot, the journal from its first record is all that there was.
	switch {
	case first > 1 && len(b.Skipped) > 0:
		return 0, directory.LostSnapshots(&journal.MissingError{Dir: dir, First: first, From: 1}, true, b.Skipped)
	case first > 1 && l.Until == 0 && len(refs) == 0:
		return 0, directory.LostSnapshots(&journal.MissingError{Dir: dir, First: first, From: 1}, true, nil)
	case first > 1:
		return 0, outOf(fsys, dir, l.Until, refs, first)
	}
	b.Node, err = node.Install(cfg)
	return 1, err
}

// outOf makes the error for a record at which a node cannot be brought back any more.
func outOf(fsys vfs.FS, dir string, number uint64, refs []journal.SnapshotRef, first uint64) error {
	rep, err := journal.Scan(fsys, dir)
	if err != nil {
		return err
	}
	oldest := rep.Next
	for _, ref := range refs {
		if ref.LSN >= first {
			oldest = min(oldest, ref.LSN)
		}
	}
	return &journal.RangeError{LSN: max(number, 1), First: oldest, Next: rep.Next}
}
