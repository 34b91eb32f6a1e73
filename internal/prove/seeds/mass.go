package seeds

import (
	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/sim/chaos"
)

// Mass crashes half of all nodes in each round.
type Mass struct{}

// Name is mass.
func (Mass) Name() string { return "mass" }

// Promise is what holds of the model.
func (Mass) Promise() string {
	return "half of 1,000 nodes crash in each of 50 rounds: the model is the same to the bit"
}

// The size of the part's run: a server and 999 clients.
const (
	massClients = 999
	massRounds  = 50
)

// Floors are the crashes of one run.
func (Mass) Floors() []prove.Floor {
	return []prove.Floor{{What: "crashes", N: massRounds * (massClients + 1) * 4 / 10}, {What: "rounds", N: massRounds}}
}

// Run runs the job once, in one of the processes.
func (Mass) Run(s *prove.Shard) error {
	seed, ok := s.Next()
	if !ok || s.Index != 0 {
		return nil
	}
	r := chaos.Mass(seed, massClients, massRounds)
	if r.Err != nil {
		s.Fail("%v", r.Err)
		return nil
	}
	s.Add("rounds", massRounds)
	s.Add("crashes", uint64(r.Crashes))
	s.Add("events", r.Events)
	return nil
}
