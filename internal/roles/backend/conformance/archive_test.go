package conformance

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// archive holds the tests; make.py says how.
const archive = "testdata/node.zst"

// nodeTest is one test of the archive.
type nodeTest struct {
	name       string
	model      []byte
	rtol, atol float64
	sets       []dataSet
	loose      bool // it has needed more than its own tolerance
}

// dataSet is what one run of a test gets and should give, as TensorProto; nil is no tensor.
type dataSet struct{ in, out [][]byte }

// readArchive returns all tests, sorted by name.
func readArchive(t testing.TB) []nodeTest {
	t.Helper()
	packed, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	b, err := d.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{b: b}
	tensors := make([][]byte, r.number())
	for i := range tensors {
		tensors[i] = r.bytes()
	}
	values := func() [][]byte {
		out := make([][]byte, r.number())
		for i := range out {
			if n := r.number(); n > 0 {
				out[i] = tensors[n-1]
			}
		}
		return out
	}
	tests := make([]nodeTest, r.number())
	for i := range tests {
		n := &tests[i]
		n.name, n.model = string(r.bytes()), r.bytes()
		n.rtol, n.atol = r.float(), r.float()
		n.sets = make([]dataSet, r.number())
		for j := range n.sets {
			n.sets[j].in = values()
			n.sets[j].out = values()
		}
	}
	if r.err != nil || len(r.b) > 0 {
		t.Fatalf("%s: %v, %d bytes left", archive, r.err, len(r.b))
	}
	return tests
}

// reader reads numbers and byte strings; the first error stands.
type reader struct {
	b   []byte
	err error
}

func (r *reader) number() int {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > 1<<24 {
		if r.err == nil {
			r.err = fmt.Errorf("a number %d bytes before the end is none", len(r.b))
		}
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}

func (r *reader) bytes() []byte {
	n := r.number()
	if n > len(r.b) {
		r.err = fmt.Errorf("a string of %d bytes, %d before the end", n, len(r.b))
		n = len(r.b)
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) float() float64 {
	v, err := strconv.ParseFloat(string(r.bytes()), 64)
	if r.err == nil {
		r.err = err
	}
	return v
}
