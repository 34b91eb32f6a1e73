package wire

import (
	"fmt"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// tensorEnvelope returns an envelope with one tensor fill of n bytes.
func tensorEnvelope(t testing.TB, n int) *Envelope {
	x, err := tensor.FromFloat32([]int{n / 4}, make([]float32, n/4))
	if err != nil {
		t.Fatal(err)
	}
	return &Envelope{Version: 1, From: knownID, To: knownID, Digest: [32]byte{1}, Incarnation: 1, Epoch: 1, Number: 77,
		AckEpoch: 1, Ack: 12, Edge: 3, Fills: []Fill{{Site: 12, Value: value.Tensor{Tensor: x}}}}
}

func BenchmarkEnvelope(b *testing.B) {
	for _, n := range []int{0, 10 << 10, 1 << 20} {
		e := tensorEnvelope(b, n)
		raw, err := Append(nil, registry, e)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("encode/%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Append(nil, registry, e); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("decode/%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(raw, registry, DefaultLimits()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
