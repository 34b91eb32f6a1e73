package journal

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
)

// waypointSuffix is of an empty file that stands beside a snapshot and says that it is a waypoint. It is no part of the
// snapshot's file, so that releases that do not know it read the snapshot as any other.
const waypointSuffix = ".way"

// PublishWaypoint is Publish for a snapshot that only shortens the replay: while it is the newest it stays beside those
// that are kept by count or age, and then it goes. The mark that says so is durable before the snapshot is there, so no
// crash makes a snapshot of it that counts. In the place of a snapshot that counts it counts.
func (s *Snapshots) PublishWaypoint(lsn uint64, wall int64, parts []Part) (*SnapshotInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mark(lsn); err != nil {
		return nil, err
	}
	return s.publish(lsn, wall, parts)
}

// Counting returns the number of the newest snapshot up to lsn that is no waypoint, by the names, or 0 where there is
// none.
func (s *Snapshots) Counting(lsn uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	between, err := s.waypoints()
	if err != nil {
		return 0, err
	}
	refs, err := List(s.fsys, s.dir)
	for _, ref := range refs {
		if ref.LSN <= lsn && !between[ref.LSN] {
			return ref.LSN, nil
		}
	}
	return 0, err
}

// mark makes durable that the snapshot that is going to be published is a waypoint.
func (s *Snapshots) mark(lsn uint64) error {
	if err := checkLSN(lsn); err != nil {
		return err
	}
	between, err := s.waypoints()
	if err != nil || between[lsn] {
		return err
	}
	if _, err := s.fsys.Stat(filepath.Join(s.dir, snapshotName(lsn))); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := s.fsys.Create(filepath.Join(s.dir, waypointName(lsn)))
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := s.fsys.SyncDir(s.dir); err != nil {
		return err
	}
	between[lsn] = true
	return nil
}

// unmark makes durable that the snapshot that was published is none.
func (s *Snapshots) unmark(lsn uint64) error {
	between, err := s.waypoints()
	if err != nil || !between[lsn] {
		return err
	}
	if err := s.fsys.Remove(filepath.Join(s.dir, waypointName(lsn))); err != nil {
		return err
	}
	delete(between, lsn)
	return s.fsys.SyncDir(s.dir)
}

// waypoints returns the numbers that are marked.
func (s *Snapshots) waypoints() (map[uint64]bool, error) {
	if s.between == nil {
		names, err := s.fsys.List(s.dir)
		if err != nil {
			return nil, err
		}
		s.between = marked(names)
	}
	return s.between, nil
}

// marked returns the numbers that are marked in a directory.
func marked(names []string) map[uint64]bool {
	between := map[uint64]bool{}
	for _, ref := range listed(names, waypointSuffix) {
		between[ref.LSN] = true
	}
	return between
}

// sweep removes the marks of snapshots that are not there, and durably not: one that came back without its mark would
// count. So Prune, which removes snapshots and syncs nothing, leaves their marks to the next one.
func (s *Snapshots) sweep(there []SnapshotRef) error {
	for _, lsn := range slices.Sorted(maps.Keys(s.between)) {
		if slices.ContainsFunc(there, func(r SnapshotRef) bool { return r.LSN == lsn }) {
			continue
		}
		if err := s.fsys.Remove(filepath.Join(s.dir, waypointName(lsn))); err != nil {
			return err
		}
		delete(s.between, lsn)
	}
	return nil
}
