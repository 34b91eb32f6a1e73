package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/fuzzing"
)

// TestCSV: the same three samples, as different programs write them.
func TestCSV(t *testing.T) {
	plain := "width,height,species\n0.1,2,rose\n-3e-2,4,ash\n.5,6.,rose\n"
	for name, c := range map[string]struct{ text, settings string }{
		"commas": {plain, ""}, "semicolons": {strings.ReplaceAll(plain, ",", ";"), ""},
		"tabs": {strings.ReplaceAll(plain, ",", "\t"), ""},
		"bars": {strings.ReplaceAll(plain, ",", "|"), ""}, "blanks behind": {strings.ReplaceAll(plain, ",", ", "), ""},
		"windows": {"\ufeff" + strings.ReplaceAll(plain, "\n", "\r\n"), ""},
		"excel":   {"sep=;\r\n" + strings.ReplaceAll(plain, ",", ";"), ""},
		"quotes":  {strings.ReplaceAll(plain, "rose", `"rose"`), ""}, "blank lines at the end": {plain + "\r\n\n", ""},
		"no last line end": {strings.TrimSpace(plain), ""},
		"numpy":            {"# " + plain, ""}, "skipped": {"made by hand\n\n" + plain, `{"skip":2}`},
		"label first":    {"species,width,height\nrose,0.1,2\nash,-0.03,4\nrose,0.5,6\n", `{"label":"species"}`},
		"classes said":   {plain, `{"classes":["ash","rose"]}`},
		"without header": {strings.SplitAfterN(plain, "\n", 2)[1], `{"header":false,"label":"2"}`},
	} {
		s, err := trySource(CSV, []byte(c.text), c.settings)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		x, y := imagesOf(t, s)
		if !slices.Equal(x, []float32{0.1, 2, -0.03, 4, 0.5, 6}) || !slices.Equal(y, []int64{1, 0, 1}) ||
			!slices.Equal(s.Schema().Classes, []string{"ash", "rose"}) {
			t.Errorf("%s: %v %v %v", name, x, y, s.Schema())
		}
		if names := s.Schema().Names; name != "without header" && !slices.Equal(names, []string{"width", "height"}) {
			t.Errorf("%s: names %q", name, names)
		}
	}
}

// TestCSVClassesAreOrderedAsText: the number of a class is its place among the labels of the file, sorted as text, or
// in the setting.
func TestCSVClassesAreOrderedAsText(t *testing.T) {
	text := "x,y\n1,10\n2,9\n3,10\n4,a b\n"
	_, y := imagesOf(t, openSource(t, CSV, []byte(text)))
	_, said := imagesOf(t, openSource(t, CSV, []byte(text), `{"classes":["a b","9","10","unseen"]}`))
	if !slices.Equal(y, []int64{0, 1, 0, 2}) || !slices.Equal(said, []int64{2, 1, 2, 0}) {
		t.Errorf("%v, %v", y, said)
	}
}

// TestCSVRefusesWithLineAndColumn: what could be read in two ways is told with its place, and what would be right.
func TestCSVRefusesWithLineAndColumn(t *testing.T) {
	const head = "width,height,species\n"
	for text, want := range map[string]string{
		"":                              "line 1: is not there: the file is empty",
		"\ufeff \n":                     "the file is empty",
		"a\n1\n":                        "line 1: is one column",
		head:                            "line 2: is not there: no row follows",
		head + "1,2,a\n1,2\n":           "line 3: has 2 columns; want 3",
		head + "1,2,a\n\n1,2,a\n":       "line 3: is blank",
		head + "1,\"2\",a\n\n\n1,2,a\n": "line 3: is blank",
		head + "\n1,2,a\n":              "line 2: is blank",
		head + "1,2,\"a\nb\"\n1,x,c\n":  `line 4, column 2: "height" is "x"; want a number`,
		head +
			"1,,a\n": `line 2, column 2: "height" is empty; want a number: samples with missing values`,
		head + "NaN,1,a\n":                                   `line 2, column 1: "width" is "NaN"`,
		head + "1,2,\n":                                      `line 2, column 3: "species" is empty; want a label`,
		head + "inf,2,a\n":                                   "finite",
		head + "1e39,2,a\n":                                  "finite number that float32 holds",
		head + "1_000,2,a\n":                                 "in decimals",
		head + "0x1p-2,2,a\n":                                "in decimals",
		head + "True,2,a\n":                                  `is "True"; want a number`,
		"Größe;Klasse\n1,5;a\n1.5;b\n":                       `line 2, column 1: "Größe" is "1,5"; want a decimal point, not a comma`,
		",width,species\n0,1,a\n":                            "line 1, column 1: has no name: is it the number of the row?",
		"width,species,\n1,a,\n":                             "line 1, column 3: has no name",
		"width,width,species\n1,1,a\n":                       `line 1, column 2: is called "width", as column 1 is`,
		"150,4,setosa\n1,2,0\n":                              "is the number 150 in the place of a name",
		"1,2,0\n3,4,1\n":                                     "set header to false",
		head + "1,2,\"a\n":                                   "line 2: extraneous or missing",
		head + "1,2\"3,a\n":                                  "line 2: bare",
		"a,b\r1,2\r":                                         "line 1: ends in CR alone",
		head + "1,2," + strings.Repeat("a", 300):             "a label of 300 bytes",
		head + "1,\"" + strings.Repeat("\n", csvRecord+5000): "line 2: more than 1048576 bytes in one row",
		strings.Repeat("a,", csvColumns) + "b\n":             "at most 4096 are read",
		"\x1f\x8b\x08":                                       "packed by gzip",
	} {
		_, err := trySource(CSV, []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, new(*RowError)) &&
			!errors.As(err, new(*FormatError)) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
	text := []byte(head + "1,2,a\n")
	for settings, want := range map[string]string{
		`{"label":"genus"}`:     `label is "genus"; want one of the columns ["width" "height" "species"]`,
		`{"classes":["b"]}`:     `line 2, column 3: "species" is "a"; want one of the classes`,
		`{"classes":["a","a"]}`: "each once", `{"skip":-1}`: "skip", `{"lable":"a"}`: "lable",
		`{"header":false,"label":"3"}`: "number of a column", `{"skip":9}`: "all lines are skipped",
	} {
		_, err := trySource(CSV, text, settings)
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, new(*RowError)) &&
			!errors.As(err, new(*config.Error)) {
			t.Errorf("%s: %v, want %q", settings, err, want)
		}
	}
}

// TestCSVFilesOfOthers reads tables that other programs wrote: what is there, or a refusal, and never other data.
func TestCSVFilesOfOthers(t *testing.T) {
	for file, want := range map[string]string{"iris.csv": "in the place of a name", "excel_german.csv": "is empty",
		"pandas_text.csv": "index=False", "polars_labels.csv": "one column"} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := trySource(CSV, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
	text, err := os.ReadFile(filepath.Join("testdata", "iris.csv"))
	if err != nil {
		t.Fatal(err)
	}
	s := openSource(t, CSV, text, `{"header":false,"skip":1}`)
	x, y := imagesOf(t, s)
	if s.Len() != 150 || !slices.Equal(x[:4], []float32{5.1, 3.5, 1.4, 0.2}) || !slices.Equal(x[149*4:],
		[]float32{5.9, 3, 5.1, 1.8}) || y[0] != 0 || y[149] != 2 {
		t.Errorf("%d samples, %v … %v", s.Len(), x[:4], x[149*4:])
	}
}

// FuzzCSV: any file is read whole or refused by type, and what was read has the rows that it says.
func FuzzCSV(f *testing.F) {
	f.Add([]byte("a,b,c\n1,2,x\n3,4,y\n"))
	f.Add([]byte("\ufeffsep=;\r\na;b\r\n\"1\";\"x\"\"y\"\r\n\n"))
	f.Add([]byte("# a\tb\n1\t2\n\n3\t4"))
	fuzzing.Run(f, func(t *testing.T, text []byte) {
		s, err := trySource(CSV, text)
		if err != nil {
			if !errors.As(err, new(*RowError)) && !errors.As(err, new(*FormatError)) &&
				!errors.As(err, new(*config.Error)) {
				t.Fatalf("%v is no type of error of a file", err)
			}
			return
		}
		x, y := imagesOf(t, s)
		if len(y) != s.Len() || len(x) != s.Len()*s.Schema().Width() || s.Schema().Check() != nil ||
			bytes.Count(text, []byte("\n")) < s.Len() {
			t.Fatalf("%d samples of %v from %d lines", s.Len(), fmt.Sprint(s.Schema()), bytes.Count(text, []byte("\n")))
		}
	})
}
