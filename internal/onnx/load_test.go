package onnx_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// sample is a model with every message in it that this project writes.
func sample() *onnx.ModelProto {
	weights := &onnx.TensorProto{Name: "w", Dims: []int64{1}, DataType: 1, RawData: []byte{0, 0, 128, 63}}
	branch := &onnx.GraphProto{
		Name: "then",
		Node: []*onnx.NodeProto{onnx.Node("", "Identity", "inner", []string{"x"}, []string{"z"})},
	}
	cond := onnx.Node("", "If", "choose", []string{"c"}, []string{"y"},
		onnx.AttrGraph("then_branch", branch), onnx.AttrInt("zero", 0), onnx.AttrString("empty", ""))
	cond.MetadataProps = onnx.SetMeta(nil, "place", "server")
	return &onnx.ModelProto{
		IrVersion:   10,
		OpsetImport: []*onnx.OperatorSetIdProto{{Version: 21}, {Domain: "rhizome.flow", Version: 1}},
		Graph: &onnx.GraphProto{
			Name:        "main",
			Node:        []*onnx.NodeProto{cond},
			Initializer: []*onnx.TensorProto{weights},
			Input:       []*onnx.ValueInfoProto{onnx.ValueInfo("x", onnx.TensorProto_FLOAT, -1, 4)},
			Output: []*onnx.ValueInfoProto{{Name: "s",
				Type: onnx.SequenceType(onnx.OptionalType(onnx.UnrankedType(7)))}},
		},
		Functions: []*onnx.FunctionProto{{
			Name: "f", Domain: "d", Input: []string{"a"}, Output: []string{"b"}, Attribute: []string{"k"},
			AttributeProto: []*onnx.AttributeProto{onnx.AttrFloat("rate", 0.5)},
			Node: []*onnx.NodeProto{onnx.Node("", "Foo", "n", []string{"a"}, []string{"b"},
				onnx.AttrRef("k", onnx.AttributeProto_INT, "k"))},
		}},
		TrainingInfo: []*onnx.TrainingInfoProto{{Algorithm: &onnx.GraphProto{Name: "step"}}},
	}
}

func marshal(t testing.TB, m *onnx.ModelProto) []byte {
	t.Helper()
	b, err := onnx.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	m := sample()
	b := marshal(t, m)
	got, err := onnx.Load(b, onnx.DefaultLimits())
	if err != nil || !proto.Equal(got, m) {
		t.Fatalf("Load: %v", err)
	}
	if !bytes.Equal(marshal(t, got), b) {
		t.Fatal("the same model gives other bytes")
	}
	clear(b)
	if !proto.Equal(got, m) {
		t.Fatal("the model follows the bytes that it was loaded from")
	}
}

// The wire form is the standard's, byte for byte: numbers written out by hand.
func TestGoldenBytes(t *testing.T) {
	m := &onnx.ModelProto{
		IrVersion:   8,
		OpsetImport: []*onnx.OperatorSetIdProto{{Version: 17}},
		Graph: &onnx.GraphProto{
			Name: "g",
			Node: []*onnx.NodeProto{{
				Input: []string{"x"}, Output: []string{"y"}, OpType: "Elu",
				Attribute: []*onnx.AttributeProto{onnx.AttrFloat("alpha", 0)},
			}},
			Input: []*onnx.ValueInfoProto{onnx.ValueInfo("x", 1, 2)},
		},
	}
	want := "0808" + "3a32" + // ir_version, graph
		"0a1c" + "0a0178" + "120179" + "2203456c75" + // node: input, output, op_type
		"2a0f" + "0a05616c706861" + "1500000000" + "a00101" + // attribute: name, f, type
		"120167" + // graph name
		"5a0f" + "0a0178" + "120a" + "0a08" + "0801" + "1204" + "0a020802" + // input
		"42021011" // opset_import
	got := hex.EncodeToString(marshal(t, m))
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Fields of a later standard survive a way through this program.
func TestUnknownFieldsAreKept(t *testing.T) {
	b := marshal(t, sample())
	b = protowire.AppendTag(b, 999, protowire.BytesType)
	b = protowire.AppendString(b, "later")
	m, err := onnx.Load(b, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(marshal(t, m), b) {
		t.Fatal("an unknown field is lost")
	}
}

func TestMarshalRefuses(t *testing.T) {
	var fe *onnx.FormatError
	if _, err := onnx.Marshal(nil); !errors.As(err, &fe) {
		t.Errorf("nil model: %v", err)
	}
	if _, err := onnx.Marshal(&onnx.ModelProto{Domain: "\xff"}); !errors.As(err, &fe) {
		t.Errorf("string that is not UTF-8: %v", err)
	}
}

// Each bound admits the sample exactly at its own figure and refuses it one
// below, by the bound's name.
func TestLimits(t *testing.T) {
	b := marshal(t, sample())
	fits := onnx.Limits{Bytes: len(b), Depth: 9, Nodes: 3, Tensors: 1, Attributes: 5, Messages: 31, Strings: 9}
	if _, err := onnx.Load(b, fits); err != nil {
		t.Fatalf("at the limits: %v", err)
	}
	for what, f := range map[string]func(*onnx.Limits) *int{
		"Bytes":      func(l *onnx.Limits) *int { return &l.Bytes },
		"Depth":      func(l *onnx.Limits) *int { return &l.Depth },
		"Nodes":      func(l *onnx.Limits) *int { return &l.Nodes },
		"Tensors":    func(l *onnx.Limits) *int { return &l.Tensors },
		"Attributes": func(l *onnx.Limits) *int { return &l.Attributes },
		"Messages":   func(l *onnx.Limits) *int { return &l.Messages },
		"Strings":    func(l *onnx.Limits) *int { return &l.Strings },
	} {
		for _, to := range []int{-1, 0} {
			lim := fits
			if to < 0 {
				*f(&lim)--
			} else {
				*f(&lim) = 0
			}
			var le *onnx.LimitError
			if _, err := onnx.Load(b, lim); !errors.As(err, &le) || le.What != what || !strings.Contains(le.Error(),
				what) {
				t.Errorf("beyond %s: %v", what, err)
			}
		}
	}
}

func TestMalformed(t *testing.T) {
	good := marshal(t, sample())
	for name, b := range map[string][]byte{
		"cut tag":            {0x80},
		"field number 0":     {0x00, 0x00},
		"length past end":    {0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"child past parent":  {0x3a, 0x02, 0x0a, 0x05, 0, 0, 0, 0, 0},
		"group":              {0x9b, 0x06, 0x9c, 0x06},
		"end of no group":    {0x9c, 0x06},
		"reserved wire type": {0x0f, 0x00},
		"not UTF-8":          {0x22, 0x01, 0xff},
		"cut in the middle":  good[:len(good)/2],
	} {
		var fe *onnx.FormatError
		if _, err := onnx.Load(b, onnx.DefaultLimits()); !errors.As(err, &fe) || fe.Error() == "" {
			t.Errorf("%s: got %v, want a FormatError", name, err)
		}
	}
}

// nest returns depth sequence types inside each other, inside a graph's input.
func nest(depth int) []byte {
	wrap := func(b []byte, num protowire.Number) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), b)
	}
	var b []byte
	for range depth {
		b = wrap(wrap(b, 1), 4)
	}
	return wrap(wrap(wrap(b, 2), 11), 7)
}

// Trap hostile-length: a small file of deep nesting, or of very many tiny messages, is
// refused before memory goes to it.
func TestSmallBombs(t *testing.T) {
	entries := bytes.Repeat([]byte{0x72, 0x00}, 1<<21)
	empty := protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType),
		bytes.Repeat([]byte{0x0a, 0x00}, 1<<20))
	names := []byte{0x0a}
	names = protowire.AppendBytes(names, bytes.Repeat([]byte{0x0a, 0x00}, 1<<21))
	names = protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), names)
	for what, b := range map[string][]byte{
		"Depth": nest(2000), "Messages": entries, "Nodes": empty, "Strings": names,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := onnx.Load(b, onnx.DefaultLimits())
		runtime.ReadMemStats(&after)
		var le *onnx.LimitError
		if !errors.As(err, &le) || le.What != what {
			t.Errorf("%s: got %v, want a LimitError", what, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 256<<10 {
			t.Errorf("%s: %d bytes allocated before the refusal", what, grown)
		}
	}
	if _, err := onnx.Load(nest(28), onnx.DefaultLimits()); err != nil {
		t.Errorf("nesting within the limit: %v", err)
	}
}
