package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/colorprofile"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/local"
)

// barView shows one line that changes, on a terminal, and then a summary. It is safe for concurrent use: a round that
// lasts is told of while it does.
type barView struct {
	mu   sync.Mutex
	stop chan struct{}
	name string
	last time.Time // of the last news

	out     io.Writer
	width   int
	rounds  int
	started time.Time
	first   int // rounds that were done before this run
	ended   int // the last round that did
	curve   []job.Number
	shown   time.Time
	open    bool // a line is shown
}

func (v *barView) begin(l *local.Local) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.name, v.rounds, v.started, v.last = l.Config().About().Name, l.Config().About().Rounds, time.Now(), time.Now()
	v.line(styleDim.Render("starting " + v.name + " …"))
	v.stop = make(chan struct{})
	go v.watch(v.stop)
}

// barQuiet is how long nothing has to happen until that is told.
const barQuiet = 2 * time.Second

// watch tells each second what lasts, until the run ends.
func (v *barView) watch(stop <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			v.look(now)
		case <-stop:
			return
		}
	}
}

// look tells how long a round lasts already, where it is long.
func (v *barView) look(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	quiet := now.Sub(v.last)
	if !v.open || quiet < barQuiet {
		return
	}
	if len(v.curve) == 0 {
		v.line(styleDim.Render(fmt.Sprintf("%s: no round has ended yet, after %s", v.name, quiet.Round(time.Second))))
		return
	}
	v.line(fmt.Sprintf("round %d/%d  accuracy %s  ", v.ended, v.rounds, percent(v.curve[len(v.curve)-1])) +
		styleDim.Render(fmt.Sprintf("the next lasts, for %s", quiet.Round(time.Second))))
}

// barEvery is the time between two pictures of the bar: more often nobody can read it.
const barEvery = 40 * time.Millisecond

func (v *barView) scaled(s job.Scaled) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last = time.Now()
	v.line(styleDim.Render(s.String()))
	fmt.Fprintln(v.out)
}

func (v *barView) round(r job.Round) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last, v.ended = time.Now(), r.Number
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
	tail := "  " + grade(r) + left
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
	v.mu.Lock()
	defer v.mu.Unlock()
	v.line(styleBad.Render(job.Line(text)))
	fmt.Fprintln(v.out)
}

func (v *barView) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stop != nil {
		close(v.stop)
		v.stop = nil
	}
	if v.open {
		v.open = false
		fmt.Fprint(v.out, "\r\x1b[2K")
	}
}

func (v *barView) result(r *job.Result, took time.Duration) error {
	_, err := io.WriteString(v.colours(), summary(r, took))
	return err
}
