package data

import (
	"slices"

	"github.com/rhizome-ml/rhizome/component/draw"
)

// heldOut is the share of each class that is held out for the test: one in heldOut samples.
const heldOut = 5

// split divides all samples into those that train and those that test, both ascending. A fifth of each class, rounded to
// nearest, is held out, drawn from the seed.
func split(labels []int64, classes int, seed uint64) (train, test []int) {
	s := draw.New(seed, "data/split")
	for _, rows := range byClass(labels, all(len(labels)), classes) {
		n := (len(rows) + heldOut/2) / heldOut
		s.Shuffle(rows, n)
		test = append(test, rows[:n]...)
		train = append(train, rows[n:]...)
	}
	slices.Sort(train)
	slices.Sort(test)
	return train, test
}

// partition deals the rows to n parts with label skew: for each class, proportions over the parts are drawn from the
// Dirichlet distribution with concentration alpha and the class is cut by them (Hsu, Qi, Brown, "Measuring the Effects of
// Non-Identical Data Distribution", 2019). Then parts below least samples take some of the largest part's. Each row
// is in exactly one part; each part is ascending. It needs n·least ≤ len(rows).
func partition(labels []int64, rows []int, classes, n int, alpha float64, least int, seed uint64) [][]int {
	s := draw.New(seed, "data/partition", uint64(n))
	parts := make([][]int, n)
	for _, rows := range byClass(labels, rows, classes) {
		s.Shuffle(rows, len(rows))
		share, sum, from := s.Dirichlet(n, alpha), 0.0, 0
		for i := range parts {
			sum += share[i]
			to := min(len(rows), int(float64(sum*float64(len(rows)))+0.5))
			if i == n-1 {
				to = len(rows) // whatever rounding made of the sum
			}
			if to > from {
				parts[i] = append(parts[i], rows[from:to]...)
				from = to
			}
		}
	}
	level(parts, least)
	for _, p := range parts {
		slices.Sort(p)
	}
	return parts
}

// level moves samples one by one from the largest part to the smallest until each has at least least.
func level(parts [][]int, least int) {
	for {
		small, large := 0, 0
		for i := range parts {
			if len(parts[i]) < len(parts[small]) {
				small = i
			}
			if len(parts[i]) > len(parts[large]) {
				large = i
			}
		}
		if len(parts[small]) >= least || len(parts[large])-len(parts[small]) < 2 {
			return
		}
		end := len(parts[large]) - 1
		parts[small] = append(parts[small], parts[large][end])
		parts[large] = parts[large][:end]
	}
}

// byClass lists the rows of each class, in the order given.
func byClass(labels []int64, rows []int, classes int) [][]int {
	out := make([][]int, classes)
	for _, r := range rows {
		out[labels[r]] = append(out[labels[r]], r)
	}
	return out
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
