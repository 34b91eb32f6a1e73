package dataset

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/tensor"
)

// npyBytes is an array as numpy.save writes it.
func npyBytes(descr string, fortran bool, shape string, numbers any) []byte {
	order := "False"
	if fortran {
		order = "True"
	}
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, order, shape)
	head += strings.Repeat(" ", 117-len(head)) + "\n"
	out := append([]byte("\x93NUMPY\x01\x00"), byte(len(head)), byte(len(head)>>8))
	out = append(out, head...)
	var by binary.ByteOrder = binary.LittleEndian
	if descr[0] == '>' {
		by = binary.BigEndian
	}
	var b bytes.Buffer
	_ = binary.Write(&b, by, numbers)
	return append(out, b.Bytes()...)
}

// npzBytes is an archive of arrays.
func npzBytes(method uint16, arrays map[string][]byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range sortedNames(arrays) {
		w, _ := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: method})
		_, _ = w.Write(arrays[name])
	}
	_ = z.Close()
	return b.Bytes()
}

func sortedNames[V any](m map[string]V) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// opened opens a file of a file system in memory.
func opened(t *testing.T, files map[string][]byte, name string, s FileSettings) (*FileSource, error) {
	t.Helper()
	fsys := fstest.MapFS{}
	for n, b := range files {
		fsys[n] = &fstest.MapFile{Data: b}
	}
	f, err := OpenFile(fsys, name, s)
	if err == nil {
		t.Cleanup(func() { _ = f.Close() })
	}
	return f, err
}

// samplesOf reads all samples of a source.
func samplesOf(t *testing.T, s Source) (x []float32, y []int64, q []float32) {
	t.Helper()
	b := s.Schema().Batch(s.Len())
	if err := s.Read(all(s.Len()), b); err != nil {
		t.Fatal(err)
	}
	return b.Features.Float32, b.Labels.Int64, b.Labels.Float32
}

// TestArraysOfImages: images of bytes come as numbers of 0 to 1 and keep their shape, labels come as classes, and what
// was left open is said by the settings that come back, which give the same samples of another archive.
func TestArraysOfImages(t *testing.T) {
	images := npyBytes("|u1", false, "(3, 2, 2)", []uint8{0, 51, 102, 255, 1, 2, 3, 4, 5, 6, 7, 8})
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		archive := npzBytes(method,
			map[string][]byte{"x": images, "y": npyBytes("<i8", false, "(3,)", []int64{2, 0, 2})})
		f, err := opened(t, map[string][]byte{"a/train.npz": archive}, "a/train.npz",
			FileSettings{Shape: []int{1, 2, 2}})
		if err != nil {
			t.Fatal(err)
		}
		x, y, _ := samplesOf(t, f)
		s := f.Schema()
		if !slices.Equal(s.Shape, []int{1, 2, 2}) || !slices.Equal(s.Classes, []string{"0", "1", "2"}) ||
			!slices.Equal(y, []int64{2, 0, 2}) || x[1] != 0.2 || x[3] != 1 || len(x) != 12 {
			t.Errorf("%v %v %v", s, x, y)
		}
		got := f.Settings()
		if got.Scale != 255 || got.Label != "y" || !slices.Equal(got.Features, []string{"x"}) ||
			got.LabelKind != labelClass {
			t.Errorf("settings %+v", got)
		}
		again, err := opened(t, map[string][]byte{"b": archive}, "b", got)
		if err != nil || fmt.Sprint(again.Schema()) != fmt.Sprint(s) {
			t.Errorf("%v, %v", again, err)
		}
	}
	beside := map[string][]byte{"x.npy": images, "y.npy": npyBytes("<i8", false, "(3,)", []int64{2, 0, 2})}
	f, err := opened(t, beside, "x.npy", FileSettings{Labels: "y.npy", Label: "y"})
	if err != nil {
		t.Fatal(err)
	}
	if _, y, _ := samplesOf(t, f); !slices.Equal(y, []int64{2, 0, 2}) {
		t.Errorf("labels %v", y)
	}
}

// TestArraysOfEveryType: each type, order and endian gives the numbers that it means.
func TestArraysOfEveryType(t *testing.T) {
	for _, c := range []struct {
		descr   string
		numbers any
	}{
		{"<f8", []float64{0, 1, 2, 3, 4, 5}}, {">f8", []float64{0, 1, 2, 3, 4, 5}},
		{"<f4", []float32{0, 1, 2, 3, 4, 5}},
		{">f4", []float32{0, 1, 2, 3, 4, 5}}, {"<f2", []uint16{0, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500}},
		{"|i1", []int8{0, 1, 2, 3, 4, 5}}, {"<i2", []int16{0, 1, 2, 3, 4, 5}}, {">i4", []int32{0, 1, 2, 3, 4, 5}},
		{"<i8", []int64{0, 1, 2, 3, 4, 5}}, {"|u1", []uint8{0, 1, 2, 3, 4, 5}}, {">u2", []uint16{0, 1, 2, 3, 4, 5}},
		{"<u4", []uint32{0, 1, 2, 3, 4, 5}}, {">u8", []uint64{0, 1, 2, 3, 4, 5}},
	} {
		for _, fortran := range []bool{false, true} {
			want := []float32{0, 1, 2, 3, 4, 5}
			if fortran {
				want = []float32{0, 2, 4, 1, 3, 5}
			}
			f, err := opened(t, map[string][]byte{"x": npyBytes(c.descr, fortran, "(2, 3)", c.numbers)}, "x",
				FileSettings{Scale: 1})
			if err != nil {
				t.Errorf("%s: %v", c.descr, err)
				continue
			}
			if x, _, _ := samplesOf(t, f); !slices.Equal(x, want) {
				t.Errorf("%s, %v: %v, want %v", c.descr, fortran, x, want)
			}
		}
	}
	for h, want := range map[uint16]float32{0x0001: 1.0 / (1 << 24), 0x8001: -1.0 / (1 << 24),
		0x03ff: 1023.0 / (1 << 24),
		0x0400: 1.0 / (1 << 14), 0x7bff: 65504, 0x7c00: float32(math.Inf(1)), 0x8000: float32(math.Copysign(0, -1))} {
		if got := halfOf(h); math.Float32bits(got) != math.Float32bits(want) {
			t.Errorf("%#x is %v, want %v", h, got, want)
		}
	}
}

// TestArraysThatAreRefused: what cannot be read as it is meant is called by its name.
func TestArraysThatAreRefused(t *testing.T) {
	x := npyBytes("<f4", false, "(2, 1)", []float32{1, 2})
	for want, b := range map[string][]byte{
		"holds Python objects":                npyBytes("|O", false, "(2,)", []byte("cpickle")),
		"raw bytes, as NumPy writes bfloat16": npyBytes("<V2", false, "(2, 1)", []uint16{1, 2}),
		"holds times":                         npyBytes("<M8[ns]", false, "(2, 1)", []int64{1, 2}),
		"holds complex numbers":               npyBytes("<c8", false, "(2, 1)", []float32{1, 2, 3, 4}),
		`has the type "<f16"`:                 npyBytes("<f16", false, "(1, 1)", make([]byte, 16)),
		"it is cut":                           npyBytes("<f4", false, "(3, 1)", []float32{1, 2}),
		"which no file can hold":              npyBytes("<f4", false, "(99999999, 99999999, 99999999)", []float32{1}),
		"is a single number":                  npyBytes("<f4", false, "()", []float32{1}),
		"holds no samples":                    npyBytes("<f4", false, "(0, 3)", []float32{}),
		"is empty; want a number":             npyBytes("<f4", false, "(2, 1)", []float32{1, float32(math.NaN())}),
		"want a finite number":                npyBytes("<f4", false, "(2, 1)", []float32{1, float32(math.Inf(1))}),
		"of records with named fields": bytes.Replace(npyBytes("[('a', '<f4')]", false, "(2,)", []float32{1, 2}),
			[]byte("'[('a', '<f4')]'"), []byte("[('a', '<f4')]  "), 1),
		"want as many of each": npzBytes(zip.Store, map[string][]byte{"x": x, "y": npyBytes("<i8", false, "(3,)",
			[]int64{1, 2, 3})}),
		"none is called x": npzBytes(zip.Store, map[string][]byte{"a": x, "b": x}),
		"is a number":      {},
	} {
		if len(b) == 0 {
			continue
		}
		_, err := opened(t, map[string][]byte{"x": b}, "x", FileSettings{})
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, new(*config.Error)) && !isBadRow(err) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestFileThatChanges: a file that is written to, grows or shrinks while it is read is never read on in silence.
func TestFileThatChanges(t *testing.T) {
	numbers := make([]float32, 8<<20) // more than is kept in memory
	for what, change := range map[string]func(path string) error{
		"shrinks":       func(path string) error { return os.Truncate(path, 1<<20) },
		"grows":         func(path string) error { return appendTo(path) },
		"is written to": func(path string) error { return os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)) },
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "x.npy")
		if err := os.WriteFile(path, npyBytes("<f4", false, "(1048576, 8)", numbers), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := OpenFile(os.DirFS(dir), "x.npy", FileSettings{})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b := f.Schema().Batch(1)
		if err := f.Read([]int{1 << 19}, b); err != nil {
			t.Error(err)
		}
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		if err := f.Read([]int{1 << 19}, b); !errors.As(err, new(*ChangedError)) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func appendTo(path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte("more"))
	return errors.Join(err, f.Close())
}

// TestPackedFiles: what gzip and zstd packed is read as if it were not; what unpacks to more than fits is refused.
func TestPackedFiles(t *testing.T) {
	text := []byte("a,b\n1,x\n2,y\n")
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text)
	_ = z.Close()
	packed := b.Bytes()
	f, err := opened(t, map[string][]byte{"x": packed}, "x", FileSettings{})
	if err != nil {
		t.Fatal(err)
	}
	if x, y, _ := samplesOf(t, f); !slices.Equal(x, []float32{1, 2}) || !slices.Equal(y, []int64{0, 1}) {
		t.Errorf("%v %v", x, y)
	}
	if _, err := opened(t, map[string][]byte{"x": packed[:len(packed)-6]}, "x", FileSettings{}); !errors.As(err,
		new(*FormatError)) {
		t.Error(err)
	}
}

// FuzzArrays: any file is read or refused by type, and takes no more memory than it has numbers.
func FuzzArrays(f *testing.F) {
	x := npyBytes("<f4", false, "(2, 1)", []float32{1, 2})
	f.Add(x)
	f.Add(npyBytes(">i2", true, "(2, 2)", []int16{1, 2, 3, 4}))
	f.Add(npyBytes("<U2", false, "(2,)", []uint32{65, 0, 66, 67}))
	f.Add(npzBytes(zip.Deflate, map[string][]byte{"x": x, "y": npyBytes("|u1", false, "(2,)", []uint8{1, 0})}))
	f.Add([]byte{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7, 9})
	fuzzing.Run(f, func(t *testing.T, b []byte) { fuzzFile(t, b, "npy", "npz", "idx") })
}

// fuzzFile opens bytes as the kinds do, and reads what is there.
func fuzzFile(t *testing.T, b []byte, kinds ...string) {
	for _, name := range kinds {
		k, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := k.Parse(Env{}, io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))))
		if err != nil {
			continue
		}
		schema := s.Schema()
		if err := schema.Check(); err != nil || s.Len() == 0 || schema.Features != tensor.Float32 {
			t.Fatalf("%s: %d samples of %v, %v", name, s.Len(), schema, err)
		}
		if s.Len()*schema.Width() > 16*len(b)+64 {
			t.Fatalf("%s: %d samples of %d numbers from %d bytes", name, s.Len(), schema.Width(), len(b))
		}
		_ = s.Read([]int{0, s.Len() - 1}, schema.Batch(2))
	}
}
