package page

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// Chart is some curves over one time.
type Chart struct {
	Title, Note string
	Unit        Unit
	FromZero    bool    // the axis begins at 0, whatever the values are
	PerRight    float64 // a second axis at the right shows each value divided by this; 0 for none
	RightName   string
	Lines       []Line
}

// Line is one curve; NaN is where it has no value.
type Line struct {
	Name   string
	Colour int // 1 green, 2 amber, 3 blue, 4 red
	Dashed bool
	Values []float64
}

// drawing is a chart as the page shows it. All places are in thousandths of the plot.
type drawing struct {
	Chart  *Chart
	Index  int
	Grid   string
	Paths  []path
	Left   []label
	Right  []label
	Bottom []label
}

type path struct {
	Class string
	D     string
}

type label struct {
	At   template.CSS // a percentage
	Text string
}

func (c *Chart) draw(index int, x []float64) drawing {
	d := drawing{Chart: c, Index: index}
	lo, hi := c.bounds()
	ticks := c.Unit.ticks(lo, hi)
	lo, hi = min(lo, ticks[0]), max(hi, ticks[len(ticks)-1])
	y := func(v float64) float64 { return 1000 * (hi - v) / (hi - lo) }
	var grid strings.Builder
	for _, t := range ticks {
		fmt.Fprintf(&grid, "M0 %sH1000", thousandths(y(t)))
		at := template.CSS(thousandths(y(t)/10) + "%")
		d.Left = append(d.Left, label{at, c.Unit.text(t, 4)})
		if c.PerRight > 0 {
			d.Right = append(d.Right, label{at, c.Unit.text(t/c.PerRight, 3)})
		}
	}
	d.Grid = grid.String()
	if len(x) == 0 {
		return d
	}
	x0, x1 := x[0], x[len(x)-1]
	if !(x1 > x0) {
		x1 = x0 + 1
	}
	for _, t := range timeTicks(x1 - x0) {
		d.Bottom = append(d.Bottom, label{template.CSS(thousandths(100*t/(x1-x0)) + "%"), timeText(t, x1-x0)})
	}
	for _, l := range c.Lines {
		class := fmt.Sprintf("c%d", l.Colour)
		if l.Dashed {
			class += " dashed"
		}
		d.Paths = append(d.Paths,
			path{class, pathOf(x, l.Values, func(v float64) float64 { return 1000 * (v - x0) / (x1 - x0) }, y)})
	}
	return d
}

// bounds returns the least and the greatest value, with some room between them.
func (c *Chart) bounds() (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	if c.FromZero {
		lo, hi = 0, 0
	}
	for _, l := range c.Lines {
		for _, v := range l.Values {
			if finite(v) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	switch {
	case lo > hi:
		return 0, 1
	case lo == hi && c.FromZero:
		return 0, max(hi, 1)
	case lo == hi:
		room := max(math.Abs(lo)/10, 1e-6)
		return lo - room, hi + room
	}
	return lo, hi
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// pathOf returns the curve as the commands of an SVG path.
func pathOf(x, values []float64, px, py func(float64) float64) string {
	var b strings.Builder
	draw := "M"
	for i, v := range values {
		if !finite(v) {
			draw = "M"
			continue
		}
		b.WriteString(draw + thousandths(px(x[i])) + " " + thousandths(py(v)))
		draw = "L"
	}
	return b.String()
}

// thousandths writes a place with as many figures as can be seen.
func thousandths(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// data returns what the read-out under the pointer needs, as JSON.
func (p *Page) data() ([]byte, error) {
	type line struct {
		Name   string    `json:"name"`
		Colour int       `json:"colour"`
		Values []numeral `json:"values"`
	}
	type chart struct {
		Unit  Unit   `json:"unit"`
		Lines []line `json:"lines"`
	}
	out := struct {
		X      []numeral `json:"x"`
		Charts []chart   `json:"charts"`
	}{X: numerals(p.X)}
	for _, c := range p.Charts {
		shown := chart{Unit: c.Unit}
		for _, l := range c.Lines {
			if len(l.Values) != len(p.X) {
				return nil, fmt.Errorf("page: the line %q of %q has %d values; want %d, one for each time", l.Name,
					c.Title, len(l.Values), len(p.X))
			}
			shown.Lines = append(shown.Lines, line{l.Name, l.Colour, numerals(l.Values)})
		}
		out.Charts = append(out.Charts, shown)
	}
	return json.Marshal(out)
}

// numeral is a number in JSON with six figures, or null where there is none.
type numeral float64

func numerals(v []float64) []numeral {
	out := make([]numeral, len(v))
	for i, x := range v {
		out[i] = numeral(x)
	}
	return out
}

// MarshalJSON writes the number.
func (n numeral) MarshalJSON() ([]byte, error) {
	if !finite(float64(n)) {
		return []byte("null"), nil
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(float64(n), 'g', 6, 64), 64)
	if err != nil {
		return nil, err
	}
	return json.Marshal(rounded)
}
