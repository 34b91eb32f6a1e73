package wire

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/value"
)

// fillOf is a fill in the envelope, sound or not.
func fillOf(typ string, payload []byte) []byte {
	var in []byte
	for i, s := range []string{"/site/1", typ, string(payload)} {
		if i == 0 || s != "" || i == 1 {
			in = protowire.AppendString(protowire.AppendTag(in, protowire.Number(i+1), protowire.BytesType), s)
		}
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, numFills, protowire.BytesType), in)
}

func items(n uint64, of ...string) []byte {
	b := binary.AppendUvarint(nil, n)
	for _, s := range of {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

// TestBudget holds the memory that the dearest envelopes take against the budget of their length: many fills that fail,
// with long or short names, lists of the smallest values, and lists within lists that claim as many items as their
// bytes might hold (trap hostile-length).
func TestBudget(t *testing.T) {
	head := []byte{numVersion << 3, 1}
	nested := bytes.Repeat([]byte{0, 0}, 20_000)
	for range 7 {
		nested = items(uint64(len(nested)/2), string(value.TypeList), string(nested))
	}
	list := func(typ value.TypeID, payload string) []byte {
		const n = 5000
		return items(n, strings.Split(strings.Repeat(string(typ)+"|"+payload+"|", n), "|")[:2*n]...)
	}
	for name, b := range map[string][]byte{
		"nothing":                 {},
		"claims in claims":        fillOf(string(value.TypeList), nested),
		"fills that fail":         bytes.Repeat(fillOf("", nil), 256),
		"more fills than allowed": bytes.Repeat(fillOf("", nil), 3000),
		"long names":              bytes.Repeat(fillOf(strings.Repeat("\x01", 4000), nil), 100),
		"ints":                    fillOf(string(value.TypeList), list(value.TypeInt, "\x7e")),
		"large ints":              fillOf(string(value.TypeList), list(value.TypeInt, "\xfe\xff\x07")),
		"empty lists":             fillOf(string(value.TypeList), list(value.TypeList, "\x00")),
		"empty failures":          fillOf(string(value.TypeList), list(value.TypeFailure, "\x00\x00\x00")),
		"empty bytes":             fillOf(string(value.TypeList), list(value.TypeBytes, "")),
		"scalars":                 fillOf(string(value.TypeList), list(value.TypeTensor, "\x10\x01\x4a\x04abcd")),
		"tensors of other tools":  fillOf(string(value.TypeList), list(value.TypeTensor, "\x10\x01\x25abcd")),
		"claimed addresses":       bytes.Repeat([]byte{numSource<<3 | 2, 0}, 1000),
	} {
		b = append(bytes.Clone(head), b...)
		lim := DefaultLimits()
		if took, may := allocated(func() { _, _ = Decode(b, registry, lim) }), lim.Budget(len(b)); took > may {
			t.Errorf("%s: %d bytes took %d, the budget is %d", name, len(b), took, may)
		} else {
			t.Logf("%s: %d bytes took %d of %d", name, len(b), took, may)
		}
	}
	lim := EdgeLimits()
	if lim.Budget(lim.EnvelopeBytes+1) >= lim.Budget(100) {
		t.Error("what is too large is not cheap")
	}
}

// allocated returns the least bytes that f took of the heap, of a few tries: the runtime may allocate beside it.
func allocated(f func()) int {
	least := uint64(1 << 62)
	for range 3 {
		var a, b runtime.MemStats
		runtime.ReadMemStats(&a)
		f()
		runtime.ReadMemStats(&b)
		least = min(least, b.TotalAlloc-a.TotalAlloc)
	}
	return int(least)
}
