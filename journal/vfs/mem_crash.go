package vfs

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
)

// Crash returns the disk as a power failure at this moment might leave it, drawn from rng; the Mem itself is left as it is, so
// that many crashes of one moment can be looked at. Each file loses all that was not synced, keeps all of it, or keeps some of its
// sectors, each as some of the writes to it left it; each change of names that was not synced is there or not. Nothing in the
// new file system is pending, no lock is held, and no failure is set.
func (m *Mem) Crash(rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := m.reborn()
	after.durable = maps.Clone(m.durable)
	fate := drawFate(rng)
	for _, c := range m.pending {
		if fate == keepAll || fate == keepSome && rng.IntN(2) == 0 {
			c.apply(after.durable)
		}
	}
	torn := map[*inode]*inode{}
	for _, n := range byNumber(after.durable) {
		data := n.tear(rng)
		torn[n] = &inode{id: n.id, data: data, durable: slices.Clone(data)}
	}
	for name, n := range after.durable {
		after.durable[name] = torn[n]
	}
	after.names = maps.Clone(after.durable)
	return after
}

// Kill returns the disk as the end of the process at this moment leaves it: the kernel has every write and will write it, or
// lose it in a Crash that comes soon. No lock is held, and no failure is set. The Mem itself is left as it is.
func (m *Mem) Kill() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := m.reborn()
	copied := map[*inode]*inode{}
	copyOf := func(n *inode) *inode {
		if copied[n] == nil {
			copied[n] = n.clone()
		}
		return copied[n]
	}
	for name, n := range m.names {
		after.names[name] = copyOf(n)
	}
	for name, n := range m.durable {
		after.durable[name] = copyOf(n)
	}
	for _, c := range m.pending {
		after.pending = append(after.pending, nameChange{from: c.from, to: c.to, ino: copyOf(c.ino)})
	}
	return after
}

// reborn returns a Mem with the folders and numbers of m, and without files.
func (m *Mem) reborn() *Mem {
	after := NewMem()
	after.dirs = maps.Clone(m.dirs)
	after.inodes = m.inodes
	return after
}

// byNumber returns the files of a table of names, each once, in the order of their numbers: the order in which chance is drawn.
func byNumber(names map[string]*inode) []*inode {
	inodes := slices.SortedFunc(maps.Values(names), func(a, b *inode) int { return cmp.Compare(a.id, b.id) })
	return slices.Compact(inodes)
}

func (n *inode) clone() *inode {
	return &inode{id: n.id, data: slices.Clone(n.data), durable: slices.Clone(n.durable), pending: slices.Clone(n.pending)}
}

type fate int

const (
	keepNone fate = iota
	keepAll
	keepSome
)

// drawFate gives the tearing of single parts half of the cases.
func drawFate(rng *rand.Rand) fate { return min(fate(rng.IntN(4)), keepSome) }

// tear returns the content after a power failure. Of the pending changes each sector has seen a first few, independently of the
// other sectors; the size has seen a first few as well. Changes that a failed sync lost are seen by none.
func (n *inode) tear(rng *rand.Rand) []byte {
	live := slices.DeleteFunc(slices.Clone(n.pending), func(c change) bool { return c.doomed })
	fate := drawFate(rng)
	if len(live) == 0 || fate == keepNone {
		return slices.Clone(n.durable)
	}
	size := int64(len(n.durable))
	seen := len(live)
	if fate == keepSome {
		seen = rng.IntN(len(live) + 1)
	}
	for _, c := range live[:seen] {
		end := c.off + int64(len(c.data))
		if c.cut {
			size = end
		}
		size = max(size, end)
	}
	sectors := make([]int, (size+SectorBytes-1)/SectorBytes) // how many changes each has seen
	for s := range sectors {
		sectors[s] = len(live)
		if fate == keepSome {
			sectors[s] = rng.IntN(len(live) + 1)
		}
	}
	out := make([]byte, size)
	copy(out, n.durable)
	for i, c := range live {
		c.applyTorn(out, func(sector int64) bool { return i < sectors[sector] })
	}
	return out
}

// applyTorn makes the change in those sectors of b that have seen it, without changing the size.
func (c change) applyTorn(b []byte, seen func(sector int64) bool) {
	end := min(c.off+int64(len(c.data)), int64(len(b)))
	if c.cut {
		end = int64(len(b))
	}
	for at := c.off; at < end; {
		sector := at / SectorBytes
		next := min((sector+1)*SectorBytes, end)
		if seen(sector) {
			if c.cut {
				clear(b[at:next])
			} else {
				copy(b[at:next], c.data[at-c.off:])
			}
		}
		at = next
	}
}
