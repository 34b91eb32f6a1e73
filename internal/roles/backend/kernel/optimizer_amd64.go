//go:build amd64 && !purego

package kernel

//go:noescape
func adagrad8(c *AdagradStep[float32], xOut, hOut, x, d, h *float32, n int)

//go:noescape
func adam8(c *AdamStep[float32], xOut, vOut, hOut, x, d, v, h *float32, n int)

//go:noescape
func momentum8(c *MomentumStep[float32], nesterov bool, xOut, vOut, x, d, v *float32, n int)

// vectorOptimizers replaces the loops of the optimizers by their vector forms; the scalar ones take the tails.
func vectorOptimizers(f *Optimizers[float32]) {
	f.Adagrad = func(c *AdagradStep[float32], xOut, hOut, x, g, h []float32) {
		n := len(x) &^ 7
		if n > 0 {
			adagrad8(c, &xOut[0], &hOut[0], &x[0], &g[0], &h[0], n)
		}
		adagrad(c, xOut[n:], hOut[n:], x[n:], g[n:], h[n:])
	}
	f.Adam = func(c *AdamStep[float32], xOut, vOut, hOut, x, g, v, h []float32) {
		n := len(x) &^ 7
		if n > 0 {
			adam8(c, &xOut[0], &vOut[0], &hOut[0], &x[0], &g[0], &v[0], &h[0], n)
		}
		adam(c, xOut[n:], vOut[n:], hOut[n:], x[n:], g[n:], v[n:], h[n:])
	}
	f.Momentum = func(c *MomentumStep[float32], nesterov bool, xOut, vOut, x, g, v []float32) {
		n := len(x) &^ 7
		if n > 0 {
			momentum8(c, nesterov, &xOut[0], &vOut[0], &x[0], &g[0], &v[0], n)
		}
		momentum(c, nesterov, xOut[n:], vOut[n:], x[n:], g[n:], v[n:])
	}
}
