package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// Mem is a file system in memory that knows what was synced; its methods may be called from several goroutines at once.
// Every call through the FS or one of its files is one operation, counted from 1; any of them can be made to fail or to be
// the last before a crash.
type Mem struct {
	mu      sync.Mutex
	dirs    map[string]bool
	names   map[string]*inode // as the program sees them
	durable map[string]*inode // as they were last synced
	pending []nameChange      // what lies between the two, in order
	inodes  int               // numbers given out
	locks   map[string]bool

	ops      int
	failAt   int
	failWith error
	crashAt  int
	crashed  bool
	readOnly bool
	logging  bool
	log      []string
}

// nameChange is one change of a folder that is not synced: a create (from is empty), a rename, or a remove (to is empty).
type nameChange struct {
	from, to string
	ino      *inode
}

// NewMem returns an empty file system with the folders "." and the root.
func NewMem() *Mem {
	return &Mem{
		dirs:    map[string]bool{".": true, string(filepath.Separator): true},
		names:   map[string]*inode{},
		durable: map[string]*inode{},
		locks:   map[string]bool{},
	}
}

func pathError(op, path string, err error) error { return &fs.PathError{Op: op, Path: path, Err: err} }

// Create makes or empties a file.
func (m *Mem) Create(name string) (File, error) {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	apply, err := m.begin(true, name, "create "+name)
	if !apply {
		return nil, err
	}
	if !m.dirs[filepath.Dir(name)] {
		return nil, pathError("create", name, fs.ErrNotExist)
	}
	if m.dirs[name] {
		return nil, pathError("create", name, syscall.EISDIR)
	}
	ino := m.names[name]
	if ino != nil {
		ino.change(change{cut: true})
	} else {
		m.inodes++
		ino = &inode{id: m.inodes}
		m.names[name] = ino
		m.pending = append(m.pending, nameChange{to: name, ino: ino})
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
	if _, err := m.begin(writable, name, ""); err != nil {
		return nil, err
	}
	ino := m.names[name]
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
	apply, err := m.begin(true, to, "rename "+from+" "+to)
	if !apply {
		return err
	}
	ino := m.names[from]
	if ino == nil || !m.dirs[filepath.Dir(to)] {
		return pathError("rename", from, fs.ErrNotExist)
	}
	if from == to {
		return err
	}
	delete(m.names, from)
	m.names[to] = ino
	m.pending = append(m.pending, nameChange{from: from, to: to, ino: ino})
	return err
}

// Remove deletes a file; files that are open stay readable.
func (m *Mem) Remove(name string) error {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	apply, err := m.begin(true, name, "remove "+name)
	if !apply {
		return err
	}
	ino := m.names[name]
	if ino == nil {
		return pathError("remove", name, fs.ErrNotExist)
	}
	delete(m.names, name)
	m.pending = append(m.pending, nameChange{from: name, ino: ino})
	return err
}

// MkdirAll makes a folder and its parents, durably.
func (m *Mem) MkdirAll(dir string) error {
	dir = filepath.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dirs[dir] {
		_, err := m.begin(false, dir, "")
		return err
	}
	apply, err := m.begin(true, dir, "mkdir "+dir)
	if !apply {
		return err
	}
	for d := dir; !m.dirs[d]; d = filepath.Dir(d) {
		if m.names[d] != nil {
			return pathError("mkdir", d, syscall.ENOTDIR)
		}
	}
	for d := dir; !m.dirs[d]; d = filepath.Dir(d) {
		m.dirs[d] = true
	}
	return err
}

// List returns the names of the files in a folder, sorted.
func (m *Mem) List(dir string) ([]string, error) {
	dir = filepath.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.begin(false, dir, ""); err != nil {
		return nil, err
	}
	if !m.dirs[dir] {
		return nil, pathError("open", dir, fs.ErrNotExist)
	}
	var names []string
	for name := range m.names {
		if filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
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
	if _, err := m.begin(false, name, ""); err != nil {
		return 0, err
	}
	ino := m.names[name]
	if ino == nil {
		return 0, pathError("stat", name, fs.ErrNotExist)
	}
	return int64(len(ino.data)), nil
}

// SyncDir makes the names in a folder durable.
func (m *Mem) SyncDir(dir string) error {
	dir = filepath.Clean(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.begin(true, dir, "syncdir "+dir); err != nil {
		return err
	}
	if !m.dirs[dir] {
		return pathError("sync", dir, fs.ErrNotExist)
	}
	rest := m.pending[:0]
	for _, c := range m.pending {
		if (c.from != "" && filepath.Dir(c.from) == dir) || (c.to != "" && filepath.Dir(c.to) == dir) {
			c.apply(m.durable)
		} else {
			rest = append(rest, c)
		}
	}
	m.pending = rest
	return nil
}

// apply makes the change in a table of names. A part of it that another change was to prepare, and that was lost, is left out.
func (c nameChange) apply(names map[string]*inode) {
	if c.from != "" && names[c.from] == c.ino {
		delete(names, c.from)
	}
	if c.to != "" {
		names[c.to] = c.ino
	}
}

// Lock takes the lock of a name; the file is made, as on a real disk.
func (m *Mem) Lock(name string) (io.Closer, error) {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.begin(true, name, "lock "+name); err != nil {
		return nil, err
	}
	if !m.dirs[filepath.Dir(name)] {
		return nil, pathError("lock", name, fs.ErrNotExist)
	}
	if m.locks[name] {
		return nil, &LockedError{Path: name}
	}
	if m.names[name] == nil {
		m.inodes++
		ino := &inode{id: m.inodes}
		m.names[name] = ino
		m.pending = append(m.pending, nameChange{to: name, ino: ino})
	}
	m.locks[name] = true
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
	if l.name != "" {
		delete(l.fs.locks, l.name)
		l.name = ""
	}
	return nil
}

// Alter changes the content of a file behind the program's back, as a failing disk or a curious hand would: durably, and not as
// an operation. It is an error when the file is not there.
func (m *Mem) Alter(name string, f func([]byte) []byte) error {
	name = filepath.Clean(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	ino := m.names[name]
	if ino == nil {
		return pathError("alter", name, fs.ErrNotExist)
	}
	ino.data = slices.Clone(f(slices.Clone(ino.data)))
	ino.durable = slices.Clone(ino.data)
	ino.pending = nil
	return nil
}

// Names returns the path of every file that the program sees, sorted; it is not an operation.
func (m *Mem) Names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make([]string, 0, len(m.names))
	for name := range m.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

var errClosedFile = errors.New("file already closed")
