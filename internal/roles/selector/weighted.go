package selector

import (
	"cmp"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// weightMost bounds the weight of one member, so that no sum of them overflows.
const weightMost = 1 << 40

// weights returns what each member weighs in a draw: its samples, at least 1.
func weights(registry Registry, members []wire.PeerID) []uint64 {
	out := make([]uint64, len(members))
	for i, p := range members {
		samples, _ := registry.Samples(p)
		out[i] = uint64(min(max(samples, 1), weightMost))
	}
	return out
}

// weighted returns the places of n different members in the order in which they are drawn, each with the probability of
// its weight among those that are left. A binary indexed tree (Fenwick, "A New Data Structure for Cumulative Frequency
// Tables", 1994) finds and takes out each in log(members) steps of whole numbers.
func weighted(s *draw.Stream, weights []uint64, n int) []int {
	tree := make([]uint64, len(weights)+1)
	var total uint64
	for i, w := range weights {
		tree[i+1] += w
		total += w
		if up := (i + 1) + (i+1)&-(i+1); up < len(tree) {
			tree[up] += tree[i+1]
		}
	}
	top := 1
	for top*2 < len(tree) {
		top *= 2
	}
	out := make([]int, n)
	for k := range out {
		at, left := 0, s.Below64(total)
		for step := top; step > 0; step /= 2 {
			if at+step < len(tree) && tree[at+step] <= left {
				at += step
				left -= tree[at]
			}
		}
		out[k] = at // the members before it weigh at most what was drawn, and with it more
		total -= weights[at]
		for i := at + 1; i < len(tree); i += i & -i {
			tree[i] -= weights[at]
		}
	}
	return out
}

// highest returns candidates by their loss, the highest first; those that told none come before all, those whose last
// answer was refused behind all, and of equals who was drawn first.
func highest(losses Losses, members []wire.PeerID, candidates []int) []int {
	type told struct {
		place   int
		loss    float64
		known   bool
		refused bool
	}
	refusals, refuses := losses.(Refusals)
	all := make([]told, len(candidates))
	for i, p := range candidates {
		loss, known := losses.Loss(members[p])
		all[i] = told{p, loss, known, refuses && refusals.Refused(members[p])}
	}
	slices.SortStableFunc(all, func(a, b told) int {
		switch {
		case a.refused != b.refused && b.refused:
			return -1
		case a.refused != b.refused:
			return 1
		case a.known != b.known && b.known:
			return -1
		case a.known != b.known:
			return 1
		case !a.known:
			return 0
		}
		return cmp.Compare(b.loss, a.loss)
	})
	out := make([]int, len(all))
	for i := range all {
		out[i] = all[i].place
	}
	return out
}
