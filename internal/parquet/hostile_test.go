package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
)

// readAll reads all that a file has, and nothing of what it has too much of.
func readAll(b []byte) error {
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	left := 1 << 22 // values
	for i := range f.Columns {
		for g := range f.Groups {
			r, err := f.Reader(g, i)
			if err != nil {
				return err
			}
			for k := 0; k < r.Pages() && left > 0; k++ {
				p, err := r.Page(k)
				if err != nil {
					return err
				}
				if p.N < 0 || p.Def != nil && len(p.Def) != p.N || p.Rep != nil && len(p.Rep) != p.N ||
					p.Def == nil && p.Values.len() != p.N {
					return fmt.Errorf("a page of %d values has %d levels, %d and %d values", p.N, len(p.Def),
						len(p.Rep), p.Values.len())
				}
				left -= 1 + p.N
			}
		}
	}
	return nil
}

// TestBrokenBytes changes each byte of files, and cuts them: each is read, or refused by type.
func TestBrokenBytes(t *testing.T) {
	names, err := filepath.Glob("testdata/*.parquet")
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
				if err := readAll(file); err != nil && !errors.As(err, new(*Error)) {
					t.Fatalf("%s, byte %d: %T %v", name, i, err, err)
				}
			}
		}
	}
}

// FuzzFile reads any bytes as a file.
func FuzzFile(f *testing.F) {
	for _, name := range []string{"pyarrow_types", "pyarrow_pages_v2", "nested_v1", "nested_v2", "polars_zstd",
		"duckdb_gzip_v2", "fastparquet_lz4_raw", "encoding_delta_binary_packed_v1", "encoding_delta_byte_array_v2",
		"encoding_byte_stream_split_v1", "encoding_rle_v2", "int96", "empty_group", "elsewhere", "encrypted_column"} {
		b, err := os.ReadFile("testdata/" + name + ".parquet")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	// A few bytes may be a page of 64 MiB: zstd and runs are that short.
	within := func(n int) int { return 512<<20 + 4096*n }
	fuzzing.RunWithin(f, within, func(t *testing.T, b []byte) {
		if err := readAll(b); err != nil && !errors.As(err, new(*Error)) {
			t.Fatalf("%T %v", err, err)
		}
	})
}

// writer writes Thrift's compact protocol: what a file may say that no honest writer says.
type writer struct {
	bytes.Buffer
	last []int
}

func (w *writer) number(v int64) { w.Write(binary.AppendVarint(nil, v)) }

func (w *writer) field(id, typ int) {
	k := len(w.last) - 1
	w.WriteByte(byte((id-w.last[k])<<4 | typ))
	w.last[k] = id
}

func (w *writer) i32(id int, v int64) { w.field(id, tI32); w.number(v) }
func (w *writer) i64(id int, v int64) { w.field(id, tI64); w.number(v) }

func (w *writer) text(id int, s string) {
	w.field(id, tBinary)
	w.Write(binary.AppendUvarint(nil, uint64(len(s))))
	w.WriteString(s)
}

func (w *writer) group(f func()) {
	w.last = append(w.last, 0)
	f()
	w.WriteByte(0)
	w.last = w.last[:len(w.last)-1]
}

func (w *writer) list(id int, all ...func()) {
	w.field(id, tList)
	w.WriteByte(byte(len(all)<<4 | tStruct))
	for _, f := range all {
		w.group(f)
	}
}

// claims is a file of one column and one page, of which each size is what somebody says.
type claims struct {
	rows, values, from, bytes, packed, size, pageValues, codec, encoding, typ, length int64
	def, rep                                                                          int64 // of version 2
	version2                                                                          bool
	data                                                                              []byte
}

func (c claims) file() []byte {
	page := &writer{}
	page.group(func() {
		kind := int64(0)
		if c.version2 {
			kind = 3
		}
		page.i32(1, kind)
		page.i32(2, c.size)
		page.i32(3, c.packed)
		if c.version2 {
			page.field(8, tStruct)
			page.group(func() {
				page.i32(1, c.pageValues)
				page.i32(2, 0)
				page.i32(3, c.pageValues)
				page.i32(4, c.encoding)
				page.i32(5, c.def)
				page.i32(6, c.rep)
			})
			return
		}
		page.field(5, tStruct)
		page.group(func() { page.i32(1, c.pageValues); page.i32(2, c.encoding); page.i32(3, 3); page.i32(4, 3) })
	})
	out := bytes.NewBufferString(magic)
	out.Write(page.Bytes())
	out.Write(c.data)
	from, size := int64(4), int64(out.Len()-4)
	if c.from != 0 {
		from = c.from
	}
	if c.bytes != 0 {
		size = c.bytes
	}
	w := &writer{}
	w.group(func() {
		w.i32(1, 1)
		w.list(2, func() { w.text(4, "root"); w.i32(5, 1) },
			func() { w.i32(1, c.typ); w.i32(2, c.length); w.i32(3, 0); w.text(4, "x") })
		w.i64(3, c.rows)
		w.list(4, func() {
			w.list(1, func() {
				w.field(3, tStruct)
				w.group(func() {
					w.i32(1, c.typ)
					w.i32(4, c.codec)
					w.i64(5, c.values)
					w.i64(7, size)
					w.i64(9, from)
				})
			})
			w.i64(3, c.rows)
		})
	})
	out.Write(w.Bytes())
	out.Write(binary.LittleEndian.AppendUint32(nil, uint32(w.Len())))
	out.WriteString(magic)
	return out.Bytes()
}

// TestClaimsAreCheckedBeforeMemory: files of a few bytes that say that they have gigabytes are refused, in words, and
// no memory is taken for what they say.
func TestClaimsAreCheckedBeforeMemory(t *testing.T) {
	honest := claims{rows: 2, values: 2, packed: 8, size: 8, pageValues: 2, typ: 1, data: make([]byte, 8)}
	if err := readAll(honest.file()); err != nil {
		t.Fatalf("an honest file: %v", err)
	}
	const much = 1 << 30
	for name, c := range map[string]struct {
		of   func(*claims)
		want string
	}{
		"rows":         {func(c *claims) { c.rows, c.values = 1<<40, 1<<40 }, "at most 2147483647 are read"},
		"rows below 0": {func(c *claims) { c.rows = -1 }, "says that it has -1 rows"},
		"values":       {func(c *claims) { c.values = much }, "2 rows, and 1073741824 values"},
		"values of pages": {func(c *claims) { c.rows, c.values, c.pageValues = much, much, much },
			"at most 4194304 values are read"},
		"values of a page": {func(c *claims) { c.rows, c.values, c.pageValues = 1<<22, 1<<22, 1<<22 },
			"has 8 bytes, and should have 4194304 values"},
		"size":                  {func(c *claims) { c.size = much }, "unpacked 1073741824; at most 67108864 are read"},
		"size of zstd":          {func(c *claims) { c.size, c.codec = 63<<20, 6 }, "packed by zstd"},
		"size of snappy":        {func(c *claims) { c.size, c.codec = 60<<20, 1 }, "packed by snappy"},
		"size below 0":          {func(c *claims) { c.size = -1 }, "at most"},
		"packed":                {func(c *claims) { c.packed = much }, "says that it has 1073741824 bytes"},
		"place":                 {func(c *claims) { c.from = much }, "beyond the end of the file"},
		"bytes":                 {func(c *claims) { c.bytes = much }, "beyond the end of the file"},
		"bytes that go round":   {func(c *claims) { c.bytes = 1<<63 - 1 }, "beyond the end of the file"},
		"width of a dictionary": {func(c *claims) { c.encoding = 8 }, "wants a dictionary"},
		"differences": {func(c *claims) {
			c.encoding, c.data = 5, append(binary.AppendUvarint([]byte{128, 1, 4}, much), 0, 0)
			c.packed, c.size = int64(len(c.data)), int64(len(c.data))
		}, "1073741824 differences"},
		"blocks of differences": {func(c *claims) {
			c.encoding, c.data = 5, append(binary.AppendUvarint(nil, much), 4, 2, 0)
			c.packed, c.size = int64(len(c.data)), int64(len(c.data))
		}, "in blocks of 1073741824"},
		"length": {func(c *claims) { c.typ, c.length = 7, much }, "of length 1073741824, which is not known"},
		"levels": {func(c *claims) { c.version2, c.def = true, much }, "has levels of 0 and 1073741824 bytes"},
		"type":   {func(c *claims) { c.typ = 99 }, "which is not known"},
	} {
		h := honest
		c.of(&h)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := readAll(h.file())
		runtime.ReadMemStats(&after)
		if !errors.As(err, new(*Error)) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
			t.Errorf("%s: %d bytes of memory", name, grown)
		}
	}
}
