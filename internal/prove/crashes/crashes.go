package crashes

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/rig"
)

// Kinds are the kinds of damage that strike.
var Kinds = []vfs.Fault{
	vfs.LostWrite, vfs.TornWrite, vfs.Reordered, vfs.LostName, vfs.BitFlip, vfs.Truncation, vfs.FullDisk, vfs.ErrorOnce,
	vfs.ErrorForever,
	vfs.ShortWrite,
}

// calls is how long the run is: long enough for snapshots, for new segments, and for old ones to be released.
const calls = 6

// options make snapshots frequent, and records longer than a sector, so that they can tear.
var options = rig.Options{SnapshotBytes: 2500, Pad: 600, Waypoints: 7}

// Part is the crash bench as a part of the proofs.
type Part struct {
	Recoveries uint64 // the floor; 0 is 500,000
	strict     bool   // nothing may be refused or repaired: the canary
}

// Name is the word of the command line.
func (Part) Name() string { return "crashes" }

// Promise is what holds.
func (Part) Promise() string {
	return fmt.Sprintf(
		"every disk operation × %d kinds of damage, and again at every operation of the recovery: nothing lost, "+
			"nothing twice", len(Kinds))
}

// Floors are those of CI.
func (p Part) Floors() []prove.Floor {
	n := p.Recoveries
	if n == 0 {
		n = 500000
	}
	floors := []prove.Floor{{What: "recoveries", N: n}, {What: "places", N: uint64(places()), Scales: true}}
	for _, k := range Kinds {
		floors = append(floors, prove.Floor{What: k.String(), N: n / 500, Fault: true})
	}
	return floors
}

// Turn is a share of the floors, with its own of the places.
func (p Part) Turn(t prove.Turn) (uint64, []prove.Floor) {
	_, floors := t.Share(p.Floors())
	from, _ := t.Items(uint64(places()))
	return 1 + from, floors
}

// Weight is the part's share of the time: every place is to have its turn.
func (Part) Weight() int { return 2 }

// operations are the disk operations of each node in the undisturbed run.
var operations = sync.OnceValue(func() [2]int {
	r, err := rig.New(options)
	if err == nil {
		err = r.Run(calls)
	}
	if err == nil {
		err = r.Check(calls)
	}
	if err != nil {
		panic("the undisturbed run fails: " + err.Error())
	}
	return [2]int{r.FS[0].Ops(), r.FS[1].Ops()}
})

// places is how many first strikes there are.
func places() int { n := operations(); return (n[0] + n[1]) * len(Kinds) }

// strike is one fault: at an operation of a node's disk.
type strike struct {
	victim, at int
	kind       vfs.Fault
}

func (s strike) String() string {
	return fmt.Sprintf("%v at operation %d of node %d", s.kind, s.at, s.victim)
}

// place returns the first strike of a seed. Neighbours in number are far apart in the run, so that a bench that ends
// early has seen all of it.
func place(seed uint64) strike {
	ops, n := operations(), uint64(places())
	i := int((seed - 1) * stride(n) % n)
	s := strike{kind: Kinds[i%len(Kinds)], at: i/len(Kinds) + 1}
	if s.at > ops[0] {
		s.victim, s.at = 1, s.at-ops[0]
	}
	return s
}

// stride returns a number that has no divisor in common with n.
func stride(n uint64) uint64 {
	for s := uint64(7919); ; s++ {
		a, b := s, n
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return s
		}
	}
}

// Run tries one place after the other.
func (p Part) Run(s *prove.Shard) error {
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		b := &bench{shard: s, seed: seed, strict: p.strict}
		b.run(place(seed))
	}
	return nil
}

// bench is the work on one place.
type bench struct {
	shard  *prove.Shard
	seed   uint64
	sub    int // the scenario at this place
	strict bool
}

// run strikes once, and then at every operation of the recovery.
func (b *bench) run(first strike) {
	b.shard.Add("places", 1)
	sc := b.scenario(first, rand.New(rand.NewPCG(b.seed, 0)))
	sc.play([2]*vfs.Mem{vfs.NewMem(), vfs.NewMem()}, nil, 0)
	if sc.branch == nil {
		return // it did not strike: nothing was left to strike at
	}
	if sc.outcome == refused {
		return // there is no recovery to strike at
	}
	from := sc.branch
	for at := 1; at <= from.recovery; at++ {
		for _, kind := range Kinds {
			if b.shard.Over() {
				return
			}
			b.sub++
			sc := b.scenario(strike{first.victim, at, kind}, rand.New(rand.NewPCG(b.seed, uint64(b.sub))))
			sc.before = &first
			sc.play([2]*vfs.Mem{from.disks[0].Kill(), from.disks[1].Kill()}, from.events, from.now)
		}
	}
}

func (b *bench) scenario(s strike, rng *rand.Rand) *scenario {
	return &scenario{b: b, strike: s, rng: rng}
}
