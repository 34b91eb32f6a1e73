package dataset

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// arrowOf opens a file that writers of Arrow made, whose content internal/arrow/testdata/make.py says.
func arrowOf(t *testing.T, name string) fileTable {
	t.Helper()
	b, err := os.ReadFile("../internal/arrow/testdata/" + name + ".arrow")
	if err != nil {
		t.Fatal(err)
	}
	table, err := openTable(Env{}, FileSettings{}, io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return table
}

// TestArrowTypes: what each type that others write is as a column, in files and streams, packed and not.
func TestArrowTypes(t *testing.T) {
	types := []struct{ column, want string }{
		{"bool", "1 | 0 | 0 | NULL | 1"},
		{"int8", "-128 | 127 | 0 | NULL | 7"},
		{"int64", "-9223372036854775808 | 9223372036854775807 | 0 | NULL | 7"},
		{"uint32", "0 | 4294967295 | 2147483648 | NULL | 0"},
		{"uint64", "0 | 1.8446744e+19 | 9.223372e+18 | NULL | 0"},
		{"float16", "1.5 | -0 | 65504 | NULL | +Inf"},
		{"float32", "1.5 | -0 | 3.4028235e+38 | NULL | +Inf"},
		{"float64", "0.1 | -0 | 0 | NULL | -Inf"}, // 5e-324 is 0 as float32
		{"string", `"" | "a" | "Łódź" | NULL | "a"`},
		{"view", `"short" | "exactly12byt" | "thirteen byte" | NULL | "short"`},
		{"dict8", `"lo" | "hi" | "lo" | NULL | "lo"`},
		{"dict_view", `"lo" | "hi" | "a text that is longer than a view" | NULL | "hi"`},
		{"dict_int", "10 | -20 | 30 | NULL | -20"},
		{"binary", "refused: holds raw bytes"},
		{"decimal", "12345.67 | -0.01 | 0 | NULL | -0.01"},
		{"duration", "1 | -1 | 86400000000 | NULL | -1"},
		{"nothing", "refused: is empty in every row"},
		{"all_null", "NULL | NULL | NULL | NULL | NULL"},
		{"list", "1 2 | 3 4 | 5 6 | 1 2 | 3 4"},
		{"large_list", "1 2 3 | NULL | 1 2 3 | NULL | 1 2 3"},
		{"fsl", "1 2 3 | NULL | NULL | NULL | NULL"},
		{"deep", "1 2 3 4 | 5 6 7 8 | 1 2 3 4 | 5 6 7 8 | 1 2 3 4"},
		{"struct.a", "1 | NULL | 1 | NULL | 1"},
		{"struct.b", `"x" | "z" | "x" | NULL | "x"`},
	}
	for _, file := range []string{"pyarrow_file_none", "pyarrow_file_lz4", "pyarrow_stream_zstd", "pyarrow_slices"} {
		table := arrowOf(t, file)
		for _, c := range types {
			cells := strings.Split(shown(table, c.column), " | ")
			if got := strings.Join(cells[:min(5, len(cells))], " | "); got != c.want &&
				(len(cells) > 1 || !strings.Contains(got, c.want)) {
				t.Errorf("%s, %s: %.200s, want %s", file, c.column, got, c.want)
			}
		}
	}
	for _, c := range []struct{ file, column, want string }{
		{"others", "union", "refused: holds unions, which are not read"},
		{"others", "runs", "refused: holds runs"}, {"others", "map", "refused: holds maps"},
		{"others", "records", "refused: holds records in lists"},
		{"others", "ragged", "holds lists of different lengths"},
		{"others", "decimal38", "refused: holds decimals of more than 18 digits"},
		{"others", "timestamp", "refused: holds times"}, {"others", "y", `"last" | "one"`},
		{"tensors", "x", "0 1 2 3 4 5 | 6 7 8 9 10 11 | 12 13 14 15 16 17 | 18 19 20 21 22 23"},
		{"no_rows", "int8", ""}, {"no_batches_stream", "list", ""},
	} {
		got := shown(arrowOf(t, c.file), c.column)
		if got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%s, %s: %.200s, want %s", c.file, c.column, got, c.want)
		}
	}
}

// TestArrowSamples: Arrow as samples: text labels of a dictionary are classes, tensors have their shape, images of
// Hugging Face are images with its classes, and any rows are those that reading from the start gives.
func TestArrowSamples(t *testing.T) {
	f, err := OpenFile(os.DirFS("testdata"), "flowers.feather", FileSettings{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := OpenFile(os.DirFS("testdata"), "flowers.parquet", FileSettings{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	fx, fy, _ := samplesOf(t, f)
	px, py, _ := samplesOf(t, p)
	if !slices.Equal(fx, px) || !slices.Equal(fy, py) || f.Schema().Against(p.Schema()) != nil || f.Len() != 240 {
		t.Errorf("the same table as Arrow and as Parquet: %v and %v", f.Schema(), p.Schema())
	}
	f.kept = nil // as of a file that is too large to keep
	b, one := f.Schema().Batch(3), f.Schema().Batch(1)
	for _, rows := range [][]int{{239, 0, 7}, {7, 7, 238}} {
		if err := f.Read(rows, b); err != nil {
			t.Fatal(err)
		}
		for i, r := range rows {
			if err := f.Read([]int{r}, one); err != nil || !slices.Equal(one.Features.Float32, px[3*r:3*r+3]) ||
				!slices.Equal(b.Features.Float32[3*i:3*i+3], px[3*r:3*r+3]) || b.Labels.Int64[i] != py[r] {
				t.Errorf("row %d is %v, want %v (%v)", r, b.Features.Float32[3*i:3*i+3], px[3*r:3*r+3], err)
			}
		}
	}
	g, err := OpenFile(os.DirFS("testdata"), "hf_images.arrow", FileSettings{Features: []string{"image"}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	h, err := OpenFile(os.DirFS("testdata"), "hf_images.parquet", FileSettings{Features: []string{"image"}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	gx, gy, _ := samplesOf(t, g)
	hx, hy, _ := samplesOf(t, h)
	if !slices.Equal(gx, hx) || !slices.Equal(gy, hy) || !slices.Equal(g.Schema().Classes, []string{"cat", "dog"}) {
		t.Errorf("images as Arrow and as Parquet: %v and %v", g.Schema(), h.Schema())
	}
	k, err := OpenFile(os.DirFS("../internal/arrow/testdata"), "tensors.arrow", FileSettings{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if s := k.Schema(); !slices.Equal(s.Shape, []int{2, 3}) || !slices.Equal(s.Classes, []string{"a", "b"}) {
		t.Errorf("%v", s)
	}
}

// TestArrowRefused: what is no Arrow that is read is refused in words.
func TestArrowRefused(t *testing.T) {
	for name, want := range map[string]string{"big_endian": "big endian", "feather_v1": "a Feather file of version 1"} {
		b, err := os.ReadFile("../internal/arrow/testdata/" + name + ".arrow")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range [][]byte{b} {
			if _, err := trySource(AnyFile, file, "{}"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
}
