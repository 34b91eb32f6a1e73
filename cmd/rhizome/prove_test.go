package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/prove"
)

// TestProve tries one part over processes, and one seed by itself, as CI does and as a stranger does with a failure.
func TestProve(t *testing.T) {
	var ledger string
	var got outcome
	var r prove.Result
	// A second, or more where its processes take as long to begin: one that reached the floor would miss nothing.
	for minutes := 0.02; minutes < 1 && r.Counts["restores"] == 0; minutes *= 2 {
		ledger, r = t.TempDir()+"/ledger", prove.Result{}
		got = rhizome(t, "prove", "restores", "--minutes", fmt.Sprint(minutes), "--shards", "2", "--json", "--ledger",
			ledger)
		if err := json.Unmarshal([]byte(got.Out), &r); err != nil {
			t.Fatalf("%v: %s%s", err, got.Out, got.Err)
		}
	}
	if got.Code != exitInternal || r.Failed != 0 || r.Counts["restores"] == 0 || len(r.Missed) == 0 || r.Error != "" {
		t.Errorf("a second of restores: code %d, %+v", got.Code, r)
	}
	if entries, err := prove.ReadLedger(ledger); err != nil || len(entries) != 1 || entries[0].Part != "restores" {
		t.Errorf("ledger %+v, %v", entries, err)
	}
	if got := rhizome(t, "prove", "restores", "--covered", "--ledger", ledger); got.Code != exitOK ||
		!strings.Contains(got.Out, "restores     whole 20") {
		t.Errorf("what it covers: %+v", got)
	}
	if got := rhizome(t, "prove", "crashes", "--seed", "14"); got.Code != exitOK || !strings.Contains(got.Out,
		"crashes: holds") {
		t.Errorf("one seed: %+v", got)
	}
	for _, args := range [][]string{{"prove", "nothing"}, {"prove", "--seed", "1"},
		{"prove", "crashes", "--shard", "2/2"},
		{"prove", "--covered"}, {"prove", "--covered", "--ledger", "no-such.ledger"},
		{"prove", "crashes", "--turn", "5/5"}, {"prove", "crashes", "--turn", "1/5", "--soak"}} {
		if got := rhizome(t, args...); got.Code != exitBad || strings.TrimSpace(got.Err) == "" {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

// TestProveInterrupted: Ctrl-C is answered within a second, ends soon after, and says that it was one: nothing is said
// to fail that was not tried, and failures that were met are still told.
func TestProveInterrupted(t *testing.T) {
	ledger, shared := t.TempDir()+"/ledger", t.TempDir()
	cmd, out, errs := command(t, "prove", "mass", "--shards", "1", "--ledger", ledger)
	cmd.Env = append(os.Environ(), "TMPDIR="+shared)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(commandtest.Patience()); ; time.Sleep(10 * time.Millisecond) {
		// a shard of it is at work
		if found, err := filepath.Glob(filepath.Join(shared, "*", "shard-0")); err != nil || len(found) > 0 {
			break
		} else if time.Now().After(until) {
			t.Fatal("it does not begin")
		}
	}
	cmd.Process.Signal(os.Interrupt)
	at := time.Now()
	o := finish(t, cmd, out, errs)
	if took := time.Since(at); took > 20*time.Second { // a second, where the machine has nothing else to do
		t.Errorf("it ended after %v", took)
	}
	if o.Code != exitInterrupted || strings.Contains(o.Out, "DOES NOT HOLD") || strings.Contains(o.Out, "MISSED") ||
		!strings.Contains(o.Out, "mass: INTERRUPTED") || !strings.Contains(o.Err,
		"interrupted; ends what is under way") || !strings.Contains(o.Err, "the rest is not shown") {
		t.Errorf("exit code %d\n%s%s", o.Code, o.Out, o.Err)
	}
	if _, err := os.Stat(ledger); err == nil {
		t.Error("an interrupted part is in the ledger")
	}
}

// TestFloorsAreSpecified holds the floors of the parts against section 9 of SPECIFICATION.md.
func TestFloorsAreSpecified(t *testing.T) {
	text, err := os.ReadFile("../../SPECIFICATION.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## 9. Proofs")
	rows := map[string]string{}
	for _, line := range strings.Split(section, "\n") {
		if cells := strings.Split(line, " | "); len(cells) == 4 {
			rows[strings.Trim(cells[0], "| `")] = cells[2]
		}
	}
	for _, p := range proofs {
		row, ok := rows[p.Name()]
		if !ok {
			t.Errorf("part %s has no row", p.Name())
			continue
		}
		if f := p.Floors()[0]; f.N >= 1000 && !strings.Contains(row, prove.Grouped(f.N)) {
			t.Errorf("the row of %s does not say %s: %s", p.Name(), prove.Grouped(f.N), row)
		}
		delete(rows, p.Name())
	}
	for name := range rows {
		if name != "part" && name != "---" {
			t.Errorf("there is a row for %q, and no part", name)
		}
	}
}

// TestTurnsReachTheFloors: over all turns no part is tried less than by one run without turns.
func TestTurnsReachTheFloors(t *testing.T) {
	for _, of := range []uint64{1, 2, 5, 10} {
		for _, p := range proofs {
			r, ok := p.(prove.Rotating)
			if !ok {
				continue
			}
			sums, firsts := map[string]uint64{}, map[uint64]bool{}
			for at := range of {
				first, floors := r.Turn(prove.Turn{At: at, Of: of})
				if firsts[first] {
					t.Errorf("%s: two of %d turns begin at seed %d", p.Name(), of, first)
				}
				firsts[first] = true
				for _, f := range floors {
					sums[f.What] += f.N
				}
			}
			for _, f := range p.Floors() {
				if sums[f.What] < f.N {
					t.Errorf("%s: %d of %d %s in %d turns", p.Name(), sums[f.What], f.N, f.What, of)
				}
			}
		}
	}
}

// TestLedger: the ledger of the tree can be read, and has every part that ran.
func TestLedger(t *testing.T) {
	entries, err := prove.ReadLedger("../../prove.ledger")
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for _, e := range entries {
		if _, err := chosen([]string{e.Part}); err != nil || e.To <= e.From || e.Failed != 0 || e.Time == "" ||
			len(e.Counts) == 0 {
			t.Errorf("%+v (%v)", e, err)
		}
	}
}
