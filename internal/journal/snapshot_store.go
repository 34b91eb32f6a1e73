package journal

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// ErrNoSnapshot says that a directory holds no snapshot at all, not even a damaged one.
var ErrNoSnapshot = errors.New("journal: there is no snapshot")

// Retention says which snapshots stay.
type Retention struct {
	// Keep is how many good ones stay, the newest. 0 is 1.
	Keep int
	// KeepAge lets older ones stay, if they were taken so much before the newest or less, by the clock that wrote them;
	// at most 256 of them. 0 is none.
	KeepAge time.Duration
}

// agedMax bounds the snapshots that stay for their age.
const agedMax = 256

// Snapshots publishes the snapshots of one directory, each with only the chunks that no earlier one holds, and removes
// what none that is kept needs. It remembers what it has read and checked. It is safe for concurrent use; one call
// waits for another.
type Snapshots struct {
	fsys vfs.FS
	dir  string
	ret  Retention
	lim  Limits

	mu      sync.Mutex
	good    map[uint64]*holding // snapshots of which everything was read and checked
	seen    map[uint64]*holding // others that stay, of which the index was read
	newest  *index              // of the newest good one, with which a new one may share chunks
	checked map[spot]uint32     // CRC of the stored chunks that were read and checked
	known   map[any][]entry     // chunks of the large values of the last one that was published
	sizes   map[uint64]int64    // of files; they never change
	between map[uint64]bool     // the numbers that are marked as waypoints; nil where the directory was not read yet
	durable bool                // the names in the directory are
	scrubAt spot                // what was read again last
}

// spot is where a chunk is stored.
type spot struct{ file, off uint64 }

// holding is what is remembered of a snapshot.
type holding struct {
	wall  int64
	files map[uint64]bool // that hold it, its own included
}

func (x *index) holding() *holding { return &holding{x.info.Wall, x.files()} }

// OpenSnapshots returns the snapshots of a directory. It reads nothing yet.
func OpenSnapshots(fsys vfs.FS, dir string, ret Retention, lim Limits) *Snapshots {
	ret.Keep = max(ret.Keep, 1)
	return &Snapshots{fsys: fsys, dir: dir, ret: ret, lim: lim, good: map[uint64]*holding{},
		seen:    map[uint64]*holding{},
		checked: map[spot]uint32{}, sizes: map[uint64]int64{}}
}

// Publish writes a snapshot that holds payload and shares nothing; see Snapshots.Publish.
func Publish(fsys vfs.FS, dir string, lsn uint64, payload []byte) error {
	_, err := OpenSnapshots(fsys, dir, Retention{}, Limits{}).Publish(lsn, 0, []Part{{Bytes: payload}})
	return err
}

// Prune removes what is older than the newest keep good snapshots; see Snapshots.Prune.
func Prune(fsys vfs.FS, dir string, keep int, lim Limits) (kept []SnapshotRef, err error) {
	return OpenSnapshots(fsys, dir, Retention{Keep: keep}, lim).Prune()
}

// LoadNewest loads the newest snapshot that is good; see Snapshots.LoadNewest.
func LoadNewest(fsys vfs.FS, dir string, lim Limits) (payload []byte, ref SnapshotRef, skipped []error, err error) {
	return OpenSnapshots(fsys, dir, Retention{}, lim).LoadNewest()
}

// List returns the snapshots in a directory by their names, newest first, unchecked. A missing directory has none.
func List(fsys vfs.FS, dir string) ([]SnapshotRef, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return listed(names, snapshotSuffix), err
}

// listed returns the files of a kind, newest first.
func listed(names []string, suffix string) (refs []SnapshotRef) {
	for _, name := range slices.Backward(names) { // sorted, and the numbers have a fixed width
		if lsn, ok := numberIn(name, snapshotPrefix, suffix); ok {
			refs = append(refs, SnapshotRef{Name: name, LSN: lsn})
		}
	}
	return refs
}

// OwnsSnapshotFile says whether a file of that name in a directory is of its snapshots.
func OwnsSnapshotFile(name string) bool {
	_, snap := numberIn(name, snapshotPrefix, snapshotSuffix)
	_, held := numberIn(name, snapshotPrefix, heldSuffix)
	_, way := numberIn(name, snapshotPrefix, waypointSuffix)
	return snap || held || way
}

// LoadNewest loads the newest snapshot that is good, and returns the errors of the newer ones, which are damaged, as
// skipped. If all are damaged, err is that of the newest; if there is none, ErrNoSnapshot. Only a *CorruptionError is
// skipped: a newer format, a limit or a failing disk is an answer, and an older snapshot in its place would be a wrong
// one.
func (s *Snapshots) LoadNewest() (payload []byte, ref SnapshotRef, skipped []error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refs, err := List(s.fsys, s.dir)
	if err != nil {
		return nil, SnapshotRef{}, nil, err
	}
	for _, ref := range refs {
		payload, x, err := load(s.fsys, s.dir, ref.Name, s.lim)
		var damaged *CorruptionError
		switch {
		case err == nil:
			s.found(x)
			return payload, ref, skipped, nil
		case !errors.As(err, &damaged):
			return nil, SnapshotRef{}, skipped, err
		}
		skipped = append(skipped, err)
	}
	if len(skipped) > 0 {
		return nil, SnapshotRef{}, skipped, skipped[0]
	}
	return nil, SnapshotRef{}, nil, ErrNoSnapshot
}

// Wall returns the clock at which a snapshot was taken that was loaded or checked, or 0 where it is not known.
func (s *Snapshots) Wall(lsn uint64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.good[lsn]; x != nil {
		return x.wall
	}
	return 0
}

// found remembers a snapshot of which everything was read and is good.
func (s *Snapshots) found(x *index) {
	s.good[x.info.LSN] = x.holding()
	if s.newest == nil || x.info.LSN >= s.newest.info.LSN {
		s.newest = x
	}
	x.each(func(e *entry) { s.checked[spot{e.file, e.off}] = e.crc })
}

// Publish writes a snapshot whose replay begins with record lsn, durably and in one step: when it returns nil, the
// snapshot is there whole after any crash; when a crash comes first, it is there whole or not at all. wall is the
// caller's clock, for KeepAge. It costs two syncs. Chunks that the newest checked snapshot holds are not written again,
// and large values that it held under the same identity not even read. A payload that Prune and LoadNewest would refuse
// is a *TooLargeError, and nothing is written.
func (s *Snapshots) Publish(lsn uint64, wall int64, parts []Part) (*SnapshotInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.publish(lsn, wall, parts)
	if err == nil {
		err = s.unmark(lsn)
	}
	return info, err
}

func (s *Snapshots) publish(lsn uint64, wall int64, parts []Part) (*SnapshotInfo, error) {
	if err := checkLSN(lsn); err != nil {
		return nil, err
	}
	if n, most := payloadBytes(parts), s.lim.withDefaults().PayloadBytesMax; n > most {
		return nil, &TooLargeError{What: "snapshot payload", Size: n, Max: most}
	}
	enc, err := encoder()
	if err != nil {
		return nil, err
	}
	base, err := s.base(lsn)
	if err != nil {
		return nil, err
	}
	w := &snapshotWriter{lsn: lsn, enc: enc, base: base, known: s.known, next: map[any][]entry{},
		own: map[[32]byte]entry{}}
	err = writeAtomic(s.fsys, filepath.Join(s.dir, snapshotName(lsn)), func(f vfs.File) error {
		w.f = f
		return w.write(wall, parts)
	})
	if err != nil {
		return nil, err
	}
	s.known, s.durable = w.next, true
	// The file may stand in the place of another with this number, of which nothing is known any more.
	delete(s.good, lsn)
	delete(s.seen, lsn)
	s.sizes[lsn] = w.x.info.FileBytes
	maps.DeleteFunc(s.checked, func(p spot, _ uint32) bool { return p.file == lsn })
	if s.newest != nil && s.newest.info.LSN == lsn {
		s.newest = nil
	}
	return &w.x.info, nil
}

// payloadBytes returns the length of a payload.
func payloadBytes(parts []Part) (n int64) {
	for _, p := range parts {
		n += int64(len(p.Bytes))
		if p.Large != nil {
			n += int64(p.Large.Len())
		}
	}
	return n
}

// The bounds of what stays in old files.
const (
	// A file of which less than 1/liveFraction is needed by the newest snapshot gives its chunks to the next one. So
	// what is written again is at most a fifth of what is written at first, and a fifth of that, and so on: a quarter
	// in all.
	liveFraction = 5
	// If the newest snapshot needs more files than this, the half of them that hold the least of it give their chunks
	// away.
	filesMax = 128
)

// base returns the chunks of the newest good snapshot that may stay where they are when one at record lsn is published.
func (s *Snapshots) base(lsn uint64) (map[[32]byte]entry, error) {
	if s.newest == nil {
		return nil, nil
	}
	live := map[uint64]int64{}
	seen := map[spot]bool{}
	s.newest.each(func(e *entry) {
		if p := (spot{e.file, e.off}); !seen[p] {
			seen[p] = true
			live[e.file] += int64(e.stored)
		}
	})
	leave := map[uint64]bool{}
	for file, n := range live {
		size, err := s.size(file)
		if errors.Is(err, fs.ErrNotExist) {
			leave[file] = true
			continue
		}
		if err != nil {
			return nil, err
		}
		// A file with this number or a later one is of another past: it is going to be replaced.
		leave[file] = file >= lsn || n*liveFraction < size
	}
	if len(live) > filesMax {
		files := slices.SortedFunc(maps.Keys(live),
			func(a, b uint64) int { return cmp.Or(cmp.Compare(live[a], live[b]), cmp.Compare(a, b)) })
		for _, file := range files[:len(files)/2] {
			leave[file] = true
		}
	}
	base := make(map[[32]byte]entry, len(seen))
	s.newest.each(func(e *entry) {
		if crc, ok := s.checked[spot{e.file, e.off}]; ok && crc == e.crc && !leave[e.file] {
			base[e.digest] = *e
		}
	})
	return base, nil
}

// size returns the size of a file that holds chunks.
func (s *Snapshots) size(file uint64) (int64, error) {
	if n, ok := s.sizes[file]; ok {
		return n, nil
	}
	n, err := s.fsys.Stat(filepath.Join(s.dir, snapshotName(file)))
	if errors.Is(err, fs.ErrNotExist) {
		n, err = s.fsys.Stat(filepath.Join(s.dir, heldName(file)))
	}
	if err != nil {
		return 0, err
	}
	s.sizes[file] = n
	return n, nil
}

// Prune removes what is older than the snapshots that stay, except for chunks that they share, and temporary files that
// a crash has left. What was published since the last time is read back and checked; a damaged snapshot does not count,
// and stays as long as it is newer than the oldest good one. A little of what was checked long ago is read again each
// time, in turn; what turns out to be damaged is written anew by the next publication. It returns the good ones by
// count, newest first: the journal may be released up to the number of the last. Waypoints do not count. If there are
// fewer than Keep, it removes no other snapshot.
//
// It does not sync what it removes: that is durable with the next publication, and a file that comes back harms
// nothing.
func (s *Snapshots) Prune() (kept []SnapshotRef, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.durable {
		// A killed process may have left a name that is not durable yet; what is removed below may be all that there is
		// behind it.
		if err := s.fsys.SyncDir(s.dir); err != nil {
			return nil, err
		}
		s.durable = true
	}
	names, err := s.fsys.List(s.dir)
	if err != nil {
		return nil, err
	}
	if err := s.scrub(); err != nil {
		return nil, err
	}
	s.between = marked(names)
	refs := listed(names, snapshotSuffix)
	if err := s.sweep(refs); err != nil {
		return nil, err
	}
	need, stay := map[uint64]bool{}, map[uint64]bool{}
	var passed []SnapshotRef // waypoints that another one followed
	for waypoint := false; len(refs) > 0 && len(kept) < s.ret.Keep; refs = refs[1:] {
		if s.between[refs[0].LSN] && (waypoint || len(kept) > 0) {
			passed = append(passed, refs[0])
			continue
		}
		x, err := s.verified(refs[0])
		var damaged *CorruptionError
		switch {
		case err == nil:
			if waypoint = s.between[refs[0].LSN]; !waypoint {
				kept = append(kept, refs[0])
			}
			maps.Copy(need, x.files)
			stay[refs[0].LSN] = true
		case !errors.As(err, &damaged):
			return nil, err
		}
	}
	gone := func(lsn uint64) bool { return !stay[lsn] }
	old, held := passed, []SnapshotRef(nil)
	if len(kept) == s.ret.Keep {
		if refs, err = s.aged(kept[0], refs, need, stay); err != nil {
			return nil, err
		}
		old, held = append(old, refs...), listed(names, heldSuffix)
	} else { // what is damaged may still have chunks that are good
		gone = func(lsn uint64) bool {
			return slices.ContainsFunc(passed, func(r SnapshotRef) bool { return r.LSN == lsn })
		}
	}
	if err := s.remove(old, held, need); err != nil {
		return nil, err
	}
	s.forget(gone, need)
	return kept, removeTemporaries(s.fsys, s.dir, snapshotPrefix, snapshotSuffix)
}

// aged takes those snapshots from refs that stay for their age, and enters the files that they need.
func (s *Snapshots) aged(newest SnapshotRef, refs []SnapshotRef, need, stay map[uint64]bool) (old []SnapshotRef,
	err error) {
	if s.ret.KeepAge <= 0 {
		return refs, nil
	}
	now := s.good[newest.LSN].wall
	for i, ref := range refs {
		if s.between[ref.LSN] {
			old = append(old, ref)
			continue
		}
		x, err := s.indexed(ref)
		var damaged *CorruptionError
		switch {
		case errors.As(err, &damaged):
			old = append(old, ref)
		case err != nil:
			return nil, err
		case i >= agedMax || now-x.wall > int64(s.ret.KeepAge):
			old = append(old, ref)
		default:
			maps.Copy(need, x.files)
			stay[ref.LSN] = true
		}
	}
	return old, nil
}

// indexed reads the index of a snapshot that was not read before, and none of its chunks.
func (s *Snapshots) indexed(ref SnapshotRef) (*holding, error) {
	if x := cmp.Or(s.good[ref.LSN], s.seen[ref.LSN]); x != nil {
		return x, nil
	}
	x, err := walkSnapshot(s.fsys, s.dir, ref.Name, s.lim, func(*source, *index) error { return nil },
		func([]byte) error { return nil })
	if err != nil {
		return nil, err
	}
	s.seen[ref.LSN] = x.holding()
	return s.seen[ref.LSN], nil
}

// verified returns a snapshot all of whose chunks were read and are good; those that were not read before are read now.
func (s *Snapshots) verified(ref SnapshotRef) (*holding, error) {
	if x := s.good[ref.LSN]; x != nil {
		return x, nil
	}
	x, err := walkSnapshot(s.fsys, s.dir, ref.Name, s.lim, func(src *source, x *index) error {
		for i := range x.leaves {
			e := &x.leaves[i]
			if crc, ok := s.checked[spot{e.file, e.off}]; ok && crc == e.crc {
				continue
			}
			if err := src.stored(e); err != nil {
				return err
			}
			s.checked[spot{e.file, e.off}] = e.crc
		}
		return nil
	}, func([]byte) error { return nil })
	if err != nil {
		return nil, err
	}
	s.found(x)
	return s.good[ref.LSN], nil
}

// remove removes snapshots and files of chunks that are not needed. A snapshot that is not kept and holds chunks of one
// that is gets another name, since its own chunks may be gone.
func (s *Snapshots) remove(old, held []SnapshotRef, need map[uint64]bool) error {
	for _, ref := range old {
		path := filepath.Join(s.dir, ref.Name)
		var err error
		if need[ref.LSN] {
			err = s.fsys.Rename(path, filepath.Join(s.dir, heldName(ref.LSN)))
		} else {
			err = s.fsys.Remove(path)
		}
		if err != nil {
			return err
		}
		s.durable = s.durable && !s.between[ref.LSN] // see sweep
	}
	for _, ref := range held {
		if !need[ref.LSN] {
			if err := s.fsys.Remove(filepath.Join(s.dir, ref.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// forget drops what is known of snapshots that are gone, and of their files where they are not needed.
func (s *Snapshots) forget(gone func(lsn uint64) bool, need map[uint64]bool) {
	removed := func(file uint64) bool { return gone(file) && !need[file] }
	held := func(lsn uint64, _ *holding) bool { return gone(lsn) }
	maps.DeleteFunc(s.good, held)
	maps.DeleteFunc(s.seen, held)
	maps.DeleteFunc(s.sizes, func(lsn uint64, _ int64) bool { return removed(lsn) })
	maps.DeleteFunc(s.checked, func(p spot, _ uint32) bool { return removed(p.file) })
}
