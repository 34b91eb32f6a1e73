package sim

import "slices"

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

	// The disk.
	UnsyncedLost // a power failure
	TornWrite    // a power failure within a write
	EntryLost    // a power failure between a change of names and its sync
	BitFlip
	Cut // a file shorter than it was
	Stale
	DiskFull
	ErrorOnce
	ErrorForever
	SlowSync

	// The process.
	Kill
	CrashInRecovery
	Pause
	OlderSnapshot // the newest snapshot is gone, and an older one and a longer replay take its place
	ClockForward
	ClockBack
	SlowClock
	MassCrash // half of all nodes at once

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
	Loss: "loss", Duplicate: "duplicate", Reorder: "reorder", Corrupt: "corrupt", Truncate: "truncate", Replay: "replay",
	Partition: "partition", Asymmetric: "asymmetric", Clog: "clog", Swizzle: "swizzle",
	UnsyncedLost: "unsynced-lost", TornWrite: "torn-write", EntryLost: "entry-lost", BitFlip: "bit-flip", Cut: "cut", Stale: "stale",
	DiskFull: "disk-full", ErrorOnce: "error-once", ErrorForever: "error-forever", SlowSync: "slow-sync",
	Kill: "kill", CrashInRecovery: "crash-in-recovery", Pause: "pause", OlderSnapshot: "older-snapshot",
	ClockForward: "clock-forward", ClockBack: "clock-back", SlowClock: "slow-clock", MassCrash: "mass-crash",
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
