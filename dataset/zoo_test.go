package dataset

import (
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strconv"
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
		{"pandas_missing.parquet", map[string]string{"age": "31 | NULL | 57 | 44", "score": "0.5 | NULL | -0 | +Inf",
			"visits": "3 | NULL | 0 | 9007199254740993", "city": `"Ulm" | NULL | "" | "Łódź"`,
			"smoker": "1 | NULL | 0 | 1", "group": `"b" | "a" | NULL | "b"`}},
		{"pandas_float16.parquet", map[string]string{"x": "1.5 | -0 | 65504 | 5.9604645e-08 | 1.1920929e-07 | " +
			"2.9981136e-05 | 6.1035156e-05 | +Inf | NULL"}},
		{"hf_images.parquet", map[string]string{"label": "1 | 0 | 1", "vec": "1 2 3 | 4 5 6 | 7 8 9",
			"m": "0 1 2 3 | 1 2 3 4 | 2 3 4 5",
			"image": hexImage("003c7814508c2864a03c78b4508cc8/2864a03c78b4508cc864a0dc78b4f0/"+
				"508cc864a0dc78b4f08cc804a0dc18/78b4f08cc804a0dc18b4f02cc80440") + " | " +
				hexImage("1e5a96326eaa4682be5a96d26eaae6/4682be5a96d26eaae682befa96d20e/"+
					"6eaae682befa96d20eaae622befa36/96d20eaae622befa36d20e4ae6225e") + " | " +
				hexImage("3c78b4508cc864a0dc78b4f08cc804/64a0dc78b4f08cc804a0dc18b4f02c/"+
					"8cc804a0dc18b4f02cc80440dc1854/b4f02cc80440dc1854f02c6804407c")}},
		{"polars_zstd.parquet", map[string]string{"f": "1.5 | NULL | NaN | -0", "c": `"lo" | "hi" | NULL | "lo"`,
			"a":    "refused: holds lists of different lengths, or rows without one; want lists of one length, or columns",
			"u":    "0 | 255 | NULL | 7",
			"when": "refused: holds times; want numbers, such as seconds since a start, or leave it out (ignore)"}},
		{"fastparquet_plain.parquet", map[string]string{"f": "1.5 | NULL", "h": "0.5 | 2", "i": "1 | 2", "b": "1 | 0",
			"s": `"a" | "ż"`, "v": `"[1.0,2.0]" | "[3.0]"`,
			"t": "refused: holds times; want numbers, such as seconds since a start, or leave it out (ignore)"}},
		{"pandas_zero_rows.parquet", map[string]string{"x": "", "y": ""}},
		{"pandas_text.csv", map[string]string{"": `"0" | "1" | "2"`, "id": `"1" | "2" | "3"`,
			"note": `"a,b" | "he said \"hi\"\nthere" | NULL`, "x": `"0.1" | "1e-07" | "inf"`,
			"ok": `"True" | NULL | "False"`}},
		{"folder", map[string]string{"label": "0 | 0 | 1 | 1 | 2 | 2",
			"image": strings.Join([]string{grey(40), grey(40),
				grey(120), grey(120), grey(200), grey(200)}, " | ")}},
	} {
		table, err := tableOf(t, c.file, FileSettings{Ignore: []string{""}})
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

// grey is an image of 8×8 pixels of one value in three channels, as shown.
func grey(v int) string { return strings.TrimSpace(strings.Repeat(fmt.Sprint(v, " "), 3*8*8)) }

// hexImage is an image of which rows of RGB are given, as shown: the channels one behind the other.
func hexImage(rows string) string {
	b, _ := hex.DecodeString(strings.ReplaceAll(rows, "/", ""))
	var out []string
	for c := range 3 {
		for i := c; i < len(b); i += 3 {
			out = append(out, fmt.Sprint(b[i]))
		}
	}
	return strings.Join(out, " ")
}

// TestLargerFilesOfOthers: the files whose content is a rule, or a file beside them.
func TestLargerFilesOfOthers(t *testing.T) {
	table, err := tableOf(t, "pandas_lz4.parquet", FileSettings{})
	if err != nil {
		t.Fatal(err)
	}
	x, y := []string{}, []string{}
	for i := range 1000 {
		x, y = append(x, fmt.Sprint(float32(i)/8)), append(y, fmt.Sprint(i%3))
	}
	if shown(table, "x") != strings.Join(x, " | ") || shown(table, "y") != strings.Join(y, " | ") {
		t.Errorf("%.200s\n%.200s", shown(table, "x"), shown(table, "y"))
	}
	if table, err = tableOf(t, "pyarrow_v2_delta.parquet", FileSettings{}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("testdata/pyarrow_v2_delta.parquet.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	columns := map[string][]string{}
	for _, name := range strings.Split(lines[0], " | ") {
		columns[name] = strings.Split(shown(table, name), " | ")
	}
	for i, line := range lines[1:] {
		want := strings.Split(line, " | ")
		f, _ := strconv.ParseFloat(want[0], 32)
		want[0] = fmt.Sprint(float32(f))
		want[3] = strings.NewReplacer("true", "1", "false", "0").Replace(want[3])
		if got := []string{columns["f"][i], columns["i"][i], columns["s"][i], columns["b"][i]}; !slices.Equal(got,
			want) {
			t.Fatalf("row %d: %q, want %q", i, got, want)
		}
	}
}
