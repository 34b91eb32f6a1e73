package main

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/job"
)

// The styles of text on a terminal. Elsewhere, and where NO_COLOR is set, colours are taken out again.
var (
	styleBold = lipgloss.NewStyle().Bold(true)
	styleDim  = lipgloss.NewStyle().Foreground(lipgloss.Color("8"))
	styleGood = lipgloss.NewStyle().Foreground(lipgloss.Color("2"))
	styleBad  = lipgloss.NewStyle().Foreground(lipgloss.Color("1"))
)

// plain returns a text without styles.
func plain(text string) string { return ansi.Strip(text) }

// foundText says what clients found of a model.
func foundText(f job.Found) string {
	text := fmt.Sprintf("loss %.4f", f.Loss)
	if !math.IsNaN(float64(f.Accuracy)) {
		text = "accuracy " + percent(f.Accuracy) + "  " + text
	}
	return text
}

// scoresTable says what each client found of the model, with how many samples.
func scoresTable(all []job.Score) string {
	if len(all) == 0 || all[0].Name == "" {
		return ""
	}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b job.Score) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	fmt.Fprintf(&b, "\n  %-16s %9s %8s %9s\n", "client", "samples", "right", "loss")
	for _, s := range all[:min(len(all), scoresShown)] {
		fmt.Fprintf(&b, "  %-16s %9d %8d %9.4f\n", clean.Text(s.Name, 16), s.Samples, s.Right, s.Loss)
	}
	if n := len(all) - scoresShown; n > 0 {
		fmt.Fprintf(&b, "  and %d more, which round_metrics.jsonl has\n", n)
	}
	return b.String()
}

// scoresShown bounds the clients of the table.
const scoresShown = 32

// lossText writes a loss as people read it.
func lossText(x float64) string {
	if math.Abs(x) >= 1e6 {
		return fmt.Sprintf("%.4g", x)
	}
	return fmt.Sprintf("%.4f", x)
}

// summary tells the result of a run to people.
func summary(r *job.Result, took time.Duration) string {
	var b strings.Builder
	head := fmt.Sprintf("%s: %d rounds", r.Job, r.Rounds)
	if r.Kept {
		head += ", finished before"
	} else {
		head += " in " + took.Round(100*time.Millisecond).String()
	}
	fmt.Fprintf(&b, "\n%s\n\n", styleBold.Render(head))
	row := func(key, value string) {
		fmt.Fprintf(&b, "  %s %s\n", styleDim.Render(fmt.Sprintf("%-13s", key)), value)
	}
	right, all := hits(r.Confusion)
	which := "held-out samples"
	if len(r.Clients) > 0 && r.AtClients == nil {
		which = fmt.Sprintf("samples of %d clients", len(r.Clients))
	}
	switch {
	case math.IsNaN(float64(r.Accuracy)):
	case all == 0: // more classes than a round tells
		row("accuracy", styleGood.Render(percent(r.Accuracy)))
	default:
		row("accuracy", styleGood.Render(percent(r.Accuracy))+fmt.Sprintf("  (%d of %d %s)", right, all, which))
	}
	file := "model"
	if r.Answers != nil {
		file = "answers"
	} else {
		row("loss", lossText(float64(r.Loss)))
		if why := r.Grown(); why != "" {
			lines := strings.Split(ansi.Wordwrap(why, 62, ""), "\n")
			row("warning", styleBad.Render(lines[0]))
			for _, line := range lines[1:] {
				row("", styleBad.Render(line))
			}
		}
	}
	if f := r.AtClients; f != nil {
		row("at clients", foundText(*f)+fmt.Sprintf("  (%d of them, on samples of their own)", len(r.Clients)))
	}
	row("contributions", fmt.Sprint(r.Contributions))
	row("restarts", survived(r.Restarts))
	row(file, r.Model)
	row("sha256", r.ModelSHA256)
	if r.Answers != nil {
		return b.String() + "\n" + answersTable(r.Answers) + refusedLines(r.Refused)
	}
	if r.Stopped != "" {
		row("stopped", r.Stopped)
	}
	if b := r.Best; b != nil {
		row("best", fmt.Sprintf("round %d, by its %s of %.4g", b.Round, b.Metric, b.Value))
		row("", b.Model)
	}
	personalRows(r.Personal, row)
	if curve := curveOf(r.History); curve != "" {
		fmt.Fprintf(&b, "\n%s", curve)
	}
	b.WriteString(scoresTable(r.Clients))
	fmt.Fprintf(&b, "\n%s", confusion(r.Confusion, r.Classes))
	return b.String()
}

// personalRows tells how good the models are that clients have for themselves.
func personalRows(of []job.Score, row func(key, value string)) {
	if len(of) == 0 {
		return
	}
	var right, all int64
	var least *job.Score
	for i, s := range of {
		right, all = right+s.Right, all+s.Samples
		if s.Samples > 0 && (least == nil || s.Right*least.Samples < least.Right*s.Samples) {
			least = &of[i]
		}
	}
	if least == nil {
		return
	}
	share := func(right, all int64) string { return percent(job.Number(float32(right) / float32(all))) }
	row("personal", fmt.Sprintf("%s  (%d of %d held-out samples, each by the model of a client that has such)",
		styleGood.Render(share(right, all)), right, all))
	row("", fmt.Sprintf("least %s at %s (%d of %d); its model is in %s", share(least.Right, least.Samples), least.Peer,
		least.Right, least.Samples, filepath.Join(least.Peer, "model.onnx")))
}

func survived(n uint64) string {
	switch n {
	case 0:
		return "none"
	case 1:
		return "1, survived"
	}
	return fmt.Sprintf("%d, all survived", n)
}

func percent(x job.Number) string {
	if math.IsNaN(float64(x)) {
		return "none" // a share of nothing
	}
	return fmt.Sprintf("%.1f %%", 100*float64(x))
}

// grade says how good a model is; where it learns a quantity, nothing is classed right, and a round that was not tested
// has no figures. Of a job of queries it says how many have an answer.
func grade(r job.Round) string {
	if r.Queries > 0 {
		return fmt.Sprintf("answers %d/%d", r.Answered, r.Queries)
	}
	if math.IsNaN(float64(r.Accuracy)) && math.IsNaN(float64(r.Loss)) {
		return "no figures"
	}
	text := fmt.Sprintf("loss %.4f", r.Loss)
	if !math.IsNaN(float64(r.Accuracy)) {
		text = "accuracy " + percent(r.Accuracy) + "  " + text
	}
	return text
}

// hits counts the samples on the diagonal of a confusion matrix, and all of them.
func hits(m [][]int64) (right, all int64) {
	for i, row := range m {
		for k, n := range row {
			all += n
			if i == k {
				right += n
			}
		}
	}
	return right, all
}
