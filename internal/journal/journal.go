package journal

import (
	"sync"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// Journal is a write-ahead journal that is open for appending. Append and Release belong to one goroutine; Sync, Synced
// and Next may be called from any other meanwhile, which is how a Committer works. Read may be called from any
// goroutine, but not while Release runs.
type Journal struct {
	fsys vfs.FS
	dir  string
	opt  Options

	// The order in which the locks are taken: appending, syncing, mu.
	appending sync.Mutex // held by Append, Release and Close
	syncing   sync.Mutex // held during a write or a sync, and while the active file changes

	mu       sync.Mutex // guards what follows; never held during an operation of the disk
	segs     []segment  // the last one is active
	active   vfs.File
	seed     uint32 // of the checksums in the active segment
	buf      []byte // records that are appended and not written: the last bytes before end
	other    []byte // the other buffer, when it is not being written
	spares   []spare
	prepared uint64 // calls of Prepare
	end      int64  // where the next record goes in the active segment
	next     uint64 // number of the next record
	synced   uint64 // all records below are durable
	failed   error
}

// Open opens the journal in a directory, or begins one, after reading all of it. It cuts a torn tail and reports what
// it found. Damage is a *CorruptionError, a newer format a *VersionError; nothing was changed then. All records that it
// found are durable when it returns.
func Open(fsys vfs.FS, dir string, opt Options) (*Journal, *Report, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, nil, err
	}
	s := scanner{fsys: fsys, dir: dir}
	if err := s.scan(); err != nil {
		return nil, nil, err
	}
	j := &Journal{fsys: fsys, dir: dir, opt: opt}
	if err := j.open(&s); err != nil {
		if j.active != nil {
			j.active.Close()
		}
		return nil, nil, err
	}
	return j, &s.rep, nil
}

// Next returns the number that the next record will have.
func (j *Journal) Next() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.next
}

// Synced returns the number below which all records are durable.
func (j *Journal) Synced() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.synced
}

// First returns the number of the oldest record that is kept, or Next if there is none.
func (j *Journal) First() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.segs[0].first
}

// Close syncs what is not, unless the journal has failed, and closes it; every later call returns ErrClosed.
func (j *Journal) Close() error {
	j.appending.Lock()
	defer j.appending.Unlock()
	err := j.Sync()
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed == ErrClosed {
		return ErrClosed
	}
	failed := j.failed
	j.failed = ErrClosed
	if failed == nil {
		j.mu.Unlock()
		j.dropSpares()
		j.mu.Lock()
	}
	if closed := j.active.Close(); err == nil {
		err = closed
	}
	return err
}
