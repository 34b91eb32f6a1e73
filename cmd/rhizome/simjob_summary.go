package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/analytics"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/sim/study"
)

// simDone is what a simulation was and what came of it: the last object of --json, and what the summary and the report
// tell.
type simDone struct {
	Event     string `json:"event"`
	Job       string `json:"job"`
	Kind      string `json:"kind"`
	Nodes     int    `json:"nodes"`
	Rounds    int    `json:"rounds"` // that the job wants
	Seed      uint64 `json:"seed"`
	Network   string `json:"network"`
	FaultFile string `json:"fault_file,omitempty"`
	Durable   bool   `json:"durable"`
	Command   string `json:"command"` // that runs it again

	// the job came to its end; otherwise the time limit ended the run
	Completed     bool              `json:"completed"`
	Round         int               `json:"round"` // the last one that ended
	Accuracy      job.Number        `json:"accuracy"`
	Loss          job.Number        `json:"loss"`
	Contributions uint64            `json:"contributions"`
	Virtual       float64           `json:"virtual_s"`
	Real          float64           `json:"real_s"`
	Events        uint64            `json:"events"`
	Messages      uint64            `json:"messages"`
	PerSecond     float64           `json:"messages_per_s"` // of real time
	Bytes         uint64            `json:"bytes"`
	BytesPerNode  float64           `json:"bytes_per_node"`
	InFlightMost  int               `json:"in_flight_most"`
	Crashes       uint64            `json:"crashes"`
	Starts        uint64            `json:"starts"`
	Memory        uint64            `json:"memory_bytes"` // that the process took from the system
	Faults        map[string]uint64 `json:"faults"`
	Refusals      map[string]uint64 `json:"refusals"`
	Failures      map[string]uint64 `json:"failures"`
	ModelSHA256   string            `json:"model_sha256"`
	Hash          string            `json:"hash"`
	Checked       bool              `json:"checked"` // a second run gave the same hash

	Answers []analytics.Answer `json:"answers,omitempty"`

	Report string `json:"report,omitempty"`

	served, peered          bool // what the job is
	horizon                 time.Duration
	networkText, faultsText string
	counts                  sim.Counts
}

// what describes a run before it begins.
func (d *simDone) what() string {
	disks := "volatile: they forget everything when they crash"
	if d.Durable {
		disks = "durable: a journal on a disk for each"
	} else if d.served {
		disks = "volatile: clients forget everything when they crash, the server has a journal"
	}
	faults := ""
	if d.FaultFile != "" {
		faults = ", faults " + d.FaultFile
	}
	return fmt.Sprintf("%s nodes, %s; network %s%s, seed %d", count(float64(d.Nodes)), disks, d.Network, faults, d.Seed)
}

// fill takes what came of a run.
func (d *simDone) fill(r *study.Result, took time.Duration) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	d.Event, d.Completed, d.Round, d.Accuracy, d.Loss, d.Contributions = "done", r.Done, r.Round, r.Accuracy, r.Loss,
		r.Contributions
	d.Virtual, d.Real, d.Events, d.Messages, d.Bytes = r.At.Seconds(), took.Seconds(), r.Events, r.Messages, r.Bytes
	d.PerSecond, d.BytesPerNode = float64(r.Messages)/took.Seconds(), float64(r.Bytes)/float64(r.Nodes)
	d.InFlightMost, d.Crashes, d.Starts, d.Memory = r.InFlightMost, r.Crashes, r.Starts, m.Sys
	d.Faults, d.Refusals, d.Failures, d.counts = faultMap(&r.Counts), r.Refusals, r.Failures, r.Counts
	d.ModelSHA256, d.Hash, d.Answers = r.ModelSHA256, r.Hash, r.Answers
}

// unstruck says whether of the counts of a run none is of what a faults file asks for: those of packets are the
// network's.
func unstruck(counts map[string]uint64) bool {
	for name := range counts {
		if f, ok := sim.ParseFault(name); ok && f > sim.Replay {
			return false
		}
	}
	return true
}

// calmText tells that nothing struck for so long.
func calmText(virtual time.Duration) string {
	return "nothing struck in " + span(virtual) + " of virtual time; at, each_round and per_run strike in short runs too"
}

// simSummary tells the result of a simulation to people.
func simSummary(d *simDone) string {
	var b strings.Builder
	virtual, took := time.Duration(d.Virtual*1e9), time.Duration(d.Real*1e9)
	head := fmt.Sprintf("%s: %d of %d rounds, %s of virtual time in %s (%s)", d.Job, d.Round, d.Rounds, span(virtual),
		span(took), ratio(virtual, took))
	fmt.Fprintf(&b, "\n%s\n\n", styleBold.Render(head))
	row := func(key, value string) {
		fmt.Fprintf(&b, "  %s %s\n", styleDim.Render(fmt.Sprintf("%-14s", key)), value)
	}
	if !d.Completed {
		row("ended", styleBad.Render("by --time, before the job came to its end"))
	}
	if d.Answers == nil {
		row("accuracy", styleGood.Render(percent(d.Accuracy)))
		row("loss", fmt.Sprintf("%.4f", d.Loss))
	}
	if d.peered {
		row("merged", count(float64(d.Contributions))+" models")
	} else {
		row("contributions", fmt.Sprint(d.Contributions))
	}
	row("messages", fmt.Sprintf("%s, %s a second of real time, at most %s in flight", count(float64(d.Messages)),
		count(d.PerSecond), count(float64(d.InFlightMost))))
	row("bytes", fmt.Sprintf("%s, %s a node", octets(float64(d.Bytes)), octets(d.BytesPerNode)))
	row("crashes", fmt.Sprintf("%s, of %s starts", count(float64(d.Crashes)), count(float64(d.Starts))))
	if text := faultText(&d.counts); text != "" {
		row("faults", strings.TrimSpace(text))
	}
	if d.FaultFile != "" && unstruck(d.Faults) {
		row("faults", styleBad.Render(calmText(virtual)))
	}
	row("memory", octets(float64(d.Memory)))
	if d.ModelSHA256 != "" {
		what := "model sha256"
		if d.Answers != nil {
			what = "answers sha256"
		}
		if d.peered {
			what = "models sha256"
		}
		row(what, d.ModelSHA256)
	}
	hash := d.Hash
	if d.Checked {
		hash += styleGood.Render("  the same twice")
	}
	row("run hash", hash)
	if d.Report != "" {
		row("report", d.Report)
	}
	row("again", d.Command)
	if d.Answers != nil {
		b.WriteString("\n" + answersTable(d.Answers))
	}
	return b.String()
}

// count writes a number for people: 1,234 or 12.3 M.
func count(x float64) string {
	switch {
	case x >= 1e9:
		return fmt.Sprintf("%.2f G", x/1e9)
	case x >= 1e7:
		return fmt.Sprintf("%.1f M", x/1e6)
	}
	s := fmt.Sprintf("%.0f", x)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// octets writes a number of bytes for people.
func octets(x float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if x < 1024 {
			if unit == "B" {
				return fmt.Sprintf("%.0f B", x)
			}
			return fmt.Sprintf("%.1f %s", x, unit)
		}
		x /= 1024
	}
	return fmt.Sprintf("%.1f TiB", x)
}

// span writes a time span with about three figures.
func span(d time.Duration) string {
	s := d.Round(time.Millisecond).String()
	switch {
	case d >= time.Hour:
		s = d.Round(time.Minute).String()
	case d >= time.Minute:
		s = d.Round(time.Second).String()
	case d >= time.Second:
		s = d.Round(100 * time.Millisecond).String()
	}
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// ratio says how much faster than real time virtual time goes.
func ratio(virtual, took time.Duration) string {
	x := float64(virtual) / max(float64(took), 1)
	switch {
	case x >= 10:
		return count(x) + " × real"
	case x >= 1:
		return fmt.Sprintf("%.1f × real", x)
	}
	return fmt.Sprintf("%.2f × real", x)
}
