package dataset

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
)

// parquetOf opens a file that writers of Parquet made, whose content internal/parquet/testdata/make.py says.
func parquetOf(t *testing.T, name string) fileTable {
	t.Helper()
	b, err := os.ReadFile("../internal/parquet/testdata/" + name + ".parquet")
	if err != nil {
		t.Fatal(err)
	}
	table, err := openParquet(Env{}, FileSettings{}, io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestParquetTypes: what each type that others write is as a column: numbers, texts, or a refusal that says what would
// be right.
func TestParquetTypes(t *testing.T) {
	files := map[string]map[string]string{}
	for _, c := range []struct{ file, column, want string }{
		{"pyarrow_types", "bool", "1 | 0 | 0 | NULL | 1"},
		{"pyarrow_types", "int8", "-128 | 127 | 0 | NULL | 7"},
		{"pyarrow_types", "int64", "-9223372036854775808 | 9223372036854775807 | 0 | NULL | 7"},
		{"pyarrow_types", "uint8", "0 | 255 | 128 | NULL | 0"},
		{"pyarrow_types", "uint32", "0 | 4294967295 | 2147483648 | NULL | 0"},
		{"pyarrow_types", "uint64", "0 | 1.8446744e+19 | 9.223372e+18 | NULL | 0"},
		{"pyarrow_types", "float16", "1.5 | -0 | 65504 | NULL | +Inf"},
		{"pyarrow_types", "float32", "1.5 | -0 | 3.4028235e+38 | NULL | +Inf"},
		{"pyarrow_types", "float64", "0.1 | -0 | 0 | NULL | -Inf"}, // 5e-324 is 0 as float32
		{"pyarrow_types", "string", `"" | "a" | "Łódź" | NULL | "a"`},
		{"pyarrow_types", "large", `"x" | "yy" | "" | NULL | "yy"`},
		{"pyarrow_types", "dictionary", `"lo" | "hi" | "lo" | NULL | "lo"`},
		{"pyarrow_types", "binary", "refused: holds raw bytes"},
		{"pyarrow_types", "fixed", "refused: holds raw bytes"},
		{"pyarrow_types", "decimal9", "refused: holds decimals"}, // pyarrow writes bytes, however few digits there are
		{"pyarrow_types", "decimal38", "refused: holds decimals"},
		{"pyarrow_types", "date", "refused: holds times"},
		{"pyarrow_types", "time_ms", "refused: holds times"},
		{"pyarrow_types", "ts_ns", "refused: holds times"},
		{"pyarrow_types", "duration", "1 | -1 | 86400000000 | NULL | -1"},
		{"pyarrow_types", "nothing", "refused: is empty in every row"},
		{"pyarrow_types", "all_null", "NULL | NULL | NULL | NULL | NULL"},
		{"pyarrow_old", "uint32", "0 | 4294967295 | 2147483648 | NULL | 0"},
		{"int96", "t", "refused: holds times (INT96)"},
		{"nested_v1", "list", "1 2 3 | 4 5 6 | 7 8 9"},
		{"nested_v2", "fsl", "1 2 3 | 4 5 6 | 7 8 9"},
		{"nested_v1", "ragged", "1 | NULL | NULL"}, // one place each, of which two are empty
		{"nested_v1", "deep", "holds lists of different lengths"},
		{"nested_v1", "skewed", "holds lists of different lengths"}, // [[1 2] [3]] and [[1] [2 3]] are two shapes
		{"nested_v2", "even", "1 2 3 4 | 5 6 7 8 | 9 10 11 12"},
		{"nested_v1", "struct.a", "1 | NULL | NULL"},
		{"nested_v1", "map", "refused: holds lists of different lengths"},
		{"empty_group", "string", `"" | "a" | "Łódź" | NULL | "a"`},
		{"pyarrow_pages_v2", "float32", "1.5 | -0 | 3.4028235e+38 | NULL | +Inf"},
		{"duckdb_zstd_v2", "f", "0.5 | -0 | +Inf | NULL | -0"}, // 1e300 is beyond float32, which is refused as a sample
	} {
		if files[c.file] == nil {
			files[c.file] = map[string]string{}
			table := parquetOf(t, c.file)
			for _, col := range table.columns() {
				files[c.file][col.name] = shown(table, col.name)
			}
		}
		got := strings.Join(strings.SplitN(files[c.file][c.column], " | ", 6)[:min(5,
			strings.Count(files[c.file][c.column], " | ")+1)], " | ")
		if got != c.want && !(len(c.want) > 12 && strings.Contains(got, c.want)) {
			t.Errorf("%s, %s: %.200s, want %s", c.file, c.column, got, c.want)
		}
	}
}

// TestParquetRows: any rows, in any order and across pages and row groups, are those that reading from the start gives.
func TestParquetRows(t *testing.T) {
	for _, file := range []string{"pyarrow_pages", "pyarrow_pages_v2", "polars_zstd", "fastparquet_snappy",
		"empty_group"} {
		table := parquetOf(t, file)
		for i, c := range table.columns() {
			if c.typ == unusable {
				continue
			}
			want := strings.Split(shown(table, c.name), " | ")
			w := wanted{i, c.typ}
			if c.format == "uint64" {
				w.as = number
			}
			into := make([]cells, 1)
			for r := c.rows - 1; r >= 0; r -= 3 {
				if err := table.read([]int{r}, []wanted{w}, into); err != nil {
					t.Fatal(err)
				}
				if into[0].none[0] != (want[r] == "NULL") {
					t.Errorf("%s, %s, row %d: missing %v, and it is %s", file, c.name, r, into[0].none[0], want[r])
				}
			}
		}
	}
}

// TestParquetLabels: a label beyond int64 is refused, and not taken for one below 0; and so is a table of which the
// lists in lists are of different lengths, as many numbers as they have.
func TestParquetLabels(t *testing.T) {
	b, err := os.ReadFile("../internal/parquet/testdata/pyarrow_types.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for settings, want := range map[string]string{
		`{"label":"uint64","features":["no_null"]}`:                      `row 2, column "uint64": is 18446744073709551615`,
		`{"label":"no_null","label_kind":"none","features":["uint64"]}`:  `row 4, column "uint64": is empty`,
		`{"label":"uint64","features":["no_null"],"bad_rows":"skip"}`:    "",
		`{"label":"required_s","features":["float64"],"missing":"zero"}`: "-Inf",
		`{"label":"required_s","features":["required_i"]}`:               "",
		`{"label":"bool","features":["required_i"],"bad_rows":"skip"}`:   "",
		`{"label":"ts_us","features":["required_i"]}`:                    `"ts_us" holds times`,
		`{"label":"required_s","features":["string"]}`:                   `"string" holds texts`,
		`{"label":"dictionary","features":["no_null"],"type":"int64"}`:   `"no_null" is float32`,
		`{"label":"dictionary","features":["duration","int8","uint16"],` +
			`"missing":"drop"}`: "",
	} {
		_, err := trySource(AnyFile, b, settings)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", settings, err, want)
		}
	}
	s, err := trySource(AnyFile, b, `{"label":"dictionary","features":["required_i"],"bad_rows":"skip"}`)
	if err != nil {
		t.Fatal(err)
	}
	if x := s.Schema(); x.Label != tensor.Int64 || !slices.Equal(x.Classes, []string{"hi", "lo", "mid"}) ||
		s.Len() != 33 {
		t.Errorf("%d of %v", s.Len(), x)
	}
}
