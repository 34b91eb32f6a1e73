package strategy

import (
	"math"
	"slices"
)

func init() {
	const yin = "Yin and others, Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates, 2018"
	register(Strategy{
		Name:   "median",
		Family: "robust",
		Doc: "Each parameter becomes the median of the clients', whatever they weigh: fewer than half of them " +
			"cannot draw it away.",
		Paper:   yin,
		Combine: func(_ Chosen, out []float32, parts [][]float32, _ []int64) { trimmed(out, parts, (len(parts)-1)/2) },
	})
	register(Strategy{
		Name:   "trimmed-mean",
		Family: "robust",
		Doc: "Each parameter becomes the mean of the clients', whatever they weigh, without a share of the smallest " +
			"and as many of " +
			"the largest.",
		Paper: yin,
		Settings: []Setting{{Name: "share", Default: 0.2, Least: 0, Most: 0.49,
			Doc: "Of the clients, that is left out at each end, rounded down: of 4 clients, 0.2 leaves out none, " +
				"and of 5 one at each end."}},
		Combine: func(c Chosen, out []float32, parts [][]float32, _ []int64) {
			trimmed(out, parts, cut(c.Get("share"), len(parts)))
		},
	})
}

// cut is a share of n, rounded down; what a share such as 0.29 of 100 lacks in binary does not count.
func cut(share float64, n int) int { return int(math.Floor(float64(share*float64(n)) + 1e-9)) }

// trimmed is the mean of what is left when cut values are left out at each end, summed from the smallest on in float64.
// Of all but the middle one of an odd number, or the two in the middle of an even one, it is the median.
func trimmed(out []float32, parts [][]float32, cut int) {
	x := make([]float32, len(parts))
	for k := range out {
		for i, p := range parts {
			x[i] = p[k]
		}
		slices.Sort(x)
		sum := 0.0
		for _, v := range x[cut : len(x)-cut] {
			sum += float64(v)
		}
		out[k] = float32(sum / float64(len(x)-2*cut))
	}
}
