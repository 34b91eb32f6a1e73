package dataset

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/draw"
)

// heldOut is the share of each class that is held out for the test: one in heldOut samples.
const heldOut = 5

// Split divides all samples into those that train and those that test, both ascending: a fifth of each class, rounded
// to nearest, is held out, drawn from the seed. Samples without classes are one class.
func Split(s Samples, seed uint64) (train, test []int) {
	classes := [][]int{slices.Clone(s.Rows)}
	if s.Classes > 0 {
		classes = byClass(s.Labels, s.Rows, s.Classes)
	}
	d := draw.New(seed, "data/split")
	for _, rows := range classes {
		n := (len(rows) + heldOut/2) / heldOut
		d.Shuffle(rows, n)
		test = append(test, rows[:n]...)
		train = append(train, rows[n:]...)
	}
	slices.Sort(train)
	slices.Sort(test)
	return train, test
}

// SamplesOf returns all samples of a source as Split and Deal see them.
func SamplesOf(s Source) (Samples, error) {
	out := Samples{Rows: all(s.Len())}
	if s.Schema().Classed() {
		out.Classes = len(s.Schema().Classes)
	}
	if g, ok := s.(interface{ Groups() ([]int64, error) }); ok {
		var err error
		if out.Groups, err = g.Groups(); err != nil {
			return out, err
		}
	}
	if out.Classes == 0 {
		return out, nil
	}
	y, err := Labels(s)
	out.Labels = y
	return out, err
}
