package hunt

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/planted"
	"github.com/rhizome-ml/rhizome/internal/prove"
)

var counted = flag.String("counted", "",
	"file with the line that `rhizome prove planted --json` wrote: the table of SPECIFICATION.md is written anew from it")

const specification = "../../../SPECIFICATION.md"

var table = regexp.MustCompile(regexp.QuoteMeta(tableHead) + `(?:\|.*\|\n)*`)

// TestTable holds the table of SPECIFICATION.md against the list of bugs; its figures are a hunt's, and each bug has
// one.
func TestTable(t *testing.T) {
	text, err := os.ReadFile(specification)
	if err != nil {
		t.Fatal(err)
	}
	if *counted != "" {
		b, err := os.ReadFile(*counted)
		if err != nil {
			t.Fatal(err)
		}
		var r prove.Result
		if err := json.Unmarshal(b, &r); err != nil || !r.OK {
			t.Fatalf("no result of a hunt that found all: %v", err)
		}
		text = table.ReplaceAllLiteral(text, []byte(Table(r.Counts)))
		if err := os.WriteFile(specification, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := table.Find(text)
	figures := prove.Counts{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|.*\\| ([0-9,]+) \\|$").FindAllSubmatch(got, -1) {
		var n uint64
		if fmt.Sscan(strings.ReplaceAll(string(m[2]), ",", ""), &n); n == 0 {
			t.Errorf("%s was not found by any number of seeds", m[1])
		}
		figures[seedsTo+string(m[1])] = n
	}
	if want := Table(figures); string(got) != want || len(figures) != len(planted.Bugs()) {
		t.Errorf("the table is\n%s\nwant, with the figures of a hunt,\n%s", got, want)
	}
}

// TestNumberOfBugsIsTold holds the number of bugs that the papers tell against the list.
func TestNumberOfBugsIsTold(t *testing.T) {
	for file, words := range map[string]string{"README.md": "plants %d bugs", "RATIONALE.md": "Of the %d bugs"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(words, len(bugs())); !strings.Contains(strings.Join(strings.Fields(string(text)), " "),
			want) {
			t.Errorf("%s does not say %q", file, want)
		}
	}
}

// TestBenchFindsNothing runs some seeds of the bench without a bug: what it finds would be a bug of the tree, or of the
// bench.
func TestBenchFindsNothing(t *testing.T) {
	for seed := range uint64(12) {
		if err := Bench(seed); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// script is a part that hunts with a program of the test's own in place of a build.
type script struct {
	Part
	t    *testing.T
	text string
}

func (p script) Run(s *prove.Shard) error {
	s.Next()
	bin := filepath.Join(p.t.TempDir(), "hound")
	if err := os.WriteFile(bin, []byte("#!/bin/sh\n"+p.text), 0o755); err != nil {
		return err
	}
	find(s, &hound{bin}, "skip-sync", 0)
	return nil
}

// TestDriver: a bug that a process reports, or that makes it fall over, is found; one that none reports is a failure.
func TestDriver(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the processes are shell scripts")
	}
	for _, c := range []struct {
		what, text string
		found      uint64
		seeds      uint64
	}{
		{"a report", `echo '{"counts":{},"seeds":7,"failed":1,"failures":[{"seed":7,"text":"x"}],"done":true}'`, 1, 7},
		{"a fall", `echo '{"counts":{},"seeds":3}'; exit 2`, 1, 3},
		{"nothing", `echo '{"counts":{},"seeds":9,"done":true}'`, 0, 0},
		{"no trial", `echo '{"counts":{},"seeds":1,"error":"no memory","done":true}'`, 0, 0},
	} {
		r := prove.Single(script{t: t, text: c.text}, 1)
		if r.Counts["bugs found"] != c.found || r.Counts[seedsTo+"skip-sync"] != c.seeds ||
			(r.Failed == 0) != (c.found == 1) || r.Error != "" {
			t.Errorf("%s: %+v", c.what, r)
		}
	}
}

// TestHangIsNoFind: a process that goes on beyond its time is killed, and its bug counts as not found.
func TestHangIsNoFind(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the process is a shell script")
	}
	bin := filepath.Join(t.TempDir(), "hound")
	if err := os.WriteFile(bin, []byte("#!/bin/sh\nexec sleep 100\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	h := &hound{bin}
	grace = 100 * time.Millisecond
	defer func() { grace = 10 * time.Second }()
	if c, err := h.run("skip-sync", 1, 100*time.Millisecond); err == nil || c.found {
		t.Errorf("found %+v, %v", c, err)
	}
}

// TestMedian: rows of seeds are odd in number, or the upper of the two in the middle counts.
func TestMedian(t *testing.T) {
	if median([]uint64{9, 1, 5}) != 5 || median([]uint64{4, 2}) != 4 || median([]uint64{3}) != 3 {
		t.Error("median")
	}
}
