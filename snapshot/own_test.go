package snapshot

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// TestUnmarshalOwn: a message that is read in an input that was given away is the one that is read from it, with large
// tensors at every alignment, also within lists and within messages that are embedded as bytes.
func TestUnmarshalOwn(t *testing.T) {
	numbers := func(n int) value.Value {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(i)
		}
		x, err := tensor.FromFloat32([]int{n}, v)
		if err != nil {
			t.Fatal(err)
		}
		return value.Tensor{Tensor: x}
	}
	long, short := numbers(ownBytes/4), numbers(10)
	for k := range 9 {
		name := strings.Repeat("x", k)
		inner := &HoldSnapshot{Name: name, Value: value.NewList(short, value.String(name), long)}
		in := &NodeSnapshot{
			Components: []ComponentSnapshot{{Slot: name, State: Live(inner)},
				{Slot: "small", State: Live(&HoldSnapshot{Value: short})}},
			Transient: TransientSnapshot{SlotTable: []SlotEntry{{Exec: 1, Value: long}, {Exec: 2, Value: short},
				{Exec: 3, Value: long}}},
		}
		b := encode(t, in)
		var out NodeSnapshot
		if err := UnmarshalOwn(bytes.Clone(b), &out, registry, DefaultLimits()); err != nil {
			t.Fatal(err)
		}
		state := out.Components[0].State
		var hold HoldSnapshot
		if err := state.Decode(&hold, registry, DefaultLimits()); err != nil {
			t.Fatal(err)
		}
		out.Components[0].State = Live(&hold) // what it was decoded from is gone
		if !bytes.Equal(encode(t, &out), b) {
			t.Errorf("shifted by %d: another message", k)
		}
		cut := bytes.Clone(b)
		cut[len(cut)-1] ^= 1 // the last tensor's bytes: no error; its head: one
		cut[bytes.LastIndex(cut, []byte(value.TypeTensor))+len(value.TypeTensor)+9] = 0xff
		if err := UnmarshalOwn(cut, &out, registry, DefaultLimits()); err == nil {
			t.Errorf("shifted by %d: damage is accepted", k)
		}
	}
}
