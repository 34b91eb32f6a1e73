package data

import (
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
)

// Where so many nodes of a process read one file in place, they share what was read of it, if it is no larger than
// pagesMax bytes: each would read its samples anew in every round, one by one.
const (
	pagesFrom = 32
	pagesMax  = 64 << 20
	pageBytes = 256 << 10
)

// shelf keeps the pages of the newest file that many nodes read. It is safe for concurrent use.
type shelf struct {
	mu     sync.Mutex
	sha256 string
	nodes  int // that have opened it
	pages  *pages
}

// folder returns a folder in which a file of it is read by way of the pages that all nodes share, or the folder itself
// where they are few.
func (s *shelf) folder(folder fs.FS, name, sha256 string) fs.FS {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sha256 != sha256 {
		s.sha256, s.nodes, s.pages = sha256, 0, new(pages)
	}
	if s.nodes++; s.nodes < pagesFrom {
		return folder
	}
	return paged{folder, name, s.pages}
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
