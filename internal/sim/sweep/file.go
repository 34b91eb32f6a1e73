package sweep

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// headLine is the first line of a file.
type headLine struct {
	Head
	Shard string `json:"shard"` // whose file it is
}

// File is what a shard keeps. One process has it at a time.
type File struct {
	Path  string
	shard Shard
	head  Head
	runs  map[int]Run
	lock  io.Closer
}

// name returns how the file of a shard is called.
func (s Shard) name() string { return fmt.Sprintf("shard-%d-of-%d.jsonl", s.At, s.Of) }

// files are all files of shards.
const files = "shard-*-of-*.jsonl"

// Open opens the file of a shard in a folder, or makes both. A file of another sweep is refused.
func Open(dir string, h Head, s Shard) (*File, error) {
	if n := s.Size(h.Runs()); n > ShardMost {
		return nil, refused("shard %v has %d runs; want at most %d: more shards", s, n, ShardMost)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	f := &File{Path: filepath.Join(dir, s.name()), shard: s, head: h, runs: map[int]Run{}}
	lock, err := vfs.LockSoon(vfs.OS(), f.Path+".lock")
	if err != nil {
		return nil, err
	}
	f.lock = lock
	read, err := readFile(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = f.write()
	case err == nil:
		if err = read.same(&h); err == nil {
			err = read.called()
		}
		if err == nil {
			for _, r := range read.runs {
				f.runs[r.Run] = r
			}
		}
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return f, nil
}

// Close gives the file back.
func (f *File) Close() error { return f.lock.Close() }

// Len returns how many runs the file has.
func (f *File) Len() int { return len(f.runs) }

// Get returns a run that is in the file.
func (f *File) Get(run int) (Run, bool) {
	r, ok := f.runs[run]
	return r, ok
}

// Add keeps a run, durably.
func (f *File) Add(r Run) error {
	f.runs[r.Run] = r
	return f.write()
}

func (f *File) write() error {
	b := line(headLine{f.head, f.shard.String()})
	for _, k := range slices.Sorted(maps.Keys(f.runs)) {
		b = append(b, line(f.runs[k])...)
	}
	return journal.WriteFileAtomic(vfs.OS(), f.Path, b)
}

// read is a file as it was read.
type read struct {
	path  string
	head  Head
	shard Shard
	runs  []Run
}

// fileMost bounds a file.
const fileMost = 256 << 20

// readFile reads the file of a shard. Each line has to be what it would be written as.
func readFile(path string) (*read, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, fileMost+1))
	if err != nil {
		return nil, err
	}
	if len(b) > fileMost {
		return nil, refused("%s is larger than %d MiB", path, fileMost>>20)
	}
	return parse(path, b)
}

func parse(path string, b []byte) (*read, error) {
	out := &read{path: path}
	n := 0
	for text := range bytes.Lines(b) {
		n++
		if n == 1 {
			var h headLine
			err := json.Unmarshal(text, &h)
			if err != nil || h.Event != "sweep" {
				return nil, refused("%s is no file of a shard of a sweep", path)
			}
			out.head = h.Head
			if out.shard, err = ParseShard(h.Shard, func(string) string { return "" }); err != nil {
				return nil, refused("%s:1: %v", path, err)
			}
			again := h.Head
			if err := again.Seal(); err != nil {
				return nil, refused("%s:1: %v", path, err)
			}
			if h.ID != again.ID || !bytes.Equal(text, line(h)) {
				return nil, refused("%s:1 is damaged, or of another version: it says version %.40s", path, h.Version)
			}
			continue
		}
		var r Run
		if err := json.Unmarshal(text, &r); err != nil || !bytes.Equal(text, line(r)) {
			return nil, refused("%s:%d is damaged", path, n)
		}
		if err := r.check(&out.head); err != nil {
			return nil, refused("%s:%d %v", path, n, err)
		}
		if !out.shard.Has(r.Run) {
			return nil, refused("%s:%d has run %d, which is none of shard %v", path, n, r.Run, out.shard)
		}
		out.runs = append(out.runs, r)
	}
	if n == 0 {
		return nil, refused("%s is empty", path)
	}
	return out, nil
}

// called refuses a file that is called as that of another shard is: then the file of that one is missing, or was
// written over.
func (r *read) called() error {
	base := filepath.Base(r.path)
	if ok, err := filepath.Match(files, base); err != nil || !ok || base == r.shard.name() {
		return err // one may be called as people like
	}
	return refused("%s says that it is of shard %v, whose file is called %s: it was copied or renamed", r.path, r.shard,
		r.shard.name())
}

// same refuses a file that is of another sweep than h, and says in what.
func (r *read) same(h *Head) error {
	if r.head.ID == h.ID {
		return nil
	}
	return refused("%s is of another sweep: %s", r.path, r.head.differs(h))
}

// differs says in what one sweep differs from another.
func (h *Head) differs(from *Head) string {
	for _, d := range []struct{ what, a, b string }{
		{"version", h.Version, from.Version},
		{"job", h.Job, from.Job},
		{"kind", h.Kind, from.Kind},
		{"what is swept", string(line(h.Axes)), string(line(from.Axes))},
		{"seeds", fmt.Sprintf("%d from %d", h.Seeds, h.Seed), fmt.Sprintf("%d from %d", from.Seeds, from.Seed)},
	} {
		if d.a != d.b {
			return fmt.Sprintf("its %s: %.200s, and not %.200s", d.what, bytes.TrimSpace([]byte(d.a)),
				bytes.TrimSpace([]byte(d.b)))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(h.Settings)) {
		if a, b := h.Settings[key], from.Settings[key]; a != b {
			return fmt.Sprintf("its %s is %.80q, and not %.80q", key, a, b)
		}
	}
	switch {
	case h.Network != from.Network:
		return "it has another network"
	case h.Faults != from.Faults:
		return "it has other faults"
	case h.Options != from.Options:
		return fmt.Sprintf("its options: %.80q, and not %.80q", h.Options, from.Options)
	}
	for p := range h.Points() {
		if text := h.Changed(p, h.Brings(p), from.Brings(p)); text != "" {
			return text
		}
	}
	return "it has another program, of other files of data or of a model"
}
