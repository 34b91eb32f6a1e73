package wire

import (
	"bytes"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
	"pgregory.net/rapid"
)

// TestStored: an envelope in a snapshot is encoded as Append encodes it, whole and in parts, and its large values are
// the same runs in each envelope that carries them.
func TestStored(t *testing.T) {
	reg := value.NewRegistry()
	big, err := tensor.FromFloat32([]int{10_000}, slices.Repeat([]float32{1.5}, 10_000))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		e := &Envelope{Version: 1, From: "a", To: "b", Number: rapid.Uint64().Draw(t, "number"), Edge: 3, Epoch: 1}
		for range rapid.IntRange(0, 4).Draw(t, "fills") {
			e.Fills = append(e.Fills, Fill{Site: 2, Value: rapid.SampledFrom([]value.Value{
				nil, value.Trigger{}, value.Int(7), value.Tensor{Tensor: big},
				value.NewList(value.Int(1), value.Tensor{Tensor: big}),
			}).Draw(t, "value")})
		}
		want, err := Append(nil, reg, e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Stored(e).Bytes(reg); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, want %d: %v", len(got), len(want), err)
		}
		type holder struct {
			M snapshot.Embedded `snap:"1"`
		}
		whole, err := snapshot.Marshal(reg, &holder{snapshot.Raw(want)})
		if err != nil {
			t.Fatal(err)
		}
		parts, err := snapshot.Split(reg, &holder{Stored(e)})
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		ids := map[any]bool{}
		for _, p := range parts {
			got = append(got, p.Bytes...)
			if p.Large != nil {
				got = p.Large.AppendRange(got, 0, p.Large.Len())
				ids[p.Large.Identity()] = true
			}
		}
		if !bytes.Equal(got, whole) || len(ids) > 1 {
			t.Fatalf("%d bytes in parts, want %d; %d identities of one tensor", len(got), len(whole), len(ids))
		}
	})
	if _, err := Stored(&Envelope{}).Bytes(reg); err == nil {
		t.Error("an envelope without a version was encoded")
	}
}
