package prove

import "fmt"

// Turn is one of so many runs that share the floors of the parts which rotate: together they reach them. The zero Turn
// is all of it.
type Turn struct{ At, Of uint64 } // from 0

// Rotating is a Part of which a run of a turn takes a share. A Part that is none is tried whole in every turn.
type Rotating interface {
	Part
	// Turn is the first seed of a turn, and what must be reached in it. Over all turns no floor is lower than that of
	// Floors, and of a list that the seeds number no item is left out.
	Turn(Turn) (first uint64, floors []Floor)
}

// ParseTurn reads "2/5", the third of five.
func ParseTurn(s string) (t Turn, err error) {
	if _, err := fmt.Sscanf(s, "%d/%d", &t.At, &t.Of); err != nil || s != t.String() || t.At >= t.Of || t.Of > 1000 {
		return Turn{}, fmt.Errorf("%q is no turn; want which of how many, such as 2/5, from 0/5 to 4/5", s)
	}
	return t, nil
}

// String is the turn as ParseTurn reads it, or "" for all.
func (t Turn) String() string {
	if t.Of == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", t.At, t.Of)
}

// turnSeeds is how far the seeds of two turns are apart, which is more than any has.
const turnSeeds = 1_000_000

// Share is the Turn of a part whose seeds are all alike: as much of each floor as every other turn has, rounded up,
// with seeds of its own.
func (t Turn) Share(floors []Floor) (first uint64, share []Floor) {
	share = make([]Floor, len(floors))
	for i, f := range floors {
		f.N = (f.N + t.Of - 1) / t.Of
		share[i] = f
	}
	return 1 + t.At*turnSeeds, share
}

// Items returns which items of a list of n are a turn's: those from from up to to, which is not one of them.
func (t Turn) Items(n uint64) (from, to uint64) {
	if t.Of == 0 {
		return 0, n
	}
	return n * t.At / t.Of, n * (t.At + 1) / t.Of
}

// of returns what a part is to do in a turn, and the turn as its shards see it: none for a part that does not rotate.
func (t Turn) of(p Part) (first uint64, floors []Floor, turn Turn) {
	if r, ok := p.(Rotating); ok && t.Of > 0 {
		first, floors = r.Turn(t)
		return first, floors, t
	}
	return 1, p.Floors(), Turn{}
}
