package dataset

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/draw"
)

func init() {
	partitioners.add("natural", func(settings []byte) (Partitioner, error) {
		return natural{}, config.Decode("natural partition", settings, &natural{})
	})
}

// natural gives each part whole groups, such as the patients of a hospital: samples that have the same text or number
// in the column that the setting group of a file names (FileSettings). Groups go, in an order by chance, each to the
// part that has the fewest samples yet.
type natural struct{}

// Parts deals groups.
func (natural) Parts(s Samples, n int, seed uint64) ([][]int, error) {
	if s.Groups == nil {
		return nil, config.Errorf("natural partition", "the samples have no groups; want the setting group of a file, "+
			"which names a column, or iid")
	}
	of := map[int64][]int{}
	var groups []int64
	for _, r := range s.Rows {
		g := s.Groups[r]
		if of[g] == nil {
			groups = append(groups, g)
		}
		of[g] = append(of[g], r)
	}
	slices.Sort(groups)
	stream, parts := draw.New(seed, "data/partition/natural", uint64(n)), make([][]int, n)
	for _, k := range stream.Perm(len(groups)) {
		least := 0
		for i := range parts {
			if len(parts[i]) < len(parts[least]) {
				least = i
			}
		}
		parts[least] = append(parts[least], of[groups[k]]...)
	}
	return parts, nil
}
