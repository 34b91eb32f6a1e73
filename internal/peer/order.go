package peer

import (
	"maps"
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// put adds to a table that is made with its first entry: most nodes never use most tables.
func put[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

// sorted returns the keys of a table by peer: the only way in which a table is walked, so that no map order gets out.
func sorted[V any](m map[wire.PeerID]V) []wire.PeerID { return slices.Sorted(maps.Keys(m)) }

// texts returns peer ids as they stand in a snapshot.
func texts(ids []wire.PeerID) []string {
	if len(ids) == 0 {
		return nil
	}
	out := make([]string, len(ids))
	for i, p := range ids {
		out[i] = string(p)
	}
	return out
}

// ascending says whether a snapshot's list is in order without repetition, and is bounded.
func ascending(table string, ids []string, limit int) error {
	if len(ids) > limit {
		return &FullError{table, limit}
	}
	for i, id := range ids {
		if id == "" || i > 0 && id <= ids[i-1] {
			return &RestoreError{table, id, "the peers are not in ascending order"}
		}
	}
	return nil
}

// after returns now + d, and the end of time where that would overflow.
func after(now, d int64) int64 {
	if now > math.MaxInt64-d {
		return math.MaxInt64
	}
	return now + d
}

// exponential returns base·2^n, and top where that is less.
func exponential(base, top int64, n int32) int64 {
	for ; n > 0 && base < top; n-- {
		base *= 2
	}
	return min(base, top)
}

// upTo returns a number from 0 to d, drawn from rand; for d far below 2^64 the bias of the remainder does not matter.
func upTo(d int64, rand func() uint64) int64 { return int64(rand() % (uint64(d) + 1)) }
