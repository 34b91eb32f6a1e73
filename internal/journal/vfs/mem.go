package vfs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Mem is a file system in memory that knows what was synced; its methods may be called from several goroutines at once.
// Every call through the FS or one of its files is one operation, counted from 1; any of them can be made to fail or to
// be the last before a crash. What is zero costs nothing, and what is copied is shared until it is written.
type Mem struct {
	mu      sync.Mutex
	dirs    []string
	names   table        // as the program sees them
	durable table        // as they were last synced
	pending []nameChange // what lies between the two, in order
	inodes  int          // numbers given out
	locks   []string

	ops      int
	failAt   int
	failWith error
	crashAt  int
	crashed  bool
	readOnly bool
	logging  bool
	log      []string

	faults   Faults
	rules    []rule
	odds     Odds
	rng      *rand.Rand // of the odds; nil is none
	dead     bool       // every operation fails
	full     bool
	capacity int64 // bytes of all files; 0 is no bound
	syncTime time.Duration
	slowTime time.Duration
	delay    time.Duration
	keepOld  bool
	oldNames []entry // files that were replaced or removed, durably
}

// nameChange is one change of a folder that is not synced: a create (from is empty), a rename, or a remove (to is
// empty).
type nameChange struct {
	from, to string
	ino      *inode
}

// NewMem returns an empty file system with the folders "." and the root.
func NewMem() *Mem {
	return &Mem{dirs: []string{".", string(filepath.Separator)}}
}

func pathError(op, path string, err error) error { return &fs.PathError{Op: op, Path: path, Err: err} }

func (m *Mem) isDir(dir string) bool { return slices.Contains(m.dirs, dir) }

// link gives a new file a name.
func (m *Mem) link(name string) *inode {
	m.inodes++
	ino := &inode{id: m.inodes}
	m.names = m.names.with(name, ino)
	m.pending = append(m.pending, nameChange{to: name, ino: ino})
	return ino
}

// Create makes or empties a file.
func (m *Mem) Create(name string) (File, error) {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	apply, err := m.begin(operation{kind: opName, verb: "create", path: name})
	if !apply {
		return nil, err
	}
	if !m.isDir(filepath.Dir(name)) {
		return nil, pathError("create", name, fs.ErrNotExist)
	}
	if m.isDir(name) {
		return nil, pathError("create", name, syscall.EISDIR)
	}
	ino := m.names.find(name)
	if ino != nil {
		ino.cut(0)
	} else {
		ino = m.link(name)
	}
	if err != nil {
		return nil, err
	}
	return &memFile{fs: m, ino: ino, name: name, writable: true}, nil
}

// OpenFile opens a file for reading and writing.
func (m *Mem) OpenFile(name string) (File, error) { return m.open(name, true) }

// Open opens a file for reading.
func (m *Mem) Open(name string) (File, error) { return m.open(name, false) }

func (m *Mem) open(name string, writable bool) (File, error) {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	op := operation{kind: opRead, verb: "open", path: name, write: writable}
	if _, err := m.begin(op); err != nil {
		return nil, err
	}
	ino := m.names.find(name)
	if ino == nil {
		return nil, pathError("open", name, fs.ErrNotExist)
	}
	return &memFile{fs: m, ino: ino, name: name, writable: writable}, nil
}

// Rename gives a file another name.
func (m *Mem) Rename(from, to string) error {
	from, to = filepath.Clean(from), filepath.Clean(to)
	m.mu.Lock()
	defer m.mu.Unlock()
	apply, err := m.begin(operation{kind: opName, verb: "rename", path: to, from: from})
	if !apply {
		return err
	}
	ino := m.names.find(from)
	if ino == nil || !m.isDir(filepath.Dir(to)) {
		return pathError("rename", from, fs.ErrNotExist)
	}
	if from == to {
		return err
	}
	m.names = m.names.without(from).with(to, ino)
	m.pending = append(m.pending, nameChange{from: from, to: to, ino: ino})
	return err
}

// Remove deletes a file; files that are open stay readable.
func (m *Mem) Remove(name string) error {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	apply, err := m.begin(operation{kind: opName, verb: "remove", path: name})
	if !apply {
		return err
	}
	ino := m.names.find(name)
	if ino == nil {
		return pathError("remove", name, fs.ErrNotExist)
	}
	m.names = m.names.without(name)
	m.pending = append(m.pending, nameChange{from: name, ino: ino})
	return err
}

// MkdirAll makes a folder and its parents, durably.
func (m *Mem) MkdirAll(dir string) error {
	dir = filepath.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isDir(dir) {
		_, err := m.begin(operation{kind: opRead, verb: "mkdir", path: dir})
		return err
	}
	apply, err := m.begin(operation{kind: opName, verb: "mkdir", path: dir})
	if !apply {
		return err
	}
	for d := dir; !m.isDir(d); d = filepath.Dir(d) {
		if m.names.find(d) != nil {
			return pathError("mkdir", d, syscall.ENOTDIR)
		}
	}
	m.dirs = slices.Clone(m.dirs) // a copy of this disk shares it
	for d := dir; !m.isDir(d); d = filepath.Dir(d) {
		m.dirs = append(m.dirs, d)
	}
	return err
}

// List returns the names of the files in a folder, sorted.
func (m *Mem) List(dir string) ([]string, error) {
	dir = filepath.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.begin(operation{kind: opRead, verb: "list", path: dir}); err != nil {
		return nil, err
	}
	if !m.isDir(dir) {
		return nil, pathError("open", dir, fs.ErrNotExist)
	}
	var names []string
	for _, e := range m.names {
		if filepath.Dir(e.name) == dir {
			names = append(names, filepath.Base(e.name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Folders returns the names of the folders in a folder.
func (m *Mem) Folders(dir string) ([]string, error) {
	dir = filepath.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.begin(operation{kind: opRead, verb: "list", path: dir}); err != nil {
		return nil, err
	}
	if !m.isDir(dir) {
		return nil, pathError("open", dir, fs.ErrNotExist)
	}
	var names []string
	for _, d := range m.dirs {
		if filepath.Dir(d) == dir && d != dir {
			names = append(names, filepath.Base(d))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Stat returns the size of a file.
func (m *Mem) Stat(name string) (int64, error) {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.begin(operation{kind: opRead, verb: "stat", path: name}); err != nil {
		return 0, err
	}
	ino := m.names.find(name)
	if ino == nil {
		return 0, pathError("stat", name, fs.ErrNotExist)
	}
	return ino.size, nil
}

// SyncDir makes the names in a folder durable.
func (m *Mem) SyncDir(dir string) error {
	dir = filepath.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.begin(operation{kind: opSync, verb: "syncdir", path: dir}); err != nil {
		return err
	}
	if !m.isDir(dir) {
		return pathError("sync", dir, fs.ErrNotExist)
	}
	rest := m.pending[:0]
	for _, c := range m.pending {
		if (c.from != "" && filepath.Dir(c.from) == dir) || (c.to != "" && filepath.Dir(c.to) == dir) {
			m.keepReplaced(c)
			m.durable = c.apply(m.durable)
		} else {
			rest = append(rest, c)
		}
	}
	clear(m.pending[len(rest):])
	m.pending = rest
	return nil
}

// Lock takes the lock of a name; the file is made, as on a real disk.
func (m *Mem) Lock(name string) (io.Closer, error) {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.begin(operation{kind: opName, verb: "lock", path: name}); err != nil {
		return nil, err
	}
	if !m.isDir(filepath.Dir(name)) {
		return nil, pathError("lock", name, fs.ErrNotExist)
	}
	if slices.Contains(m.locks, name) {
		return nil, &LockedError{Path: name}
	}
	if m.names.find(name) == nil {
		m.link(name)
	}
	m.locks = append(m.locks, name)
	return &memLock{fs: m, name: name}, nil
}

type memLock struct {
	fs   *Mem
	name string
}

// Close gives the lock back, once.
func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if i := slices.Index(l.fs.locks, l.name); i >= 0 {
		l.fs.locks = slices.Delete(l.fs.locks, i, i+1)
		l.name = ""
	}
	return nil
}

// Alter changes the content of a file behind the program's back, as a failing disk or a curious hand would: durably,
// and not as an operation. It is an error when the file is not there.
func (m *Mem) Alter(name string, f func([]byte) []byte) error {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	ino := m.names.find(name)
	if ino == nil {
		return pathError("alter", name, fs.ErrNotExist)
	}
	b := make([]byte, ino.size)
	ino.read(b, 0)
	b = f(b)
	ino.cut(0)
	ino.write(0, b)
	ino.settle()
	return nil
}

// Names returns the path of every file that the program sees, sorted; it is not an operation.
func (m *Mem) Names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make([]string, 0, len(m.names))
	for _, e := range m.names {
		names = append(names, e.name)
	}
	return names
}

var errClosedFile = errors.New("file already closed")
