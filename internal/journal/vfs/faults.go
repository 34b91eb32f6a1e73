package vfs

// Fault is a kind of fault of a disk.
type Fault uint8

// The kinds of faults. The first four are what a power failure does to what was not synced; the next three are damage
// to what was, which no power failure explains; the others meet the running program.
const (
	LostWrite    Fault  = iota // a write that was not synced is gone
	TornWrite                  // of a write that was not synced some sectors are there
	Reordered                  // what was not synced is there, something written before it is not
	LostName                   // a change of names that was not synced is gone
	Stale                      // an older version of a durable sector or file is back
	BitFlip                    // a bit of a durable file is another one
	Truncation                 // a durable file is shorter
	FullDisk                   // there is no room for a file to grow (ENOSPC)
	ErrorOnce                  // one operation fails (EIO)
	ErrorForever               // every operation fails from here on (EIO)
	SlowSync                   // a sync takes long
	ShortWrite                 // a write ends before its last byte, with an error
	FaultKinds   = iota        // their number
)

var faultNames = [FaultKinds]string{
	"lost write", "torn write", "reordered writes", "lost name", "stale data", "bit flip", "truncation", "full disk",
	"error once",
	"error for ever", "slow sync", "short write",
}

// String names the fault.
func (f Fault) String() string {
	if int(f) < len(faultNames) {
		return faultNames[f]
	}
	return "unknown fault"
}

// Faults counts faults by kind.
type Faults [FaultKinds]uint64

// Add adds the counts of others.
func (f *Faults) Add(other *Faults) {
	for i, n := range other {
		f[i] += n
	}
}

// Sum returns the number of all faults.
func (f *Faults) Sum() (n uint64) {
	for _, k := range f {
		n += k
	}
	return n
}

// Odds are the chances of faults, each in millionths for an operation that it can strike: a write for ShortWrite, a
// sync for SlowSync, any operation for ErrorOnce, ErrorForever and FullDisk; and for a crash that Stale, BitFlip and
// Truncation may follow. The other kinds are what a crash is, and have no odds.
type Odds [FaultKinds]uint32
