package seeds

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/chaos"
)

// Part runs the plans of seeds.
type Part struct{}

// Name is seeds.
func (Part) Name() string { return "seeds" }

// Promise is what holds of every seed.
func (Part) Promise() string {
	return "under faults of every kind nothing acknowledged is lost, nothing is applied twice, and all settles in time"
}

// The floors of the part.
const (
	floorSeeds  = 20_000
	floorEvents = 200_000_000
	floorFaults = 2_000_000
	floorKind   = 1_000 // of each kind but these:
)

var floorOf = map[sim.Fault]uint64{sim.Rollback: 20_000, sim.Twin: 5_000}

// Floors are the seeds, the events and faults in them, and each kind of fault.
func (Part) Floors() []prove.Floor {
	out := []prove.Floor{
		{What: "seeds", N: floorSeeds}, {What: "seeds settled in time", N: floorSeeds * 998 / 1000},
		{What: "events", N: floorEvents, Scales: true}, {What: "faults", N: floorFaults, Scales: true},
	}
	for f := range sim.Faults {
		out = append(out, prove.Floor{What: f.String(), N: max(floorKind, floorOf[f]), Fault: true})
	}
	return out
}

// Turn is a share of the floors.
func (p Part) Turn(t prove.Turn) (uint64, []prove.Floor) { return t.Share(p.Floors()) }

// Run runs one plan after the other.
func (Part) Run(s *prove.Shard) error {
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		p := chaos.Draw(seed)
		r := chaos.Run(p, chaos.Options{})
		s.Add("seeds", 1)
		s.Add("of scenario "+p.Scenario, 1)
		s.Add("events", r.Events)
		s.Add("inputs accepted", r.Inputs)
		s.Add("packets", r.Packets)
		s.Add("lives ended", uint64(r.Crashes))
		s.Add("faults", r.Counts.Total())
		for f, n := range r.Counts {
			s.Add(sim.Fault(f).String(), n)
		}
		switch {
		case r.Err != nil:
			again := fmt.Sprintf("rhizome sim --seed %d", seed)
			if s.Single() {
				small := chaos.Shrink(seed, chaos.CheckerOf(r.Err), 400, nil)
				again += small.Flags() + " --trace"
			}
			s.Fail("%v\n  %v\n  see it: %s", r.Err, p, again)
		case r.Waits != "":
			s.Add("seeds that wait after a directory went back", 1)
		case r.Excused:
			s.Add("seeds in which something was forgotten unnoticed, and others wait", 1)
		default:
			s.Add("seeds settled in time", 1)
		}
	}
	return nil
}
