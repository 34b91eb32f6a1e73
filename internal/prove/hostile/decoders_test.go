package hostile

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/prove"
)

// TestEveryDecoderHasATarget holds the list of targets against the tree: all are on it, all go through package fuzzing,
// and SPECIFICATION.md names them.
func TestEveryDecoderHasATarget(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	head := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)
	var found []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil || folder == filepath.Join("internal", "fuzzing") {
			return err // its own tests
		}
		for _, m := range head.FindAllStringSubmatch(string(text), -1) {
			found = append(found, filepath.ToSlash(folder)+"/"+m[1])
		}
		if strings.Contains(string(text), "f.Fuzz"+"(") {
			t.Errorf("%s calls f.Fuzz; want fuzzing.Run, so that rhizome prove hostile can try it", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	spec, err := os.ReadFile(filepath.Join(root, "SPECIFICATION.md"))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, x := range targets {
		listed = append(listed, x.name)
		if !strings.Contains(string(spec), "`"+x.name+"`") {
			t.Errorf("SPECIFICATION.md does not name %s", x.name)
		}
	}
	slices.Sort(found)
	slices.Sort(listed)
	if !slices.Equal(found, listed) {
		t.Errorf("the tree has\n%v\nand the list\n%v", found, listed)
	}
}

// TestTargetsReachTheirFloors: while the envelopes of a run reach their floor, the turns of each target reach its own,
// of all and of each of five turns. A target that could not would have every run go on to the end of its time.
func TestTargetsReachTheirFloors(t *testing.T) {
	turns := []prove.Turn{{At: 0, Of: 1}} // all of it
	for at := range uint64(5) {
		turns = append(turns, prove.Turn{At: at, Of: 5})
	}
	for _, of := range turns {
		first, floors := Part{}.Turn(of)
		tried := map[string]uint64{}
		for seed := first; tried[floorEnvelopes] < floors[0].N; seed++ {
			tried[floorEnvelopes] += envelopesPerSeed
			if x := turn(seed); x != nil {
				tried[x.name] += uint64(x.tries)
			}
		}
		for i := range targets {
			for _, f := range floors {
				if name := targets[i].name; f.What == name && (tried[name] < f.N || f.N == 0) {
					t.Errorf("turn %q: %s is tried %d times while the envelopes reach their floor; want %d", of,
						name, tried[name], f.N)
				}
			}
		}
	}
}

// TestDecoders gives one target a short turn in a binary with counters, and shows that its coverage leads it.
func TestDecoders(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a test binary")
	}
	r := prove.Single(oneTarget{&target{"internal/wire/FuzzDecode", "", 20_000}}, 5)
	if !r.OK || r.Counts[floorExecutions] < 20_000 || r.Counts["inputs that reached new code"] < 10 {
		t.Errorf("%+v", r)
	}
}

type oneTarget struct{ t *target }

func (oneTarget) Name() string             { return "one" }
func (oneTarget) Promise() string          { return "" }
func (oneTarget) Floors() []prove.Floor    { return nil }
func (o oneTarget) Prepare(d string) error { return build(d, o.t.folder(), []string{"value"}) }
func (o oneTarget) Run(s *prove.Shard) error {
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		if err := decode(s, seed, o.t); err != nil {
			return err
		}
	}
	return nil
}
