package host

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/journal"
	"github.com/rhizome-ml/rhizome/journal/vfs"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// A node's incarnation is kept in a file of its own, beside the journal that also names it. If the end of the journal is
// lost, the lives that it told of must not be forgotten: peers have seen them, and would take the node for a zombie for
// ever. If the file is damaged, the journal still names the last life. Only when both are damaged is the number unknown;
// then it leaps ahead of any that the node can have had.

const incarnationFile = "incarnation"

// leap is added where neither the file nor the journal can be vouched for.
const leap = 1 << 20

var incarnationTable = crc32.MakeTable(crc32.Castagnoli)

func incarnationText(n uint64) string {
	body := fmt.Sprintf("rhizome incarnation %d", n)
	return fmt.Sprintf("%s %08x\n", body, crc32.Checksum([]byte(body), incarnationTable))
}

// nextIncarnation returns the number of the life that begins now; journaled is the one that the journal names.
func (d *Durable) nextIncarnation(journaled uint64, vouched bool) (uint64, error) {
	b, err := vfs.ReadFile(d.store.FS, filepath.Join(d.store.Dir, incarnationFile), 1<<10)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return journaled + 1, nil // the node had one life
	case err != nil && !errors.As(err, new(*vfs.TooLargeError)):
		return 0, err
	}
	var kept uint64
	if _, err := fmt.Sscanf(string(b), "rhizome incarnation %d", &kept); err != nil || string(b) != incarnationText(kept) {
		if vouched {
			return journaled + 1, nil
		}
		return journaled + leap, nil
	}
	return max(kept, journaled) + 1, nil
}

// Prove signs engine.StartText with the node's key; nil where the node has none that others could check.
type Prove func(text []byte) []byte

// born returns when the life that begins now does, for its peers, and the proof: by the clock, and later than the one before in any
// case. Where the clock is behind that, the part of a second that it shows still tells two lives apart that both follow on the same one,
// as where a directory went back.
func (d *Durable) born(wall int64, prove Prove) (start uint64, proof []byte) {
	last := d.Node.Engine().Start()
	switch start = uint64(max(0, wall)) / 1000; {
	case start == last:
		start++
	case start < last:
		start = last + 1 + start%1e6
	}
	if prove != nil {
		proof = prove(engine.StartText(start))
	}
	return start, proof
}

// Restart makes the next incarnation durable and returns the first input of this life. It is to be stepped before anything else.
// wall is the host's clock, in nanoseconds.
func (d *Durable) Restart(rec *Recovery, wall int64, prove Prove) (*engine.Event, error) {
	if d.paused != nil {
		return nil, d.paused
	}
	start, proof := d.born(wall, prove)
	if rec.New {
		return &engine.Event{Restarted: &snapshot.RestartedEvent{First: true, Start: start, Proof: proof, Rules: engine.CurrentRules}}, nil
	}
	path := filepath.Join(d.store.Dir, incarnationFile)
	if err := journal.WriteFileAtomic(d.store.FS, path, []byte(incarnationText(rec.Incarnation))); err != nil {
		return nil, err
	}
	return &engine.Event{Restarted: &snapshot.RestartedEvent{
		Incarnation: rec.Incarnation, NewEpoch: rec.NewEpoch, Rules: engine.CurrentRules, Start: start, Proof: proof,
		Limits: d.Node.Engine().RestartLimits(d.Node.Config().Limits),
	}}, nil
}
