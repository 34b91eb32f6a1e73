package page

import (
	"bytes"
	"encoding/xml"
	"math"
	"regexp"
	"strings"
	"testing"
)

func example() *Page {
	nan := math.NaN()
	return &Page{
		Title: "a <job>", Subtitle: "of & for tests", X: []float64{0, 1, 2, 3},
		Tiles: []Tile{{"accuracy", "9 %", "not much"}},
		Charts: []Chart{
			{Title: "Accuracy", Unit: Percent,
				Lines: []Line{{Name: "mean", Colour: 1, Values: []float64{nan, 0.5, 0.75, 1}}}},
			{Title: "Bytes", Unit: Bytes, FromZero: true, PerRight: 3,
				Lines: []Line{{Name: "</script>", Colour: 2, Values: []float64{0, 1 << 10, 1 << 20, 3 << 20}}}},
			{Title: "Flat", Unit: Count, FromZero: true,
				Lines: []Line{{Name: "none", Colour: 3, Values: []float64{0, 0, 0, 0}}}},
		},
		Tables: []Table{{Title: "Faults", Head: []string{"kind", "times"}, Rows: [][]string{{"<b>", "3"}}},
			{Title: "File", Text: "a: 1 # <i>"}},
		Command: "rhizome sim x", Footer: "end",
	}
}

func html(t *testing.T, p *Page) string {
	t.Helper()
	b, err := p.HTML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.HTML()
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("the same page gives other bytes (%v)", err)
	}
	return string(b)
}

// TestPageHoldsEverything: curves, tables, tiles; nothing of another host; and no text of the caller's becomes markup.
func TestPageHoldsEverything(t *testing.T) {
	text := html(t, example())
	for _, want := range []string{
		"a &lt;job&gt;", "of &amp; for tests", "9 %", `d="M333.3 833.3L666.7 416.7L1000 0"`,
		`d="M0 1000L333.3 999.7L666.7 666.7L1000 0"`,
		"3 MiB", "1 MiB", "341 KiB", "&lt;b&gt;", "a: 1 # &lt;i&gt;", "rhizome sim x", "prefers-color-scheme: dark",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	for _, bad := range []string{"http://", "https://", "<b>3", "<i>\n", "src=", "href=", "@import", "url("} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is on the page", bad)
		}
	}
	if n := strings.Count(text, "</script>"); n != 1 {
		t.Errorf("%d scripts end", n)
	}
	// Every drawing is well formed.
	for _, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(text, -1) {
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); err != nil {
				if err.Error() != "EOF" {
					t.Error(err)
				}
				break
			}
		}
	}
}

func TestPageRefusesCrookedLines(t *testing.T) {
	p := example()
	p.Charts[0].Lines[0].Values = p.Charts[0].Lines[0].Values[:2]
	if _, err := p.HTML(); err == nil || !strings.Contains(err.Error(), "want 4") {
		t.Error(err)
	}
}

// TestPagesOfNothing: a run that was over before it began has a page too.
func TestPagesOfNothing(t *testing.T) {
	p := example()
	p.X = nil
	for i := range p.Charts {
		p.Charts[i].Lines[0].Values = nil
	}
	html(t, p)
	p.X = []float64{0}
	for i := range p.Charts {
		p.Charts[i].Lines[0].Values = []float64{math.Inf(1)}
	}
	if text := html(t, p); strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Error("the page holds what is no number")
	}
}

func TestTicksAreRound(t *testing.T) {
	for _, c := range []struct {
		unit   Unit
		lo, hi float64
		want   string
	}{
		{Count, 0, 7, "0 2 4 6 8"}, {Count, 0, 1, "0 1"}, {Percent, 0.5, 0.86, "50 % 60 % 70 % 80 % 90 %"},
		{Number, 0, 0.69, "0 0.2 0.4 0.6 0.8"},
		{Bytes, 0, 3 << 20, "0 B 1 MiB 2 MiB 3 MiB"}, {Count, 0, 123456, "0 50 k 100 k 150 k"},
		{Count, 0, 3.1e6, "0 1 M 2 M 3 M 4 M"},
	} {
		var got []string
		for _, v := range c.unit.ticks(c.lo, c.hi) {
			got = append(got, c.unit.text(v, 4))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%v to %v: %s, want %s", c.lo, c.hi, s, c.want)
		}
	}
	for end, want := range map[float64]string{0.05: "0 ms 10 ms 20 ms 30 ms 40 ms 50 ms",
		50: "0 s 10 s 20 s 30 s 40 s 50 s", 3600: "0 min 10 min 20 min 30 min 40 min 50 min 60 min",
		86400 * 10: "0 d 2 d 4 d 6 d 8 d 10 d"} {
		var got []string
		for _, v := range timeTicks(end) {
			got = append(got, timeText(v, end))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%v s: %s, want %s", end, s, want)
		}
	}
}
