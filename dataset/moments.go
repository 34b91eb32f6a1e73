package dataset

import (
	"fmt"
	"iter"
	"math"
	"math/big"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Moments are what normalisation wants to know of samples, and nothing else of them: of each feature (of each channel,
// where samples are images whose channels stand first; of all numbers together, where samples have other dimensions)
// how many numbers there are, their sum, the sum of their squares, the least and the greatest. Sums are exact, so that
// the moments of parts that are merged, in any order, are those of the whole, bit for bit.
type Moments struct {
	Counts    []int64     // numbers of each feature or channel; what is missing is not counted
	Sums      [][]float64 // each the sum of several numbers, which do not overlap
	Squares   [][]float64
	Low, High []float64 // nil where the sums alone were told
}

// momentsMax bounds what a sum consists of: the bits of all float64, 53 at a time.
const momentsMax = 2100/53 + 2

// MomentsOf returns the moments of samples of a source, by their numbers, which ascend; nil: of all. Those of a file
// are of its numbers as they stand there, before FileSettings.Scale and Normalize.
func MomentsOf(s Source, rows []int) (*Moments, error) {
	if f, ok := s.(interface {
		moments(rows []int) (*Moments, error)
	}); ok {
		return f.moments(rows)
	}
	schema := s.Schema()
	w, shared := schema.Width(), sharedBy(schema.Shape)
	m := newMoments(w / shared)
	if schema.Features != tensor.Float32 {
		return nil, config.Errorf("moments", "the features are %v, and only float32 is normalised", schema.Features)
	}
	step := max(1, min(1<<12, batchMax/w))
	b := schema.Batch(min(step, s.Len()))
	b.Labels = Column{}
	for part := range parts(rows, s.Len(), step) {
		if err := s.Read(part, b); err != nil {
			return nil, err
		}
		for i, x := range b.Features.Float32[:len(part)*w] {
			m.add(i%w/shared, float64(x))
		}
	}
	return m, nil
}

// parts gives the numbers of samples, of all n where rows are nil, so many at a time, in memory that is used again.
func parts(rows []int, n, step int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		if rows != nil {
			n = len(rows)
		}
		part := make([]int, 0, min(step, n))
		for from := 0; from < n; from += step {
			part = part[:0]
			for i := from; i < min(n, from+step); i++ {
				if rows != nil {
					part = append(part, rows[i])
				} else {
					part = append(part, i)
				}
			}
			if !yield(part) {
				return
			}
		}
	}
}

func newMoments(n int) *Moments {
	m := &Moments{Counts: make([]int64, n), Sums: make([][]float64, n), Squares: make([][]float64, n),
		Low: make([]float64, n), High: make([]float64, n)}
	for i := range n {
		m.Low[i], m.High[i] = math.Inf(1), math.Inf(-1)
	}
	return m
}

// moments returns those of samples, which ascend, as they stand in the file.
func (f *fileSource) moments(rows []int) (*Moments, error) {
	if f.schema.Features != tensor.Float32 {
		return nil, config.Errorf("moments", "the features are %v, and only float32 is normalised", f.schema.Features)
	}
	w, shared := f.schema.Width(), f.channel()
	m := newMoments((w + shared - 1) / shared)
	in := make([]cells, len(f.features))
	for part := range parts(rows, f.Len(), max(1, min(1<<13, batchMax/w))) {
		for i, r := range part {
			if r < 0 || r >= f.Len() {
				return nil, fmt.Errorf("dataset: no sample %d; there are %d", r, f.Len())
			}
			if f.keep != nil {
				part[i] = int(f.keep[r])
			}
		}
		if err := f.table.read(part, f.want[:len(f.features)], in); err != nil {
			return nil, err
		}
		for k := range f.features {
			if err := f.sum(m, &f.features[k], &in[k], part, shared); err != nil {
				return nil, err
			}
		}
	}
	return m, f.file.same()
}

// sum takes the cells of a column of numbers into moments. What could not be read as samples is refused here, too.
func (f *fileSource) sum(m *Moments, c *feature, in *cells, rows []int, shared int) error {
	if c.texts != nil || c.exact {
		return nil // what is 0 or 1 stays so, and what is whole
	}
	for i, row := range rows {
		for j := range c.width {
			x := math.NaN()
			switch {
			case in.none[i]:
			case c.whole:
				x = float64(in.i[i*c.width+j])
			default:
				x = float64(in.f[i*c.width+j])
			}
			switch {
			case math.IsInf(x, 0):
				return f.bad(row, c.column, fmt.Sprintf("is %v; want a finite number that float32 holds", x))
			case x == x:
			case f.s.Missing == missingMean:
				continue
			case f.s.Missing == missingZero:
				x = 0
			default:
				return f.bad(row, c.column, missingReason)
			}
			m.add((c.at+j)/shared, x)
		}
	}
	return nil
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
	m.Counts[i]++
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

// leastPart is below all that a sum of float32 or of their squares consists of.
const leastPart = 1.0 / (1 << 60) / (1 << 60) / (1 << 60) / (1 << 60) / (1 << 58)

// Check says why these cannot be moments of n features, nil where they can.
func (m *Moments) Check(n int) error {
	for _, k := range []struct {
		what string
		n    int
	}{{"sums", len(m.Sums)}, {"sums of squares", len(m.Squares)}, {"counts", len(m.Counts)}} {
		if k.n != n {
			return config.Errorf("moments", "have %d %s; want %d, one for each feature", k.n, k.what, n)
		}
	}
	if m.Low != nil && (len(m.Low) != n || len(m.High) != n) {
		return config.Errorf("moments", "have %d least and %d greatest; want %d", len(m.Low), len(m.High), n)
	}
	for i, count := range m.Counts {
		if count < 0 || count > 1<<50 {
			return config.Errorf("moments", "feature %d has %d numbers; want 0 to 2^50", i, count)
		}
		for _, list := range [][]float64{m.Sums[i], m.Squares[i]} {
			if len(list) > momentsMax {
				return config.Errorf("moments", "a sum of feature %d consists of %d numbers; want at most %d", i,
					len(list), momentsMax)
			}
			for _, v := range list {
				// 2^50 squares of the greatest float32 are below
				if v != 0 && !(math.Abs(v) < 1e100 && math.Abs(v) >= leastPart) {
					return config.Errorf("moments", "a sum of feature %d has the part %v; want numbers that float32 "+
						"and their squares sum up to", i, v)
				}
			}
		}
		if m.Low != nil && count > 0 && !(m.Low[i] <= m.High[i]) {
			return config.Errorf("moments", "feature %d is from %v to %v", i, m.Low[i], m.High[i])
		}
		if !possible(count, m.Sums[i], m.Squares[i]) {
			return config.Errorf("moments", "feature %d has no numbers and a sum, or a variance below 0", i)
		}
	}
	return nil
}

// possible says whether n numbers can have a sum and a sum of squares: n·Σx² is not below (Σx)², but for what the
// squares of whole numbers beyond float32 are rounded by.
func possible(n int64, sums, squares []float64) bool {
	s, q := total(sums), total(squares)
	if n == 0 {
		return s.Sign() == 0 && q.Sign() == 0
	}
	most := precise().SetInt64(n)
	most.Mul(most, q)
	most.Add(most, precise().SetMantExp(most, -50))
	return s.Mul(s, s).Cmp(most) <= 0
}

// Merge adds the moments of other samples. Those of a stranger are held against what moments can be.
func (m *Moments) Merge(o *Moments) error {
	n := len(m.Sums)
	if err := o.Check(n); err != nil {
		return err
	}
	for i := range n {
		if m.Counts[i] > 1<<52 {
			return config.Errorf("moments", "feature %d has %d numbers already", i, m.Counts[i])
		}
	}
	for i := range n {
		m.Counts[i] += o.Counts[i]
		for _, v := range o.Sums[i] {
			m.Sums[i] = exactly(m.Sums[i], v)
		}
		for _, v := range o.Squares[i] {
			m.Squares[i] = exactly(m.Squares[i], v)
		}
		if m.Low != nil && o.Low != nil {
			m.Low[i], m.High[i] = min(m.Low[i], o.Low[i]), max(m.High[i], o.High[i])
		}
	}
	if o.Low == nil {
		m.Low, m.High = nil, nil
	}
	return nil
}

// Plain writes each sum as the numbers that its value alone decides, whatever it was added up from, and in which order:
// the sum rounded to a float64, what that leaves rounded, and so on to nothing.
func (m *Moments) Plain() {
	for _, lists := range [][][]float64{m.Sums, m.Squares} {
		for i, list := range lists {
			lists[i] = plain(list)
		}
	}
}

func plain(sum []float64) []float64 {
	if len(sum) == 1 && sum[0] != 0 {
		return sum
	}
	out := []float64{}
	for left := total(sum); left.Sign() != 0; {
		x, _ := left.Float64()
		out = append(out, x)
		left.Sub(left, big.NewFloat(x))
	}
	return out
}

// Constants returns FileSettings.Shift and Divide for "standard" (the mean and the standard deviation of the samples)
// or "minmax", of numbers that are divided by scale before. A feature that is the same everywhere is divided by 1.
func (m *Moments) Constants(normalize string, scale float64) (shift, divide []float64, err error) {
	if normalize != standard && (normalize != minmax || m.Low == nil) {
		return nil, nil, config.Errorf("moments", "normalize is %.32q; want standard, or minmax where the least and "+
			"the greatest are known", normalize)
	}
	for i := range m.Sums {
		_, a, b := m.constants(i, normalize, scale)
		shift, divide = append(shift, a), append(divide, b)
	}
	return shift, divide, nil
}

// constants returns the mean of a feature as it stands in the file, and what it is scaled by.
func (m *Moments) constants(i int, normalize string, scale float64) (mean, shift, divide float64) {
	if m.Counts[i] > 0 {
		mean, divide = meanAndDeviation(m.Counts[i], m.Sums[i], m.Squares[i])
	}
	shift, divide = mean/scale, divide/math.Abs(scale)
	if normalize == minmax && m.Counts[i] > 0 {
		shift, divide = m.Low[i]/scale, (m.High[i]-m.Low[i])/scale
	}
	if !(math.Abs(divide) > 1e-30) {
		divide = 1 // all the same, or none
	}
	return mean, shift, divide
}

// sumBits holds the square of any sum of 2^50 squares of float32 exactly.
const sumBits = 1536

func precise() *big.Float { return new(big.Float).SetPrec(sumBits) }

// total returns a sum that is kept as several numbers.
func total(sum []float64) *big.Float {
	out := precise()
	for _, v := range slices.Backward(sum) {
		out.Add(out, big.NewFloat(v))
	}
	return out
}

// meanAndDeviation rounds once each: sums are taken together as they are, however much of them cancels.
func meanAndDeviation(n int64, sums, squares []float64) (mean, deviation float64) {
	count := precise().SetInt64(n)
	s, q := total(sums), total(squares)
	mean, _ = precise().Quo(s, count).Float64()
	v := precise().Mul(q, count) // n·Σx² − (Σx)², over n²
	v.Sub(v, precise().Mul(s, s))
	v.Quo(v, precise().Mul(count, count))
	if variance, _ := v.Float64(); variance > 0 {
		deviation = math.Sqrt(variance)
	}
	return mean, deviation
}
