package vfs

import (
	"cmp"
	"slices"
	"strings"
)

// table is the names of a file system, sorted. It is never changed in place, so that copies of a disk share it.
type table []entry

type entry struct {
	name string
	ino  *inode
}

func (t table) index(name string) (int, bool) {
	return slices.BinarySearchFunc(t, name, func(e entry, n string) int { return strings.Compare(e.name, n) })
}

func (t table) find(name string) *inode {
	if i, ok := t.index(name); ok {
		return t[i].ino
	}
	return nil
}

// with returns the table with a name for a file, in place of what had that name.
func (t table) with(name string, ino *inode) table {
	i, ok := t.index(name)
	out := make(table, 0, len(t)+1)
	out = append(append(out, t[:i]...), entry{name, ino})
	if ok {
		i++
	}
	return append(out, t[i:]...)
}

// without returns the table without a name.
func (t table) without(name string) table {
	i, ok := t.index(name)
	if !ok {
		return t
	}
	out := make(table, 0, len(t)-1)
	return append(append(out, t[:i]...), t[i+1:]...)
}

// apply makes the change in a table of names. A part of it that another change was to prepare, and that was lost, is
// left out.
func (c nameChange) apply(t table) table {
	if c.from != "" && t.find(c.from) == c.ino {
		t = t.without(c.from)
	}
	if c.to != "" {
		t = t.with(c.to, c.ino)
	}
	return t
}

// byNumber returns the files of a table, each once, in the order of their numbers: the order in which chance is drawn.
func (t table) byNumber() []*inode {
	inodes := make([]*inode, 0, len(t))
	for _, e := range t {
		inodes = append(inodes, e.ino)
	}
	slices.SortFunc(inodes, func(a, b *inode) int { return cmp.Compare(a.id, b.id) })
	return slices.Compact(inodes)
}

// copies maps the files of a disk to those of its copy.
type copies struct{ from, to []*inode }

// of returns the copy of a file, which make makes at the first time.
func (c *copies) of(n *inode, make func(*inode) *inode) *inode {
	if i := slices.Index(c.from, n); i >= 0 {
		return c.to[i]
	}
	c.from, c.to = append(c.from, n), append(c.to, make(n))
	return c.to[len(c.to)-1]
}

// table copies a table of names and its files.
func (c *copies) table(t table, make func(*inode) *inode) table {
	out := slices.Clone(t)
	for i := range out {
		out[i].ino = c.of(out[i].ino, make)
	}
	return out
}
