package value

import (
	"bytes"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
)

// TestPiecesAreTheWhole: the pieces of a payload are what Append appends, and none of a tensor is large.
func TestPiecesAreTheWhole(t *testing.T) {
	r := NewRegistry()
	x := make([]float64, 40_001)
	for i := range x {
		x[i] = float64(i) / 3
	}
	large, err1 := tensor.FromFloat64([]int{40_001}, x)
	bits, err2 := tensor.FromBool([]int{3}, []bool{true, false, true})
	none, err3 := tensor.FromFloat32([]int{0, 2}, nil)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	for _, v := range []Value{
		Trigger{}, Int(-7), String("text"), Tensor{large}, Tensor{bits}, Tensor{none}, NewList(),
		Fail("code", "where", "why"),
		NewList(Int(1), NewList(Tensor{large}, NewBytes([]byte{1, 2})), Tensor{bits}, Peer("p")),
		NewLoan("p", 1, 2, 64, 1, Tensor{large}),
	} {
		want, err := r.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		room, longest := []byte(nil), 0
		for range 2 { // the second time in the memory of the first
			got = nil
			if room, err = r.Pieces(v, room, func(b []byte) {
				got = append(got, b...)
				longest = max(longest, len(b))
			}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes in pieces, %d in one", v.Type(), len(got), len(want))
			}
		}
		if longest > pieceBytes {
			t.Errorf("%s: a piece of %d bytes", v.Type(), longest)
		}
	}
}
