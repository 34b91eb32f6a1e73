package kernel

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/fmath"
)

// LogSumExp writes log(Σ e^x), which is m + log(Σ e^(x-m)) with m the greatest x. Of no elements it is -Inf. Sums are
// taken from zero and in order. The lists top and sum are as long as dst, e as a run of the walk.
func LogSumExp[T Float](s *Soft[T], w *Walk, dst, src []T, top, sum, e []float64) {
	for i := range top {
		top[i], sum[i] = math.Inf(-1), 0
	}
	step := w.Step[0]
	w.Runs(func(at int, off [operandsMax]int) {
		for i, x := range src[at : at+w.N] {
			if v := float64(x); v > top[off[0]+i*step] {
				top[off[0]+i*step] = v
			}
		}
	})
	w.Runs(func(at int, off [operandsMax]int) {
		k := off[0]
		if step != 0 || math.IsInf(top[k], 0) {
			sumExp(w, top, sum, src[at:at+w.N], k)
			return
		}
		sum[k] = s.Exp(e[:w.N], src[at:at+w.N], top[k], sum[k])
	})
	for i := range dst {
		dst[i] = T(top[i] + fmath.Log(sum[i]))
	}
}

// sumExp adds e^(x-m) for the elements of a run; where x is m it is 1, also where both are infinite.
func sumExp[T Float](w *Walk, top, sum []float64, run []T, k int) {
	for _, x := range run {
		if m := top[k]; float64(x) == m {
			sum[k]++
		} else {
			sum[k] += fmath.Exp(float64(x) - m)
		}
		k += w.Step[0]
	}
}
