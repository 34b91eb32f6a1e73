package gone

import "github.com/rhizome-ml/rhizome/internal/prove"

// Part is this part of the bench.
type Part struct{}

// Name is the word of the command line.
func (Part) Name() string { return "gone" }

// Promise is what holds.
func (Part) Promise() string {
	return "a job with a quorum or a deadline ends within its bound, whatever minority of its clients is lost for good"
}

// Floors are those of CI.
func (Part) Floors() []prove.Floor {
	return []prove.Floor{{What: "clients lost for good", N: 500, Scales: true}}
}

// Turn is a share of the floors.
func (p Part) Turn(t prove.Turn) (uint64, []prove.Floor) { return t.Share(p.Floors()) }

// Run tries one seed after the other.
func (Part) Run(s *prove.Shard) error {
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		s.Add("clients lost for good", uint64(len(Draw(seed).Victims)))
		if err := Try(seed); err != nil {
			s.Fail("%v", err)
		}
	}
	return nil
}
