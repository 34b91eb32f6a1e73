package vfs

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// Crash returns the disk as a power failure at this moment might leave it, drawn from rng; the Mem itself is left as it
// is, so that many crashes of one moment can be looked at. Each file loses all that was not synced, keeps all of it, or
// keeps some of its sectors, each as some of the writes to it left it; each change of names that was not synced is
// there or not. Nothing in the new file system is pending, no lock is held, and no failure is set; the counts of faults
// go on. Damage follows where odds were set.
func (m *Mem) Crash(rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := m.crash(rng, FaultKinds)
	for _, f := range []Fault{Stale, BitFlip, Truncation} {
		if p := m.odds[f]; p > 0 && rng.Uint32N(1e6) < p {
			after.damage(f, rng)
		}
	}
	return after
}

// CrashAs is a Crash of one kind, where the moment allows it: LostWrite loses all content that was not synced and keeps
// all changes of names, LostName the other way round; TornWrite keeps all but sectors of each file's last write,
// Reordered the last write of each file, or later sectors of it, without what came before.
func (m *Mem) CrashAs(f Fault, rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.crash(rng, f)
}

// crash makes a power failure of a kind, or of any (FaultKinds).
func (m *Mem) crash(rng *rand.Rand, kind Fault) *Mem {
	after := m.reborn()
	durable := m.durable
	fate := keepAll
	switch kind {
	case FaultKinds:
		fate = drawFate(rng)
	case LostName:
		fate = keepNone
	}
	kept := 0 // changes of names, of which the first i are there
	for i, c := range m.pending {
		if fate == keepAll || fate == keepSome && rng.IntN(2) == 0 {
			durable = c.apply(durable)
			if kept < i {
				after.faults[Reordered]++
			}
			kept++
		} else {
			after.faults[LostName]++
		}
	}
	torn := func(n *inode) *inode { return n.tear(rng, kind, &after.faults) }
	var c copies
	for _, n := range durable.byNumber() { // in the order of numbers, for the sake of rng
		c.of(n, torn)
	}
	after.durable = c.table(durable, torn)
	after.names = after.durable
	return after
}

// Kill returns the disk as the end of the process at this moment leaves it: the kernel has every write and will write
// it, or lose it in a Crash that comes soon. No lock is held, and no failure is set. The Mem itself is left as it is.
func (m *Mem) Kill() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := m.reborn()
	var c copies
	after.names = c.table(m.names, (*inode).clone)
	after.durable = c.table(m.durable, (*inode).clone)
	for _, p := range m.pending {
		after.pending = append(after.pending, nameChange{from: p.from, to: p.to, ino: c.of(p.ino, (*inode).clone)})
	}
	return after
}

// reborn returns a Mem with the folders and numbers of m, and without files.
func (m *Mem) reborn() *Mem {
	return &Mem{
		dirs: slices.Clip(m.dirs), inodes: m.inodes, faults: m.faults, keepOld: m.keepOld, oldNames: m.oldNames,
		capacity: m.capacity, syncTime: m.syncTime, slowTime: m.slowTime,
	}
}

type fate int

const (
	keepNone fate = iota
	keepAll
	keepSome
)

// drawFate gives the tearing of single parts half of the cases.
func drawFate(rng *rand.Rand) fate { return min(fate(rng.IntN(4)), keepSome) }

// tear returns the file after a power failure of a kind. Of the pending changes each sector has seen a first few,
// independently of the other sectors; the size has seen a first few as well. Changes that a failed sync lost are seen
// by none.
func (n *inode) tear(rng *rand.Rand, kind Fault, faults *Faults) *inode {
	if n.clean() {
		return n.clone()
	}
	dirty := slices.Clone(n.old)
	slices.SortStableFunc(dirty, func(a, b version) int { return cmp.Compare(a.at, b.at) })
	see := n.chooser(rng, kind)
	size := see.changes(-1)
	out := &inode{id: n.id, size: n.sizeAfter(size), pages: slices.Clone(n.pages), before: slices.Clone(n.before)}
	// swapped: a later sector is there, an earlier one is not
	fates := make([]struct{ kept, gone, swapped bool }, len(n.pending))
	for i := range fates {
		c := n.pending[i]
		fates[i].gone = i >= size && (c.cut || c.end > n.durable)
	}
	for len(dirty) > 0 {
		group := dirty
		for i := range dirty {
			if dirty[i].at != dirty[0].at {
				group = dirty[:i]
				break
			}
		}
		dirty = dirty[len(group):]
		at := group[0].at
		if group[0].change < 0 {
			out.set(at, group[0].page)
			continue
		}
		seen := see.changes(at)
		for i := len(group) - 1; i >= 0 && group[i].change >= seen; i-- {
			out.set(at, group[i].page)
		}
		for _, v := range group {
			f := &fates[v.change]
			f.swapped = f.swapped || f.gone && v.change < seen
			f.kept = f.kept || v.change < seen
			f.gone = f.gone || v.change >= seen
		}
	}
	gone := false
	for _, f := range fates {
		switch {
		case f.gone && f.kept:
			faults[TornWrite]++
		case f.gone:
			faults[LostWrite]++
		}
		if gone && f.kept || f.swapped {
			faults[Reordered]++
		}
		gone = gone || f.gone
	}
	out.trim()
	return out
}

func (n *inode) set(at int, p *sector) {
	if at < len(n.pages) {
		n.pages[at] = p
	} else if p != nil {
		n.pages = append(n.pages, make([]*sector, at+1-len(n.pages))...)
		n.pages[at] = p
	}
}

// trim removes what lies behind the size, and makes all durable.
func (n *inode) trim() {
	if last := int((n.size + SectorBytes - 1) / SectorBytes); len(n.pages) > last {
		n.pages = n.pages[:last]
	}
	if rest, at := int(n.size%SectorBytes), int(n.size/SectorBytes); rest > 0 && n.page(at) != nil {
		page := *n.pages[at]
		clear(page[rest:])
		n.pages[at] = &page
	}
	n.durable = n.size
}

// chooser says of each sector how many changes it has seen.
type chooser struct {
	rng  *rand.Rand
	live int // changes
	fate fate
	kind Fault
	cut  int // Reordered: the first sector that has seen the last change
}

func (n *inode) chooser(rng *rand.Rand, kind Fault) *chooser {
	c := &chooser{rng: rng, live: len(n.pending), fate: keepAll, kind: kind}
	switch kind {
	case FaultKinds:
		c.fate = drawFate(rng)
	case LostWrite:
		c.fate = keepNone
	case Reordered:
		var of []int // the sectors of the last change
		for _, v := range n.old {
			if v.change == c.live-1 {
				of = append(of, v.at)
			}
		}
		if len(of) > 0 {
			slices.Sort(of)
			c.cut = of[len(of)/2]
		}
	}
	return c
}

// changes returns how many changes a sector has seen, or the size (-1).
func (c *chooser) changes(at int) int {
	switch {
	case c.live == 0 || c.fate == keepNone:
		return 0
	case c.fate == keepSome:
		return c.rng.IntN(c.live + 1)
	case c.kind == TornWrite && at >= 0:
		return c.live - c.rng.IntN(2)
	case c.kind == Reordered && at >= 0 && at < c.cut:
		return 0
	}
	return c.live
}
