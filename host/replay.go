package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/journal"
	"github.com/rhizome-ml/rhizome/node"
	"github.com/rhizome-ml/rhizome/snapshot"
)

func (d *Durable) recover(ctx context.Context, cfg node.Config) (*Recovery, error) {
	rec := &Recovery{}
	payload, ref, skipped, err := d.snaps.LoadNewest()
	rec.Skipped = skipped
	from, none := uint64(1), false
	switch {
	case allMissing(err, skipped):
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
	mark := filepath.Join(d.store.Dir, unvouchedFile)
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
			if r.Vouched() {
				return nil
			}
			return journal.WriteFileAtomic(d.store.FS, mark, []byte("the end of the journal was lost\n"))
		},
	})
	if err != nil {
		return nil, lostSnapshots(err, none, skipped)
	}
	d.Journal = j
	if d.commands == nil { // nothing was there to replay
		d.commands = newPlayer(d.Node, nil).commands
	}
	if d.blobs, err = journal.OpenBlobs(d.store.FS, d.store.Dir, j.Next()); err != nil {
		return nil, err
	}
	marked, err := d.unvouched()
	if err != nil {
		return nil, err // a disk that does not answer has not said that there is no mark
	}
	rec.NewEpoch = marked || !report.Vouched()
	rec.Torn = int(report.TornBytes)
	rec.New = rec.Snapshot == 0 && len(skipped) == 0 && j.Next() == 1 && !rec.NewEpoch
	if d.paused != nil {
		return rec, d.pause(cfg, ref, from, rec)
	}
	if rec.Incarnation = 1; !rec.New {
		rec.Incarnation, err = d.nextIncarnation(d.Node.Engine().Incarnation(), !rec.NewEpoch)
	}
	return rec, err
}

// allCorrupt says whether an error of loading means that every snapshot is damaged: then the journal may still be whole
// from its first record.
func allCorrupt(err error) bool {
	var c *journal.CorruptionError
	return errors.As(err, &c)
}

// readRecords reads records of a journal in order, as Journal.Read does.
type readRecords = func(from uint64, fn func(lsn uint64, payload []byte) error) error

// replay feeds the journal's records to the node and holds the outputs against what they were.
func (d *Durable) replay(ctx context.Context, read readRecords, from uint64, rec *Recovery) error {
	blobs, err := journal.OpenBlobs(d.store.FS, d.store.Dir, 0)
	if err != nil {
		return err
	}
	p := newPlayer(d.Node, blobs)
	d.commands = p.commands
	return read(from, func(lsn uint64, payload []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := p.play(lsn, payload); err != nil {
			return err
		}
		rec.Replayed++
		rec.LastWall, d.wall = p.record.Wall, p.record.Wall
		d.bytes += int64(len(payload))
		return nil
	})
}

// pause brings the node back once more, up to the record before the one that diverges. The snapshot is read again: the bytes of
// the first time were given to the node that diverged. Without a name there was none.
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
	p := newPlayer(d.Node, d.blobs)
	d.commands = p.commands
	err = d.Journal.Read(from, func(lsn uint64, payload []byte) error {
		if lsn >= d.paused.Record {
			return ErrEnough
		}
		_, err := p.play(lsn, payload)
		rec.Replayed++
		rec.LastWall = p.record.Wall
		return err
	})
	if errors.Is(err, ErrEnough) {
		return nil
	}
	return err
}

// player feeds records to a node.
type player struct {
	node     *node.Node
	blobs    *journal.Blobs
	commands commands
	record   Record // the last one
}

// commands are those that were given out and not completed: whether to record their results, and what to recompute.
type commands map[uint64]engine.Command

func newPlayer(n *node.Node, blobs *journal.Blobs) *player {
	p := &player{node: n, blobs: blobs, commands: commands{}}
	for _, c := range n.Engine().Pending() {
		p.commands[c.ID] = c
	}
	return p
}

// play feeds one record to the node and holds the outputs against what they were.
func (p *player) play(lsn uint64, payload []byte) (*engine.Output, error) {
	reg := p.node.Config().Values
	r := &p.record
	*r = Record{}
	if err := snapshot.Unmarshal(payload, r, reg, snapshot.DefaultLimits()); err != nil {
		return nil, fmt.Errorf("host: record %d: %w", lsn, err)
	}
	if err := r.fetch(p.blobs, reg, lsn); err != nil {
		return nil, err
	}
	if e := p.node.Engine(); lsn == 1 && r.Rules != e.Rules() && !e.Adopt(r.Rules) {
		return nil, fmt.Errorf("host: record 1 was made by rules %d of the engine, this release knows up to %d", r.Rules, engine.CurrentRules)
	}
	if lsn == 1 && len(r.Limits) > 0 {
		if err := p.node.Engine().AdoptLimits(r.Limits); err != nil {
			return nil, fmt.Errorf("host: record 1: %w", err)
		}
	}
	for i := range r.Events {
		ev := &r.Events[i]
		if err := p.recompute(lsn, ev); err != nil {
			return nil, err
		}
		if err := p.node.Deliver(ev); err != nil {
			return nil, &DivergenceError{Record: lsn, Kind: "refusal", Name: Kind(ev), Got: err.Error(), Want: "accepted"}
		}
	}
	out := p.node.Poll(r.Now)
	if got := out.Digest(reg); got != r.Digest {
		e := &DivergenceError{Record: lsn, Kind: "output", Name: r.kinds(), Got: fmt.Sprintf("%016x", got), Want: fmt.Sprintf("%016x", r.Digest)}
		e.Diff = new(marker).diff(p.node, out, r.Marks)
		return nil, e
	}
	p.commands.track(out, r.Events)
	return out, nil
}

// recompute fills the results that the journal left out.
func (p *player) recompute(lsn uint64, ev *engine.Event) error {
	c := ev.Completion
	if c == nil || len(c.Results) > 0 || c.Digest == 0 {
		return nil
	}
	cmd, ok := p.commands[c.Command]
	if !ok {
		return nil // a second result: the engine will say so
	}
	out, err := p.node.Work(cmd)
	got := finish(p.node.Config().Values, p.node.Engine().Rules(), c.Command, out, err)
	if got.Completion == nil {
		return &DivergenceError{Record: lsn, Kind: "result", Name: cmd.Method, Got: got.CompletionFailed.Failure.Message, Want: "a result", Diff: p.resultOf(cmd)}
	}
	if p.node.Engine().Rules() < 3 && got.Completion.Digest != c.Digest { // a node that a later release ran by earlier rules
		got = Finish(p.node.Config().Values, c.Command, out, err)
	}
	if got.Completion.Digest != c.Digest {
		return &DivergenceError{Record: lsn, Kind: "result", Name: cmd.Method, Got: fmt.Sprintf("%016x", got.Completion.Digest), Want: fmt.Sprintf("%016x", c.Digest), Diff: p.resultOf(cmd)}
	}
	c.Results = got.Completion.Results
	return nil
}

// resultOf names the command whose results differ.
func (p *player) resultOf(c engine.Command) []string {
	return []string{fmt.Sprintf("the results of command %d of %s", c.ID, p.node.Config().Program.Components[c.Component].Name)}
}

// track notes what a Step or a replayed record did to the commands.
func (m commands) track(out *engine.Output, events []engine.Event) {
	for i := range events {
		switch ev := &events[i]; {
		case ev.Completion != nil:
			delete(m, ev.Completion.Command)
		case ev.CompletionFailed != nil:
			delete(m, ev.CompletionFailed.Command)
		}
	}
	for _, c := range out.Commands {
		m[c.ID] = c
	}
}
