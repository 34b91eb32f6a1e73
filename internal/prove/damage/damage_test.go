package damage

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/prove"
)

// TestDamages tries a few units; the whole is `rhizome prove damage`.
func TestDamages(t *testing.T) {
	units, err := golden()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, u := range units {
		format := u.sp.name + u.file[:4]
		if seen[format] || strings.HasSuffix(u.file, ".held") {
			continue
		}
		seen[format] = true
		u.to = min(u.to, u.from+1500)
		if testing.Short() {
			u.to = u.from + 100
		}
		try(t, u, uint64(i+1))
	}
	if len(seen) < 4 {
		t.Errorf("damaged %v: a format has no journal or no snapshot", seen)
	}
}

// TestDamagesOfALife tries every damage of the file that keeps a node's life, and some of the others of its directory.
func TestDamagesOfALife(t *testing.T) {
	sp, err := lived(9)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sp.mem.names {
		for i, u := range sp.units(name) {
			u.from = max(u.from, u.to-400)
			if testing.Short() && i > 0 {
				break
			}
			try(t, u, 1)
		}
	}
	if sp.life == nil || sp.life.number < 3 || len(sp.newest) == 0 || sp.mem.files[lifeFile] == nil {
		t.Errorf("life %+v, snapshots %v", sp.life, sp.newest)
	}
}

func try(t *testing.T, u unit, seed uint64) {
	t.Helper()
	r := prove.Single(piece{u}, seed)
	for _, f := range r.Failures {
		t.Error(f.Text)
	}
	if r.Counts["damages"] != uint64(u.to-u.from) {
		t.Errorf("%s: %v", u.file, r.Counts)
	}
}

// piece is a part of one unit.
type piece struct{ u unit }

func (piece) Name() string          { return "damage" }
func (piece) Promise() string       { return "" }
func (piece) Floors() []prove.Floor { return nil }
func (p piece) Run(s *prove.Shard) error {
	for _, ok := s.Next(); ok; _, ok = s.Next() {
		p.u.run(s)
	}
	return nil
}

// TestSilentAcceptsAreSeen is the canary: what is read must be held against what was written.
func TestSilentAcceptsAreSeen(t *testing.T) {
	sp, err := lived(5)
	if err != nil {
		t.Fatal(err)
	}
	sp.records[0] = append(bytes.Clone(sp.records[0]), 1)
	name := sp.newest[0]
	sp.snapshots[name] = append(bytes.Clone(sp.snapshots[name]), 1)
	for _, file := range []string{sp.mem.names[1], name} {
		if v, err := sp.read(file, 0); v != silent || err == nil {
			t.Errorf("%s was read as %v", file, verdicts[v])
		}
	}
	sp.life.number++
	if v, _ := sp.life.read(sp.mem.files[lifeFile]); v != silent {
		t.Error("a life that begins again was not seen")
	}
}
