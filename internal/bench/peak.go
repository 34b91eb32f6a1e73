package bench

// loopFlops are the products and sums of a turn of loopPeak.
const loopFlops = 8

// loopPeak does that many turns of products and sums in plain Go, four that do not wait for each other.
func loopPeak(turns int) float32 {
	var a, b, c, d float32
	x := float32(turns) * 0x1p-40
	for range turns {
		a, b, c, d = float32(a*x)+x, float32(b*x)+x, float32(c*x)+x, float32(d*x)+x
	}
	return a + b + c + d
}
