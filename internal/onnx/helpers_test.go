package onnx_test

import (
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Every constructor's value comes back through its getter, also after the
// wire, where zero values must not turn into absent ones.
func TestAttributes(t *testing.T) {
	n := onnx.Node("d", "Op", "n", []string{"a"}, []string{"b"},
		onnx.AttrInt("i", 0), onnx.AttrFloat("f", 0), onnx.AttrString("s", ""),
		onnx.AttrInts("is", 1, 2), onnx.AttrFloats("fs", 1), onnx.AttrStrings("ss", "x", ""),
		onnx.AttrTensor("t", &onnx.TensorProto{DataType: 1}), onnx.AttrGraph("g", &onnx.GraphProto{Name: "g"}),
		onnx.AttrRef("r", onnx.AttributeProto_INT, "outer"))
	b, err := proto.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	back := &onnx.NodeProto{}
	if err := proto.Unmarshal(b, back); err != nil || !proto.Equal(back, n) {
		t.Fatalf("the node changed on the wire: %v", err)
	}
	if a := onnx.FindAttr(back, "i"); a == nil || a.I == nil || onnx.FindAttr(back, "f").F == nil ||
		onnx.FindAttr(back, "s").S == nil {
		t.Error("a zero value became an absent one")
	}
	if v, ok := onnx.GetInt(back, "i"); !ok || v != 0 {
		t.Error("GetInt", v, ok)
	}
	if v, ok := onnx.GetFloat(back, "f"); !ok || v != 0 {
		t.Error("GetFloat", v, ok)
	}
	if v, ok := onnx.GetString(back, "s"); !ok || v != "" {
		t.Error("GetString", v, ok)
	}
	if v, ok := onnx.GetInts(back, "is"); !ok || !slices.Equal(v, []int64{1, 2}) {
		t.Error("GetInts", v, ok)
	}
	if v, ok := onnx.GetFloats(back, "fs"); !ok || !slices.Equal(v, []float32{1}) {
		t.Error("GetFloats", v, ok)
	}
	if v, ok := onnx.GetStrings(back, "ss"); !ok || !slices.Equal(v, []string{"x", ""}) {
		t.Error("GetStrings", v, ok)
	}
	if v, ok := onnx.GetTensor(back, "t"); !ok || v.DataType != 1 {
		t.Error("GetTensor", v, ok)
	}
	if v, ok := onnx.GetGraph(back, "g"); !ok || v.Name != "g" {
		t.Error("GetGraph", v, ok)
	}
}

// A missing attribute, one of another type and a reference are all "not there".
func TestGettersRefuse(t *testing.T) {
	n := onnx.Node("", "Op", "", nil, nil, onnx.AttrFloat("f", 1), onnx.AttrRef("r", onnx.AttributeProto_INT, "o"))
	for _, name := range []string{"f", "r", "none"} {
		if v, ok := onnx.GetInt(n, name); ok || v != 0 {
			t.Errorf("GetInt(%q) = %v, %v", name, v, ok)
		}
		if v, ok := onnx.GetStrings(n, name); ok || v != nil {
			t.Errorf("GetStrings(%q) = %v, %v", name, v, ok)
		}
		if v, ok := onnx.GetGraph(n, name); ok || v != nil {
			t.Errorf("GetGraph(%q) = %v, %v", name, v, ok)
		}
		if v, ok := onnx.GetTensor(n, name); ok || v != nil {
			t.Errorf("GetTensor(%q) = %v, %v", name, v, ok)
		}
	}
	if onnx.FindAttr(nil, "x") != nil {
		t.Error("FindAttr of no node")
	}
}

func TestSetAttr(t *testing.T) {
	n := onnx.Node("", "Op", "", nil, nil, onnx.AttrInt("a", 1), onnx.AttrInt("b", 2), onnx.AttrInt("a", 3))
	onnx.SetAttr(n, onnx.AttrInt("a", 4))
	onnx.SetAttr(n, onnx.AttrInt("c", 5))
	want := onnx.Node("", "Op", "", nil, nil, onnx.AttrInt("a", 4), onnx.AttrInt("b", 2), onnx.AttrInt("c", 5))
	if !proto.Equal(n, want) {
		t.Errorf("got %v", n)
	}
}

// Trap merged-metadata: setting a key leaves exactly one entry of that name.
func TestSetMeta(t *testing.T) {
	entry := func(k, v string) *onnx.StringStringEntryProto {
		return &onnx.StringStringEntryProto{Key: k, Value: v}
	}
	props := []*onnx.StringStringEntryProto{entry("k", "1"), entry("x", "2"), entry("k", "3")}
	props = onnx.SetMeta(props, "k", "4")
	props = onnx.SetMeta(props, "n", "5")
	got := ""
	for _, p := range props {
		got += p.Key + p.Value + " "
	}
	if got != "k4 x2 n5 " {
		t.Errorf("got %q", got)
	}
	if v, ok := onnx.Meta(props, "n"); !ok || v != "5" {
		t.Errorf("Meta gives %q, %v", v, ok)
	}
	if _, ok := onnx.Meta(props, "none"); ok {
		t.Error("Meta finds what is not there")
	}
}

func TestDims(t *testing.T) {
	typ := onnx.TensorType(uint8(1), 2, -5, 0)
	typ.GetTensorType().Shape.Dim = append(typ.GetTensorType().Shape.Dim, onnx.SymbolDim("batch"))
	if d, ok := onnx.Dims(typ); !ok || !slices.Equal(d, []int64{2, -1, 0, -1}) {
		t.Errorf("got %v, %v", d, ok)
	}
	if d, ok := onnx.Dims(onnx.TensorType(1)); !ok || len(d) != 0 {
		t.Errorf("scalar: %v, %v", d, ok)
	}
	for _, typ := range []*onnx.TypeProto{nil, onnx.UnrankedType(1), onnx.SequenceType(onnx.TensorType(1, 2))} {
		if _, ok := onnx.Dims(typ); ok {
			t.Errorf("%v has dimensions", typ)
		}
	}
}

// The registered names are our own, so that another module's ONNX types fit
// into the same program.
func TestRegisteredNames(t *testing.T) {
	for _, path := range []string{"onnx.proto", "internal/onnx/onnx.proto", "onnx/onnx-ml.proto"} {
		if _, err := protoregistry.GlobalFiles.FindFileByPath(path); err == nil {
			t.Errorf("the file name %q is taken", path)
		}
	}
	if name := (&onnx.ModelProto{}).ProtoReflect().Descriptor().FullName(); name != "rhizome.onnx.v1.ModelProto" {
		t.Errorf("ModelProto is registered as %q", name)
	}
}
