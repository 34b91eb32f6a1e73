package fuzzing

import (
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// cell is a decoder with a bug that no seed and no single edit reaches: each byte that is right is a statement of its
// own.
func cell(b []byte) (depth int, broken bool) {
	for i, want := range []byte("rhizome!") {
		if i >= len(b) || b[i] != want {
			return i, false
		}
	}
	return 8, true
}

// TestCoverageLeads: with coverage the loop finds in some thousand tries what chance would need 2^64 for; it says with
// which input, and what it kept is read by the next process.
func TestCoverageLeads(t *testing.T) {
	dir := t.TempDir()
	best := 0
	l := &loop{
		order: Order{Target: "cell", Seed: 1, Tries: 400_000, Corpus: dir, Name: "a"}, allowance: Allowance,
		types: []reflect.Type{reflect.TypeFor[[]byte]()}, seeds: []input{{nil}},
	}
	l.coverage = func() float64 { return float64(best) }
	l.call = reflect.ValueOf(func(t *testing.T, b []byte) {
		depth, _ := cell(b)
		best = max(best, depth)
	})
	if r := l.run(); r.Failure != "" || best != 8 || r.Found != 8 || r.Tries < 400_000 {
		t.Errorf("%+v, %d bytes were found", r, best)
	}
	if kept, err := load(dir, 1); err != nil || len(kept) != 8 || !strings.HasPrefix(string(kept[7][0]), "rhizome!") {
		t.Errorf("%q, %v", kept, err)
	}
}

// TestFailuresAreFound is the canary: a process whose target panics, fails, or takes too much memory says so, with the
// input.
func TestFailuresAreFound(t *testing.T) {
	for _, target := range []string{"FuzzPanics", "FuzzFails", "FuzzTakes"} {
		cmd := exec.Command(os.Args[0], "-test.run", "^"+target+"$")
		cmd.Env = append(os.Environ(), fmt.Sprintf(`%s={"Target":%q,"Seed":1,"Tries":100000}`, Environment, target))
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), ReportMark) || !strings.Contains(string(out), "bad!") {
			t.Errorf("%s: %v\n%s", target, err, out)
		}
	}
}

func FuzzPanics(f *testing.F) { canary(f, func(*testing.T) { panic("here") }) }

func FuzzFails(f *testing.F) { canary(f, func(t *testing.T) { t.Fatal("here") }) }

var sink []byte

func FuzzTakes(f *testing.F) { canary(f, func(*testing.T) { sink = make([]byte, 1<<30) }) }

// canary breaks on inputs near its seed, where it is not an ordinary test.
func canary(f *testing.F, broken func(*testing.T)) {
	for range 60 { // most of what is measured together the first time are seeds
		f.Add("bad.")
	}
	Run(f, func(t *testing.T, s string) {
		if strings.HasPrefix(s, "bad!") && os.Getenv(Environment) != "" {
			broken(t)
		}
	})
}
