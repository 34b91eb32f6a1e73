package vfs

import (
	"bytes"
	"slices"
)

type sector = [SectorBytes]byte

var zeroSector sector

// inode is the content of one file as the program sees it, and what is needed to tell what of it is durable. A sector
// is never changed in place: a write puts a new one there. So copies of a file share their sectors, and the versions
// between two syncs are there for a crash to choose from.
type inode struct {
	id      int
	size    int64
	pages   []*sector // nil is zeros, and so is what lies behind the last one
	shared  bool      // a copy of the file has the same slice
	durable int64     // the durable size
	pending []change  // since the last sync
	old     []version // sectors before pending changes, in the order of these
	lost    int       // versions in old of sectors that a failed sync lost
	before  []version // what the last syncs replaced, when a disk keeps it
}

// change is one write, or a cut.
type change struct {
	end int64 // of the bytes of a write; of a cut: the new size of the file
	cut bool
}

// version is what a sector held before a change. If a failed sync lost what came after it and nothing was written
// since, the change is -1: a later sync will not write the sector.
type version struct {
	change int
	at     int
	page   *sector
}

func (n *inode) page(at int) *sector {
	if at < len(n.pages) {
		return n.pages[at]
	}
	return nil
}

// put makes p the content of a sector, and keeps what was there.
func (n *inode) put(at int, p *sector) {
	if !n.reclaim(at) {
		n.old = append(n.old, version{len(n.pending), at, n.page(at)})
	}
	if at >= len(n.pages) {
		if p == nil {
			return
		}
		n.pages = append(n.pages, make([]*sector, at+1-len(n.pages))...)
	}
	n.pages[at] = p
}

// reclaim has a sector that a failed sync lost be written by the next sync again.
func (n *inode) reclaim(at int) bool {
	for i := 0; n.lost > 0 && i < len(n.old); i++ {
		if v := &n.old[i]; v.change < 0 && v.at == at {
			v.change = len(n.pending)
			n.lost--
			return true
		}
	}
	return false
}

// unshare makes the slice of sectors this file's own.
func (n *inode) unshare() {
	if n.shared {
		n.pages, n.shared = slices.Clone(n.pages), false
	}
}

func (n *inode) read(b []byte, off int64) int {
	total := 0
	for len(b) > 0 && off < n.size {
		at, skip := int(off/SectorBytes), int(off%SectorBytes)
		k := int(min(int64(len(b)), int64(SectorBytes-skip), n.size-off))
		if p := n.page(at); p != nil {
			copy(b[:k], p[skip:])
		} else {
			clear(b[:k])
		}
		b, off, total = b[k:], off+int64(k), total+k
	}
	return total
}

// write makes a change of p at off; p is not empty.
func (n *inode) write(off int64, p []byte) {
	n.unshare()
	end := off + int64(len(p))
	var slab []sector // sectors are made a few at a time
	for len(p) > 0 {
		at, skip := int(off/SectorBytes), int(off%SectorBytes)
		k := min(len(p), SectorBytes-skip)
		old := n.page(at)
		if old != nil || !bytes.Equal(p[:k], zeroSector[:k]) {
			if len(slab) == 0 {
				slab = make([]sector, min(8, 1+(skip+len(p)-1)/SectorBytes))
			}
			page := &slab[0]
			slab = slab[1:]
			if old != nil && k < SectorBytes {
				*page = *old
			}
			copy(page[skip:], p[:k])
			n.put(at, page)
		}
		p, off = p[k:], off+int64(k)
	}
	n.size = max(n.size, end)
	n.pending = append(n.pending, change{end: end})
}

// cut makes a change of the size; where the file grows there are zeros.
func (n *inode) cut(size int64) {
	n.unshare()
	for at := int(size / SectorBytes); at < len(n.pages); at++ {
		old := n.pages[at]
		if old == nil {
			continue
		}
		var page *sector
		if keep := size - int64(at)*SectorBytes; keep > 0 {
			page = new(sector)
			copy(page[:keep], old[:])
		}
		n.put(at, page)
	}
	n.size = size
	n.pending = append(n.pending, change{end: size, cut: true})
}

// clean says whether all that the program sees is durable.
func (n *inode) clean() bool { return len(n.pending) == 0 && n.lost == 0 && n.durable == n.size }

// sizeAfter is the durable size after the first few pending changes.
func (n *inode) sizeAfter(changes int) int64 {
	size := n.durable
	for _, c := range n.pending[:changes] {
		if c.cut {
			size = c.end
		}
		size = max(size, c.end)
	}
	return size
}

// sync makes the pending changes durable, except those that an earlier failed sync has lost.
func (n *inode) sync(keep bool) {
	n.durable = n.sizeAfter(len(n.pending))
	n.pending = n.pending[:0]
	if keep {
		n.remember()
	}
	left := n.old[:0]
	for _, v := range n.old {
		if v.change < 0 {
			left = append(left, v)
		}
	}
	clear(n.old[len(left):])
	n.old = left
}

// failSync does what a kernel does after a write-back error: the pages are marked clean and stay readable, so that the
// program sees its data and a second sync succeeds, while the disk never gets them.
func (n *inode) failSync() {
	left := n.old[:0]
	for _, v := range n.old {
		if !slices.ContainsFunc(left, func(l version) bool { return l.at == v.at }) {
			v.change = -1
			left = append(left, v)
		}
	}
	clear(n.old[len(left):])
	n.old, n.lost = left, len(left)
	n.pending = n.pending[:0]
}

// settle makes the content durable as the program sees it.
func (n *inode) settle() {
	n.pending, n.old, n.lost, n.durable = nil, nil, 0, n.size
}

// clone returns a copy with what is not synced.
func (n *inode) clone() *inode {
	c := *n
	n.shared, c.shared = true, true
	c.pending, c.old, c.before = slices.Clone(n.pending), slices.Clone(n.old), slices.Clone(n.before)
	return &c
}

// oldMax bounds the versions that a file keeps for Stale.
const oldMax = 8

// remember keeps what the sync replaces.
func (n *inode) remember() {
	for i, v := range n.old {
		first := !slices.ContainsFunc(n.old[:i], func(o version) bool { return o.at == v.at })
		if v.change >= 0 && first && n.page(v.at) != v.page {
			n.before = append(n.before, v)
		}
	}
	if extra := len(n.before) - oldMax; extra > 0 {
		n.before = slices.Delete(n.before, 0, extra)
	}
}
