package dataset

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDecimalCommas: numbers with a decimal comma are read as such where a table shows that it has them, or says so;
// what may be thousands is refused in words, and never read as another number.
func TestDecimalCommas(t *testing.T) {
	german, err := os.ReadFile("testdata/excel_german.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text, settings string
		x              []float32
		want           string
	}{
		{string(german), `{"missing":"zero"}`, []float32{1.5, 1234.25, 0}, ""},
		{"a;b;y\n1,5;-2,25e1;k\n,5;3;l\n", `{}`, []float32{1.5, -22.5, 0.5, 3}, ""},
		{"a\tb\ty\n1,5\t1,234\tk\n2\t3\tl\n", `{}`, []float32{1.5, 1.234, 2, 3}, ""}, // the first shows what the second is
		{"a;y\n1.5;k\n1.234;l\n", `{}`, []float32{1.5, 1.234}, ""},
		{"a;y\n0.123;k\n2.346;l\n", `{}`, []float32{0.123, 2.346}, ""},
		{"a;y\n12;k\n3;l\n", `{}`, []float32{12, 3}, ""},
		{"a,y\n\"1,5\",k\n2,l\n", `{"decimal":","}`, []float32{1.5, 2}, ""},
		{"a;y\n1,234;k\n2;l\n", `{"decimal":","}`, []float32{1.234, 2}, ""},
		{"a;y\n1.234;k\n2;l\n", `{"decimal":"."}`, []float32{1.234, 2}, ""},
		{"a,y\n1.234,k\n2.000,l\n", `{}`, []float32{1.234, 2}, ""}, // commas separate: what else can it be
		{"n;a;y\n1;1,5;k\n1;2,5;l\n", `{"label":"a","label_kind":"quantity","ignore":["y"]}`, []float32{1, 1}, ""},

		{"a;y\n1,234;k\n2;l\n", `{}`, nil, `line 2, column 1: "a" is "1,234", which may be a fraction or thousands`},
		{"a;y\n1.234;k\n12.000;l\n", `{}`, nil, `"a" is "1.234", which may be a fraction or thousands`},
		{"a;y\n1;k\n12.000;l\n", `{"type":"int64"}`, nil, `is "12.000", which may be a fraction or thousands`},
		{"a;y\n1,5;k\n1.234;l\n", `{}`, nil, `line 3, column 1: "a" is "1.234"; want a decimal comma`},
		{"a;y\n1,5;k\n1.234,5;l\n", `{}`, nil, "without separators of thousands"},
		{"a;y\n1,5;k\n1.5;l\n", `{}`, nil, "want a decimal point, not a comma"},
		{"a;y\n1.234.567;k\n", `{}`, nil, "without separators of thousands"},
		{"a,y\n\"1,234,567\",k\n", `{}`, nil, "without separators of thousands"},
		{"a,y\n\"1,5\",k\n", `{}`, nil, `or the setting decimal: ","`},
		{"a;y\n1 234;k\n", `{}`, nil, "want a number"},
		{"a;y\n1'234;k\n", `{}`, nil, "want a number"},
		{"a;y\n1;k\n", `{"decimal":";"}`, nil, `decimal is ";"; want one of`},
	} {
		s, err := trySource(CSV, []byte(c.text), c.settings)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q, %s: %v, want %q", c.text, c.settings, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q, %s: %v", c.text, c.settings, err)
			continue
		}
		b := s.Schema().Batch(s.Len())
		if err := s.Read(all(s.Len()), b); err != nil || !slices.Equal(b.Features.Float32, c.x) {
			t.Errorf("%q, %s: %v, %v, want %v", c.text, c.settings, b.Features.Float32, err, c.x)
		}
		if len(b.Labels.Float32) > 0 && !slices.Equal(b.Labels.Float32, []float32{1.5, 2.5}) {
			t.Errorf("%q: labels %v", c.text, b.Labels.Float32)
		}
	}
	// texts become features, and numbers with commas do not
	s, err := trySource(CSV, []byte("a;b;y\n1,5;red;k\n2,5;blue;l\n"), `{"categorical":"onehot"}`)
	if err != nil || !slices.Equal(s.Schema().Names, []string{"a", "b=blue", "b=red"}) {
		t.Errorf("%v, %v", s, err)
	}
}
