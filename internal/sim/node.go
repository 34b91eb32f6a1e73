package sim

import (
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Spec says which node is put into a world.
type Spec struct {
	Name   string
	Config node.Config
	// Store is the node's journal and snapshots; its FS and Dir are the world's. Without Durable the node has neither:
	// it keeps nothing when it crashes, and takes little memory.
	Durable bool
	Store   host.Store
	// KeepOld has the node's disk keep what is overwritten, so that Damage with Stale has something to bring back.
	KeepOld bool
}

// Node is one node of a world.
type Node struct {
	Name string
	Peer wire.PeerID

	// What every event looks at stands together.
	nd       *node.Node   // nil while it is down
	drv      *host.Driver // of a durable node that is up
	id       int32
	life     uint32
	wakeAt   int64 // for which an evWake is set, 0 for none
	pausedTo int64
	chance   Chance
	desk     *desk  // of one without a disk
	held     uint64 // the window in which it is not run ahead
	lineFree int64  // when its line to the network is free again

	cfg     *node.Config // what it is installed with; nil while a node without a disk is up, which has it too
	store   host.Store
	durable bool

	fs    *vfs.Mem
	clock clock
	mono0 int64 // the monotonic clock when engine time was now0
	now0  int64

	inbox    []*engine.Event
	stepping bool // an evStep is set
	syncing  bool // an evSync is set
	early    bool // the disk has done its part of that sync
	resync   bool // something waits for the sync after that
	saving   bool // an evPublish is set
	ckpt     *host.Checkpoint
	armed    []armed
	work     workFate          // of the command that is being run
	known    uint64            // the world knows that the records below it were durable
	tainted  bool              // its disk was damaged at some time: an older snapshot may be bad
	backup   *vfs.Mem          // the disk before it was damaged; nil when it is sound or the node has coped
	cut      bool              // that damage is a Cut
	lives    uint64            // the highest incarnation that it has had
	copies   int               // of its directory that wait to be put back
	twin     *Node             // a copy of it that runs beside it, or nil
	original *Node             // whose copy this is; nil for a node of the world
	fenced   bool              // its host stopped it, because a later life runs elsewhere
	gone     bool              // it was a copy, and its time is over
	told     []engine.AppEvent // what a copy told its host
	recall   func()            // of a copy: see past
	silent   int               // commands that no worker will ever answer in this life

	// Crashes and Starts count its lives; Refused counts inputs that it refused for good.
	Crashes, Starts, Refused int
	// Lied says that packets of the node said what its engine did not: nothing is promised about it any more. The owner
	// sets it.
	Lied bool
	// Refusals counts the starts that it refused because its disk was damaged; it was given the disk from before.
	Refusals int
	// Unnoticed says that durable records were lost and the node could not know: damage to the last record of a journal
	// looks like a torn write.
	Unnoticed bool
	// Rewound counts how often the node forgot what it did without any damage: its directory went back, or a copy of it
	// ran beside it.
	Rewound int
	// Intact is false once durable records of the node are lost, which only damage does.
	Intact bool
}

// Up says whether the node runs.
func (n *Node) Up() bool { return n.nd != nil }

// Node returns the live node, or nil while it is down. Look at it between events only, and change nothing.
func (n *Node) Node() *node.Node { return n.nd }

// Disk returns the node's disk; nil for a node that is not durable.
func (n *Node) Disk() *vfs.Mem { return n.fs }

// Driver returns what drives the node; nil while it is down or when it is not durable.
func (n *Node) Driver() *host.Driver { return n.drv }

// ID returns the node's index in its world; a copy of a node has that of the node.
func (n *Node) ID() int {
	if n.original != nil {
		return int(n.original.id)
	}
	return int(n.id)
}

// engineNow returns the node's engine time at a true time.
func (n *Node) engineNow(now int64) int64 { return n.now0 + n.clock.mono(now) - n.mono0 }

// trueTime returns when the node's engine time is at.
func (n *Node) trueTime(at int64) int64 { return n.clock.when(n.mono0 + at - n.now0) }
