package dataset

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// tableOf opens a file of testdata as a table.
func tableOf(t *testing.T, name string, s FileSettings) (fileTable, error) {
	t.Helper()
	files := os.DirFS("testdata")
	in, close, err := openSection(files, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = close.Close() })
	return openTable(Env{Files: files, File: name, Settings: s.JSON()}, s, in)
}

// shown is a column as text: its cells, one a row, each number by itself.
func shown(table fileTable, name string) string {
	i := slices.IndexFunc(table.columns(), func(c fileColumn) bool { return c.name == name })
	if i < 0 {
		return "no column " + name
	}
	col := table.columns()[i]
	if col.typ == unusable {
		return "refused: " + col.why
	}
	w := wanted{i, col.typ}
	if col.format == "uint64" {
		w.as = number
	}
	if w.as == anyText {
		w.as = text
	}
	c := make([]cells, 1)
	if err := table.read(all(col.rows), []wanted{w}, c); err != nil {
		return err.Error()
	}
	var out []string
	for r := range col.rows {
		switch n := col.width(); {
		case c[0].none[r]:
			out = append(out, "NULL")
		case w.as == number:
			out = append(out, strings.Trim(fmt.Sprint(c[0].f[r*n:(r+1)*n]), "[]"))
		case w.as == integer:
			out = append(out, strings.Trim(fmt.Sprint(c[0].i[r*n:(r+1)*n]), "[]"))
		default:
			out = append(out, fmt.Sprintf("%q", c[0].s[r]))
		}
	}
	return strings.Join(out, " | ")
}

// TestFilesOfOthers reads real files of other programs, whose right content is told in testdata/index.md: what is
// there, or a refusal, and never other data.
func TestFilesOfOthers(t *testing.T) {
	for _, c := range []struct {
		file    string
		columns map[string]string
	}{
		{"weights.npz", map[string]string{
			"w/0.kernel": "0 1 2 | 3 4 5", "be": "0 1 2 | 3 4 5", "mask": "1 | 0 | 1", "half": "0.5 | 5.9604645e-08",
			"step": "refused: is a single number, and no list of samples", "none": "",
			"big": "1.8446744e+19",
		}},
		{"objects.npz", map[string]string{"x": "0 1 2 | 3 4 5",
			"names": "refused: holds Python objects, as a pickle, which is not opened; want numbers " +
				"(numpy.array(…, dtype='float32'))"}},
		{"images_fortran.npy",
			map[string]string{"x": "0 1 2 3 4 5 6 7 8 9 10 11 | 12 13 14 15 16 17 18 19 20 21 22 23"}},
		{"idx/" + "t10k-images-idx3-ubyte.gz", map[string]string{"y": "7 | 2 | 1 | 0 | 4",
			"x": "0 1 2 3 4 5 6 7 8 9 10 11 | 12 13 14 15 16 17 18 19 20 21 22 23 | " +
				"24 25 26 27 28 29 30 31 32 33 34 35 | 36 37 38 39 40 41 42 43 44 45 46 47 | " +
				"48 49 50 51 52 53 54 55 56 57 58 59"}},
	} {
		table, err := tableOf(t, c.file, FileSettings{})
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		for name, want := range c.columns {
			if got := shown(table, name); got != want {
				t.Errorf("%s, %s:\n%s\nwant\n%s", c.file, name, got, want)
			}
		}
	}
}
