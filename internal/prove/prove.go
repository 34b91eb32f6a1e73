package prove

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Options say how parts are run.
type Options struct {
	Minutes  float64 // for all parts together; 0 is until the floors are reached
	Soak     bool    // go on until the time is up or the context ends, part after part, from where the ledger ended
	Ledger   string  // a file to which each run of a part is added; "" is none
	Shards   int     // processes; 0 is one for each processor
	First    uint64  // the first seed; 0 is 1, or that of the turn, or in a soak what follows the ledger
	Turn     Turn    // of parts that rotate; a soak has none
	Command  []string
	Progress func(Progress)
}

// Progress is what a bar shows.
type Progress struct {
	Part        string
	What        string // the first floor
	Done, Floor uint64
	Elapsed     time.Duration
	Left        time.Duration // of the time for this part; 0 is no bound
}

// Result is what running a part gave.
type Result struct {
	Part     string    `json:"part"`
	Turn     string    `json:"turn,omitempty"` // whose floors they are, of a part that rotates
	Promise  string    `json:"promise"`
	OK       bool      `json:"ok"`
	Seconds  float64   `json:"seconds"`
	From     uint64    `json:"from"`
	To       uint64    `json:"to"` // the seeds From to To-1 were tried, as far as time allowed
	Seeds    uint64    `json:"seeds"`
	Counts   Counts    `json:"counts"`
	Floors   []Floor   `json:"floors"`
	Missed   []string  `json:"missed,omitempty"`
	Scaled   []string  `json:"scaled,omitempty"`
	Failed   uint64    `json:"failed"`
	Failures []Failure `json:"failures,omitempty"`
	Error    string    `json:"error,omitempty"`
	// why this machine cannot try it; nothing is said about the promise then
	NotHere string `json:"not_here,omitempty"`
	// it was interrupted: its floors say nothing, failures that were met still count
	Stopped bool     `json:"stopped,omitempty"`
	Again   []string `json:"again,omitempty"` // for each failure the command that shows it
}

// Single tries one seed of a part in this process.
func Single(p Part, seed uint64) *Result {
	dir, err := os.MkdirTemp("", "rhizome-prove-")
	if err != nil {
		return &Result{Part: p.Name(), Promise: p.Promise(), Error: err.Error()}
	}
	defer os.RemoveAll(dir)
	r, start := newResult(p, p.Floors(), seed), time.Now()
	if err := prepare(p, dir); err != nil {
		r.refused(err)
		return r
	}
	s := &Shard{Of: 1, Dir: dir, first: seed, one: true}
	s.run(p)
	r.collect([]State{s.state})
	r.Seconds = time.Since(start).Seconds()
	r.OK = r.Failed == 0 && r.Error == ""
	return r
}

// Run runs the parts one after the other, each spread over processes, and hands each result over as it is there. It
// says whether all of them hold. The error is one of the machine.
func Run(ctx context.Context, parts []Part, opt Options, done func(*Result)) (bool, error) {
	if opt.Shards == 0 {
		opt.Shards = runtime.NumCPU()
	}
	end := time.Time{}
	if opt.Minutes > 0 {
		end = time.Now().Add(time.Duration(opt.Minutes * float64(time.Minute)))
	}
	ok := true
	for turn := 0; ; turn++ {
		for i, p := range parts {
			if ctx.Err() != nil || turn > 0 && !end.IsZero() && time.Now().After(end) {
				return ok, nil
			}
			r, err := runPart(ctx, p, opt, share(end, parts[i:], opt.Soak))
			if err != nil {
				return false, err
			}
			ok = ok && r.OK
			done(r)
			if opt.Ledger != "" && (!r.Stopped || opt.Soak) { // a soak is as long as it is
				if err := appendLedger(opt.Ledger, r, opt); err != nil {
					return false, err
				}
			}
		}
		if !opt.Soak {
			return ok, nil
		}
	}
}

// soakTurn is how long a soak stays with one part before the next has its turn.
const soakTurn = 10 * time.Minute

// share returns when the first of parts must end, if they share the time until end: what a quick one leaves, the others
// have.
func share(end time.Time, parts []Part, soak bool) time.Time {
	now := time.Now()
	part := max(0, end.Sub(now)) * time.Duration(weights(parts[:1])) / time.Duration(weights(parts))
	switch {
	case end.IsZero() && soak:
		return now.Add(soakTurn)
	case end.IsZero():
		return end
	case soak:
		return now.Add(min(soakTurn, part))
	}
	return now.Add(part)
}

func newResult(p Part, floors []Floor, from uint64) *Result {
	return &Result{Part: p.Name(), Promise: p.Promise(), From: from, To: from, Floors: floors, Counts: Counts{}}
}

// collect adds up what the shards did.
func (r *Result) collect(states []State) {
	for _, s := range states {
		r.Counts.add(s.Counts)
		r.Seeds += s.Seeds
		r.To = max(r.To, s.Next)
		r.Failed += s.Failed
		r.Failures = append(r.Failures, s.Failures...)
		if r.Error == "" {
			r.Error = s.Error
		}
		if r.NotHere == "" {
			r.NotHere = s.NotHere
		}
	}
	slices.SortFunc(r.Failures, func(a, b Failure) int { return int(min(1, max(-1, int64(a.Seed)-int64(b.Seed)))) })
	r.Failures = r.Failures[:min(len(r.Failures), failuresKept)]
	for _, f := range r.Failures {
		r.Again = append(r.Again, fmt.Sprintf("rhizome prove %s --seed %d", r.Part, f.Seed))
	}
}

// refused notes why a part was not tried.
func (r *Result) refused(err error) {
	if not := (*NotHereError)(nil); errors.As(err, &not) {
		r.NotHere, r.OK = not.Reason, true
	} else {
		r.Error = err.Error()
	}
}

// stop makes the result one of a part that was interrupted.
func (r *Result) stop() {
	r.Stopped, r.Missed, r.Scaled = true, nil, nil
	r.OK = r.Failed == 0 && r.Error == ""
}

// judge holds the counts against the floors.
func (r *Result) judge() {
	if r.NotHere != "" { // then nothing was counted
		r.OK = r.Failed == 0 && r.Error == ""
		return
	}
	for _, f := range r.Floors {
		got := r.Counts[f.What]
		switch text := fmt.Sprintf("%s %s of %s", f.What, Grouped(got), Grouped(f.N)); {
		case got >= f.N:
		case f.Scales && got > 0:
			r.Scaled = append(r.Scaled, text)
		case f.Fault:
			r.Missed = append(r.Missed, "starved: "+text)
		default:
			r.Missed = append(r.Missed, text)
		}
	}
	r.OK = r.Failed == 0 && r.Error == "" && len(r.Missed) == 0
}

// Grouped writes a number with commas.
func Grouped(n uint64) string {
	s := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
