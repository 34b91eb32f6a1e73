package dataset

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/draw"
)

func init() {
	partitioners.add("iid", func(settings []byte) (Partitioner, error) {
		return IID{}, config.Decode("iid partition", settings, &IID{})
	})
}

// IID deals samples as they come from one urn: all parts have the same distribution, and their sizes differ by one at
// most.
type IID struct{}

// Parts shuffles the samples and cuts them.
func (IID) Parts(s Samples, n int, seed uint64) ([][]int, error) {
	rows := slices.Clone(s.Rows)
	draw.New(seed, "data/partition/iid", uint64(n)).Shuffle(rows, len(rows))
	parts := make([][]int, n)
	for i := range parts {
		parts[i] = rows[i*len(rows)/n : (i+1)*len(rows)/n : (i+1)*len(rows)/n]
	}
	return parts, nil
}
