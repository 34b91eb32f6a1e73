package strategy

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/value"
)

// points are updates, and behind them the parameters before.
type points [][]float64

func drawPoints(t *rapid.T, least int) points {
	n, d := rapid.IntRange(least, least+5).Draw(t, "updates"), rapid.IntRange(1, 4).Draw(t, "elements")
	p := make(points, n+1)
	for i := range p {
		for _, x := range rapid.SliceOfN(rapid.Float32Range(-10, 10), d, d).Draw(t, "point") {
			p[i] = append(p[i], float64(x))
		}
	}
	return p
}

func square(a, b []float64) (sum float64) {
	for k := range a {
		sum += (a[k] - b[k]) * (a[k] - b[k])
	}
	return sum
}

func (p points) judged() Judged {
	j := Judged{}
	for i, a := range p {
		j.Squares = append(j.Squares, make([]float64, len(p)))
		for k, b := range p {
			j.Squares[i][k] = square(a, b)
		}
		if i > 0 {
			j.Weights = append(j.Weights, int64(7*i%5+1))
		}
	}
	return j
}

// mean returns the sum of the points with weights.
func (p points) mean(weights []float64) []float64 {
	out := make([]float64, len(p[0]))
	for i, w := range weights {
		for k := range out {
			out[k] += w * p[i][k]
		}
	}
	return out
}

// becomes returns what a strategy makes of the points.
func (p points) becomes(t interface{ Fatal(...any) }, text string, j Judged) []float64 {
	c, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	weights, err := c.Weigh(j)
	if err != nil {
		t.Fatal(err)
	}
	if c.Combine == nil {
		return p.mean(weights)
	}
	var parts [][]float32
	for i, w := range weights {
		if w > 0 {
			parts = append(parts, nil)
			for _, x := range p[i] {
				parts[len(parts)-1] = append(parts[len(parts)-1], float32(x))
			}
		}
	}
	out := make([]float32, len(p[0]))
	c.Combine(c, out, parts, make([]int64, len(parts)))
	wide := make([]float64, len(out))
	for k := range out {
		wide[k] = float64(out[k])
	}
	return wide
}

func near(a, b []float64, by float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) <= by*max(1, math.Abs(y)) })
}

// score is Krum's, as the paper has it: over those that are left.
func (p points) score(i, near int, left []int) float64 {
	var d []float64
	for _, o := range left {
		if o != i {
			d = append(d, square(p[i], p[o]))
		}
	}
	slices.Sort(d)
	sum := 0.0
	for _, x := range d[:min(near, len(d))] {
		sum += x
	}
	return sum
}

func (p points) best(near int, left []int) int {
	best := left[0]
	for _, i := range left {
		if p.score(i, near, left) < p.score(best, near, left) {
			best = i
		}
	}
	return best
}

func upTo(n int) (out []int) {
	for i := range n {
		out = append(out, i)
	}
	return out
}

// TestKrumIsItsFormula holds Krum, Multi-Krum and Bulyan against their papers' definitions over the vectors.
func TestKrumIsItsFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.IntRange(0, 2).Draw(t, "f")
		p := drawPoints(t, 4*f+3)
		n, j, with := len(p)-1, p.judged(), " f="+strconv.Itoa(f)
		if got, want := p.becomes(t, "krum"+with, j), p[p.best(n-f-2, upTo(n))]; !slices.Equal(got, want) {
			t.Fatalf("Krum gives %v, want %v", got, want)
		}
		keep := rapid.IntRange(1, n-f-2).Draw(t, "keep")
		order := upTo(n)
		slices.SortStableFunc(order, func(a, b int) int {
			x, y := p.score(a, n-f-2, upTo(n)), p.score(b, n-f-2, upTo(n))
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		weights, byFlwr := make([]float64, n), make([]float64, n)
		total := 0.0
		for _, i := range order[:keep] {
			weights[i], byFlwr[i] = 1/float64(keep), float64(j.Weights[i])
			total += byFlwr[i]
		}
		for i := range byFlwr {
			byFlwr[i] /= total
		}
		of := "multi-krum keep=" + strconv.Itoa(keep) + with
		if got := p.becomes(t, of, j); !near(got, p.mean(weights), 1e-12) {
			t.Fatalf("Multi-Krum gives %v, want %v", got, p.mean(weights))
		}
		if got := p.becomes(t, of+" flwr=1", j); !near(got, p.mean(byFlwr), 1e-12) {
			t.Fatalf("Multi-Krum with flwr=1 gives %v, want %v", got, p.mean(byFlwr))
		}
		if got, want := p.becomes(t, "bulyan"+with, j), p.bulyan(f); !near(got, want, 1e-6) {
			t.Fatalf("Bulyan gives %v, want %v", got, want)
		}
	})
}

func (p points) bulyan(f int) []float64 {
	left, taken := upTo(len(p)-1), points{}
	for len(left) > 2*f {
		i := p.best(max(1, len(left)-f-2), left)
		taken = append(taken, p[i])
		left = slices.DeleteFunc(left, func(o int) bool { return o == i })
	}
	out := make([]float64, len(p[0]))
	for k := range out {
		var x []float64
		for _, q := range taken {
			x = append(x, q[k])
		}
		slices.Sort(x)
		median := (x[(len(x)-1)/2] + x[len(x)/2]) / 2
		slices.SortStableFunc(x, func(a, b float64) int {
			switch a, b = math.Abs(a-median), math.Abs(b-median); {
			case a < b:
				return -1
			case a > b:
				return 1
			}
			return 0
		})
		keep := len(taken) - 2*f
		for _, v := range x[:keep] {
			out[k] += v / float64(keep)
		}
	}
	return out
}

// TestCentresAreTheirFormulas holds the geometric median and both ways to clip against their steps over the vectors.
func TestCentresAreTheirFormulas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPoints(t, 1)
		n, j := len(p)-1, p.judged()
		share, total := make([]float64, n), 0.0
		for i, w := range j.Weights {
			share[i] = float64(w)
			total += share[i]
		}
		for i := range share {
			share[i] /= total
		}
		at, least := p.medoid(share)
		for range 5 {
			weights, sum := make([]float64, n), 0.0
			for i := range weights {
				weights[i] = share[i] / max(0.1, least, math.Sqrt(square(p[i], at)))
				sum += weights[i]
			}
			for i := range weights {
				weights[i] /= sum
			}
			at, least = p.mean(weights), 0
		}
		if got := p.becomes(t, "geometric-median steps=4 smooth=0.1", j); !near(got, at, 1e-6) {
			t.Fatalf("the geometric median is %v, want %v", got, at)
		}
		global := p[n]
		clipped := slices.Clone(global)
		for i := range n {
			scale := min(1, 2/math.Sqrt(square(p[i], global)))
			for k := range clipped {
				clipped[k] += share[i] * scale * (p[i][k] - global[k])
			}
		}
		if got := p.becomes(t, "norm-clipping norm=2", j); !near(got, clipped, 1e-9) {
			t.Fatalf("clipped by norm: %v, want %v", got, clipped)
		}
		centre := slices.Clone(global)
		for range 3 {
			next := slices.Clone(centre)
			for i := range n {
				scale := min(1, 2/math.Sqrt(square(p[i], centre)))
				for k := range next {
					next[k] += scale * (p[i][k] - centre[k]) / float64(n)
				}
			}
			centre = next
		}
		if got := p.becomes(t, "centred-clipping radius=2 steps=3", j); !near(got, centre, 1e-6) {
			t.Fatalf("clipped around a centre: %v, want %v", got, centre)
		}
	})
}

// medoid is the point whose weighted distances to the others have the least sum, and the least radius around it that
// holds half of the weight.
func (p points) medoid(share []float64) (at []float64, near float64) {
	best := math.Inf(1)
	for _, m := range p[:len(share)] {
		sum := 0.0
		for i, s := range share {
			sum += s * math.Sqrt(square(m, p[i]))
		}
		if sum < best {
			at, best = m, sum
		}
	}
	near = math.Inf(1)
	for _, q := range p[:len(share)] {
		within, r := 0.0, math.Sqrt(square(at, q))
		for i, s := range share {
			if math.Sqrt(square(at, p[i])) <= r {
				within += s
			}
		}
		if within >= 0.5-1e-9 { // the weights are small whole numbers
			near = min(near, r)
		}
	}
	return at, near
}

// TestLessThanHalfDrawsNothingAway: updates of less than half the weight, each as far away as 2^20 in every element,
// alone or together, draw the geometric median from the others by no more than these are apart, times what the two
// weights make of it; with the steps that it takes when nothing is said.
func TestLessThanHalfDrawsNothingAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		honest := rapid.IntRange(2, 9).Draw(t, "honest")
		liars := rapid.IntRange(1, honest-1).Draw(t, "liars")
		d := rapid.IntRange(1, 4).Draw(t, "elements")
		var p points
		for range honest {
			p = append(p, make([]float64, d))
			for k := range d {
				p[len(p)-1][k] = float64(rapid.Float32Range(-1, 1).Draw(t, "x"))
			}
		}
		for range liars {
			p = append(p, make([]float64, d))
			far := math.Exp2(float64(rapid.IntRange(0, 20).Draw(t, "far")))
			for k := range d {
				p[len(p)-1][k] = rapid.SampledFrom([]float64{-1, 0, 1}).Draw(t, "way") * far
			}
		}
		p = append(p, make([]float64, d)) // the parameters before
		j := p.judged()
		for i := range j.Weights {
			j.Weights[i] = 3
		}
		apart := 0.0
		for _, a := range p[:honest] {
			for _, b := range p[:honest] {
				apart = max(apart, math.Sqrt(square(a, b)))
			}
		}
		got := p.becomes(t, "geometric-median", j)
		ratio := float64(liars) / float64(honest)
		if by := math.Sqrt(square(got, p[0])); by > 4*apart/(1-ratio)+0.01 {
			t.Fatalf("%d of %d draw it by %g from updates that are %g apart", liars, honest+liars, by, apart)
		}
	})
}

// TestFarUpdatesDoNotBlur: distances from a point are made of those between updates, of which one is very far: the
// geometric median of the others is found all the same.
func TestFarUpdatesDoNotBlur(t *testing.T) {
	p := points{{1, 0}, {0, 1}, {-1, 0}, {0, -1}, {1e6, 1e6}, {0, 0}}
	j := p.judged()
	j.Weights = []int64{1, 1, 1, 1, 1}
	got := p.becomes(t, "geometric-median steps=100", j)
	// the median of a cross and one point far along the diagonal: the pull of that, 1, is held by the four
	if d := math.Hypot(got[0], got[1]); d > 1 || math.Abs(got[0]-got[1]) > 1e-3 {
		t.Errorf("drawn to %v", got)
	}
}

// TestWeigh: what cannot be judged, and what is no judgement, is refused.
func TestWeigh(t *testing.T) {
	two := points{{1}, {2}, {0}}.judged()
	of := func(w ...float64) Strategy {
		return Strategy{Name: "own", Judge: func(Chosen, Judged) []float64 { return w }}
	}
	combines := of(1, 1, 1)
	combines.Combine = func(Chosen, []float32, [][]float32, []int64) {}
	needs := of(1, 1)
	needs.Needs = func(Chosen) int { return 3 }
	bad := two
	bad.Squares = bad.Squares[:2]
	for want, x := range map[string]struct {
		s Strategy
		j Judged
	}{
		"does not judge":                      {Strategy{Name: "own"}, two},
		"2 updates; own wants 3 or more":      {needs, two},
		"0 updates; own wants 1":              {of(1), Judged{}},
		"2 rows of distances":                 {of(1, 1), bad},
		"returns 1 weights":                   {of(1), two},
		"gives update 1 the weight -1":        {of(2, -1), two},
		"gives update 0 the weight NaN":       {of(math.NaN(), 1), two},
		"gives update 0 the weight +Inf":      {of(math.Inf(1), 1), two},
		"weights whose sum is 0":              {of(0, 0, 0), two},
		"weights whose sum is +Inf":           {of(math.MaxFloat64, math.MaxFloat64), two},
		"Combine takes updates alone":         {combines, two},
		"6 updates; bulyan f=1 wants 7":       {all["bulyan"], points{{1}, {2}, {3}, {4}, {5}, {6}, {0}}.judged()},
		"4 updates; krum f=1 wants 5":         {all["krum"], points{{1}, {2}, {3}, {4}, {0}}.judged()},
		"4 updates; multi-krum f=1 keep=0 fl": {all["multi-krum"], points{{1}, {2}, {3}, {4}, {0}}.judged()},
	} {
		c, err := x.s.With("")
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Weigh(x.j)
		if _, ok := err.(*value.Failure); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	c, err := of(3, 1).With("")
	if err != nil {
		t.Fatal(err)
	}
	if w, err := c.Weigh(two); err != nil || !slices.Equal(w, []float64{0.75, 0.25, 0}) {
		t.Errorf("%v, %v", w, err)
	}
	err = c.Fold([]float32{0}, [][]float32{{1}}, []int64{1})
	if err == nil || !strings.Contains(err.Error(), "Weigh") {
		t.Errorf("folded without a judgement: %v", err)
	}
}
