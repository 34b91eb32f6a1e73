package hunt

import (
	"slices"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/planted"
	"github.com/rhizome-ml/rhizome/internal/planted/active"
	"github.com/rhizome-ml/rhizome/internal/prove"
)

const (
	within     = 60 * time.Second // a bug is found
	bases      = 5                // rows of seeds that each bug is hunted with
	apart      = 1_000_000        // seeds between the beginnings of two rows
	canaries   = 20               // seeds that must each catch the canary
	cleanFor   = 4 * time.Minute  // the run with no bug on, at most
	cleanSeeds = 200              // and this many
	patience   = 10 * time.Second // of a bug that took longer fewer rows are tried
)

// Part is the hunt as a part of the whole.
type Part struct{}

// Name is the word of the command line.
func (Part) Name() string { return "planted" }

// Promise is what holds.
func (Part) Promise() string {
	return "every planted bug is found within 60 s, the canary by every seed, and nothing where no bug is on"
}

// Floors are those of CI.
func (Part) Floors() []prove.Floor {
	return []prove.Floor{
		{What: "bugs found", N: uint64(len(bugs()))}, {What: "seeds that caught the canary", N: canaries},
		{What: "seeds with no bug on", N: cleanSeeds},
	}
}

// bugs are all but the canary, which is the last.
var bugs = sync.OnceValue(func() []planted.Bug {
	all := planted.Bugs()
	return all[:len(all)-1]
})

// Run hunts, or is what a hunt has started.
func (Part) Run(s *prove.Shard) error {
	if active.Built {
		return try(s)
	}
	return drive(s)
}

// try tries seeds with the bug that is on until one finds it; the canary must be found by each of some.
func try(s *prove.Shard) error {
	tried := 0
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		err := Bench(seed)
		if err != nil {
			s.Fail("%v", err)
		}
		tried++
		s.Add("seeds", 1)
		switch {
		case active.On(planted.Canary):
			if err != nil {
				s.Add("caught", 1)
			}
			if tried == canaries {
				return nil
			}
		case err != nil, active.On("") && tried == cleanSeeds:
			return nil
		}
	}
	return nil
}

// drive goes through the tasks once: the canary, the clean run, and each bug.
func drive(s *prove.Shard) error {
	var h *hound
	tasks, began := uint64(2+len(bugs())), uint64(0)
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		task, turn := (seed-1)%tasks, (seed-1)/tasks
		if h == nil {
			var err error
			if h, err = build(s.Dir, s.Index); err != nil {
				return err
			}
			began = turn
		}
		if turn > began {
			return nil
		}
		switch task {
		case 0:
			canary(s, h, turn)
		case 1:
			clean(s, h, turn)
		default:
			find(s, h, bugs()[task-2].Name, turn)
		}
	}
	return nil
}

func canary(s *prove.Shard, h *hound, turn uint64) {
	c, err := h.run(planted.Canary, 1, within)
	if err != nil || c.State.Counts["caught"] != canaries {
		s.Fail("the canary was caught by %d of %d seeds (%v): the bench is dead", c.State.Counts["caught"], canaries,
			err)
		return
	}
	s.Add("seeds that caught the canary", c.State.Counts["caught"])
}

func clean(s *prove.Shard, h *hound, turn uint64) {
	c, err := h.run("", 1+turn*bases*apart, cleanFor)
	switch {
	case err != nil:
		s.Fail("the run with no bug on: %v", err)
	case c.State.Failed > 0:
		s.Fail("a seed finds something where no bug is on: %v", c.State.Failures)
	default:
		s.Add("seeds with no bug on", c.State.Counts["seeds"])
	}
}

// find hunts one bug with rows of seeds, and counts the median of seeds and milliseconds that it took.
func find(s *prove.Shard, h *hound, name string, turn uint64) {
	var seeds, times []uint64
	for row := range uint64(bases) {
		if row > 0 && s.Over() {
			break
		}
		c, err := h.run(name, 1+(turn*bases+row)*apart, within)
		if err != nil {
			s.Fail("%s: %v", name, err)
			return
		}
		if !c.found {
			s.Fail("%s was not found in %v by %d seeds from %d", name, c.took.Round(time.Second), c.State.Seeds,
				1+(turn*bases+row)*apart)
			return
		}
		if s.Single() && row == 0 && len(c.State.Failures) > 0 {
			s.Add("found at seed", c.State.Failures[0].Seed)
		}
		seeds, times = append(seeds, max(c.State.Seeds, 1)), append(times, uint64(c.took.Milliseconds()))
		if c.took > patience && row >= 2 {
			break
		}
	}
	s.Add("bugs found", 1)
	s.Add(seedsTo+name, median(seeds))
	s.Add(msTo+name, median(times))
}

// The counts of a hunt by bug.
const (
	seedsTo = "seeds to kill "
	msTo    = "ms to kill "
)

func median(x []uint64) uint64 {
	slices.Sort(x)
	return x[len(x)/2]
}
