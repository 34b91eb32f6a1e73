package op

import (
	"fmt"
	"slices"
)

// Site is what is known of where one use of an op may run.
type Site struct {
	Said    string   // its attribute "place", or empty
	In      []string // the place of each input; empty for a value that lives everywhere, as a constant does
	Slot    []string // where its component lives, nil when it has none
	Default string   // the place of the body or bootstrap around it, or empty
	Nature  Nature
}

// Place returns the place where an op runs: that of its inputs, else the one that was said, else that of its component,
// else that of the body around it. It is empty for a pure op that may run anywhere.
func (s Site) Place() (string, error) {
	place, first := "", 0
	for i, p := range s.In {
		switch {
		case p == "":
		case place == "":
			place, first = p, i
		case p != place:
			return "", fmt.Errorf("input %d lives at %q and input %d at %q; send one of them to the other", first,
				place, i, p)
		}
	}
	switch {
	case place == "":
		place = s.Said
	case s.Said != "" && s.Said != place:
		return "", fmt.Errorf("is to run at %q and its inputs live at %q; send them there", s.Said, place)
	}
	if place == "" && len(s.Slot) == 1 {
		place = s.Slot[0]
	}
	if place == "" && s.Nature != Pure {
		if place = s.Default; place == "" {
			return "", fmt.Errorf("nothing says where it runs: no input lives at a place; say the place")
		}
	}
	if s.Slot != nil && place != "" && !slices.Contains(s.Slot, place) {
		return "", fmt.Errorf("runs at %q, where its component does not live; it lives at %q", place, s.Slot)
	}
	return place, nil
}
