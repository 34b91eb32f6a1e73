package dataset

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/draw"
)

func init() {
	partitioners.add("quantity", func(settings []byte) (Partitioner, error) {
		q := quantity{Alpha: 0.5}
		if err := config.Decode("quantity partition", settings, &q); err != nil {
			return nil, err
		}
		return q, q.check()
	})
	partitioners.add("linear", func(settings []byte) (Partitioner, error) {
		return linear{}, config.Decode("linear partition", settings, &linear{})
	})
}

// quantity deals parts of one distribution and of different sizes, whose shares are drawn from the Dirichlet
// distribution (Li et al., "Federated Learning on Non-IID Data Silos: An Experimental Study", 2022, quantity skew).
type quantity struct {
	// Alpha is the concentration, above 0 and up to 1e6: at 0.1 few parts have most samples, at 100 all have nearly as
	// many. 0.5 where settings say nothing.
	Alpha float64 `json:"alpha"`
}

func (q quantity) check() error {
	if !(q.Alpha > 0 && q.Alpha <= 1e6) {
		return config.Errorf("quantity partition", "alpha is %v; want above 0 and at most 1e6", q.Alpha)
	}
	return nil
}

// Parts shuffles the samples and cuts them by the shares.
func (q quantity) Parts(s Samples, n int, seed uint64) ([][]int, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	stream := draw.New(seed, "data/partition/quantity", uint64(n))
	return byShare(s.Rows, stream.Dirichlet(n, q.Alpha), stream), nil
}

// linear deals parts of one distribution whose sizes grow evenly: part i has i+1 shares.
type linear struct{}

// Parts shuffles the samples and cuts them by the shares.
func (linear) Parts(s Samples, n int, seed uint64) ([][]int, error) {
	shares := make([]float64, n)
	for i := range shares {
		shares[i] = float64(i+1) / (float64(n) * float64(n+1) / 2)
	}
	return byShare(s.Rows, shares, draw.New(seed, "data/partition/linear", uint64(n))), nil
}

// byShare shuffles rows and cuts them by shares, whose sum is 1.
func byShare(rows []int, shares []float64, stream *draw.Stream) [][]int {
	rows = slices.Clone(rows)
	stream.Shuffle(rows, len(rows))
	parts, sum, from := make([][]int, len(shares)), 0.0, 0
	for i := range parts {
		sum += shares[i]
		to := max(from, min(len(rows), int(float64(sum*float64(len(rows)))+0.5)))
		if i == len(parts)-1 {
			to = len(rows) // whatever rounding made of the sum
		}
		parts[i] = rows[from:to:to]
		from = to
	}
	return parts
}
