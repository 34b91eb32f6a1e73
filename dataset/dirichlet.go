package dataset

import (
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/draw"
)

func init() {
	partitioners.add("dirichlet", func(settings []byte) (Partitioner, error) {
		d := Dirichlet{Alpha: 0.5}
		if err := config.Decode("dirichlet partition", settings, &d); err != nil {
			return nil, err
		}
		return d, d.check()
	})
}

// Dirichlet deals with label skew: for each class, proportions over the parts are drawn from the Dirichlet distribution
// and the class is cut by them (Hsu, Qi, Brown, "Measuring the Effects of Non-Identical Data Distribution", 2019).
type Dirichlet struct {
	// Alpha is the concentration, above 0 and up to 1e6: at 0.1 most parts have few classes, at 100 all have nearly the
	// same share. 0.5 where settings say nothing.
	Alpha float64 `json:"alpha"`
}

func (d Dirichlet) check() error {
	if !(d.Alpha > 0 && d.Alpha <= 1e6) {
		return config.Errorf("dirichlet partition", "alpha is %v; want above 0 and at most 1e6", d.Alpha)
	}
	return nil
}

// Parts deals each class by proportions of its own.
func (d Dirichlet) Parts(s Samples, n int, seed uint64) ([][]int, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	if err := needsClasses("dirichlet", s); err != nil {
		return nil, err
	}
	stream, parts := draw.New(seed, "data/partition", uint64(n)), make([][]int, n)
	for _, rows := range byClass(s.Labels, s.Rows, s.Classes) {
		stream.Shuffle(rows, len(rows))
		share, sum, from := stream.Dirichlet(n, d.Alpha), 0.0, 0
		for i := range parts {
			sum += share[i]
			to := min(len(rows), int(float64(sum*float64(len(rows)))+0.5))
			if i == n-1 {
				to = len(rows) // whatever rounding made of the sum
			}
			if to > from {
				parts[i] = append(parts[i], rows[from:to]...)
				from = to
			}
		}
	}
	return parts, nil
}
