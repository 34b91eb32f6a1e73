package main

import (
	"fmt"
	"io"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/local"
)

// lineView writes a line per round and a summary, for a file or a pipe.
type lineView struct {
	out    io.Writer
	rounds int
}

func (v *lineView) begin(l *local.Local) { v.rounds = l.Config().About().Rounds }

func (v *lineView) scaled(s job.Scaled) { fmt.Fprintln(v.out, s) }

func (v *lineView) round(r job.Round) {
	fmt.Fprintf(v.out, "round %*d/%d  %s  contributions %d\n",
		len(fmt.Sprint(v.rounds)), r.Number, v.rounds, grade(r), r.Contributions)
}

func (v *lineView) warn(c *console, text string) { fmt.Fprintln(c.err, "rhizome: "+job.Line(text)) }

func (v *lineView) end() {}

func (v *lineView) result(r *job.Result, took time.Duration) error {
	_, err := io.WriteString(v.out, plain(summary(r, took)))
	return err
}
