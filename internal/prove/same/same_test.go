package same

import (
	"os"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/prove"
)

// TestMain lets this program answer seeds, as its own variant.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "answer" {
		if err := Answer(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestSameLines asks this very program under two settings of its runtime; `rhizome prove same` asks other builds too.
func TestSameLines(t *testing.T) {
	for _, v := range Variants()[:2] {
		a, err := v.start(t.TempDir(), []string{"answer"})
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(3) {
			if err := a.ask(seed + 1); err != nil {
				t.Fatal(err)
			}
			got, err := a.answer()
			if want := Line(seed + 1); err != nil || got != want {
				t.Errorf("%s: %q, want %q (%v)", v.Name, got, want, err)
			}
		}
		a.stop()
	}
}

// TestLinesTellSeedsApart: a line that were always the same would prove nothing.
func TestLinesTellSeedsApart(t *testing.T) {
	a, b := Line(1), Line(2)
	for _, word := range []string{" disks ", " steps "} {
		_, x, _ := strings.Cut(a, word)
		_, y, _ := strings.Cut(b, word)
		if x, y = strings.Join(strings.Fields(x)[:1], ""), strings.Join(strings.Fields(y)[:1], ""); x == y {
			t.Errorf("the lines agree after %q: %q", word, x)
		}
	}
	if strings.Contains(a+b, "broken") || a == b {
		t.Errorf("%s\n%s", a, b)
	}
}

// TestADifferenceIsAFailure is the canary: a variant that answers something else.
func TestADifferenceIsAFailure(t *testing.T) {
	r := prove.Single(liar{}, 1)
	if r.OK || r.Failed != 1 || !strings.Contains(r.Failures[0].Text, "instead of") {
		t.Errorf("%+v", r)
	}
}

type liar struct{ Part }

func (liar) Prepare(string) error { return nil }

func (liar) Run(s *prove.Shard) error {
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		compare(s, "a liar", Line(seed+1), Line(seed))
	}
	return nil
}
