package sim

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// Fault is one kind of thing that goes wrong.
type Fault uint8

// The kinds of fault, by what they happen to.
const (
	// The network.
	Loss Fault = iota
	Duplicate
	Reorder
	Corrupt
	Truncate
	Replay
	Partition
	Asymmetric
	Clog
	Swizzle

	// The disk: what vfs.Mem counts, and a slow sync.
	UnsyncedLost   // a write that was not synced is gone after a power failure
	TornWrite      // of a write that was not synced some sectors are there
	ReorderedWrite // a later write is there, and an earlier one is not
	EntryLost      // a change of names that was not synced is gone
	Stale          // something durable is as it was before
	BitFlip
	Cut // a durable file is shorter than it was
	DiskFull
	ErrorOnce
	ErrorForever
	ShortWrite
	SlowSync

	// The process.
	PowerOff
	Kill
	CrashInRecovery
	Pause
	OlderSnapshot // the newest snapshot is gone, and an older one and a longer replay take its place
	ClockForward
	ClockBack
	SlowClock
	MassCrash // half of all nodes at once
	Rollback  // the directory is as it was some time ago, and does not know it
	Twin      // a copy of the directory runs beside the original

	// Components.
	WorkError
	WorkPanic
	WorkLate
	WorkNever

	// Peers.
	Lie
	Equivocate

	Faults // their number
)

var faultNames = [Faults]string{
	Loss: "loss", Duplicate: "duplicate", Reorder: "reorder", Corrupt: "corrupt", Truncate: "truncate",
	Replay:    "replay",
	Partition: "partition", Asymmetric: "asymmetric", Clog: "clog", Swizzle: "swizzle",
	UnsyncedLost: "unsynced-lost", TornWrite: "torn-write", ReorderedWrite: "reordered-write", EntryLost: "entry-lost",
	Stale: "stale", BitFlip: "bit-flip", Cut: "cut", DiskFull: "disk-full", ErrorOnce: "error-once",
	ErrorForever: "error-forever",
	ShortWrite:   "short-write", SlowSync: "slow-sync", PowerOff: "power-off", Kill: "kill",
	CrashInRecovery: "crash-in-recovery", Pause: "pause", OlderSnapshot: "older-snapshot",
	ClockForward: "clock-forward", ClockBack: "clock-back", SlowClock: "slow-clock", MassCrash: "mass-crash",
	Rollback: "rollback", Twin: "twin",
	WorkError: "work-error", WorkPanic: "work-panic", WorkLate: "work-late", WorkNever: "work-never",
	Lie: "lie", Equivocate: "equivocate",
}

// String returns the fault's name, as in fault files and on the command line.
func (f Fault) String() string {
	if f < Faults {
		return faultNames[f]
	}
	return "unknown"
}

// ParseFault returns the fault of a name.
func ParseFault(name string) (Fault, bool) {
	i := slices.Index(faultNames[:], name)
	return Fault(max(i, 0)), i >= 0
}

// ofDisk are the faults that a disk counts, as it calls them.
var ofDisk = [vfs.FaultKinds]Fault{
	vfs.LostWrite: UnsyncedLost, vfs.TornWrite: TornWrite, vfs.Reordered: ReorderedWrite, vfs.LostName: EntryLost,
	vfs.Stale:   Stale,
	vfs.BitFlip: BitFlip, vfs.Truncation: Cut, vfs.FullDisk: DiskFull, vfs.ErrorOnce: ErrorOnce,
	vfs.ErrorForever: ErrorForever,
	vfs.SlowSync:     SlowSync, vfs.ShortWrite: ShortWrite,
}

// Faults returns how often each kind of fault happened so far.
func (w *World) Faults() Counts {
	c := w.counts
	for _, n := range w.disks {
		if n.fs == nil {
			continue
		}
		for f, k := range n.fs.Faults() {
			c[ofDisk[f]] += k
		}
	}
	return c
}

// Counts says how often each kind of fault happened.
type Counts [Faults]uint64

// Add adds the counts of another run.
func (c *Counts) Add(o *Counts) {
	for i, n := range o {
		c[i] += n
	}
}

// Total returns the sum over all kinds.
func (c *Counts) Total() (n uint64) {
	for _, k := range c {
		n += k
	}
	return n
}
