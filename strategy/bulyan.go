package strategy

import "slices"

func init() {
	register(Strategy{
		Name:   "bulyan",
		Family: "robust",
		Doc: "Krum chooses n-2f of n updates, one after another among those that are left; of these each parameter " +
			"becomes the mean of the n-4f values that are closest to their median, whatever they weigh. A round " +
			"needs 4f+3.",
		Paper: "El Mhamdi, Guerraoui and Rouault, The Hidden Vulnerability of Distributed Learning in Byzantium, " +
			"2018",
		Settings: []Setting{liars()},
		Needs:    func(c Chosen) int { return 4*int(c.Get("f")) + 3 },
		Judge:    bulyan,
		Combine: func(c Chosen, out []float32, parts [][]float32, _ []int64) {
			middle(out, parts, max(1, len(parts)-2*int(c.Get("f"))))
		},
	})
}

// bulyan chooses the n-2f updates. Krum's neighbours grow fewer as updates are taken, down to one.
func bulyan(c Chosen, j Judged) []float64 {
	n, f := len(j.Weights), int(c.Get("f"))
	k, out := newKrum(j), make([]float64, n)
	for left := n; left > 2*f; left-- {
		best, least := -1, 0.0
		for i := range n {
			if k.gone[i] {
				continue
			}
			if s := k.score(i, max(1, left-f-2)); best < 0 || s < least {
				best, least = i, s
			}
		}
		k.gone[best], out[best] = true, 1
	}
	return out
}

// middle is the mean of the keep values that are closest to the median of all, of two that are as close the smaller,
// summed from the smallest on in float64.
func middle(out []float32, parts [][]float32, keep int) {
	x := make([]float32, len(parts))
	for k := range out {
		for i, p := range parts {
			x[i] = p[k]
		}
		slices.Sort(x)
		median := (float64(x[(len(x)-1)/2]) + float64(x[len(x)/2])) / 2
		lo, hi := 0, len(x)
		for hi-lo > keep {
			if median-float64(x[lo]) > float64(x[hi-1])-median {
				lo++
			} else {
				hi--
			}
		}
		sum := 0.0
		for _, v := range x[lo:hi] {
			sum += float64(v)
		}
		out[k] = float32(sum / float64(keep))
	}
}
