package samples

import (
	"fmt"
	"html"
	"math"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/clean"
)

// The picture of a partition.
const (
	cell         = 28.0 // pixels of a circle's room
	shownParts   = 60
	shownClasses = 60
	nameLetters  = 16
)

// Counts returns how many samples of each class each part has. Samples without classes are one class.
func Counts(parts [][]int, labels []int64, classes int) [][]int {
	out := make([][]int, len(parts))
	for i, rows := range parts {
		out[i] = make([]int, max(1, classes))
		for _, r := range rows {
			if labels == nil {
				out[i][0]++
			} else {
				out[i][labels[r]]++
			}
		}
	}
	return out
}

// PartitionSVG draws who gets what: a column for each part, a row for each class, and a circle whose area is the number
// of samples. Of very many parts or classes the first ones are drawn, and the picture says so.
func PartitionSVG(counts [][]int, classes []string) []byte {
	parts, rows, most := min(len(counts), shownParts), 1, 1
	for _, c := range counts {
		rows = max(rows, min(len(c), shownClasses))
		for _, n := range c {
			most = max(most, n)
		}
	}
	left, top := 150.0, 46.0
	w, h := left+cell*float64(max(parts, 8))+20, top+cell*float64(rows)+44
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" `+
		`font-family="sans-serif" font-size="11">`+"\n", w, h, w, h)
	title := fmt.Sprintf("Samples of %d clients by class", len(counts))
	if parts < len(counts) || len(counts) > 0 && rows < len(counts[0]) {
		title += fmt.Sprintf(" (the first %d clients and %d classes)", parts, rows)
	}
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", title)
	fmt.Fprintf(&b, "<text x=\"10\" y=\"20\" font-size=\"13\">%s</text>\n", title)
	for k := range rows {
		name := "all samples"
		if k < len(classes) {
			name = html.EscapeString(clean.Text(classes[k], nameLetters))
		}
		y := top + cell*(float64(k)+0.5)
		fmt.Fprintf(&b, "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left-8, y+4, name)
		fmt.Fprintf(&b, "<line x1=\"%.0f\" y1=\"%.1f\" x2=\"%.0f\" y2=\"%.1f\" stroke=\"#eee\"/>\n", left, y, w-20, y)
	}
	for i, c := range counts[:parts] {
		x, sum := left+cell*(float64(i)+0.5), 0
		for k, n := range c {
			if sum += n; n == 0 || k >= rows {
				continue
			}
			r := math.Max(1, 0.5*cell*math.Sqrt(float64(n)/float64(most)))
			fmt.Fprintf(&b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"#2a6f97\" fill-opacity=\"0.8\">"+
				"<title>client %d: %d</title></circle>\n", x, top+cell*(float64(k)+0.5), r, i, n)
		}
		y := top + cell*float64(rows) + 14
		fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%d</text>\n", x, y, i)
		fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" fill=\"#777\" font-size=\"9\">%d</text>\n",
			x,
			y+14, sum)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// PartitionText says the same as a table: a line for each part, a column for each class.
func PartitionText(counts [][]int, classes []string) string {
	var b strings.Builder
	b.WriteString("client  samples")
	columns := 1
	for _, c := range counts {
		columns = max(columns, min(len(c), shownClasses))
	}
	for k := range columns {
		name := "all"
		if k < len(classes) {
			name = clean.Text(classes[k], 8)
		}
		fmt.Fprintf(&b, " %8s", name)
	}
	b.WriteString("\n")
	for i, c := range counts {
		sum := 0
		for _, n := range c {
			sum += n
		}
		fmt.Fprintf(&b, "%6d %8d", i, sum)
		for _, n := range c[:min(len(c), columns)] {
			fmt.Fprintf(&b, " %8d", n)
		}
		b.WriteString("\n")
	}
	return b.String()
}
