package onnx_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// FuzzLoad holds Load to: no panic, typed errors only, and a model that comes
// back the same from its own bytes.
func FuzzLoad(f *testing.F) {
	f.Add(marshal(f, sample()))
	lim := onnx.Limits{Bytes: 1 << 16, Depth: 24, Nodes: 64, Tensors: 64, Attributes: 64, Messages: 512, Strings: 512}
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		m, err := onnx.Load(b, lim)
		if err != nil {
			var fe *onnx.FormatError
			var le *onnx.LimitError
			if !errors.As(err, &fe) && !errors.As(err, &le) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		canon := marshal(t, m)
		lim := lim
		lim.Bytes = max(lim.Bytes, len(canon)) // packing may cost a lone entry a byte
		again, err := onnx.Load(canon, lim)
		if err != nil || !bytes.Equal(marshal(t, again), canon) {
			t.Fatalf("the model does not come back: %v", err)
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	m := sample()
	for range 1000 {
		m.Graph.Node = append(m.Graph.Node, onnx.Node("", "Add", "n", []string{"a", "b"}, []string{"c"},
			onnx.AttrInt("k", 1)))
	}
	enc := marshal(b, m)
	b.SetBytes(int64(len(enc)))
	for range b.N {
		if _, err := onnx.Load(enc, onnx.DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}
