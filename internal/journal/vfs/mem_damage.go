package vfs

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Damage is what Mem.Damage did.
type Damage struct {
	Fault  Fault
	Name   string // of the file
	Offset int64  // of the bit, or of the first byte that is other or gone
}

// String says what was done, and where.
func (d Damage) String() string { return fmt.Sprintf("%v in %s at byte %d", d.Fault, d.Name, d.Offset) }

// KeepOld has the disk keep what syncs replace, a few sectors of each file and a few files, so that Stale can bring it
// back.
func (m *Mem) KeepOld(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keepOld = on
}

// Damage changes what is durable and was not to change, drawn from rng: a Stale sector or file, a BitFlip, or a
// Truncation. Files of which something is not synced are left alone. It says what it did, or that there was nothing to
// do it to.
func (m *Mem) Damage(f Fault, rng *rand.Rand) (Damage, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.damage(f, rng)
}

func (m *Mem) damage(f Fault, rng *rand.Rand) (d Damage, ok bool) {
	d.Fault = f
	if f == Stale && len(m.oldNames) > 0 && rng.IntN(2) == 0 {
		old := m.oldNames[rng.IntN(len(m.oldNames))]
		d.Name = old.name
		m.durable = m.durable.with(old.name, old.ino.clone())
		m.names = m.names.with(old.name, m.durable.find(old.name))
		m.faults[f]++
		return d, true
	}
	var files []entry
	for _, e := range m.durable {
		switch {
		case !e.ino.clean() || e.ino.size == 0 || m.names.find(e.name) != e.ino, f == Stale && len(e.ino.before) == 0:
		default:
			files = append(files, e)
		}
	}
	if len(files) == 0 {
		return d, false
	}
	e := files[rng.IntN(len(files))]
	d.Name = e.name
	e.ino.unshare()
	switch f {
	case Stale:
		v := e.ino.before[rng.IntN(len(e.ino.before))]
		d.Offset = int64(v.at) * SectorBytes
		if d.Offset >= e.ino.size || e.ino.page(v.at) == v.page {
			return d, false
		}
		e.ino.set(v.at, v.page)
		e.ino.trim()
	case BitFlip:
		d.Offset = e.ino.place(rng)
		var page sector
		if p := e.ino.page(int(d.Offset / SectorBytes)); p != nil {
			page = *p
		}
		page[d.Offset%SectorBytes] ^= 1 << rng.IntN(8)
		e.ino.set(int(d.Offset/SectorBytes), &page)
	case Truncation:
		d.Offset = e.ino.place(rng)
		e.ino.size = d.Offset
		e.ino.trim()
	default:
		return d, false
	}
	m.faults[f]++
	return d, true
}

// place draws a byte of a file that is not empty: mostly where something is, and sometimes in its zeros.
func (n *inode) place(rng *rand.Rand) int64 {
	if rng.IntN(8) > 0 {
		at := rng.IntN(max(len(n.pages), 1))
		for range 16 {
			if n.page(at) != nil {
				return min(int64(at)*SectorBytes+rng.Int64N(SectorBytes), n.size-1)
			}
			at = rng.IntN(max(len(n.pages), 1))
		}
	}
	return rng.Int64N(n.size)
}

// namesMax bounds the files that a disk keeps for Stale.
const namesMax = 4

// keepReplaced keeps the file whose durable name a change takes away.
func (m *Mem) keepReplaced(c nameChange) {
	if !m.keepOld {
		return
	}
	name := c.to
	if name == "" {
		name = c.from
	}
	old := m.durable.find(name)
	if old == nil || !old.clean() || old.size == 0 || old == c.ino && c.to != "" {
		return
	}
	m.oldNames = append(slices.Clip(m.oldNames), entry{name, old.clone()}) // a copy of this disk shares them
	if extra := len(m.oldNames) - namesMax; extra > 0 {
		m.oldNames = m.oldNames[extra:]
	}
}
