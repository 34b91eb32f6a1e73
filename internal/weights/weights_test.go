package weights

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rhizome-ml/rhizome/dataset"
)

// floats are elements.
type floats []float32

func (f floats) WriteTo(w io.Writer) (int64, error) {
	var b []byte
	for _, v := range f {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	n, err := w.Write(b)
	return int64(n), err
}

func some() []Tensor {
	return []Tensor{{"é \"w\"", "F32", []int{2, 3}, floats{1, 2, 3, 4, 5, 6}}, {"none", "F32", []int{0, 3}, floats{}},
		{"count", "I64", nil, floats{0, 0}}, {"half", "F16", []int{2}, floats{0}}}
}

// TestFiles: both formats hold the tensors, aligned, and are the same bytes each time.
func TestFiles(t *testing.T) {
	for _, f := range []io.WriterTo{Safetensors{some(), "pt"}, NPZ{some()}} {
		var a, b bytes.Buffer
		n, err := f.WriteTo(&a)
		if _, again := f.WriteTo(&b); err != nil || again != nil || n != int64(a.Len()) ||
			!bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Fatalf("%T: %d bytes of %d, %v", f, n, a.Len(), err)
		}
	}
	var b bytes.Buffer
	Safetensors{some(), "pt"}.WriteTo(&b)
	size := binary.LittleEndian.Uint64(b.Bytes())
	const want = `{"__metadata__":{"format":"pt"},"count":{"dtype":"I64","shape":[],"data_offsets":[0,8]},` +
		`"none":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]},"é \"w\"":{"dtype":"F32","shape":[2,3],` +
		`"data_offsets":[8,32]},"half":{"dtype":"F16","shape":[2],"data_offsets":[32,36]}}`
	if got := string(b.Bytes()[8:][:size]); strings.TrimRight(got, " ") != want || size%8 != 0 {
		t.Errorf("%d %s", size, got)
	}
	if got := string(npyHeader("<f4", []int{7})); !strings.Contains(got, "'shape': (7,), }") || len(got)%64 != 0 ||
		!strings.HasSuffix(got, "\n") {
		t.Errorf("%q", got)
	}
}

// TestOwnReaders: what is written is read by the readers of data sets.
func TestOwnReaders(t *testing.T) {
	list := []Tensor{{"w", "F32", []int{2, 3}, floats{1, 2, 3, 4, 5, 6}}, {"y", "I64", []int{2}, floats{0, 0, 1, 0}}}
	for name, f := range map[string]io.WriterTo{"a.safetensors": Safetensors{list, ""}, "a.npz": NPZ{list}} {
		var b bytes.Buffer
		if _, err := f.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		got, err := dataset.Inspect(fstest.MapFS{name: {Data: b.Bytes()}}, name, dataset.FileSettings{})
		if err != nil || len(got.Columns) != 2 || got.Rows != 2 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestRefused: what cannot be written is, before or while it is.
func TestRefused(t *testing.T) {
	one := some()[0]
	for want, list := range map[string][]Tensor{
		"of its own":     {one, one},
		"not written":    {{"a", "F4", nil, one.Data}},
		"by its shape":   {{"a", "F32", []int{7}, one.Data}},
		"numpy does not": {{"a", "BF16", []int{12}, one.Data}},
	} {
		if _, err := (NPZ{list}).WriteTo(io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %q", err, want)
		}
	}
}
