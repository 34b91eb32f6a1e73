package main

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/local"
)

// view shows a run while it goes on, and its result.
type view interface {
	begin(*local.Local)
	scaled(job.Scaled)
	round(job.Round)
	warn(c *console, text string)
	end() // nothing more comes but the result
	result(*job.Result, time.Duration) error
}

// newView returns the view for programs, for a terminal, or for a file.
func newView(c *console, json bool) view {
	switch width, ok := terminal(c.out); {
	case json:
		return &jsonView{c: c}
	case ok:
		return &barView{out: c.out, width: width}
	}
	return &lineView{out: c.out}
}

// terminal says whether w is a terminal, and how many columns it has.
func terminal(w io.Writer) (width int, ok bool) {
	f, ok := beneath(w).(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return width, true
}
