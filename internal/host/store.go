package host

import (
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// Store says where a node keeps its journal and snapshots, and how much of them.
type Store struct {
	FS            vfs.FS // nil is the machine's
	Dir           string
	SegmentBytes  int   // of a journal file; 0 is 1 MiB
	SnapshotBytes int64 // of journal, after which a snapshot is due; 0 is 8 MiB. It bounds how much a recovery reads

	// SnapshotWork is how long a node may have computed, in steps and for results that are not recorded, since its
	// newest snapshot; then a Host makes a waypoint. It bounds how long a recovery computes. 0 is 5 s.
	SnapshotWork time.Duration

	Keep int // snapshots; 0 is 2, so that a damaged newest one costs nothing but a longer replay

	// KeepAge lets snapshots stay that are beyond Keep and not older than this, by the clock in the records: points to
	// go back to, whose journal may be gone. At most 256 stay. 0 is none.
	KeepAge time.Duration

	// OnDivergence says what to do with a journal whose replay diverges.
	OnDivergence OnDivergence

	// Salt goes into the checksums of the journal. Where strangers choose what inputs hold, it must be a number that
	// they cannot guess, or they could make a payload that looks like a record after a crash; Start draws one where it
	// is 0.
	Salt uint64
}

// validate says whether a node can be kept there: nil, or a *ConfigError. Zeros stand for defaults, but that of the
// directory.
func (s *Store) validate() error {
	if s.Dir == "" {
		return &ConfigError{"Store.Dir", "empty", "the node's directory"}
	}
	for _, x := range []struct {
		name string
		n    int64
	}{{"SegmentBytes", int64(s.SegmentBytes)}, {"SnapshotBytes", s.SnapshotBytes},
		{"SnapshotWork", int64(s.SnapshotWork)}, {"Keep", int64(s.Keep)}, {"KeepAge", int64(s.KeepAge)}} {
		if x.n < 0 {
			return &ConfigError{"Store." + x.name, fmt.Sprint(x.n), "0 for the default, or more"}
		}
	}
	if s.OnDivergence != DivergenceFails && s.OnDivergence != DivergencePauses {
		return &ConfigError{"Store.OnDivergence", fmt.Sprint(int(s.OnDivergence)),
			"DivergenceFails or DivergencePauses"}
	}
	return nil
}

func (s *Store) fill() error {
	if err := s.validate(); err != nil {
		return err
	}
	if s.FS == nil {
		s.FS = vfs.OS()
	}
	if s.SegmentBytes == 0 {
		s.SegmentBytes = 1 << 20
	}
	if s.SnapshotBytes == 0 {
		s.SnapshotBytes = 8 << 20
	}
	if s.SnapshotWork == 0 {
		s.SnapshotWork = 5 * time.Second
	}
	if s.Keep == 0 {
		s.Keep = 2
	}
	return nil
}

// OnDivergence says what opening a directory does when the replay of its journal diverges.
type OnDivergence int

// The policies.
const (
	// DivergenceFails makes Open return the *record.DivergenceError.
	DivergenceFails OnDivergence = iota
	// DivergencePauses makes Open return the node as it was before the record that diverges, for looking at: whatever
	// would change it or its directory is refused with the *record.DivergenceError.
	DivergencePauses
)
