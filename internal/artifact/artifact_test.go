package artifact

import (
	"bytes"
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
)

func TestCanonical(t *testing.T) {
	for text, want := range map[string]string{
		``:                                    `{}`,
		` { "b" : 1.50, "a": [1, 2 , "<é>"]}`: `{"a":[1,2,"<é>"],"b":1.50}`,
		`{"a":1,"a":2}`:                       `{"a":2}`,
		`12345678901234567890`:                `12345678901234567890`,
		`{`:                                   ``,
		`1 2`:                                 ``,
	} {
		got, err := Canonical([]byte(text))
		if string(got) != want || (err != nil) != (want == "") {
			t.Errorf("%q became %q, %v; want %q", text, got, err, want)
		}
		if err == nil {
			if again, err := Canonical(got); err != nil || !bytes.Equal(again, got) {
				t.Errorf("%q is not stable: %q, %v", got, again, err)
			}
		}
	}
}

func TestDecodeIsStrict(t *testing.T) {
	good := []Slot{{Name: "a", Role: "data", Kind: "k", Version: 1, Config: json.RawMessage(`{"x":1}`),
		Places: []string{"p"}, Deps: []string{}}}
	text, err := Encode(good)
	if err != nil {
		t.Fatal(err)
	}
	var got []Slot
	if err := Decode(string(text), &got); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"unknown key":   {`"name"`, `"nom"`},
		"space":         {`,`, `, `},
		"order":         {`"config":{"x":1},`, ``},
		"key twice":     {`"name":"a"`, `"name":"b","name":"a"`},
		"other case":    {`"name"`, `"Name"`},
		"config spaces": {`{"x":1}`, `{"x": 1}`},
	} {
		bad := bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1)
		if err := Decode(string(bad), new([]Slot)); err == nil {
			t.Errorf("%s: %s was read", name, bad)
		}
	}
}

// TestNothingFollowsTheValue: what follows a JSON value is refused, whether it is JSON or not, so that no two texts
// that differ in it have one digest.
func TestNothingFollowsTheValue(t *testing.T) {
	for _, tail := range []string{" garbage {{{", "{}", "]", `"`, "\x00", " 1", "}", ",", "//"} {
		if b, err := Canonical([]byte(`{"a":1}` + tail)); err == nil {
			t.Errorf("%q after the value was taken: %s", tail, b)
		}
		if err := Decode(`[]`+tail, new([]Slot)); err == nil {
			t.Errorf("%q after the list was read", tail)
		}
	}
	if b, err := Canonical([]byte(" {\"a\": 1}\n\t ")); err != nil || string(b) != `{"a":1}` {
		t.Errorf("space around a value: %s, %v", b, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`[]`,
		`[{"config":{},"deps":[],"kind":"k","name":"a","places":["p"],"role":"data","version":1}]`, `null`, `[[`} {
		f.Add(s)
	}
	fuzzing.Run(f, func(t *testing.T, text string) {
		var slots []Slot
		var edges []Edge
		for _, v := range []any{&slots, &edges} {
			if Decode(text, v) != nil {
				continue
			}
			if again, err := Encode(v); err != nil || string(again) != text {
				t.Fatalf("%q is taken for canonical and written as %q, %v", text, again, err)
			}
		}
	})
}

func TestTypesSurvive(t *testing.T) {
	for _, typ := range []types.Type{types.Any(), types.Int(), types.ListsOf(types.Peer()),
		types.Tensors(tensor.Float32, -1, 3), types.Tensors(tensor.Int64)} {
		got, err := TypeOf(ValueInfo("v", typ))
		if err != nil || !got.Equal(typ) {
			t.Errorf("%v became %v, %v", typ, got, err)
		}
	}
}

// TestDigestSeesStructure holds that no two models of different structure are hashed as the same bytes: values cannot
// move between neighbouring fields, and empty is not absent where that matters.
func TestDigestSeesStructure(t *testing.T) {
	n := func(in, out []string) *onnx.ModelProto {
		return &onnx.ModelProto{Graph: &onnx.GraphProto{Node: []*onnx.NodeProto{{Input: in, Output: out}}}}
	}
	models := []*onnx.ModelProto{
		{}, {Graph: &onnx.GraphProto{}}, n(nil, nil), n([]string{"a"}, nil), n(nil, []string{"a"}),
		n([]string{"a", ""}, nil),
		n([]string{"a"}, []string{"b"}), n([]string{"ab"}, nil), n([]string{"a", "b"}, nil), n([]string{"b", "a"}, nil),
		{Graph: &onnx.GraphProto{Node: []*onnx.NodeProto{{Input: []string{"a"}}, {}}}},
	}
	seen := map[[32]byte]int{}
	for i, m := range models {
		d, err := Digest(m)
		if err != nil {
			t.Fatal(err)
		}
		if k, ok := seen[d]; ok {
			t.Errorf("models %d and %d have one digest", k, i)
		}
		seen[d] = i
	}
}

// TestDigestIgnoresLines holds that lines do not matter, and that leaving them out altogether does not either.
func TestDigestIgnoresLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &onnx.ModelProto{Graph: &onnx.GraphProto{Node: []*onnx.NodeProto{{Name: "a"}, {Name: "b"}}}}
		want, _ := Digest(m)
		for _, n := range m.Graph.Node {
			if rapid.Bool().Draw(t, "line") {
				n.MetadataProps = onnx.SetMeta(n.MetadataProps, KeyLine, rapid.String().Draw(t, "text"))
			}
			n.DocString = rapid.String().Draw(t, "doc")
		}
		if got, err := Digest(m); err != nil || got != want {
			t.Fatalf("the digest changed: %v", err)
		}
		if d, err := Stamp(m); err != nil || d != want {
			t.Fatalf("the stamp changed the digest: %v", err)
		}
		if d, err := Verify(proto.Clone(m).(*onnx.ModelProto)); err != nil || d != want {
			t.Fatalf("not verified: %v", err)
		}
	})
}

// TestDeepModelIsRefused guards trap hostile-length.
func TestDeepModelIsRefused(t *testing.T) {
	g := &onnx.GraphProto{}
	for range 100 {
		g = &onnx.GraphProto{Node: []*onnx.NodeProto{{Attribute: []*onnx.AttributeProto{onnx.AttrGraph("g", g)}}}}
	}
	if _, err := Digest(&onnx.ModelProto{Graph: g}); err == nil {
		t.Error("a model of depth 300 has a digest")
	}
}
