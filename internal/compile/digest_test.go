package compile_test

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// TestDigestIsOfWhatMatters holds that the digest does not know the author's lines and texts, and knows everything
// else.
func TestDigestIsOfWhatMatters(t *testing.T) {
	record := func(n int64) *graph.Graph {
		g := graph.New("p")
		g.At(g.Place("a")).AppEmit("x", g.Constant(value.Int(n)))
		return g
	}
	one, _ := build(t, record(1))
	same, _ := build(t, func() *graph.Graph { // the same program on other lines
		g := graph.New("p")
		p := g.Place("a")

		v := g.Constant(value.Int(1))
		g.At(p).AppEmit("x", v)
		return g
	}())
	other, _ := build(t, record(2))
	if one.Digest != same.Digest {
		t.Errorf("the digest depends on lines: %x, %x", one.Digest, same.Digest)
	}
	if one.Digest == other.Digest {
		t.Error("another constant gives the same digest")
	}
	m := proto.Clone(one.Model).(*onnx.ModelProto)
	m.DocString, m.ProducerVersion, m.Functions[0].DocString = "a text", "7", "a text"
	if d, err := artifact.Digest(m); err != nil || d != one.Digest {
		t.Errorf("the digest depends on documentation: %x, %v", d, err)
	}
}

// TestEveryChangeIsNoticed changes an artifact in one place after the other: each makes another digest, so that Load
// refuses it.
func TestEveryChangeIsNoticed(t *testing.T) {
	a, _ := build(t, fedAvg{rounds: 3, rate: 0.1}.record())
	for name, change := range map[string]func(m *onnx.ModelProto){
		"attribute":      func(m *onnx.ModelProto) { nodeOf(m, "AppEmit").Attribute[0].S = []byte("other") },
		"input":          func(m *onnx.ModelProto) { n := nodeOf(m, "Sample"); n.Input[0] = n.Input[1] },
		"op":             func(m *onnx.ModelProto) { nodeOf(m, "AppEmit").OpType = "Record" },
		"function order": func(m *onnx.ModelProto) { m.Functions[0], m.Functions[1] = m.Functions[1], m.Functions[0] },
		"node order": func(m *onnx.ModelProto) {
			n := m.Functions[0].Node
			n[0], n[1] = n[1], n[0]
		},
		"edges": func(m *onnx.ModelProto) {
			m.MetadataProps = onnx.SetMeta(m.MetadataProps, artifact.KeyEdges,
				"[]")
		},
		"slots": func(m *onnx.ModelProto) {
			m.MetadataProps = onnx.SetMeta(m.MetadataProps, artifact.KeySlots,
				"[]")
		},
		"extra meta": func(m *onnx.ModelProto) { m.MetadataProps = onnx.SetMeta(m.MetadataProps, "x", "y") },
		"version":    func(m *onnx.ModelProto) { m.OpsetImport[0].Version++ },
		"unknown":    func(m *onnx.ModelProto) { m.ProtoReflect().SetUnknown([]byte{0xf8, 0x07, 0x01}) },
	} {
		m := proto.Clone(a.Model).(*onnx.ModelProto)
		change(m)
		_, err := program.Load(m, "server")
		var le *program.LoadError
		if !errors.As(err, &le) {
			t.Errorf("%s: loaded with %v", name, err)
		}
		if d, err := artifact.Digest(m); err != nil || d == a.Digest {
			t.Errorf("%s: the digest is the same (%v)", name, err)
		}
	}
}

func nodeOf(m *onnx.ModelProto, opType string) *onnx.NodeProto {
	for _, f := range m.Functions {
		for _, n := range f.Node {
			if n.GetOpType() == opType {
				return n
			}
		}
	}
	return nil
}

// TestCompileIsDeterministic compiles the same model often, and after a way through bytes, and compares the artifacts.
func TestCompileIsDeterministic(t *testing.T) {
	m, err := fedAvg{rounds: 3, rate: 0.1}.record().Model()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := onnx.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var want string
	for i := range 10 {
		if i%2 == 1 {
			if m, err = onnx.Load(raw, onnx.DefaultLimits()); err != nil {
				t.Fatal(err)
			}
		}
		a, _, err := compile.Compile(m, compile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := onnx.Marshal(a.Model)
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = string(b)
		}
		if string(b) != want {
			t.Fatal("two compilations of one model differ")
		}
	}
	if again, _ := onnx.Marshal(m); string(again) != string(raw) {
		t.Error("the model was changed")
	}
}
