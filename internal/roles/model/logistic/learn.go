package logistic

import (
	"math"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/fmath"
)

// ShareMax is the greatest weight of a peer's model in a merge.
const ShareMax = 0.9

// share returns the weight of a model of age b beside one of age a.
func share(a, b int64) float32 {
	if a+b == 0 {
		return 0.5
	}
	return float32(min(float64(b)/float64(a+b), ShareMax))
}

// merge puts the average of own and other into out.
func merge(out, own, other []float32, share float32) {
	rest := 1 - share
	own, other = own[:len(out)], other[:len(out)]
	for i := range out {
		out[i] = float32(own[i]*rest) + float32(other[i]*share)
	}
}

// finite says whether all of w is: x·0 is 0 for every finite x and else NaN, so one sum tells of all.
func finite(w []float32) bool {
	odd := float32(0)
	for _, x := range w {
		odd += float32(x * 0)
	}
	return odd == 0
}

// score returns w·x + b for a row of 64ths. Four sums run side by side and are added in one order.
func score(w []float32, x []int8) float32 {
	var a, b, c, d float32
	bias := w[len(x)]
	n := len(x) &^ 3
	v := w[:len(x)]
	for i := 0; i < n; i += 4 {
		p, q := v[i:i+4:i+4], x[i:i+4:i+4]
		a += float32(p[0] * float32(q[0]))
		b += float32(p[1] * float32(q[1]))
		c += float32(p[2] * float32(q[2]))
		d += float32(p[3] * float32(q[3]))
	}
	for i := n; i < len(x); i++ {
		a += float32(v[i] * float32(x[i]))
	}
	return float32((float32(a+b)+float32(c+d))/dataset.SyntheticScale) + bias
}

// step takes one step of gradient descent on n samples of the rows, from number first on, going round at the end.
func step(w []float32, r *dataset.SyntheticRows, first int64, n int, rate float32) {
	rate /= float32(n)
	for i := range int64(n) {
		x, y := r.Row(int((first + i) % int64(r.Len())))
		p := float32(fmath.Sigmoid(float64(score(w, x))))
		g := float32(rate * (p - float32(y)))
		k := g / dataset.SyntheticScale
		v := w[:len(x)]
		for j := range v {
			v[j] -= float32(k * float32(x[j]))
		}
		w[len(x)] -= g
	}
}

// evaluate returns the share of the rows that the model classes right, and its mean cross entropy.
func evaluate(w []float32, r *dataset.SyntheticRows) (accuracy, loss float64) {
	right, sum := 0, 0.0
	for i := range r.Len() {
		x, y := r.Row(i)
		z := float64(score(w, x))
		if (z > 0) == (y == 1) {
			right++
		}
		if y == 1 {
			z = -z
		}
		// log(1+e^z), without overflow.
		sum += max(z, 0) + fmath.Log(1+fmath.Exp(-math.Abs(z)))
	}
	n := float64(r.Len())
	return float64(right) / n, sum / n
}
