package parquet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stored returns a value in the form of testdata/make.py.
func stored(c *Column, v Values, at int) string {
	switch c.Type {
	case Float:
		return fmt.Sprintf("f%08x", math.Float32bits(v.Singles[at]))
	case Double:
		return fmt.Sprintf("d%016x", math.Float64bits(v.Floats[at]))
	case Boolean, Int32, Int64:
		return fmt.Sprint(v.Ints[at])
	}
	return "b" + hex.EncodeToString(v.Bytes[at])
}

// contents reads all of a file: the values of each column, "null" where nothing is.
func contents(b []byte) (map[string][]string, error) {
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for i := range f.Columns {
		c := &f.Columns[i]
		values := []string{}
		for g := range f.Groups {
			r, err := f.Reader(g, i)
			if err != nil {
				return nil, err
			}
			n := 0
			for k := range r.Pages() {
				p, err := r.Page(k)
				if err != nil {
					return nil, err
				}
				if p.First != int64(n) || r.At(p.First) != k && p.N > 0 || p.N > 0 && r.At(p.First+int64(p.N)-1) != k {
					return nil, fmt.Errorf("page %d of %s begins at %d, want %d", k, c.Name(), p.First, n)
				}
				n += p.N
				at := 0
				for j := range p.N {
					if p.Def != nil && int(p.Def[j]) < c.MaxDef {
						values = append(values, "null")
						continue
					}
					values = append(values, stored(c, p.Values, at))
					at++
				}
			}
		}
		out[c.Name()] = values
	}
	return out, nil
}

// refused are the files of testdata that are refused, and in which words.
var refused = map[string]string{
	"pyarrow_brotli.parquet":     "packed by brotli; write it with zstd, snappy, gzip, lz4 or none",
	"pyarrow_brotli_v2.parquet":  "packed by brotli",
	"polars_brotli.parquet":      "packed by brotli",
	"duckdb_brotli_v1.parquet":   "packed by brotli",
	"duckdb_brotli_v2.parquet":   "packed by brotli",
	"fastparquet_brotli.parquet": "packed by brotli",
	"encrypted.parquet":          "it is encrypted; write it without encryption",
	"encrypted_column.parquet":   `column "int32" is encrypted; write it without encryption`,
	"elsewhere.parquet":          `the values of column "int32" in another file, "beside.tmp"`,
	"fastparquet_lz4.parquet":    "packed by lz4 (of Hadoop)",
}

// TestFilesOfWriters reads files of pyarrow, polars, DuckDB and fastparquet: every type, encoding, codec and version of
// pages, value by value, as they were written.
func TestFilesOfWriters(t *testing.T) {
	b, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string][]*string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("testdata/*.parquet")
	if err != nil || len(names) != len(want) || len(names) < 50 {
		t.Fatalf("%d files, and %d are expected: %v", len(names), len(want), err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.Base(name)
		got, err := contents(b)
		if words, is := refused[name]; is {
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %v; want %q", name, err, words)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got) != len(want[name]) {
			t.Errorf("%s has %d columns; want %d", name, len(got), len(want[name]))
		}
		for column, values := range want[name] {
			texts := []string{}
			for _, v := range values {
				if v == nil {
					texts = append(texts, "null")
				} else {
					texts = append(texts, *v)
				}
			}
			if !slices.Equal(got[column], texts) {
				t.Errorf("%s, %s:\n%.300q\nwant\n%.300q", name, column, got[column], texts)
			}
		}
	}
}
