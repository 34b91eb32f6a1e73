package damage

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/journal/testdata"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/rig"
)

// Part is the proof as a part of the whole.
type Part struct{}

// Name is the word of the command line.
func (Part) Name() string { return "damage" }

// Promise is what holds.
func (Part) Promise() string {
	return "every flipped bit and every cut of a file is refused with its place, or repaired and said so, or " +
		"changes nothing"
}

// Weight is its share of the time.
func (Part) Weight() int { return 2 }

// Floors are those of CI.
func (Part) Floors() []prove.Floor {
	return []prove.Floor{
		{What: "damages", N: 30_000_000}, {What: "golden", N: uint64(goldenDamages())},
		{What: "bit flips", N: 1_000_000, Fault: true}, {What: "cuts", N: 1_000_000, Fault: true},
	}
}

// Turn is a share of the floors, with its own of the golden corpora.
func (p Part) Turn(t prove.Turn) (uint64, []prove.Floor) {
	units, _ := golden() // Run says what is wrong
	from, to := t.Items(uint64(len(units)))
	_, floors := t.Share(p.Floors())
	floors[1].N = uint64(damagesOf(units[from:to]))
	return 1 + from, floors
}

// unit is a piece of work: some damages of one file. A file of n bytes has 8n flips, and then n cuts, by their number.
type unit struct {
	sp       *specimen
	file     string
	from, to int
}

// unitDamages is the size of a unit.
const unitDamages = 20000

// units cuts the damages of a file.
func (sp *specimen) units(name string) (out []unit) {
	all := 9 * len(sp.mem.files[name])
	for from := 0; from < all; from += unitDamages {
		out = append(out, unit{sp, name, from, min(from+unitDamages, all)})
	}
	return out
}

// golden are the units of the golden corpora.
var golden = sync.OnceValues(func() ([]unit, error) {
	var out []unit
	formats, err := fs.ReadDir(testdata.Files, ".")
	if err != nil {
		return nil, err
	}
	for _, f := range formats {
		files := map[string][]byte{}
		entries, err := fs.ReadDir(testdata.Files, f.Name())
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if files[e.Name()], err = fs.ReadFile(testdata.Files, path.Join(f.Name(), e.Name())); err != nil {
				return nil, err
			}
		}
		sp, err := newSpecimen(f.Name(), files)
		if err != nil {
			return nil, err
		}
		for _, name := range sp.mem.names {
			out = append(out, sp.units(name)...)
		}
	}
	return out, nil
})

func goldenDamages() (n int) {
	units, err := golden()
	if err != nil {
		return 1 // Run says what is wrong
	}
	return damagesOf(units)
}

func damagesOf(units []unit) (n int) {
	for _, u := range units {
		n += u.to - u.from
	}
	return n
}

// Run damages the golden corpora first, and then the directory of one node for each seed.
func (Part) Run(s *prove.Shard) error {
	units, err := golden()
	if err != nil {
		return err
	}
	_, mine := s.Turn.Items(uint64(len(units)))
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		golden := seed <= uint64(len(units))
		if golden && seed > mine || !golden && s.Turn.Of > 0 && seed%s.Turn.Of != s.Turn.At {
			continue // of another turn
		}
		if golden {
			u := units[seed-1]
			u.run(s)
			s.Add("golden", uint64(u.to-u.from))
			continue
		}
		sp, err := lived(seed)
		if err != nil {
			return err
		}
		for _, name := range sp.mem.names {
			for _, u := range sp.units(name) {
				if !s.Over() {
					u.run(s)
				}
			}
		}
	}
	return nil
}

// lived returns the directory of a node that ran by a seed.
func lived(seed uint64) (*specimen, error) {
	rng := rand.New(rand.NewPCG(seed, 5))
	r, err := rig.New(rig.Options{Seed: seed, SnapshotBytes: int64(400 + rng.IntN(2000)), Pad: rng.IntN(800)})
	if err != nil {
		return nil, err
	}
	if err := r.Run(2 + rng.IntN(6)); err != nil {
		return nil, err
	}
	i, files := rng.IntN(2), map[string][]byte{}
	for range 2 { // lives
		if err := r.Nodes[i].Close(); err != nil {
			return nil, err
		}
		if err := r.Open(i); err != nil {
			return nil, err
		}
	}
	// A life of which the journal does not know has sent nothing: its number may come again. So the last one is made
	// durable.
	if err := r.Nodes[i].Journal.Sync(); err != nil {
		return nil, err
	}
	for _, p := range r.FS[i].Names() {
		name := path.Base(p)
		if !directory.OwnsFile(name) || name == "lock" {
			continue
		}
		b, err := vfs.ReadFile(r.FS[i], p, 1<<20)
		if err != nil {
			return nil, err
		}
		files[name] = b
	}
	sp, err := newSpecimen(fmt.Sprintf("node%d", i), files)
	if err == nil {
		sp.life, err = newLife(r, i)
	}
	return sp, err
}

// run does the damages of a unit one after the other, and undoes each.
func (u unit) run(s *prove.Shard) {
	whole := u.sp.mem.files[u.file]
	b := append([]byte(nil), whole...)
	u.sp.mem.files[u.file] = b
	defer func() { u.sp.mem.files[u.file] = whole }()
	var counts [len(verdictList)]uint64
	cuts := uint64(0)
	for i := u.from; i < u.to; i++ {
		cut := i >= 8*len(whole)
		if cut {
			u.sp.mem.files[u.file] = b[:i-8*len(whole)]
			cuts++
		} else {
			b[i/8] ^= 1 << (i % 8)
		}
		v, err := u.sp.read(u.file, i)
		if err != nil {
			s.Fail("%s, %s, %s: %v", u.sp.name, u.file, damageText(i, len(whole)), err)
		}
		counts[v]++
		if cut {
			u.sp.mem.files[u.file] = b
		} else {
			b[i/8] ^= 1 << (i % 8)
		}
	}
	for _, v := range verdictList {
		s.Add(verdicts[v], counts[v])
	}
	s.Add("damages", uint64(u.to-u.from))
	s.Add("cuts", cuts)
	s.Add("bit flips", uint64(u.to-u.from)-cuts)
}

var verdictList = [...]verdict{silent, harmless, refused, repaired}

func damageText(i, size int) string {
	if i >= 8*size {
		return fmt.Sprintf("cut to %d bytes", i-8*size)
	}
	return fmt.Sprintf("bit %d of byte %d flipped", i%8, i/8)
}
