package wire

import (
	"bytes"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/value"
)

// TestSplit: the pieces of an envelope put together are its wire form, and say where it goes; it allocates nothing.
func TestSplit(t *testing.T) {
	reg := value.NewRegistry()
	var p Parts
	for fills := range 4 {
		e := &Envelope{Version: PlainVersion, From: "a", To: "b", Digest: [32]byte{1}, Epoch: 1, Number: 300, Edge: 7}
		for i := range fills {
			e.Fills = append(e.Fills, Fill{Site: uint32(i), Value: value.Int(i)})
		}
		b, err := Append(nil, reg, e)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Split(b) || p.Edge != 7 || p.Number != 300 || len(p.Fills) != fills {
			t.Errorf("%d values: %+v", fills, p)
		}
		if whole := append(bytes.Clone(p.Head), bytes.Join(p.Fills, nil)...); !bytes.Equal(whole, b) {
			t.Errorf("%d values: the pieces are %x, the whole %x", fills, whole, b)
		}
		for i := range b {
			p.Split(b[:i]) // must come to an end
		}
		if n := testing.AllocsPerRun(10, func() { p.Split(b) }); n != 0 {
			t.Errorf("%d values: %v allocations", fills, n)
		}
	}
	if p.Split([]byte{0xff}) {
		t.Error("what is no message was split")
	}
}

// FuzzSplit: the pieces of any bytes lie within them.
func FuzzSplit(f *testing.F) {
	f.Add([]byte{1 << 3, 1, 18<<3&0x7f | 2 | 0x80, 1, 1, 0})
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		var p Parts
		if !p.Split(b) {
			return
		}
		n := len(p.Head)
		for _, fill := range p.Fills {
			n += len(fill)
		}
		if n > len(b) {
			t.Errorf("%d bytes were split into %d", len(b), n)
		}
	})
}
