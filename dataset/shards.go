package dataset

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/draw"
)

func init() {
	partitioners.add("shards", func(settings []byte) (Partitioner, error) {
		s := Shards{Each: 2}
		if err := config.Decode("shards partition", settings, &s); err != nil {
			return nil, err
		}
		return s, s.check()
	})
}

// Shards sorts the samples by class, cuts them into shards of one size and deals each part the same number of them, so
// that most parts have few classes (McMahan et al., "Communication-Efficient Learning of Deep Networks from
// Decentralized Data", 2017, section 3).
type Shards struct {
	// Each is how many shards a part has, 1 to 1,000; 2 where settings say nothing.
	Each int `json:"each"`
}

func (s Shards) check() error {
	return config.Within("shards partition", "each", int64(s.Each), 1, 1000)
}

// Parts deals shards.
func (s Shards) Parts(of Samples, n int, seed uint64) ([][]int, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := needsClasses("shards", of); err != nil {
		return nil, err
	}
	stream, rows := draw.New(seed, "data/partition/shards", uint64(n), uint64(s.Each)), []int(nil)
	for _, class := range byClass(of.Labels, of.Rows, of.Classes) {
		stream.Shuffle(class, len(class))
		rows = append(rows, class...)
	}
	shards, parts := n*s.Each, make([][]int, n)
	for i, shard := range stream.Perm(shards) {
		parts[i/s.Each] = slices.Concat(parts[i/s.Each], rows[shard*len(rows)/shards:(shard+1)*len(rows)/shards])
	}
	return parts, nil
}
