package model

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// TestFileIsTheExport writes models in pieces and holds them against Export byte for byte: every field of a file that was
// loaded, constants among the initializers, and a tensor of several pieces.
func TestFileIsTheExport(t *testing.T) {
	large, err := MLP(300, 400, 3)
	if err != nil {
		t.Fatal(err)
	}
	full := large.Proto()
	full.Domain, full.ModelVersion, full.DocString = "d", 7, "doc"
	full.MetadataProps = onnx.SetMeta(nil, "key", "value")
	full.Graph.DocString, full.Graph.MetadataProps = "graph doc", onnx.SetMeta(nil, "k", "v")
	full.Graph.ValueInfo = []*onnx.ValueInfoProto{onnx.ValueInfo("dense1.sum", tensor.Float32, -1, 400)}
	shape, _ := tensor.FromInt64([]int{1}, []int64{5})
	full.Graph.Initializer = append(full.Graph.Initializer[:1], append([]*onnx.TensorProto{shape.Proto("constant")}, full.Graph.Initializer[1:]...)...)
	raw, err := onnx.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]*Graph{"built": large, "loaded": loaded} {
		params, err := g.initial(5, "model", InitHe)
		if err != nil {
			t.Fatal(err)
		}
		want, err := g.Export(params)
		if err != nil {
			t.Fatal(err)
		}
		f, err := g.File(params)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		n, err := f.WriteTo(&got)
		if err != nil || n != f.Size() || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: %d bytes (%v), want the %d of Export", name, n, err, len(want))
		}
		if _, err := g.File(params[1:]); err == nil {
			t.Errorf("%s: wrote a file with a parameter too few", name)
		}
	}
	if m := large.Proto(); proto.Size(m) < 4*300*400 {
		t.Error("Proto leaves out the parameters that are zero")
	}
}

// TestSheet cuts parameters into chunks and puts them together, in any order; what is restored has its place in the memory
// of the whole, and nothing that was read before changes.
func TestSheet(t *testing.T) {
	g, err := MLP(5, 7, 3)
	if err != nil {
		t.Fatal(err)
	}
	params, err := g.initial(1, "model", InitHe)
	if err != nil {
		t.Fatal(err)
	}
	l := NewLayout(g.Shapes(), 4)
	if l.Chunks() != 9+2+6+1 {
		t.Fatalf("%d chunks of 4 elements", l.Chunks())
	}
	first := NewSheet(l)
	chunks, err := first.Adopt(params)
	if err != nil || !first.Whole() {
		t.Fatal(err, first.There())
	}
	s := NewSheet(l)
	got := s.Missing()
	for i := range l.Chunks() {
		k := (i * 5) % l.Chunks()
		c, err := l.Copy(k, values(params))
		if err != nil {
			t.Fatal(err)
		}
		x, ok := l.Elements(k, c)
		if _, other := l.Elements((k+1)%l.Chunks(), value.Int(1)); !ok || other {
			t.Fatal("a chunk is not known, or what is none is one")
		}
		if got[k], err = s.Put(k, x); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := s.Params()
	if err != nil || !s.Whole() {
		t.Fatal(err)
	}
	restored := NewSheet(l)
	if err := restored.Restore(got); err != nil || !restored.Whole() {
		t.Fatal(err)
	}
	again, err := restored.Params()
	if err != nil {
		t.Fatal(err)
	}
	for i := range params {
		if !whole[i].Equal(params[i]) || !again[i].Equal(params[i]) {
			t.Errorf("parameter %d came out different", i)
		}
	}
	if &whole[0].Float32()[4] == &again[0].Float32()[4] || &got[1].(value.Tensor).Float32()[0] != &again[0].Float32()[4] {
		t.Error("a restored chunk does not lie in the memory of the whole")
	}
	for name, bad := range map[string][]value.Value{
		"too few": chunks[1:], "another type": append([]value.Value{value.Int(1)}, chunks[1:]...),
		"another length": append([]value.Value{chunks[len(chunks)-1]}, chunks[1:]...),
	} {
		if err := NewSheet(l).Restore(bad); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
}
