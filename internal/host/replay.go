package host

import (
	"context"
	"errors"

	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/node"
)

func (d *Durable) recover(ctx context.Context, cfg node.Config) (*Recovery, error) {
	rec := &Recovery{}
	payload, ref, skipped, err := d.snaps.LoadNewest()
	rec.Skipped = skipped
	from, none := uint64(1), false
	switch {
	case directory.NoneWhole(err, skipped):
		none = true
		d.Node, err = node.Install(cfg)
	case err == nil:
		from, rec.Snapshot = ref.LSN, ref.LSN
		d.wall = d.snaps.Wall(ref.LSN) // of the last record before the snapshot, where no other follows
		rec.LastWall = d.wall
		d.Node, err = node.RestoredIn(cfg, payload)
	}
	if err != nil {
		return nil, err
	}
	// That the tail cannot be vouched for must outlive the repair that hides it: the mark is made durable first.
	j, report, err := journal.Open(d.store.FS, d.store.Dir, journal.Options{
		SegmentBytes: d.store.SegmentBytes, From: from, Salt: d.store.Salt,
		// All is replayed before a byte is changed: a journal that this program cannot go on with stays as it is.
		BeforeChange: func(read readRecords) error {
			err := d.replay(ctx, read, from, rec)
			if errors.As(err, &d.paused) && d.store.OnDivergence == DivergencePauses {
				return nil
			}
			return err
		},
		BeforeRepair: func(r *journal.Report) error {
			if r.Intact() {
				return nil
			}
			return directory.Unvouch(d.store.FS, d.store.Dir, "the end of the journal was lost")
		},
	})
	if err != nil {
		return nil, directory.LostSnapshots(err, none, skipped)
	}
	d.Journal = j
	if err := d.countBefore(from); err != nil {
		return nil, err
	}
	if d.commands == nil { // nothing was there to replay
		d.commands = record.NewPlayer(d.Node, nil).Commands
	}
	if d.blobs, err = journal.OpenBlobs(d.store.FS, d.store.Dir, j.Next()); err != nil {
		return nil, err
	}
	marked, err := directory.RestartUnconfirmed(d.store.FS, d.store.Dir)
	if err != nil {
		return nil, err // a disk that does not answer has not said that there is no mark
	}
	rec.NewEpoch = marked || !report.Intact()
	rec.Torn = int(report.TornBytes)
	rec.New = rec.Snapshot == 0 && len(skipped) == 0 && j.Next() == 1 && !rec.NewEpoch
	if d.paused != nil {
		return rec, d.pause(cfg, ref, from, rec)
	}
	if rec.Incarnation = 1; !rec.New {
		rec.Incarnation, err = directory.NextLife(d.store.FS, d.store.Dir, d.Node.Engine().Incarnation(), !rec.NewEpoch)
	}
	return rec, err
}

// countBefore counts the journal since the newest snapshot that counts, where a waypoint was loaded: else a node that
// is killed again and again would make waypoints only, and its journal would grow for ever.
func (d *Durable) countBefore(from uint64) error {
	base, err := d.snaps.Counting(from)
	if err != nil || base == from {
		return err
	}
	d.Journal.Read(max(base, d.Journal.First()), func(lsn uint64, payload []byte) error {
		if lsn >= from {
			return errBefore
		}
		d.bytes += int64(len(payload))
		return nil
	}) // what cannot be read is not needed to come back, and only makes the next snapshot come later
	return nil
}

// readRecords reads records of a journal in order, as Journal.Read does.
type readRecords = func(from uint64, fn func(lsn uint64, payload []byte) error) error

// replay feeds the journal's records to the node and holds the outputs against what they were.
func (d *Durable) replay(ctx context.Context, read readRecords, from uint64, rec *Recovery) error {
	blobs, err := journal.OpenBlobs(d.store.FS, d.store.Dir, 0)
	if err != nil {
		return err
	}
	p := record.NewPlayer(d.Node, blobs)
	d.commands = p.Commands
	return read(from, func(lsn uint64, payload []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := p.Play(lsn, payload); err != nil {
			return err
		}
		rec.Replayed++
		rec.LastWall, d.wall = p.Last.Wall, p.Last.Wall
		d.bytes += int64(len(payload))
		return nil
	})
}

// errBefore ends the reading of a journal before a record.
var errBefore = errors.New("host: the next record is not wanted")

// pause brings the node back once more, up to the record before the one that diverges. The snapshot is read again: the
// bytes of the first time were given to the node that diverged. Without a name there was none.
func (d *Durable) pause(cfg node.Config, ref journal.SnapshotRef, from uint64, rec *Recovery) (err error) {
	if ref.Name == "" {
		d.Node, err = node.Install(cfg)
	} else {
		var payload []byte
		if payload, _, err = journal.Load(d.store.FS, d.store.Dir, ref.Name, journal.Limits{}); err == nil {
			d.Node, err = node.RestoredIn(cfg, payload)
		}
	}
	if err != nil {
		return err
	}
	rec.Diverged, rec.Replayed, rec.LastWall = d.paused, 0, 0
	p := record.NewPlayer(d.Node, d.blobs)
	d.commands = p.Commands
	err = d.Journal.Read(from, func(lsn uint64, payload []byte) error {
		if lsn >= d.paused.Record {
			return errBefore
		}
		_, err := p.Play(lsn, payload)
		rec.Replayed++
		rec.LastWall = p.Last.Wall
		return err
	})
	if errors.Is(err, errBefore) {
		return nil
	}
	return err
}
