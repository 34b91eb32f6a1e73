package peer

import (
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// table holds a row for each of some peers. Most nodes know a few dozen peers, and a simulation has a hundred thousand
// such nodes, whose memory is cold when a message comes: so a small table is a list of short hashes that is searched
// from its beginning, and one row beside the hash that fits. Beyond tableSmall peers a map finds the rows.
//
// A pointer to a row is good until the next put or remove.
type table[V any] struct {
	hashes []uint16
	rows   []row[V]
	index  map[wire.PeerID]int32 // nil while the table is small
}

type row[V any] struct {
	peer wire.PeerID
	v    V
}

// tableSmall is how many peers are found without a map.
const tableSmall = 64

// hashOf is of the end of the id, where the ids of keys differ.
func hashOf(p wire.PeerID) uint16 {
	h := uint64(len(p))
	for i := max(0, len(p)-8); i < len(p); i++ {
		h = h<<8 | uint64(p[i])
	}
	return uint16((h * 0x9e3779b97f4a7c15) >> 48)
}

func (t *table[V]) len() int { return len(t.rows) }

// find returns the place of a peer's row, or -1.
func (t *table[V]) find(p wire.PeerID) int {
	if t.index != nil {
		if i, ok := t.index[p]; ok {
			return int(i)
		}
		return -1
	}
	if len(t.hashes) == 0 {
		return -1
	}
	h := hashOf(p)
	for i, x := range t.hashes {
		if x == h && t.rows[i].peer == p {
			return i
		}
	}
	return -1
}

// get returns the row of a peer, or nil.
func (t *table[V]) get(p wire.PeerID) *V {
	if i := t.find(p); i >= 0 {
		return &t.rows[i].v
	}
	return nil
}

// put adds a row for a peer that has none.
func (t *table[V]) put(p wire.PeerID, v V) *V {
	if n := len(t.rows); n < tableSmall && n == cap(t.rows) {
		// Small tables grow by a quarter, and not by as much as they are: a simulation has a million of them.
		t.rows = append(make([]row[V], 0, n+max(1, n/4)), t.rows...)
		t.hashes = append(make([]uint16, 0, cap(t.rows)), t.hashes...)
	}
	t.rows = append(t.rows, row[V]{p, v})
	t.hashes = append(t.hashes, hashOf(p))
	if n := len(t.rows); t.index != nil {
		t.index[p] = int32(n - 1)
	} else if n > tableSmall {
		t.index = make(map[wire.PeerID]int32, 2*n)
		for i := range t.rows {
			t.index[t.rows[i].peer] = int32(i)
		}
	}
	return &t.rows[len(t.rows)-1].v
}

// remove drops the row of a peer, if it has one; the last row takes its place.
func (t *table[V]) remove(p wire.PeerID) {
	i, last := t.find(p), len(t.rows)-1
	if i < 0 {
		return
	}
	if t.index != nil {
		t.index[t.rows[last].peer] = int32(i)
		delete(t.index, p)
	}
	t.rows[i], t.hashes[i] = t.rows[last], t.hashes[last]
	t.rows[last] = row[V]{}
	t.rows, t.hashes = t.rows[:last], t.hashes[:last]
}

// inOrder returns rows that were copied out of a table by peer. The copy stays as it is: several may describe it at
// once.
func inOrder[V any](rows []row[V]) []row[V] {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b row[V]) int { return strings.Compare(string(a.peer), string(b.peer)) })
	return rows
}

// sorted returns the peers ascending: the only way in which a table is walked where the order shows.
func (t *table[V]) sorted() []wire.PeerID {
	out := make([]wire.PeerID, len(t.rows))
	for i := range t.rows {
		out[i] = t.rows[i].peer
	}
	slices.Sort(out)
	return out
}
