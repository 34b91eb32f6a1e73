package dataset

import (
	"math"
	"math/big"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// Moments are what normalisation wants to know of samples, and nothing else of them: how many there are, and of each
// feature (of each channel, where samples are images whose channels stand first; of all numbers together, where samples
// have other dimensions) the sum, the sum of squares, the least and the greatest. Sums are exact, so that the moments
// of parts that are merged, in any order, are those of the whole, bit for bit.
type Moments struct {
	Count   int64       `json:"count"` // numbers of each feature or channel
	Sums    [][]float64 `json:"sums"`  // each the sum of several numbers, which do not overlap
	Squares [][]float64 `json:"squares"`
	Low     []float64   `json:"low"`
	High    []float64   `json:"high"`
}

// momentsMax bounds what a sum consists of: the bits of all float64, 53 at a time.
const momentsMax = 2100/53 + 2

// MomentsOf returns the moments of all samples of a source.
func MomentsOf(s Source) (*Moments, error) {
	schema := s.Schema()
	w, shared := schema.Width(), sharedBy(schema.Shape)
	m := newMoments(w / shared)
	m.Count = int64(s.Len()) * int64(shared)
	step := max(1, min(1<<12, batchMax/w))
	b := schema.Batch(min(step, s.Len()))
	b.Labels = Column{}
	if b.Features.Float32 == nil {
		return nil, config.Errorf("moments", "the features are %v, and only float32 is normalised", schema.Features)
	}
	for from := 0; from < s.Len(); from += step {
		rows := all(min(step, s.Len()-from))
		for i := range rows {
			rows[i] += from
		}
		if err := s.Read(rows, b); err != nil {
			return nil, err
		}
		for i, x := range b.Features.Float32[:len(rows)*w] {
			m.add(i%w/shared, float64(x))
		}
	}
	return m, nil
}

func newMoments(n int) *Moments {
	m := &Moments{Sums: make([][]float64, n), Squares: make([][]float64, n), Low: make([]float64, n),
		High: make([]float64, n)}
	for i := range n {
		m.Low[i], m.High[i] = math.Inf(1), math.Inf(-1)
	}
	return m
}

// sharedBy returns how many numbers of a sample are normalised alike.
func sharedBy(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	switch {
	case len(shape) < 2:
		return 1
	case len(shape) == 3 && shape[0] <= 4:
		return n / shape[0]
	}
	return n
}

// add takes one number, which is one of float32: its square is exact.
func (m *Moments) add(i int, x float64) {
	m.Sums[i] = exactly(m.Sums[i], x)
	m.Squares[i] = exactly(m.Squares[i], float64(x*x))
	m.Low[i], m.High[i] = min(m.Low[i], x), max(m.High[i], x)
}

// exactly adds a number to a sum that is kept as numbers that do not overlap (Shewchuk, "Adaptive Precision
// Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997, section 2.4).
func exactly(sum []float64, x float64) []float64 {
	n := 0
	for _, y := range sum {
		if math.Abs(x) < math.Abs(y) {
			x, y = y, x
		}
		high := x + y
		low := y - (high - x)
		if low != 0 {
			sum[n] = low
			n++
		}
		x = high
	}
	return append(sum[:n], x)
}

// Merge adds the moments of other samples. Those of a stranger are held against what moments can be.
func (m *Moments) Merge(o *Moments) error {
	n := len(m.Sums)
	if len(o.Sums) != n || len(o.Squares) != n || len(o.Low) != n || len(o.High) != n {
		return config.Errorf("moments", "are those of %d features; want %d", len(o.Sums), n)
	}
	if o.Count < 0 || o.Count > 1<<50 || m.Count > 1<<52 {
		return config.Errorf("moments", "are of %d numbers", o.Count)
	}
	for i := range n {
		for _, list := range [][]float64{o.Sums[i], o.Squares[i]} {
			if len(list) > momentsMax {
				return config.Errorf("moments", "sum %d consists of %d numbers; want at most %d", i, len(list),
					momentsMax)
			}
			for _, v := range list {
				if !(math.Abs(v) < 1e100) { // 2^50 squares of the greatest float32 are below
					return config.Errorf("moments", "sum %d has the part %v", i, v)
				}
			}
		}
		if o.Count > 0 && !(o.Low[i] <= o.High[i]) {
			return config.Errorf("moments", "feature %d is from %v to %v", i, o.Low[i], o.High[i])
		}
	}
	m.Count += o.Count
	for i := range n {
		for _, v := range o.Sums[i] {
			m.Sums[i] = exactly(m.Sums[i], v)
		}
		for _, v := range o.Squares[i] {
			m.Squares[i] = exactly(m.Squares[i], v)
		}
		m.Low[i], m.High[i] = min(m.Low[i], o.Low[i]), max(m.High[i], o.High[i])
	}
	return nil
}

// Constants returns FileSettings.Shift and Divide for "standard" (the mean and the standard deviation of the samples)
// or "minmax". A feature that is the same everywhere is divided by 1.
func (m *Moments) Constants(normalize string) (shift, divide []float64, err error) {
	if m.Count < 1 {
		return nil, nil, config.Errorf("moments", "are of no samples")
	}
	for i := range m.Sums {
		a, b := m.Low[i], m.High[i]-m.Low[i]
		switch normalize {
		case standard:
			a, b = meanAndDeviation(m.Count, m.Sums[i], m.Squares[i])
		case minmax:
		default:
			return nil, nil, config.Errorf("moments", "normalize is %.32q; want standard or minmax", normalize)
		}
		if !(b > 1e-30) {
			b = 1
		}
		shift, divide = append(shift, a), append(divide, b)
	}
	return shift, divide, nil
}

// meanAndDeviation rounds once each: sums are taken together as they are, however much of them cancels.
func meanAndDeviation(n int64, sums, squares []float64) (mean, deviation float64) {
	total := func(list []float64) *big.Float {
		out := new(big.Float).SetPrec(4096)
		for _, v := range slices.Backward(list) {
			out.Add(out, big.NewFloat(v))
		}
		return out
	}
	count := new(big.Float).SetPrec(4096).SetInt64(n)
	s, q := total(sums), total(squares)
	mean, _ = new(big.Float).SetPrec(4096).Quo(s, count).Float64()
	v := new(big.Float).SetPrec(4096).Mul(q, count) // n·Σx² − (Σx)², over n²
	v.Sub(v, new(big.Float).SetPrec(4096).Mul(s, s))
	v.Quo(v, new(big.Float).SetPrec(4096).Mul(count, count))
	if variance, _ := v.Float64(); variance > 0 {
		deviation = math.Sqrt(variance)
	}
	return mean, deviation
}
