package registry

import "testing"

func TestCheckFindsWhatIsWrong(t *testing.T) {
	cfg, err := Config{MaxMembers: 2, MaxSamples: 9}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	good := func() *State {
		return &State{Members: []Member{{Peer: "a", Samples: 1}, {Peer: "b", Samples: 9}}, Ready: []string{"a", "b"},
			Round: 3}
	}
	if err := good().check(cfg); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*State){
		"order":            func(s *State) { s.Members[0].Peer = "c" },
		"too many":         func(s *State) { s.Members = append(s.Members, Member{Peer: "c", Samples: 1}) },
		"samples":          func(s *State) { s.Members[1].Samples = 10 },
		"no samples":       func(s *State) { s.Members[1].Samples = 0 },
		"name":             func(s *State) { s.Members[1].Name = "\xff" },
		"order of taken":   func(s *State) { s.Taken = []string{"b", "a"} },
		"too many taken":   func(s *State) { s.Taken = []string{"a", "b", "c"} },
		"ready order":      func(s *State) { s.Ready = []string{"b", "a"} },
		"too many waiting": func(s *State) { s.Waiting = make([]Wait, waitingMax+1) },
	} {
		s := good()
		spoil(s)
		if s.check(cfg) == nil {
			t.Errorf("a state with a wrong %s was restored", name)
		}
	}
}
