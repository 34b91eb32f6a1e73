package rounds

import "testing"

func TestCheckFindsWhatIsWrong(t *testing.T) {
	cfg, err := Config{MaxOpen: 1, Remember: 1}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	open := Round{Number: 1, Cohort: []string{"a", "b"}, Settled: []string{"b"}, Need: 2, Waiting: []uint64{7}}
	closed := Round{Number: 0, Cohort: []string{"a", "b"}, Settled: []string{"b"}, Need: 1, Closed: true}
	good := State{Rounds: []Round{closed, open}}
	if err := good.check(cfg); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(closed, open *Round) []Round{
		"number":           func(c, o *Round) []Round { o.Number = 0; return nil },
		"order":            func(c, o *Round) []Round { o.Cohort = []string{"b", "a"}; return nil },
		"cohort twice":     func(c, o *Round) []Round { o.Cohort = []string{"b", "b"}; return nil },
		"settled stranger": func(c, o *Round) []Round { o.Settled = []string{"c"}; return nil },
		"closed waiting":   func(c, o *Round) []Round { c.Waiting = []uint64{1}; return nil },
		"open complete":    func(c, o *Round) []Round { o.Need = 1; return nil },
		"too many open":    func(c, o *Round) []Round { n := *o; n.Number = 5; return []Round{*c, *o, n} },
		"too many closed":  func(c, o *Round) []Round { n := *c; n.Number = 5; return []Round{*c, *o, n} },
	} {
		c, o := closed, open
		list := spoil(&c, &o)
		if list == nil {
			list = []Round{c, o}
		}
		if (&State{Rounds: list}).check(cfg) == nil {
			t.Errorf("a state with a wrong %s was restored", name)
		}
	}
}
