package arrow

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
)

// stored returns a value in the form of testdata/make.py.
func (v *Values) stored(at int) string {
	switch {
	case v.None != nil && v.None[at]:
		return "null"
	case v.Singles != nil:
		return fmt.Sprintf("f%08x", math.Float32bits(v.Singles[at]))
	case v.Floats != nil:
		return fmt.Sprintf("d%016x", math.Float64bits(v.Floats[at]))
	case v.Bytes != nil:
		return "b" + hex.EncodeToString(v.Bytes[at])
	}
	return fmt.Sprint(v.Ints[at])
}

// contents reads all of a file, so many rows at a time, and what columns are not read for which reason.
func contents(b []byte, step int) (map[string][]string, error) {
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	out, left := map[string][]string{}, 1<<20
	for i := range f.Columns {
		c := &f.Columns[i]
		if c.Kind == Unknown || c.Kind == Time {
			continue
		}
		values := []string{}
		width, err := f.Width(i)
		for g := range f.Batches {
			for from := 0; from < int(f.Batches[g].Rows) && err == nil && left > 0; from += step {
				var v *Values
				n := min(step, int(f.Batches[g].Rows)-from)
				if v, err = f.Read(g, i, from, n); err != nil {
					break
				}
				if v.len() != n*width {
					return nil, fmt.Errorf("column %s has %d values in %d rows of %d", c.Name(), v.len(), n, width)
				}
				left -= 1 + v.len()
				for k := range v.len() {
					values = append(values, v.stored(k))
				}
			}
		}
		if err != nil {
			if !errors.As(err, new(*Error)) {
				return nil, err
			}
			values = []string{err.Error()}
		}
		out[c.Name()] = values
	}
	return out, nil
}

// TestFilesOfWriters reads files and streams of pyarrow, polars and pandas: every type, packer and form of batches,
// value by value, as they were written, whatever is read at a time.
func TestFilesOfWriters(t *testing.T) {
	b, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string][]*string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("testdata/*.arrow")
	if err != nil || len(names) != len(want) || len(names) < 25 {
		t.Fatalf("%d files, and %d are expected: %v", len(names), len(want), err)
	}
	refused := map[string]string{"big_endian.arrow": "its numbers are big endian",
		"feather_v1.arrow": "not the beginning"}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.Base(name)
		for _, step := range []int{1 << 12, 5, 1} {
			got, err := contents(b, step)
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
					t.Errorf("%s, %s, %d rows at a time:\n%.300q\nwant\n%.300q", name, column, step, got[column], texts)
				}
			}
		}
	}
}

// TestOtherColumns: what is not read is told by its column, and the columns beside it are read all the same.
func TestOtherColumns(t *testing.T) {
	b, err := os.ReadFile("testdata/others.arrow")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	why := map[string]string{}
	for _, c := range f.Columns {
		if why[c.Name()] = c.Why; c.Kind == Time {
			why[c.Name()] = "time"
		}
	}
	for name, want := range map[string]string{"x": "", "union": "unions", "sparse": "unions", "runs": "run-end",
		"map": "maps", "list_view": "views of lists", "records": "records in lists", "ragged": "",
		"decimal38": "more than 18 digits", "date": "time", "time": "time", "timestamp": "time", "y": ""} {
		if got, there := why[name]; !there || (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got, err := contents(b, 5); err != nil || !strings.Contains(got["ragged"][0], "lists of different lengths") {
		t.Errorf("%v, %v", got["ragged"], err)
	}
}

// TestBrokenBytes changes each byte of files, and cuts them: each is read, or refused by type.
func TestBrokenBytes(t *testing.T) {
	names, err := filepath.Glob("testdata/*.arrow")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		step := max(1, len(b)/100)
		for i := 0; i < len(b); i += step {
			changed := slices.Clone(b)
			changed[i] ^= 0x91
			for _, file := range [][]byte{b[:i], changed} {
				if _, err := contents(file, 64); err != nil && !errors.As(err, new(*Error)) {
					t.Fatalf("%s, byte %d: %T %v", name, i, err, err)
				}
			}
		}
	}
}

// FuzzFile reads any bytes as a file or a stream.
func FuzzFile(f *testing.F) {
	for _, name := range []string{"pyarrow_stream_lz4", "pyarrow_file_zstd", "pyarrow_file_none", "deltas_stream",
		"replaced_stream", "polars_zstd", "polars_lz4_stream", "others", "tensors", "big_endian", "no_batches_stream"} {
		b, err := os.ReadFile("testdata/" + name + ".arrow")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	// A few bytes may be a buffer of 256 MiB: zstd is that short.
	within := func(n int) int { return 768<<20 + 4096*n }
	fuzzing.RunWithin(f, within, func(t *testing.T, b []byte) {
		if _, err := contents(b, 1<<12); err != nil && !errors.As(err, new(*Error)) {
			t.Fatalf("%T %v", err, err)
		}
	})
}
