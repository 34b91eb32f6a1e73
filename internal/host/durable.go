package host

import (
	"context"
	"errors"
	"io"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// Durable is a node with its journal: what it was fed is in the journal, in order. It is thread-unsafe; Sync may run
// beside Step.
type Durable struct {
	Node    *node.Node
	Journal *journal.Journal

	store    Store
	snaps    *journal.Snapshots
	blobs    *journal.Blobs
	made     madeBlobs
	lock     io.Closer
	commands record.Commands
	bytes    int64 // of journal since the newest snapshot
	wall     int64 // the host's clock at the last record, or 0
	buf      []byte
	marks    record.Marker
	marked   []byte
	paused   *record.DivergenceError // or nil; then nothing may change
}

// Recovery tells what opening a directory found.
type Recovery struct {
	New         bool    // nothing was there
	Snapshot    uint64  // number of the first record after the snapshot that was loaded
	Replayed    int     // records
	NewEpoch    bool    // the end of the journal cannot be vouched for
	Incarnation uint64  // of the life that begins now
	Torn        int     // bytes of an unfinished record that were cut
	Skipped     []error // damaged snapshots, in whose place an older one was taken
	LastWall    int64   // the host's clock at the last record, or 0

	Diverged *record.DivergenceError // set where the node is paused before a record that diverges; see DivergencePauses
}

// Open opens or makes the node in a directory: the newest good snapshot, and the journal after it replayed. Errors are
// those of journal and node, *record.DivergenceError and *vfs.LockedError; nothing on the disk is changed then.
func Open(cfg node.Config, store Store) (*Durable, *Recovery, error) {
	return open(context.Background(), cfg, store)
}

func open(ctx context.Context, cfg node.Config, store Store) (*Durable, *Recovery, error) {
	if err := store.fill(); err != nil {
		return nil, nil, err
	}
	if err := store.FS.MkdirAll(store.Dir); err != nil {
		return nil, nil, err
	}
	lock, err := directory.Lock(store.FS, store.Dir)
	if err != nil {
		return nil, nil, err
	}
	d := &Durable{
		store: store, lock: lock,
		snaps: journal.OpenSnapshots(store.FS, store.Dir, journal.Retention{Keep: store.Keep, KeepAge: store.KeepAge},
			journal.Limits{}),
	}
	rec, err := d.recover(ctx, cfg)
	if err != nil {
		if d.Journal != nil {
			d.Journal.Close()
		}
		lock.Close()
		return nil, nil, err
	}
	return d, rec, nil
}

// Refusal is an input that the node did not accept.
type Refusal struct {
	Event *engine.Event
	Err   error
}

// Step delivers the events, polls the node at engine time now, and journals what was accepted. The output is valid
// until the next Step; its envelopes and app events may leave once the journal is durable up to and with record lsn. A
// node that is paused is not stepped: the error is its *record.DivergenceError, as from Checkpoint, Save, Restart and
// ConfirmRestart.
func (d *Durable) Step(now, wall int64, events []*engine.Event) (out *engine.Output, lsn uint64, refused []Refusal,
	err error) {
	if d.paused != nil {
		return nil, 0, nil, d.paused
	}
	r := record.Record{Wall: wall}
	if d.Journal.Next() == 1 {
		r.Rules, r.Limits = d.Node.Engine().Rules(), d.Node.Engine().OpeningLimits()
	}
	in := door{d: d}
	for _, ev := range events {
		kept, err := in.deliver(ev)
		if err != nil {
			refused = append(refused, Refusal{ev, err})
			continue
		}
		r.Events = append(r.Events, kept)
	}
	out = d.Node.Poll(now)
	r.Now = d.Node.Engine().Now()
	reg := d.Node.Config().Values
	r.Digest = out.Digest(reg)
	d.marked = d.marks.Append(d.marked[:0], out, reg)
	r.Marks = d.marked[:min(len(d.marked), marksMax)]
	d.commands.Track(out, r.Events)
	if err := d.shrink(&r); err != nil {
		return nil, 0, refused, err
	}
	if d.buf, err = snapshot.Append(d.buf[:0], reg, &r); err != nil {
		return nil, 0, refused, err
	}
	if lsn, err = d.Journal.Append(d.buf); err != nil {
		return nil, 0, refused, err
	}
	d.bytes += int64(len(d.buf))
	d.wall = wall
	return out, lsn, refused, nil
}

func (d *Durable) recorded(command uint64) bool {
	c, ok := d.commands[command]
	return !ok || d.Node.Recorded(c)
}

// SnapshotDue says whether enough was journaled since the last snapshot.
func (d *Durable) SnapshotDue() bool { return d.bytes >= d.store.SnapshotBytes }

// Checkpoint is a snapshot that was taken and is not yet encoded or published.
type Checkpoint struct {
	d     *Durable
	lsn   uint64
	wall  int64
	state *node.Capture

	waypoint bool
}

// Checkpoint takes a snapshot of the node as it is, in the time to copy references: values are immutable, and the
// components' states are captured. Publish encodes and writes it, and may run beside later Steps.
func (d *Durable) Checkpoint() (*Checkpoint, error) {
	c, err := d.capture()
	if err == nil {
		d.bytes = 0
	}
	return c, err
}

// Waypoint is Checkpoint for a snapshot that only shortens a recovery: it stays until the next one is there, beside the
// Store's Keep, and releases no journal. So what one can go back to does not depend on how much was computed.
func (d *Durable) Waypoint() (*Checkpoint, error) {
	c, err := d.capture()
	if err == nil {
		c.waypoint = true
	}
	return c, err
}

func (d *Durable) capture() (*Checkpoint, error) {
	if d.paused != nil {
		return nil, d.paused
	}
	c, err := d.Node.Capture()
	if err != nil {
		return nil, err
	}
	return &Checkpoint{d: d, lsn: d.Journal.Next(), wall: d.wall, state: c}, nil
}

// Publish makes the snapshot durable, in the order that keeps a way back at each moment, and returns the number of the
// oldest record that is still needed: the argument for Journal.Release, which belongs to the thread that steps. What it
// writes, and what it reads of the node's values, is what changed since the snapshot before.
func (c *Checkpoint) Publish() (before uint64, err error) {
	s := c.d
	split, err := snapshot.Split(s.Node.Config().Values, c.state.Message())
	if err != nil {
		return 0, err
	}
	parts := make([]journal.Part, len(split))
	for i, p := range split {
		parts[i] = journal.Part{Bytes: p.Bytes, Large: p.Large}
	}
	if err := s.Journal.Sync(); err != nil {
		return 0, err
	}
	publish := s.snaps.Publish
	if c.waypoint {
		publish = s.snaps.PublishWaypoint
	}
	if _, err := publish(c.lsn, c.wall, parts); err != nil {
		return 0, err
	}
	kept, err := s.snaps.Prune()
	if err != nil || len(kept) < s.store.Keep {
		return 0, err // with fewer than Keep good ones nothing is released: the journal is the other way back
	}
	before = kept[len(kept)-1].LSN
	return before, s.blobs.Collect(before)
}

// Save takes and publishes a snapshot and releases what it makes needless; it blocks.
func (d *Durable) Save() error {
	c, err := d.Checkpoint()
	if err != nil {
		return err
	}
	before, err := c.Publish()
	if err != nil {
		return err
	}
	return d.Journal.Release(before)
}

// ConfirmRestart removes the mark that the journal's end was lost: the restart in a new epoch is durable now.
func (d *Durable) ConfirmRestart() error {
	if d.paused != nil {
		return d.paused
	}
	return directory.ConfirmRestart(d.store.FS, d.store.Dir)
}

// Close syncs and closes the journal and gives the directory back.
func (d *Durable) Close() error {
	err := d.Journal.Close()
	return errors.Join(err, d.lock.Close())
}
