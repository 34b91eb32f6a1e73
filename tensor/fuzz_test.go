package tensor_test

import (
	"bytes"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"google.golang.org/protobuf/proto"
)

// FuzzParse holds Parse to: no panic, typed errors only, a canonical round
// trip, and agreement with the generated decoder and FromProto; and
// ParseCanonical to Parse.
func FuzzParse(f *testing.F) {
	lim := tensor.Limits{Elements: 1 << 12, Bytes: 1 << 14, Rank: 6}
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		x, err := tensor.Parse(b, lim)
		agrees(t, b, lim)
		if err != nil {
			if !isTyped(err) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		canon := x.Append(nil)
		y, err := tensor.Parse(canon, lim)
		if err != nil || !y.Equal(x) || !bytes.Equal(y.Append(nil), canon) {
			t.Fatalf("the canonical form does not come back: %v", err)
		}
		var p onnx.TensorProto
		if proto.Unmarshal(b, &p) != nil {
			return // a string of a field that Parse passes over is not UTF-8
		}
		if z, err := tensor.FromProto(&p, lim); err != nil || !z.Equal(x) {
			t.Fatalf("FromProto disagrees: %v", err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	x, err := tensor.FromFloat32([]int{1 << 18}, make([]float32, 1<<18))
	must(b, x, err)
	b.SetBytes(1 << 20)
	var buf []byte
	for range b.N {
		buf = x.Append(buf[:0])
	}
}

func BenchmarkParse(b *testing.B) {
	x, err := tensor.FromFloat32([]int{1 << 18}, make([]float32, 1<<18))
	buf := must(b, x, err).Append(nil)
	b.SetBytes(1 << 20)
	for range b.N {
		if _, err := tensor.Parse(buf, tensor.DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}
