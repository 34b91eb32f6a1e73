package data

import (
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// From so many nodes of a process on that have a part of one file, they share the source of it, and what it has read of
// the file, if that is no larger than pagesMax bytes: each would read its samples anew in every round, one by one, and
// have memory for what the file is.
const (
	sharedFrom = 32
	pagesMax   = 64 << 20
	pageBytes  = 256 << 10
)

// shelf keeps the source of the newest file that many nodes have. It is safe for concurrent use.
type shelf struct {
	mu             sync.Mutex // also held while the source is opened: who waits needs the same
	config, sha256 string
	nodes          int
	made           *sharedSource
}

// source opens a file by the settings of a slot, or returns the source that all nodes share where they are many.
func (s *shelf) source(config string, g node.Given, open func(node.Given) (dataset.Source, error)) (dataset.Source,
	error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config != config || s.sha256 != g.SHA256 {
		s.config, s.sha256, s.nodes, s.made = config, g.SHA256, 0, nil
	}
	if s.nodes++; s.nodes < sharedFrom {
		return open(g)
	}
	if s.made == nil {
		g.FS = paged{g.FS, g.Name, new(pages)}
		made, err := open(g)
		if err != nil {
			return nil, err
		}
		s.made = &sharedSource{Source: made}
	}
	return s.made, nil
}

// sharedSource is a source that is safe for concurrent use.
type sharedSource struct {
	dataset.Source
	mu sync.Mutex
}

// Read puts samples into a batch.
func (s *sharedSource) Read(rows []int, into dataset.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Source.Read(rows, into)
}

// Block returns how many samples are best read together, or 0.
func (s *sharedSource) Block() int {
	if b, ok := s.Source.(interface{ Block() int }); ok {
		return b.Block()
	}
	return 0
}

// paged is a folder with a file of which the pages are shared.
type paged struct {
	fs.FS
	name  string
	pages *pages
}

// Open opens a file.
func (p paged) Open(name string) (fs.File, error) {
	f, err := p.FS.Open(name)
	if err != nil || name != p.name {
		return f, err
	}
	at, ok := f.(io.ReaderAt)
	i, err := f.Stat()
	if !ok || err != nil || !i.Mode().IsRegular() || !p.pages.fit(i.Size()) {
		return f, nil
	}
	return &pagedFile{f, at, p.pages}, nil
}

// pagedFile is a file whose pages are shared.
type pagedFile struct {
	fs.File
	at    io.ReaderAt
	pages *pages
}

// ReadAt reads from the pages, and from the file those that are not there yet. What the file says of an end or an error
// is said as the file says it.
func (f *pagedFile) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	for n < len(b) {
		page := f.pages.page(f.at, off+int64(n))
		if page == nil {
			k, err := f.at.ReadAt(b[n:], off+int64(n))
			return n + k, err
		}
		n += copy(b[n:], page)
	}
	return n, nil
}

// pages is what was read of a file, in pieces. Nobody changes them. It is safe for concurrent use.
type pages struct {
	once sync.Once
	size int64
	all  []atomic.Pointer[[]byte]
}

// fit says whether the pages are those of a file of that size.
func (p *pages) fit(size int64) bool {
	p.once.Do(func() {
		if size <= pagesMax {
			p.size, p.all = size, make([]atomic.Pointer[[]byte], (size+pageBytes-1)/pageBytes)
		}
	})
	return p.size == size && size > 0
}

// page returns what stands from a place on, up to the end of its page, or nil where it cannot be read.
func (p *pages) page(file io.ReaderAt, off int64) []byte {
	if off < 0 || off >= p.size {
		return nil
	}
	k := off / pageBytes
	page := p.all[k].Load()
	if page == nil {
		made := make([]byte, min(pageBytes, p.size-k*pageBytes))
		if n, err := file.ReadAt(made, k*pageBytes); n < len(made) || err != nil && err != io.EOF {
			return nil
		}
		page = &made
		p.all[k].Store(page)
	}
	return (*page)[off-k*pageBytes:]
}
