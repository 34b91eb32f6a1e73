package rig

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Options of a Rig; the zero value is what the tests of package host use.
type Options struct {
	Seed          uint64
	SegmentBytes  int    // 0 is 4 KiB, the least that there is
	SnapshotBytes int64  // 0 is 1,500
	Waypoints     uint64 // a waypoint with each so many records; 0 is none
	Pad           int    // bytes of text that go with each call
	Wrong         bool   // components compute other results than before
	// After returns the disk on which node i comes back after err ended it; nil is a power failure, drawn from Rng.
	After func(r *Rig, i int, err error) *vfs.Mem
}

// Rig is the world. It is thread-unsafe. Its fields are there to be read, and the disks to be struck.
type Rig struct {
	FS      [2]*vfs.Mem
	Nodes   [2]*host.Durable
	Found   [2]*host.Recovery // what the last opening of each found
	Forgot  [2]bool           // an opening said that the journal's end cannot be vouched for
	Cut     [2]bool           // an opening said that it cut a torn record
	Events  map[uint64]string // app events of node 0 that left it, by number
	Crashes int               // how often a disk ended a node
	Opened  int               // how often a node was opened
	Rng     *rand.Rand
	Now     int64 // virtual time, ns

	opt    Options
	cfg    [2]node.Config
	net    []engine.Packet
	sender []int
	pad    value.Value
	tries  int // openings in a row that failed
}

// New makes both nodes on empty disks.
func New(opt Options) (*Rig, error) {
	return Resume(opt, [2]*vfs.Mem{vfs.NewMem(), vfs.NewMem()}, nil, 0)
}

// Resume brings both nodes up on disks that they had, in a world in which node 0 has told some events, at a later time.
// Where a node does not come back, the Rig is returned with the error.
func Resume(opt Options, disks [2]*vfs.Mem, events map[uint64]string, now int64) (*Rig, error) {
	if opt.SegmentBytes == 0 {
		opt.SegmentBytes = 4096
	}
	if opt.SnapshotBytes == 0 {
		opt.SnapshotBytes = 1500
	}
	r := &Rig{FS: disks, Events: map[uint64]string{}, Rng: rand.New(rand.NewPCG(opt.Seed, 1)), Now: now, opt: opt,
		pad: value.String(strings.Repeat("x", opt.Pad))}
	for k, v := range events {
		r.Events[k] = v
	}
	for i := range r.cfg {
		cfg, err := Config(i, opt.Wrong)
		if err != nil {
			return nil, err
		}
		r.cfg[i] = cfg
	}
	for i := range r.FS {
		if err := r.Open(i); err != nil {
			return r, err
		}
	}
	return r, nil
}

// Config returns what node i is installed with.
func Config(i int, wrong bool) (node.Config, error) {
	cat := node.NewCatalogue()
	err := cat.Register("protocol", "tally", 1, func(node.Env) (engine.Component, error) {
		return &Tally{wrong: wrong},
			nil
	})
	part := Programs()[i]
	return node.Config{
		Program: part, Anyone: part.Places(), Catalogue: cat, Values: value.NewRegistry(),
		Self: wire.PeerID(fmt.Sprintf("node%d", i)), Seed: 3,
		Limits: engine.DefaultLimits(),
	}, err
}

// Store returns where node i keeps its journal.
func (r *Rig) Store(i int) host.Store {
	return host.Store{FS: r.FS[i], Dir: "n", SegmentBytes: r.opt.SegmentBytes, SnapshotBytes: r.opt.SnapshotBytes}
}

// triesMax bounds the openings in a row that a disk may end.
const triesMax = 20

// Open brings node i up from its disk, as often as its disk fails meanwhile. What is no fault of the disk is returned.
func (r *Rig) Open(i int) error {
	for ; r.tries < triesMax; r.tries++ {
		err := r.open(i)
		if err == nil {
			r.tries = 0
			return nil
		}
		if !Struck(err) {
			return fmt.Errorf("node %d does not come back: %w", i, err)
		}
		r.fall(i, err)
	}
	return fmt.Errorf("node %d does not come back after %d failures of its disk", i, triesMax)
}

func (r *Rig) open(i int) error {
	r.Opened++
	d, rec, err := host.Open(r.cfg[i], r.Store(i))
	if err != nil {
		return err
	}
	r.Nodes[i], r.Found[i] = d, rec
	r.Forgot[i], r.Cut[i] = r.Forgot[i] || rec.NewEpoch, r.Cut[i] || rec.Torn > 0
	if rec.New {
		if err := d.Save(); err != nil {
			return err
		}
	}
	ev, err := d.Restart(rec, 0, nil)
	if err != nil {
		return err
	}
	if err := r.steps(i, ev); err != nil {
		return err
	}
	if err := d.Journal.Sync(); err != nil { // the restart in a new epoch must be durable before it is vouched for
		return err
	}
	return d.ConfirmRestart()
}

// fall leaves of node i what its end leaves: a disk.
func (r *Rig) fall(i int, err error) {
	r.Crashes++
	r.Nodes[i] = nil
	if r.opt.After != nil {
		r.FS[i] = r.opt.After(r, i, err)
	} else {
		r.FS[i] = r.FS[i].Crash(r.Rng)
	}
}

// Tally returns the counting component of node i.
func (r *Rig) Tally(i int) *Tally { return r.Nodes[i].Node.Component("tally").(*Tally) }
