package prove

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// trial is a part of which seed 7 fails, seed 9 panics, and seed 11 ends the process.
type trial struct{ floor uint64 }

func (trial) Name() string    { return "trial" }
func (trial) Promise() string { return "nothing" }
func (p trial) Floors() []Floor {
	return []Floor{{What: "tries", N: p.floor}, {What: "odd", N: p.floor / 4, Fault: true}}
}

func (p trial) Turn(t Turn) (uint64, []Floor) { return t.Share(p.Floors()) }

func (p trial) Run(s *Shard) error {
	for seed, ok := s.Next(); ok; seed, ok = s.Next() {
		s.Add("tries", 1)
		s.Add("odd", seed%2)
		switch {
		case p.floor == 13 && seed == 7:
			s.Fail("seven")
		case p.floor == 13 && seed == 9:
			panic("nine")
		case p.floor == 14:
			return errors.New("cannot be tried")
		case p.floor == 16:
			return &NotHereError{"no rights"}
		case p.floor == 15 && seed == 11:
			os.Exit(3)
		}
	}
	return nil
}

// TestMain lets this program be a shard of itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "shard" {
		var floor, first uint64
		var index, of int
		var dir string
		var turn Turn
		fmt.Sscan(strings.Join(os.Args[2:3], " "), &floor)
		for i, a := range os.Args {
			switch a {
			case "--shard":
				fmt.Sscanf(os.Args[i+1], "%d/%d", &index, &of)
			case "--shared":
				dir = os.Args[i+1]
			case "--turn":
				turn, _ = ParseTurn(os.Args[i+1])
			case "--first":
				fmt.Sscan(os.Args[i+1], &first)
			}
		}
		Child(trial{floor}, index, of, first, turn, time.Time{}, dir, os.Stdin, os.Stdout)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runTrial(t *testing.T, floor uint64, opt Options) *Result {
	t.Helper()
	opt.Command = []string{os.Args[0], "shard", fmt.Sprint(floor)}
	var got *Result
	ok, err := Run(context.Background(), []Part{trial{floor}}, opt, func(r *Result) { got = r })
	if err != nil || ok != got.OK {
		t.Fatalf("%v, %v", ok, err)
	}
	return got
}

func TestFloorsAreReachedByProcesses(t *testing.T) {
	ledger := filepath.Join(t.TempDir(), "ledger")
	r := runTrial(t, 100, Options{Shards: 3, Ledger: ledger})
	if !r.OK || r.Counts["tries"] < 100 || r.From != 1 || r.To < 100 || r.Seeds != r.Counts["tries"] {
		t.Errorf("%+v", r)
	}
	entries, err := ReadLedger(ledger)
	if err != nil || len(entries) != 1 || entries[0].To != r.To || entries[0].Counts["odd"] != r.Counts["odd"] ||
		entries[0].Time == "" {
		t.Errorf("ledger %+v, %v", entries, err)
	}
	if next, err := nextSeed(ledger, "trial"); next != r.To || err != nil {
		t.Errorf("the next seed is %d (%v), want %d", next, err, r.To)
	}
}

func TestFailuresNameTheirSeed(t *testing.T) {
	r := runTrial(t, 13, Options{Shards: 2})
	if r.OK || r.Failed != 2 || len(r.Again) != 2 || r.Again[0] != "rhizome prove trial --seed 7" ||
		r.Again[1] != "rhizome prove trial --seed 9" {
		t.Fatalf("%+v", r)
	}
	if !strings.Contains(r.Failures[1].Text, "panic: nine") || r.Counts["tries"] < 13 {
		t.Errorf("a panic ended the shard: %+v", r)
	}
	if r := runTrial(t, 14, Options{Shards: 2}); r.OK || r.Error != "cannot be tried" {
		t.Errorf("an error of the part: %+v", r)
	}
	if r := runTrial(t, 15, Options{Shards: 1}); r.OK || r.Failed != 1 || !strings.Contains(r.Failures[0].Text,
		"exit status 3") || r.Failures[0].Seed != 11 {
		t.Errorf("a process that ends: %+v", r)
	}
	if r := runTrial(t, 16, Options{Shards: 2}); !r.OK || r.NotHere != "no rights" || len(r.Missed) != 0 {
		t.Errorf("a part that this machine cannot try: %+v", r)
	}
	if r := Single(trial{16}, 1); !r.OK || r.NotHere != "no rights" {
		t.Errorf("one seed of it: %+v", r)
	}
	for seed, ok := range map[uint64]bool{7: false, 8: true, 9: false} {
		if r := Single(trial{13}, seed); r.OK != ok || r.Seeds != 1 {
			t.Errorf("seed %d by itself: %+v", seed, r)
		}
	}
}

// TestTurns: a run of a turn reaches its share with seeds of its own, and says in the ledger whose share that was.
func TestTurns(t *testing.T) {
	ledger := filepath.Join(t.TempDir(), "ledger")
	turn, err := ParseTurn("2/5")
	if err != nil {
		t.Fatal(err)
	}
	r := runTrial(t, 100, Options{Shards: 2, Ledger: ledger, Turn: turn})
	if !r.OK || r.Floors[0].N != 20 || r.Floors[1].N != 5 || r.From != 2*turnSeeds+1 || r.To < r.From+20 ||
		r.Turn != "2/5" {
		t.Errorf("%+v", r)
	}
	if entries, err := ReadLedger(ledger); err != nil || len(entries) != 1 || entries[0].Turn != "2/5" {
		t.Errorf("ledger %+v, %v", entries, err)
	}
	for _, bad := range []string{"", "5/5", "-1/5", "1/0", "1", "1/5 ", "01/5", "1/2000"} {
		if got, err := ParseTurn(bad); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
	for n := range uint64(30) {
		next := uint64(0)
		for at := range uint64(7) {
			from, to := (Turn{at, 7}).Items(n)
			if from != next || to < from {
				t.Fatalf("of %d items turn %d has %d to %d, after %d", n, at, from, to, next)
			}
			next = to
		}
		if next != n {
			t.Errorf("of %d items all turns have %d", n, next)
		}
	}
}

func TestJudge(t *testing.T) {
	floors := []Floor{{What: "a", N: 10}, {What: "b", N: 10, Fault: true}, {What: "c", N: 10, Scales: true}}
	for _, c := range []struct {
		counts         Counts
		ok             bool
		missed, scaled string
	}{
		{Counts{"a": 10, "b": 10, "c": 10}, true, "[]", "[]"},
		{Counts{"a": 9, "b": 10, "c": 10}, false, "[a 9 of 10]", "[]"},
		{Counts{"a": 10, "b": 9, "c": 10}, false, "[starved: b 9 of 10]", "[]"},
		{Counts{"a": 10, "b": 10, "c": 5}, true, "[]", "[c 5 of 10]"},
		{Counts{"a": 10, "b": 10}, false, "[c 0 of 10]", "[]"},
	} {
		r := &Result{Floors: floors, Counts: c.counts}
		r.judge()
		if r.OK != c.ok || fmt.Sprint(r.Missed) != c.missed || fmt.Sprint(r.Scaled) != c.scaled {
			t.Errorf("%v: %+v", c.counts, r)
		}
	}
	if got := Grouped(1234567) + Grouped(12) + Grouped(123); got != "1,234,56712123" {
		t.Errorf("numbers are written %s", got)
	}
}

// TestTimeIsShared: of seven minutes a part of weight two beside five others has two.
func TestTimeIsShared(t *testing.T) {
	parts := []Part{heavy{}, trial{}, trial{}, trial{}, trial{}, trial{}}
	if got := time.Until(share(time.Now().Add(7*time.Minute), parts, false)); got < 119*time.Second ||
		got > 2*time.Minute {
		t.Errorf("it has %v", got)
	}
	if got := time.Until(share(time.Now().Add(7*time.Minute), parts[1:], false)); got < 83*time.Second ||
		got > 84*time.Second {
		t.Errorf("one of five has %v", got)
	}
	if !share(time.Time{}, parts, false).IsZero() {
		t.Error("there is an end where none was asked for")
	}
}

type heavy struct{ trial }

func (heavy) Weight() int { return 2 }

// TestTimeEndsAShard: a floor that cannot be reached is missed when the time is up, and not waited for.
func TestTimeEndsAShard(t *testing.T) {
	var out bytes.Buffer
	start := time.Now()
	r, w := io.Pipe()
	defer w.Close()
	Child(trial{1 << 62}, 0, 1, 1, Turn{}, start.Add(30*time.Millisecond), "", r, &out)
	if time.Since(start) > 5*time.Second || !strings.Contains(out.String(), `"done":true`) {
		t.Errorf("after %v: %d bytes of reports", time.Since(start), out.Len())
	}
}
