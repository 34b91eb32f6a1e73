package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/page"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
)

// checkReport refuses a place where no file can be written, before an hour of simulation is lost, and one that is a
// file which is read.
func checkReport(path string, inputs ...string) error {
	if path == "" {
		return nil
	}
	at, err := os.Stat(path)
	for _, name := range inputs {
		if in, inErr := os.Stat(name); err == nil && inErr == nil && !in.IsDir() && os.SameFile(at, in) {
			return &badInput{fmt.Sprintf("--report %s is the file %s, which is read; want another name", path, name)}
		}
	}
	switch {
	case err == nil && at.IsDir():
		return &badInput{fmt.Sprintf("--report %s is a directory; want a file such as report.html", path)}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if at, err := os.Stat(filepath.Dir(path)); err != nil || !at.IsDir() {
		return &badInput{fmt.Sprintf("--report %s: there is no directory %s", path, filepath.Dir(path))}
	}
	return nil
}

// writeReport writes the page of a simulation, whole or not at all.
func writeReport(path string, j job.Job, d *simDone, r *study.Result) error {
	text, err := pageOf(j, d, r).HTML()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	d.Report = path
	return err
}

// curve returns what f says of each sample.
func curve(samples []study.Sample, f func(study.Sample) float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = f(s)
	}
	return out
}

// scored returns a curve of what is known only once a model was measured.
func scored(samples []study.Sample, f func(study.Sample) job.Number) []float64 {
	return curve(samples, func(s study.Sample) float64 {
		if !s.Scored {
			return math.NaN()
		}
		return float64(f(s))
	})
}

// pageOf puts together the report.
func pageOf(j job.Job, d *simDone, r *study.Result) *page.Page {
	virtual, took := time.Duration(d.Virtual*1e9), time.Duration(d.Real*1e9)
	p := &page.Page{
		Title: d.Job, Subtitle: "a simulation of " + d.what(),
		X: curve(r.Samples, func(s study.Sample) float64 { return s.At.Seconds() }),
		Tiles: []page.Tile{
			{Name: "accuracy", Value: percent(d.Accuracy), Note: "loss " + strconv.FormatFloat(float64(d.Loss), 'f', 4,
				32)},
			{Name: "rounds", Value: fmt.Sprintf("%d of %d", d.Round, d.Rounds),
				Note: count(float64(d.Contributions)) + " models in them"},
			{Name: "virtual time", Value: span(virtual), Note: span(took) + " in reality, " + ratio(virtual, took)},
			{Name: "messages", Value: count(float64(d.Messages)), Note: count(d.PerSecond) + " a second of real time"},
			{Name: "bytes", Value: octets(float64(d.Bytes)), Note: octets(d.BytesPerNode) + " a node"},
			{Name: "crashes", Value: count(float64(d.Crashes)), Note: "of " + count(float64(d.Starts)) + " starts"},
		},
		Charts: charts(j, d, r), Command: d.Command,
		Footer: "Rhizome " + readVersions().Version + " · run hash " + d.Hash + " · model sha256 " + d.ModelSHA256,
	}
	if !d.Completed {
		p.Warning = "The time limit ended the run before the job came to its end."
	}
	if d.FaultFile != "" && unstruck(d.Faults) {
		p.Warning = strings.TrimSpace(p.Warning + " The faults: " + calmText(virtual) + ".")
	}
	p.Tables = append(p.Tables, faultTable(d))
	if t := countTable("What nodes refused or failed at", d.Refusals, d.Failures); len(t.Rows) > 0 {
		p.Tables = append(p.Tables, t)
	}
	var rows [][]string
	for _, kv := range settingsOf(j) {
		rows = append(rows, []string{kv[0], kv[1]})
	}
	p.Tables = append(p.Tables,
		page.Table{Title: "The job", Note: article(d.Kind) + " job; these are the settings of its file.", Rows: rows},
		page.Table{Title: "The network: " + d.Network, Text: strings.TrimSpace(d.networkText)})
	if d.faultsText != "" {
		p.Tables = append(p.Tables, page.Table{Title: "The faults: " + d.FaultFile,
			Text: strings.TrimSpace(d.faultsText)})
	}
	return p
}

func charts(j job.Job, d *simDone, r *study.Result) []page.Chart {
	samples := r.Samples
	accuracy := page.Chart{Title: "Accuracy", Unit: page.Percent, Lines: []page.Line{
		{Name: "accuracy", Colour: 1, Values: scored(samples, func(s study.Sample) job.Number { return s.Accuracy })}}}
	if d.peered {
		accuracy.Note = fmt.Sprintf("Over %d nodes that stand evenly among all.", min(study.ScoredNodes, d.Nodes))
		accuracy.Lines[0].Name = "mean"
		accuracy.Lines = append(accuracy.Lines,
			page.Line{Name: "least", Colour: 2,
				Values: scored(samples, func(s study.Sample) job.Number { return s.Least })})
	}
	num := func(name string, colour int, f func(study.Sample) float64) page.Line {
		return page.Line{Name: name, Colour: colour, Values: curve(samples, f)}
	}
	return []page.Chart{
		accuracy,
		{Title: "Loss", Unit: page.Number, FromZero: true, Lines: []page.Line{
			{Name: "loss", Colour: 2, Values: scored(samples, func(s study.Sample) job.Number { return s.Loss })}}},
		{Title: "Bytes sent", Unit: page.Bytes, FromZero: true, PerRight: float64(d.Nodes),
			Note:  "Left: in all. Right: a node, in the mean.",
			Lines: []page.Line{num("bytes", 3, func(s study.Sample) float64 { return float64(s.Bytes) })}},
		{Title: "Messages in flight", Unit: page.Count, FromZero: true,
			Lines: []page.Line{num("in flight", 3, func(s study.Sample) float64 { return float64(s.InFlight) })}},
		{Title: "Nodes that run", Unit: page.Count, FromZero: true,
			Lines: []page.Line{num("up", 1, func(s study.Sample) float64 { return float64(s.Up) })}},
		{Title: "Crashes, restarts, faults", Unit: page.Count, FromZero: true,
			Note: "From the beginning. Faults of packets count too.", Lines: []page.Line{
				num("crashes", 4, func(s study.Sample) float64 { return float64(s.Crashes) }),
				{Name: "restarts", Colour: 1, Dashed: true, Values: curve(samples, func(s study.Sample) float64 {
					return float64(s.Starts) - float64(min(s.Starts, uint64(d.Nodes)))
				})},
				num("faults", 2, func(s study.Sample) float64 { return float64(s.Faults) })}},
	}
}

// faultTable lists what happened, by kind.
func faultTable(d *simDone) page.Table {
	t := page.Table{Title: "Faults by kind", Head: []string{"kind", "times", "per node"}}
	for f := range sim.Faults {
		if n := d.counts[f]; n > 0 {
			t.Rows = append(t.Rows, []string{f.String(), count(float64(n)),
				fmt.Sprintf("%.3g", float64(n)/float64(d.Nodes))})
		}
	}
	if len(t.Rows) == 0 {
		t = page.Table{Title: t.Title, Note: "None."}
	}
	return t
}

// countTable lists counts by name.
func countTable(title string, refusals, failures map[string]uint64) page.Table {
	t := page.Table{Title: title, Head: []string{"what", "reason", "times"}}
	for i, m := range []map[string]uint64{refusals, failures} {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			t.Rows = append(t.Rows, []string{[]string{"refused an input", "told a failure"}[i], name,
				count(float64(m[name]))})
		}
	}
	return t
}
