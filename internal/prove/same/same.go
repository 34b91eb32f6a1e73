package same

import (
	"github.com/rhizome-ml/rhizome/internal/prove"
)

// Part is the proof as a part of the whole.
type Part struct {
	Command []string // the arguments with which this program answers seeds
}

// Name is the word of the command line.
func (Part) Name() string { return "same" }

// Promise is what holds.
func (Part) Promise() string {
	return "a seed gives the same trace, snapshots, journals and model in every build and under every setting"
}

// Weight is its share of the time.
func (Part) Weight() int { return 2 }

// Floors are those of CI: every seed is compared with every variant.
func (Part) Floors() []prove.Floor {
	floors := []prove.Floor{{What: "seeds", N: 1000}}
	for _, v := range Variants() {
		floors = append(floors, prove.Floor{What: v.Name, N: 1000})
	}
	return floors
}

// Turn is a share of the floors.
func (p Part) Turn(t prove.Turn) (uint64, []prove.Floor) { return t.Share(p.Floors()) }

// Prepare builds the variants.
func (Part) Prepare(dir string) error {
	for _, v := range Variants() {
		if v.build == nil {
			continue
		}
		path, err := v.executable(dir)
		if err == nil {
			err = v.make(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Run asks all variants for each seed.
func (p Part) Run(s *prove.Shard) error {
	var others []*answerer
	defer func() {
		for _, a := range others {
			a.stop()
		}
	}()
	for _, v := range Variants() {
		a, err := v.start(s.Dir, p.Command)
		if err != nil {
			return err
		}
		others = append(others, a)
	}
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		for _, a := range others {
			if err := a.ask(seed); err != nil {
				return err
			}
		}
		want := Line(seed)
		s.Add("seeds", 1)
		for _, a := range others {
			got, err := a.answer()
			if err != nil {
				return err
			}
			compare(s, a.Name, got, want)
		}
	}
	return nil
}

func compare(s *prove.Shard, name, got, want string) {
	s.Add(name, 1)
	if got != want {
		s.Fail("%s says\n%s\ninstead of\n%s", name, got, want)
	}
}
