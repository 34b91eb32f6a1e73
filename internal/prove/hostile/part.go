package hostile

import (
	"runtime/debug"

	"github.com/rhizome-ml/rhizome/internal/prove"
)

// What is counted.
const (
	floorEnvelopes  = "envelopes"
	floorExecutions = "executions of decoders"
)

// floorDecoder is how often each decoder is tried at the least.
const floorDecoder = 50_000

// Part is the proof as a part of the whole.
type Part struct{}

// Name is the word of the command line.
func (Part) Name() string { return "hostile" }

// Promise is what holds.
func (Part) Promise() string {
	return "no bytes from outside make a node panic, take more memory than their budget, or change what refused them"
}

// Floors are those of CI.
func (Part) Floors() []prove.Floor {
	floors := []prove.Floor{{What: floorEnvelopes, N: 30_000_000}, {What: floorExecutions, N: 10_000_000}}
	for _, name := range kindNames {
		floors = append(floors, prove.Floor{What: name, N: 1_000_000, Fault: true})
	}
	for i := range targets {
		floors = append(floors, prove.Floor{What: targets[i].name, N: targets[i].floor(), Fault: true})
	}
	return floors
}

// Turn is a share of the floors.
func (p Part) Turn(t prove.Turn) (uint64, []prove.Floor) { return t.Share(p.Floors()) }

// Run does both for one seed after the other.
func (Part) Run(s *prove.Shard) error {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // what is decoded is thrown away, and little of it is alive
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		if err := envelopes(s, seed, envelopesPerSeed); err != nil {
			return err
		}
		if t := turn(seed); t != nil {
			if err := decode(s, seed, t); err != nil {
				return err
			}
		}
	}
	return nil
}
