package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/job"
)

// nodeBar shows how far the job of a node is in one line that changes, on a terminal. What else there is to say stands
// above it.
type nodeBar struct {
	bar   barView
	text  string // what the line says
	round int
	waits string // what is waited for, or nothing
	last  job.Round
}

// show takes what belongs on the bar, and says whether it did.
func (b *nodeBar) show(what any, rounds int) bool {
	switch x := what.(type) {
	case job.Round:
		if b.last.Number == 0 {
			b.bar.first, b.bar.started = x.Number-1, time.Now()
		}
		b.last, b.round = x, x.Number
	case deploy.Progress:
		if b.bar.started.IsZero() {
			b.bar.first, b.bar.started = x.Round, time.Now()
		}
		b.round = x.Round
		if x.Rounds > 0 {
			rounds = x.Rounds
		}
	case deploy.Waiting:
		if b.waits = ""; !x.Over {
			b.waits = clean.Line(x.Text(time.Now()))
		}
	default:
		return false
	}
	if rounds == 0 { // nothing is known of the job yet
		return true
	}
	b.text = b.line(rounds)
	if _, waits := what.(deploy.Waiting); waits || b.round >= rounds || time.Since(b.bar.shown) >= barEvery {
		b.bar.shown = time.Now()
		b.again()
	}
	return true
}

// line is what the bar says: the round, and what is waited for or how good the model is.
func (b *nodeBar) line(rounds int) string {
	head := fmt.Sprintf("round %*d/%d ", len(fmt.Sprint(rounds)), b.round, rounds)
	tail := ""
	switch done := b.round - b.bar.first; {
	case b.waits != "":
		tail = "  " + b.waits
	case b.last.Number > 0:
		tail = "  " + grade(b.last)
		fallthrough
	case done > 0:
		if done > 0 && b.round < rounds {
			eta := time.Since(b.bar.started) / time.Duration(done) * time.Duration(rounds-b.round)
			tail += fmt.Sprintf("  %s left", eta.Round(time.Second))
		}
	}
	room := min(max(b.bar.width-len(head)-ansi.StringWidth(tail)-1, 8), 40)
	full := room * min(b.round, rounds) / max(rounds, 1)
	text := head + styleGood.Render(strings.Repeat("━", full)) + styleDim.Render(strings.Repeat("─", room-full)) + tail
	return ansi.Truncate(text, b.bar.width-1, "…")
}

// again shows the line, where there is one.
func (b *nodeBar) again() {
	if b.text != "" {
		b.bar.line(b.text)
	}
}

// clear takes the line away, so that something else can stand there.
func (b *nodeBar) clear() {
	if b.bar.open {
		fmt.Fprint(b.bar.out, "\r\x1b[2K")
		b.bar.open = false
	}
}
