package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/colorprofile"

	"github.com/rhizome-ml/rhizome/job"
)

// barView shows one line that changes, on a terminal, and then a summary.
type barView struct {
	out     io.Writer
	width   int
	rounds  int
	started time.Time
	first   int // rounds that were done before this run
	curve   []job.Number
	shown   time.Time
	open    bool // a line is shown
}

func (v *barView) begin(l *job.Local) {
	v.rounds, v.started = l.Config().Rounds, time.Now()
	v.line(styleDim.Render("starting " + l.Config().Name + " …"))
}

// barEvery is the time between two pictures of the bar: more often nobody can read it.
const barEvery = 40 * time.Millisecond

func (v *barView) round(r job.Round) {
	if len(v.curve) == 0 {
		v.first, v.started = r.Number-1, time.Now()
		if v.first > 0 {
			v.line(styleDim.Render(fmt.Sprintf("going on after round %d", v.first)))
			fmt.Fprintln(v.out)
		}
	}
	v.curve = append(v.curve, r.Accuracy)
	if r.Number < v.rounds && time.Since(v.shown) < barEvery {
		return
	}
	v.shown = time.Now()
	left := ""
	if done := r.Number - v.first - 1; done > 0 {
		eta := time.Since(v.started) / time.Duration(done) * time.Duration(v.rounds-r.Number)
		left = fmt.Sprintf("  %s left", eta.Round(time.Second))
	}
	digits := len(fmt.Sprint(v.rounds))
	head := fmt.Sprintf("round %*d/%d ", digits, r.Number, v.rounds)
	tail := fmt.Sprintf("  accuracy %s  loss %.4f%s", percent(r.Accuracy), r.Loss, left)
	room := min(max(v.width-len(head)-len(tail)-2, 4), 40)
	full := room * r.Number / max(v.rounds, 1)
	v.line(head + styleGood.Render(strings.Repeat("━", full)) + styleDim.Render(strings.Repeat("─", room-full)) + tail)
}

// line shows a line in place of the one before it.
func (v *barView) line(text string) {
	fmt.Fprint(v.colours(), "\r\x1b[2K"+text)
	v.open = true
}

func (v *barView) colours() io.Writer {
	w := colorprofile.NewWriter(beneath(v.out), os.Environ()) // which looks whether it is a terminal
	w.Forward = v.out
	return w
}

func (v *barView) warn(_ *console, text string) {
	v.line(styleBad.Render(job.Line(text)))
	fmt.Fprintln(v.out)
}

func (v *barView) end() {
	if v.open {
		fmt.Fprint(v.out, "\r\x1b[2K")
	}
}

func (v *barView) result(r *job.Result, took time.Duration) error {
	_, err := io.WriteString(v.colours(), summary(r, took))
	return err
}
