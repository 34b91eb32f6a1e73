package record

import (
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/value"
)

// TestMarksAreRead: what is written is read back, and no damage of it is more than a shorter list.
func TestMarksAreRead(t *testing.T) {
	reg := value.NewRegistry()
	out := &engine.Output{
		Envelopes: []engine.Packet{{To: "a", Raw: []byte("no envelope")}, {To: "b"}},
		AppEvents: []engine.AppEvent{{Number: 300, Name: "x", Value: value.Int(1)}},
		Commands:  []engine.Command{{ID: 1, Method: "m", Inputs: []value.Value{value.Int(1)}}},
	}
	b := new(Marker).Append(nil, out, reg)
	if got := readMarks(b); len(got) != 4 || got[2].number != 300 || len(ofKind(got, markEnvelope)) != 2 {
		t.Errorf("%+v", got)
	}
	for i := range b {
		if got := readMarks(b[:i]); len(got) >= 4 {
			t.Errorf("cut at %d: %+v", i, got)
		}
		for bit := range 8 {
			c := slices.Clone(b)
			c[i] ^= 1 << bit
			readMarks(c) // must come to an end
		}
	}
}

// FuzzReadMarks: no bytes make reading marks panic, or give more marks than bytes.
func FuzzReadMarks(f *testing.F) {
	f.Add([]byte{markEnvelope, 1, 2, 3, 4, 5, 6, 1, 7, 8, markEvent, 1, 2, 3, 4, 5, markCommand, 1, 2})
	f.Add([]byte{markEnvelope, 1, 2, 3, 4, 5, 6, 0xff, 0xff, 0xff, 0xff, 0x0f})
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		values := 0
		for _, m := range readMarks(b) {
			values += 1 + 2*len(m.fills)
		}
		if values > len(b) {
			t.Errorf("%d bytes gave marks of %d", len(b), values)
		}
	})
}
