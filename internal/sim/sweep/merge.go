package sweep

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files returns the files of shards that are named: files, and of folders those in them.
func Files(paths []string) (out []string, err error) {
	for _, path := range paths {
		names := []string{path}
		if at, err := os.Stat(path); err != nil {
			return nil, err
		} else if at.IsDir() {
			if names, err = filepath.Glob(filepath.Join(escaped(path), files)); err != nil {
				return nil, err
			}
			if len(names) == 0 {
				return nil, refused("%s has no file of a shard: want %s", path, files)
			}
		}
		out = append(out, names...)
	}
	return out, nil
}

// Merge reads files, and of folders the files of shards in them, and returns the sweep that they are of and all its
// runs. A run that is there twice has to be the same; one that is missing is told, with whose it is.
func Merge(paths []string) (Head, []Run, error) {
	names, err := Files(paths)
	if err != nil {
		return Head{}, nil, err
	}
	var all []*read
	for _, name := range names {
		r, err := readFile(name)
		if err == nil {
			err = r.called()
		}
		if err != nil {
			return Head{}, nil, err
		}
		all = append(all, r)
	}
	return merge(all)
}

// escaped is a path for Glob as it stands.
func escaped(path string) string {
	if os.PathSeparator == '\\' {
		return path // where no character can be escaped, and few of those that mean something are in names
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func merge(all []*read) (Head, []Run, error) {
	if len(all) == 0 {
		return Head{}, nil, refused("want files of shards")
	}
	slices.SortStableFunc(all, func(a, b *read) int { return a.shard.At - b.shard.At })
	head := all[0].head
	runs, from := make([]*Run, head.Runs()), make([]*read, head.Runs())
	for _, f := range all {
		if f.head.ID != head.ID {
			return Head{}, nil, refused("%s and %s are shards of two sweeps: of the first, %s", f.path, all[0].path,
				f.head.differs(&head))
		}
		for i := range f.runs {
			r := &f.runs[i]
			if before := runs[r.Run]; before != nil && !bytes.Equal(line(before), line(r)) {
				return Head{}, nil, refused("run %d is in %s and in %s, and they differ: model %.16s and %.16s, hash "+
					"%.16s and %.16s", r.Run, from[r.Run].path, f.path, before.ModelSHA256, r.ModelSHA256, before.Hash,
					r.Hash)
			}
			runs[r.Run], from[r.Run] = r, f
		}
	}
	if err := missing(&head, runs, all); err != nil {
		return Head{}, nil, err
	}
	out := make([]Run, len(runs))
	for i, r := range runs {
		out[i] = *r
	}
	return head, out, nil
}

// missing says which runs are not there, by shard where all files are of one division.
func missing(h *Head, runs []*Run, all []*read) error {
	of := all[0].shard.Of
	if slices.ContainsFunc(all, func(f *read) bool { return f.shard.Of != of }) {
		of = h.Runs() // of no one division: each run for itself
	}
	lack, by := 0, map[int]int{}
	var order []int
	for k, r := range runs {
		if r != nil {
			continue
		}
		if by[k%of] == 0 {
			order = append(order, k%of)
		}
		lack++
		by[k%of]++
	}
	if lack == 0 {
		return nil
	}
	slices.Sort(order)
	var parts []string
	for _, at := range order[:min(len(order), 8)] {
		parts = append(parts, fmt.Sprintf("%d of shard %d/%d", by[at], at, of))
	}
	if n := len(order) - len(parts); n > 0 {
		parts = append(parts, fmt.Sprintf("and those of %d more shards", n))
	}
	return refused("%d of %d runs are missing: %s; the first goes on by: %s --shard %d/%d --out DIR", lack, h.Runs(),
		strings.Join(parts, ", "), h.Command, order[0], of)
}
