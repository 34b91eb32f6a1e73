package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/sim/page"
	"github.com/rhizome-ml/rhizome/internal/sim/sweep"
)

// figure is what the runs of one setting have of one kind: null where none has.
type figure struct {
	Mean  float64 `json:"mean"`
	Least float64 `json:"least"`
	Most  float64 `json:"most"`
}

// figureOf takes a figure of each run that has it.
func figureOf(runs []sweep.Run, of func(*sweep.Run) float64) *figure {
	f, n, sum := figure{Least: math.Inf(1), Most: math.Inf(-1)}, 0, 0.0
	for i := range runs {
		x := of(&runs[i])
		if runs[i].Failed != "" || math.IsNaN(x) || math.IsInf(x, 0) {
			continue
		}
		n++
		sum += x
		f.Least, f.Most = min(f.Least, x), max(f.Most, x)
	}
	if n == 0 {
		return nil
	}
	f.Mean = sum / float64(n)
	return &f
}

// pointLine is what came of one setting, over its seeds.
type pointLine struct {
	Settings map[string]string `json:"settings"`
	Runs     int               `json:"runs"`
	Ended    int               `json:"completed"`
	Failed   int               `json:"failed"`
	Accuracy *figure           `json:"accuracy"`
	Loss     *figure           `json:"loss"`
	Virtual  *figure           `json:"virtual_s"`
	Messages *figure           `json:"messages"`
	Bytes    *figure           `json:"bytes"`
	Crashes  *figure           `json:"crashes"`
}

// sweepDone is what came of a sweep: the last object of --json. Nothing in it is of real time.
type sweepDone struct {
	Event   string      `json:"event"`
	Sweep   string      `json:"sweep"`
	Job     string      `json:"job"`
	Kind    string      `json:"kind"`
	Runs    int         `json:"runs"`
	Failed  int         `json:"failed"`
	Points  []pointLine `json:"points"`
	Command string      `json:"command"`
}

// doneOf sums a sweep up.
func doneOf(h *sweep.Head, runs []sweep.Run) *sweepDone {
	d := &sweepDone{Event: "done", Sweep: h.ID, Job: h.Job, Kind: h.Kind, Runs: len(runs), Command: h.Command}
	n := int(h.Seeds)
	for p := range h.Points() {
		of := runs[p*n : (p+1)*n]
		l := pointLine{Settings: h.Point(p), Runs: n,
			Accuracy: figureOf(of, func(r *sweep.Run) float64 { return float64(r.Accuracy) }),
			Loss:     figureOf(of, func(r *sweep.Run) float64 { return float64(r.Loss) }),
			Virtual:  figureOf(of, func(r *sweep.Run) float64 { return r.Virtual }),
			Messages: figureOf(of, func(r *sweep.Run) float64 { return float64(r.Messages) }),
			Bytes:    figureOf(of, func(r *sweep.Run) float64 { return float64(r.Bytes) }),
			Crashes:  figureOf(of, func(r *sweep.Run) float64 { return float64(r.Crashes) })}
		for i := range of {
			if of[i].Failed != "" {
				l.Failed++
			}
			if of[i].Completed {
				l.Ended++
			}
		}
		d.Failed += l.Failed
		d.Points = append(d.Points, l)
	}
	return d
}

// tellSweep tells what came of a sweep, the same whether one process ran it or many.
func tellSweep(c *console, json bool, report string, h *sweep.Head, runs []sweep.Run) error {
	d := doneOf(h, runs)
	if report != "" {
		text, err := sweepPage(h, d, runs).HTML()
		if err == nil {
			err = journal.WriteFileAtomic(vfs.OS(), filepath.Clean(report), text)
		}
		if err != nil {
			return err
		}
	}
	if !json {
		_, err := fmt.Fprint(c.out, sweepText(h, d, runs))
		return err
	}
	if err := writeLine(c.out, h); err != nil {
		return err
	}
	for i := range runs {
		if err := writeLine(c.out, runs[i]); err != nil {
			return err
		}
	}
	return writeLine(c.out, d)
}

// several says of how many runs a sweep is.
func (d *sweepDone) several(h *sweep.Head) string {
	if h.Seeds == 1 {
		return fmt.Sprintf("%d runs, each of other settings, with seed %d", d.Runs, h.Seed)
	}
	return fmt.Sprintf("%d runs: %d of settings, each with %d seeds from %d on", d.Runs, h.Points(), h.Seeds, h.Seed)
}

// rows is the table of a sweep: a row for each setting.
func (d *sweepDone) rows(h *sweep.Head) (head []string, rows [][]string) {
	for _, a := range h.Axes {
		head = append(head, a.Key)
	}
	head = append(head, "accuracy", "from", "to", "loss", "virtual", "messages", "bytes", "crashes", "completed",
		"failed")
	for _, p := range d.Points {
		var row []string
		for _, a := range h.Axes {
			row = append(row, p.Settings[a.Key])
		}
		share := func(x float64) string { return percent(job.Number(x)) }
		row = append(row, written(p.Accuracy, mean, share), written(p.Accuracy, least, share),
			written(p.Accuracy, most, share),
			written(p.Loss, mean, func(x float64) string { return fmt.Sprintf("%.4f", x) }),
			written(p.Virtual, mean, func(x float64) string { return span(time.Duration(x * 1e9)) }),
			written(p.Messages, mean, count), written(p.Bytes, mean, octets), written(p.Crashes, mean, count),
			fmt.Sprintf("%d of %d", p.Ended, p.Runs), fmt.Sprintf("%d of %d", p.Failed, p.Runs))
		rows = append(rows, row)
	}
	return head, rows
}

func mean(f *figure) float64  { return f.Mean }
func least(f *figure) float64 { return f.Least }
func most(f *figure) float64  { return f.Most }

// written is a figure for people.
func written(f *figure, which func(*figure) float64, write func(float64) string) string {
	if f == nil {
		return "none"
	}
	return write(which(f))
}

// sweepText is the table for people.
func sweepText(h *sweep.Head, d *sweepDone, runs []sweep.Run) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", h.Job, d.several(h))
	head, rows := d.rows(h)
	all := append([][]string{head}, rows...)
	widths := make([]int, len(head))
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range all {
		line := ""
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < len(h.Axes) {
				line += "  " + cell + pad
			} else {
				line += "  " + pad + cell
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	notes := incomplete(runs)
	if text := unstruckRuns(h, runs); text != "" {
		notes = append(notes, text)
	}
	if len(notes) > 0 {
		b.WriteString("\n  " + strings.Join(notes, "\n  ") + "\n")
	}
	fmt.Fprintf(&b, "\n  sweep  %s\n  again  %s\n", h.ID, h.Command)
	return b.String()
}

// incompleteShown bounds the runs that did not complete and are told one by one.
const incompleteShown = 20

// incomplete tells which runs did not come to their end, and why; their figures are those of where they ended.
func incomplete(runs []sweep.Run) (out []string) {
	n := 0
	for i := range runs {
		r := &runs[i]
		if r.Completed {
			continue
		}
		if n++; n <= incompleteShown {
			out = append(out, fmt.Sprintf("run %d did not complete: %s: %s", r.Run, settingsText(r), whyOf(r)))
		}
	}
	if n > incompleteShown {
		out = append(out, fmt.Sprintf("and %d more did not; --json has each", n-incompleteShown))
	}
	return out
}

// whyOf says why a run did not complete.
func whyOf(r *sweep.Run) string {
	if r.Failed != "" {
		return "failed: " + r.Failed
	}
	return fmt.Sprintf("ended by --time in round %d of %d", r.Round, r.Rounds)
}

// unstruckRuns says how many runs no fault struck that the sweep has faults for, "" for none.
func unstruckRuns(h *sweep.Head, runs []sweep.Run) string {
	n, longest := 0, 0.0
	for i := range runs {
		if h.Faults != "" && runs[i].Failed == "" && unstruck(runs[i].Faults) {
			n++
			longest = max(longest, runs[i].Virtual)
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d runs: %s", n, len(runs), calmText(time.Duration(longest*1e9)))
}

// shownRuns bounds the runs that stand one by one on a page.
const shownRuns = 1000

// sweepPage is the page of a sweep.
func sweepPage(h *sweep.Head, d *sweepDone, runs []sweep.Run) *page.Page {
	head, rows := d.rows(h)
	p := &page.Page{Title: h.Job, Subtitle: "a sweep of " + d.several(h), Command: h.Command,
		Footer: "Rhizome " + h.Version + " · sweep " + h.ID,
		Tables: []page.Table{{Title: "Settings", Note: "Means over the seeds; of the accuracy the least and the most too.",
			Head: head, Rows: rows}}}
	each := page.Table{Title: "Runs", Head: []string{"run", "settings", "seed", "accuracy", "loss", "model sha256"}}
	for i := range runs[:min(len(runs), shownRuns)] {
		r := &runs[i]
		var set []string
		for _, a := range h.Axes {
			set = append(set, a.Key+"="+r.Settings[a.Key])
		}
		row := []string{fmt.Sprint(r.Run), strings.Join(set, ", "), fmt.Sprint(r.Seed), percent(r.Accuracy),
			fmt.Sprintf("%.4f", r.Loss), fmt.Sprintf("%.16s", r.ModelSHA256)}
		switch {
		case r.Failed != "":
			row[3], row[4], row[5] = "failed", "", r.Failed
		case !r.Completed:
			row[5] = whyOf(r)
		}
		each.Rows = append(each.Rows, row)
	}
	if len(runs) > shownRuns {
		each.Note = fmt.Sprintf("The first %d of %d.", shownRuns, len(runs))
	}
	p.Warning = unstruckRuns(h, runs)
	p.Tables = append(p.Tables, each, page.Table{Title: "The network", Text: strings.TrimSpace(h.Network)})
	if h.Faults != "" {
		p.Tables = append(p.Tables, page.Table{Title: "The faults", Text: strings.TrimSpace(h.Faults)})
	}
	return p
}
