package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/rhizome-ml/rhizome/internal/analytics"
	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/job"
)

// answersShown is how many counts of one answer are shown to people; the file has all.
const answersShown = 12

// answersTable tells the answers of a job of queries to people. Texts in them are of strangers.
func answersTable(all []analytics.Answer) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, a := range all {
		lines := answerLines(a)
		of := fmt.Sprintf("%d values of %d clients", a.Values, a.Clients)
		switch {
		case a.Withheld != "":
			of = ""
		case a.Values == 0:
			of = fmt.Sprintf("%d clients", a.Clients)
		}
		for i, l := range lines {
			name, asked := a.Name, a.Asked
			if i > 0 {
				name, asked, of = "", "", ""
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", name, clean.Text(asked, 60), clean.Text(l, 120), of)
		}
	}
	_ = w.Flush() // into memory
	return b.String()
}

// refusedLines says whose counts are not in the answers, and why; nothing where all are.
func refusedLines(all []job.Refused) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n  warning: these clients were not counted:\n")
	for i, r := range all {
		if i == answersShown {
			fmt.Fprintf(&b, "  and %d more, in the file of answers\n", len(all)-i)
			break
		}
		fmt.Fprintf(&b, "  %s: %s\n", clean.Text(r.Client, 64), clean.Text(r.Reason, 240))
	}
	return b.String()
}

// answerLines is an answer in lines, one at least.
func answerLines(a analytics.Answer) (out []string) {
	if a.Withheld != "" {
		return []string{"withheld: " + a.Withheld}
	}
	number := func(x float64) string {
		if size := math.Abs(x); x == 0 || size >= 1e-4 && size < 1e15 {
			return strconv.FormatFloat(x, 'f', -1, 64)
		}
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	if a.Value != nil {
		out = append(out, number(*a.Value))
	}
	for _, p := range a.Quantiles {
		text := number(p.Low)
		if p.Value == nil {
			text = "between " + number(p.Low) + " and " + number(p.High)
		}
		out = append(out, number(p.At)+": "+text)
	}
	for i, c := range a.Counts {
		if i == answersShown {
			out = append(out, fmt.Sprintf("and %d more", len(a.Counts)-i))
			break
		}
		what := ""
		switch {
		case c.Text != nil:
			what = strconv.Quote(*c.Text)
		case c.Low == nil:
			what = "below " + number(*c.High)
		case c.High == nil:
			what = "above " + number(*c.Low)
		default:
			what = number(*c.Low) + " to " + number(*c.High)
		}
		n := "withheld"
		if c.Count != nil {
			n = strconv.FormatInt(*c.Count, 10)
		}
		out = append(out, what+": "+n)
	}
	if out = append(out, a.Notes...); len(out) == 0 {
		out = []string{"none"}
	}
	return out
}
