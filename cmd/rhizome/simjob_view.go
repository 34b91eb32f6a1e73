package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
)

// simView shows a simulation while it goes on. begin is called before the run, end after it.
type simView interface {
	begin(d *simDone)
	sample(study.Sample)
	tick(study.Sample)
	end()
	done(*simDone) error
}

func newSimView(c *console, json bool) simView {
	switch width, ok := terminal(c.out); {
	case json:
		return &simJSON{out: c.out}
	case ok:
		return &simBar{out: c.out, width: width}
	}
	return &simLines{out: c.out}
}

// progress says how far a run is, 0 to 1, by rounds or by virtual time, whichever is further.
func (d *simDone) progress(s study.Sample) float64 {
	p := 0.0
	if d.Rounds > 0 {
		p = float64(s.Round) / float64(d.Rounds)
	}
	if d.horizon > 0 {
		p = max(p, float64(s.At)/float64(d.horizon))
	}
	return min(p, 1)
}

// simBar shows one line that changes, on a terminal.
type simBar struct {
	out     io.Writer
	width   int
	d       *simDone
	started time.Time
	shown   time.Time
	last    study.Sample // that was shown
	rate    float64      // messages per second of real time, smoothed
}

func (v *simBar) begin(d *simDone) {
	v.d, v.started = d, time.Now()
	fmt.Fprintln(v.colours(), styleBold.Render(d.Job)+styleDim.Render(": "+d.what()))
	fmt.Fprint(v.colours(), styleDim.Render("starting …"))
}

func (v *simBar) sample(s study.Sample) { v.tick(s) }

// simBarEvery is the time between two pictures of the bar.
const simBarEvery = 100 * time.Millisecond

func (v *simBar) tick(s study.Sample) {
	now := time.Now()
	since := now.Sub(v.shown)
	if since < simBarEvery || s.At == 0 {
		return
	}
	if since = min(since, now.Sub(v.started)); since > 0 {
		rate := float64(s.Messages-v.last.Messages) / since.Seconds()
		if v.rate == 0 {
			v.rate = rate
		}
		v.rate += 0.2 * (rate - v.rate)
	}
	v.shown, v.last = now, s
	head := fmt.Sprintf("round %*d/%d ", len(fmt.Sprint(v.d.Rounds)), s.Round, v.d.Rounds)
	parts := []string{
		fmt.Sprintf("%6s virtual, %9s", span(s.At), ratio(s.At, now.Sub(v.started))),
		fmt.Sprintf("%7s msg/s", count(v.rate)),
		fmt.Sprintf("%5s in flight", count(float64(s.InFlight))),
	}
	if s.Crashes > 0 {
		parts = append(parts, fmt.Sprintf("%5s crashes, %s up", count(float64(s.Crashes)), count(float64(s.Up))))
	}
	if s.Scored {
		parts = append(parts, "accuracy "+percent(s.Accuracy))
	}
	tail := "  " + strings.Join(parts, "  ")
	room := min(v.width-len(head)-ansi.StringWidth(tail)-1, 30)
	for room < 8 && len(parts) > 1 { // what comes last is left out where the terminal is narrow
		parts = parts[:len(parts)-1]
		tail = "  " + strings.Join(parts, "  ")
		room = min(v.width-len(head)-ansi.StringWidth(tail)-1, 30)
	}
	room = max(room, 4)
	full := int(float64(room) * v.d.progress(s))
	fmt.Fprint(v.colours(), "\r\x1b[2K"+head+styleGood.Render(strings.Repeat("━", full))+
		styleDim.Render(strings.Repeat("─", room-full))+tail)
}

func (v *simBar) colours() io.Writer { return colorprofile.NewWriter(v.out, os.Environ()) }

func (v *simBar) end() { fmt.Fprint(v.out, "\r\x1b[2K") }

func (v *simBar) done(d *simDone) error {
	_, err := io.WriteString(v.colours(), simSummary(d))
	return err
}

// simLines writes a line for each twentieth of the run, for a file or a pipe.
type simLines struct {
	out  io.Writer
	d    *simDone
	next float64
}

func (v *simLines) begin(d *simDone) {
	v.d = d
	fmt.Fprintf(v.out, "%s: %s\n", d.Job, d.what())
}

func (v *simLines) tick(study.Sample) {}

func (v *simLines) sample(s study.Sample) {
	p := v.d.progress(s)
	if p < v.next || s.At == 0 {
		return
	}
	v.next = p + 0.05
	score := ""
	if s.Scored {
		score = fmt.Sprintf("  accuracy %s  loss %.4f", percent(s.Accuracy), s.Loss)
	}
	fmt.Fprintf(v.out, "round %*d/%d  %9s virtual%s  %s messages  %d in flight  %d up\n",
		len(fmt.Sprint(v.d.Rounds)), s.Round, v.d.Rounds, span(s.At), score, count(float64(s.Messages)), s.InFlight,
		s.Up)
}

func (v *simLines) end() {}

func (v *simLines) done(d *simDone) error {
	_, err := io.WriteString(v.out, plain(simSummary(d)))
	return err
}

// simJSON writes one object per sample and the result, for programs.
type simJSON struct {
	out io.Writer
	err error // of the first line that could not be written
}

// sampleLine is the object of a sample. It holds no real time: equal runs give equal lines.
type sampleLine struct {
	Event    string      `json:"event"`
	At       float64     `json:"at_s"`
	Round    int         `json:"round"`
	Up       int         `json:"up"`
	InFlight int         `json:"in_flight"`
	Messages uint64      `json:"messages"`
	Bytes    uint64      `json:"bytes"`
	Crashes  uint64      `json:"crashes"`
	Faults   uint64      `json:"faults"`
	Accuracy *job.Number `json:"accuracy,omitempty"`
	Loss     *job.Number `json:"loss,omitempty"`
}

func (v *simJSON) begin(*simDone) {}

func (v *simJSON) sample(s study.Sample) {
	line := sampleLine{
		Event: "sample", At: s.At.Seconds(), Round: s.Round, Up: s.Up, InFlight: s.InFlight, Messages: s.Messages,
		Bytes:   s.Bytes,
		Crashes: s.Crashes, Faults: s.Faults,
	}
	if s.Scored {
		line.Accuracy, line.Loss = &s.Accuracy, &s.Loss
	}
	if err := writeLine(v.out, line); v.err == nil {
		v.err = err
	}
}

func (v *simJSON) tick(study.Sample) {}

func (v *simJSON) end() {}

func (v *simJSON) done(d *simDone) error {
	if v.err != nil {
		return v.err
	}
	return writeLine(v.out, d)
}
