package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/job"
)

// curveColumns is the width of a curve.
const curveColumns = 60

// curveRows is the height of a curve.
const curveRows = 5

// curveOf draws the accuracy over the rounds, several rounds to a column where there are many.
func curveOf(history []job.Point) string {
	history = slices.DeleteFunc(slices.Clone(history), func(p job.Point) bool {
		return math.IsNaN(float64(p.Accuracy)) // it was not tested, or there is none
	})
	if len(history) < 2 {
		return ""
	}
	columns := min(len(history), curveColumns)
	heights := make([]float64, columns)
	low, high := 1.0, 0.0
	for i := range columns {
		heights[i] = float64(history[(i+1)*len(history)/columns-1].Accuracy) // the last round of the column
		low, high = min(low, heights[i]), max(high, heights[i])
	}
	if !(high > low) { // not a number, or flat
		return ""
	}
	eighths := []rune(" ▁▂▃▄▅▆▇█")
	var b strings.Builder
	for row := curveRows - 1; row >= 0; row-- {
		label := ""
		switch row {
		case curveRows - 1:
			label = percent(job.Number(high))
		case 0:
			label = percent(job.Number(low))
		}
		fmt.Fprintf(&b, "  %s ", styleDim.Render(fmt.Sprintf("%14s", label)))
		var line []rune
		for _, h := range heights {
			// The lowest point fills one eighth, so that it can be seen.
			filled := 1 + int((h-low)/(high-low)*float64(8*curveRows-1)+0.5)
			line = append(line, eighths[min(max(filled-8*row, 0), 8)])
		}
		fmt.Fprintf(&b, "%s\n", styleGood.Render(string(line)))
	}
	first, last := fmt.Sprintf("round %d", history[0].Round), fmt.Sprint(history[len(history)-1].Round)
	gap := max(columns-len(first)-len(last), 1)
	fmt.Fprintf(&b, "  %14s %s\n", "", styleDim.Render(first+strings.Repeat(" ", gap)+last))
	return b.String()
}

// digits is how many there are: a job of as many classes is one of digits.
const digits = 10

// confusion draws a confusion matrix: a row for each class, a column for what it was taken for.
func confusion(m [][]int64, classes []string) string {
	if len(m) == 0 {
		return ""
	}
	cell := 4
	for _, c := range classes[:min(len(classes), len(m))] {
		cell = max(cell, min(len(c), 8)+2)
	}
	for _, row := range m {
		for _, n := range row {
			cell = max(cell, len(fmt.Sprint(n))+2)
		}
	}
	var b strings.Builder
	what := "class"
	if len(m) == digits && len(classes) == 0 {
		what = "digit"
	}
	name := func(i int) string { // in so many columns as a row begins with
		if i < len(classes) {
			return ansi.Truncate(clean.Text(classes[i], 60), 15, "…")
		}
		return fmt.Sprint(i)
	}
	short := func(i int) string { return ansi.Truncate(name(i), cell-1, "…") }
	head := fmt.Sprintf("  %15s ", what+" \\ seen as")
	for k := range m {
		head += strings.Repeat(" ", max(cell-ansi.StringWidth(short(k)), 0)) + short(k)
	}
	fmt.Fprintln(&b, styleDim.Render(head))
	for i, row := range m {
		fmt.Fprintf(&b, "  %s ", styleDim.Render(strings.Repeat(" ", max(15-ansi.StringWidth(name(i)), 0))+name(i)))
		for k, n := range row {
			text := fmt.Sprintf("%*d", cell, n)
			switch {
			case n == 0:
				text = styleDim.Render(fmt.Sprintf("%*s", cell, "·"))
			case i == k:
				text = styleGood.Render(text)
			default:
				text = styleBad.Render(text)
			}
			b.WriteString(text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
