package rhizome_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/value"
)

// TestSimulationsAreEqual: a simulation is a function of its job and conditions, to the last byte of a packet.
func TestSimulationsAreEqual(t *testing.T) {
	c := rhizome.Conditions{Latency: 10 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.2,
		Sync: time.Millisecond, KillEvery: 300 * time.Millisecond}
	seen := map[string]bool{}
	for _, seed := range []uint64{1, 1, 2} {
		j, err := averaging(8)
		if err != nil {
			t.Fatal(err)
		}
		j.Seed = seed
		got, err := rhizome.Simulate(t.Context(), j, c)
		if err != nil {
			t.Fatal(err)
		}
		for i, ev := range got.Events {
			if average := float64(ev.Value.(value.Float)); math.Abs(average-35) > 10 {
				t.Errorf("seed %d: node %d has %v, want about 35", seed, i, average)
			}
		}
		if got.Kills == 0 || got.Packets == 0 || got.Time < time.Second {
			t.Errorf("seed %d: %+v", seed, got)
		}
		seen[got.SHA256] = true
	}
	if len(seen) != 2 {
		t.Errorf("%d hashes of three runs by two seeds", len(seen))
	}
}

// TestJobsAreChecked: a job that cannot be is refused by field, one that does not end is told so, and a context ends
// both kinds of run.
func TestJobsAreChecked(t *testing.T) {
	for field, change := range map[string]func(*rhizome.Job){
		"Program": func(j *rhizome.Job) { j.Program = nil },
		"Nodes":   func(j *rhizome.Job) { j.Nodes = map[string]int{"server": 1} },
		"Until":   func(j *rhizome.Job) { j.Until.Event = "" },
	} {
		j, err := averaging(3)
		if err != nil {
			t.Fatal(err)
		}
		change(&j)
		_, ran := rhizome.Run(t.Context(), t.TempDir(), j)
		_, simulated := rhizome.Simulate(t.Context(), j, rhizome.Conditions{})
		for _, err := range []error{ran, simulated} {
			var wrong *rhizome.ConfigError
			if !errors.As(err, &wrong) || wrong.Field != field {
				t.Errorf("%s: %v", field, err)
			}
		}
	}
	j, err := averaging(3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rhizome.Simulate(t.Context(), j, rhizome.Conditions{Latency: -1}); !errors.As(err,
		new(*rhizome.ConfigError)) {
		t.Errorf("a negative latency: %v", err)
	}
	var stuck *rhizome.StuckError
	if _, err := rhizome.Simulate(t.Context(), j, rhizome.Conditions{Limit: time.Second}); !errors.As(err, &stuck) ||
		stuck.Ended != 0 || stuck.Of != 3 {
		t.Errorf("a job that takes longer: %v", err)
	}
	j.Until.Event = "never"
	gone, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := rhizome.Run(gone, t.TempDir(), j); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a run whose context ends: %v", err)
	}
	if _, err := rhizome.Simulate(gone, j, rhizome.Conditions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a simulation whose context ends: %v", err)
	}
}

// TestRunGoesOn: a run that was interrupted goes on in the same directory, and one that is over tells its events again,
// with their numbers.
func TestRunGoesOn(t *testing.T) {
	j, err := averaging(4)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for range 3 {
		short, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
		_, err := rhizome.Run(short, dir, j)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("three seconds of work in a second: %v", err)
		}
	}
	first, err := rhizome.Run(t.Context(), dir, j)
	if err != nil {
		t.Fatal(err)
	}
	again, err := rhizome.Run(t.Context(), dir, j)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i := range first {
		if first[i] != again[i] {
			t.Errorf("node %d told %v, and then %v", i, first[i], again[i])
		}
		sum += float64(first[i].Value.(value.Float))
	}
	if math.Abs(sum/4-15) > 5 {
		t.Errorf("the average of all is %v, want about 15", sum/4)
	}
	broken := errors.New("the host has had enough")
	j.OnEvent = func(rhizome.Member, rhizome.Event) error { return broken }
	if _, err := rhizome.Run(t.Context(), dir, j); !errors.Is(err, broken) {
		t.Errorf("an error of OnEvent: %v", err)
	}
}
