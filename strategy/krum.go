package strategy

import (
	"cmp"
	"slices"
)

const blanchard = "Blanchard and others, Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent, 2017"

// liars is the setting by which Krum and those that are made of it know how many clients they withstand.
func liars() Setting {
	return Setting{Name: "f", Default: 1, Least: 0, Most: 500, Whole: true,
		Doc: "How many clients of a round may send whatever they like."}
}

func init() {
	register(Strategy{
		Name:   "krum",
		Family: "robust",
		Doc: "The one update is the new model that is closest to its n-f-2 closest others, of n updates, whatever " +
			"they weigh; of several, that of the first peer id. A round needs 2f+3.",
		Paper:    blanchard,
		Settings: []Setting{liars()},
		Needs:    func(c Chosen) int { return 2*int(c.Get("f")) + 3 },
		Judge: func(c Chosen, j Judged) []float64 {
			return chosen(len(j.Weights), nearest(j, len(j.Weights)-int(c.Get("f"))-2)[:1])
		},
	})
	register(Strategy{
		Name:   "multi-krum",
		Family: "robust",
		Doc: "The mean of the several updates that Krum finds best, each once, is the new model. A round needs " +
			"2f+3, and no fewer than keep+f+2.",
		Paper: blanchard,
		Settings: []Setting{liars(),
			{Name: "keep", Default: 0, Least: 0, Most: 1000, Whole: true,
				Doc: "Of how many updates the mean is; 0 means n-f-2 of n."},
			{Name: "flwr", Default: 0, Least: 0, Most: 1, Whole: true,
				Doc: "1 weighs the updates by samples, as flwr 1.42.0 does, and keeps up to n-f."}},
		Needs: func(c Chosen) int {
			f, more := int(c.Get("f")), 0
			if keep := int(c.Get("keep")); keep > 0 {
				more = keep + f
				if c.Get("flwr") == 0 {
					more += 2
				}
			}
			return max(2*f+3, more)
		},
		Judge: multiKrum,
	})
}

func multiKrum(c Chosen, j Judged) []float64 {
	n := len(j.Weights)
	near := n - int(c.Get("f")) - 2
	keep := int(c.Get("keep"))
	if keep == 0 {
		keep = near
	}
	out := chosen(n, nearest(j, near)[:keep])
	for i, w := range j.Weights {
		if c.Get("flwr") == 1 {
			out[i] *= float64(w)
		}
	}
	return out
}

// chosen returns a weight of 1 for each of some of n updates, and 0 for the others.
func chosen(n int, which []int) []float64 {
	out := make([]float64, n)
	for _, i := range which {
		out[i] = 1
	}
	return out
}

// nearest returns all updates by Krum's score, the least first: the sum of the squared distances to so many of the
// closest others. Those of one score stay in order.
func nearest(j Judged, near int) []int {
	k := newKrum(j)
	out, scores := make([]int, len(k.rows)), make([]float64, len(k.rows))
	for i := range out {
		out[i], scores[i] = i, k.score(i, near)
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	return out
}

// krum is the others of each update, the closest first, of which some may be gone.
type krum struct {
	squares [][]float64
	rows    [][]int
	gone    []bool
}

func newKrum(j Judged) *krum {
	n := len(j.Weights)
	k := &krum{squares: j.Squares, rows: make([][]int, n), gone: make([]bool, n)}
	for i := range k.rows {
		for o := range n {
			if o != i {
				k.rows[i] = append(k.rows[i], o)
			}
		}
		d := j.Squares[i]
		slices.SortStableFunc(k.rows[i], func(a, b int) int { return cmp.Compare(d[a], d[b]) })
	}
	return k
}

// score sums from the closest on.
func (k *krum) score(i, near int) (sum float64) {
	for _, o := range k.rows[i] {
		if near == 0 {
			break
		}
		if !k.gone[o] {
			sum += k.squares[i][o]
			near--
		}
	}
	return sum
}
