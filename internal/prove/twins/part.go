package twins

import "github.com/rhizome-ml/rhizome/internal/prove"

// Part is the proof as a part of the whole.
type Part struct{}

// Name is the word of the command line.
func (Part) Name() string { return "twins" }

// Promise is what holds.
func (Part) Promise() string {
	return "a node that was restored beside one that goes on, at any moment, cannot be told apart from it"
}

// Floors are those of CI.
func (Part) Floors() []prove.Floor { return []prove.Floor{{What: "twins", N: 20_000, Scales: true}} }

// Turn is a share of the floors.
func (p Part) Turn(t prove.Turn) (uint64, []prove.Floor) { return t.Share(p.Floors()) }

// Run tries one seed after the other.
func (Part) Run(s *prove.Shard) error {
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		born, err := Twins(seed)
		s.Add("twins", uint64(born))
		if err != nil {
			s.Fail("%v", err)
		}
	}
	return nil
}
