package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove"
)

// proveView shows how far a part is, and what it gave.
type proveView struct {
	c     *console
	json  bool
	shown time.Time
	open  bool // a line is shown
}

// quietEvery is the time between two lines where there is no terminal.
const quietEvery = 30 * time.Second

// progress shows a bar on a terminal, and a line from time to time elsewhere.
func (v *proveView) progress(p prove.Progress) {
	if v.json {
		return
	}
	left := ""
	if p.Left > 0 {
		left = fmt.Sprintf(", at most %s left", p.Left.Round(time.Second))
	}
	text := fmt.Sprintf("  %s of %s %s  %s%s", prove.Grouped(p.Done), prove.Grouped(p.Floor), p.What,
		p.Elapsed.Round(time.Second), left)
	if _, ok := terminal(v.c.err); ok {
		full := int(min(p.Done, p.Floor) * 30 / max(p.Floor, 1))
		fmt.Fprintf(v.c.err, "\r\x1b[2K%-12s %s%s%s", p.Part, styleGood.Render(strings.Repeat("━", full)),
			styleDim.Render(strings.Repeat("─", 30-full)), text)
		v.open = true
		return
	}
	if time.Since(v.shown) >= quietEvery {
		v.shown = time.Now()
		fmt.Fprintf(v.c.err, "%-12s%s\n", p.Part, text)
	}
}

// result writes what a part gave: one object, or a few lines.
func (v *proveView) result(r *prove.Result) {
	if v.json {
		writeLine(v.c.out, r)
		return
	}
	if v.open {
		fmt.Fprint(v.c.err, "\r\x1b[2K")
		v.open = false
	}
	verdict := "holds"
	switch {
	case !r.OK:
		verdict = "DOES NOT HOLD"
	case r.Stopped:
		verdict = "INTERRUPTED; what was tried held"
	}
	if r.OK && r.NotHere != "" {
		fmt.Fprintf(v.c.out, "%s: NOT RUN HERE, so nothing is shown (%s)\n  %s\n", r.Part, r.Promise, r.NotHere)
		return
	}
	fmt.Fprintf(v.c.out, "%s: %s (%s)\n", r.Part, verdict, r.Promise)
	turn := ""
	if r.Turn != "" {
		turn = ", turn " + r.Turn
	}
	fmt.Fprintf(v.c.out, "  seeds %d to %d in %s%s\n", r.From, max(r.To, 1)-1,
		time.Duration(r.Seconds*float64(time.Second)).Round(100*time.Millisecond), turn)
	var floors, faults, rest []string
	named := map[string]bool{}
	for _, f := range r.Floors {
		named[f.What] = true
		text := fmt.Sprintf("%s %s (floor %s)", f.What, prove.Grouped(r.Counts[f.What]), prove.Grouped(f.N))
		if f.Fault {
			faults = append(faults, fmt.Sprintf("%s %s", f.What, prove.Grouped(r.Counts[f.What])))
		} else {
			floors = append(floors, text)
		}
	}
	for what, n := range r.Counts {
		if !named[what] {
			rest = append(rest, fmt.Sprintf("%s %s", what, prove.Grouped(n)))
		}
	}
	slices.Sort(rest)
	fmt.Fprintf(v.c.out, "  %s\n", strings.Join(floors, ", "))
	if len(rest) > 0 {
		fmt.Fprintf(v.c.out, "  %s\n", strings.Join(rest, ", "))
	}
	if len(faults) > 0 {
		fmt.Fprintf(v.c.out, "  faults: %s\n", strings.Join(faults, ", "))
	}
	for _, s := range r.Scaled {
		fmt.Fprintf(v.c.out, "  scaled by time: %s\n", s)
	}
	for _, s := range r.Missed {
		fmt.Fprintf(v.c.out, "  MISSED: %s\n", s)
	}
	if r.Error != "" {
		fmt.Fprintf(v.c.out, "  could not be tried: %s\n", r.Error)
	}
	for i, f := range r.Failures {
		fmt.Fprintf(v.c.out, "  FAILED %s\n    again: %s\n", strings.ReplaceAll(f.Text, "\n", "\n    "), r.Again[i])
	}
	if n := r.Failed - uint64(len(r.Failures)); n > 0 {
		fmt.Fprintf(v.c.out, "  and %d more failures\n", n)
	}
}
