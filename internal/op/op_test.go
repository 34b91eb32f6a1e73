package op

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

var rewrite = flag.Bool("rewrite", false, "write OPS.md anew")

// TestDocumentation keeps OPS.md equal to the declarations.
func TestDocumentation(t *testing.T) {
	got := Standard().Markdown()
	if *rewrite {
		if err := os.WriteFile("OPS.md", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("OPS.md")
	if err != nil || string(want) != got {
		t.Fatalf("OPS.md differs from the declarations (%v); run go test ./internal/op -run Documentation -rewrite",
			err)
	}
}

// TestDeclarations holds what the passes rely on for each declaration.
func TestDeclarations(t *testing.T) {
	seen := map[key]bool{}
	for _, d := range All() {
		where := d.Domain + " " + d.Name
		if seen[key{d.Domain, d.Name}] {
			t.Errorf("%s is declared twice", where)
		}
		seen[key{d.Domain, d.Name}] = true
		if Lookup(d.Domain, d.Name) != d {
			t.Errorf("%s is not found", where)
		}
		if !strings.HasSuffix(d.Doc, ".") || d.Nature == 0 || d.Place == 0 || d.Version != Version {
			t.Errorf("%s: incomplete: %+v", where, d)
		}
		for _, side := range [][]Port{d.In, d.Out} {
			names, variadics := map[string]bool{}, 0
			for _, p := range side {
				if names[p.Name] || p.Name == "" {
					t.Errorf("%s: port name %q is empty or stands twice", where, p.Name)
				}
				names[p.Name] = true
				if p.Variadic {
					variadics++
				}
			}
			if variadics > 1 {
				t.Errorf("%s: two variadic ports on one side", where)
			}
		}
		if d.Nature == Opener && len(d.In) != 0 {
			t.Errorf("%s: an opener has no inputs", where)
		}
		for _, a := range d.Attrs {
			if a.Required && a.Default != nil {
				t.Errorf("%s: attribute %q is required and has a default", where, a.Name)
			}
			for _, c := range common {
				if c.Name == a.Name {
					t.Errorf("%s: attribute %q hides a common one", where, a.Name)
				}
			}
		}
	}
}

func TestCheckAttrs(t *testing.T) {
	gate := Lookup(Flow, "Limit")
	for _, c := range []struct {
		attrs []*onnx.AttributeProto
		want  string
	}{
		{[]*onnx.AttributeProto{onnx.AttrString("name", "a"), onnx.AttrInt("n", 2)}, ""},
		{[]*onnx.AttributeProto{onnx.AttrString("name", "a")}, `attribute "n" is required`},
		{[]*onnx.AttributeProto{onnx.AttrString("name", "a"), onnx.AttrInt("n", 0)}, "want at least 1"},
		{[]*onnx.AttributeProto{onnx.AttrString("name", ""), onnx.AttrInt("n", 1)}, "want 1 to 1024"},
		{[]*onnx.AttributeProto{onnx.AttrString("name", "a"), onnx.AttrInt("n", 1), onnx.AttrInt("n", 1)},
			"stands twice"},
		{[]*onnx.AttributeProto{onnx.AttrString("name", "a"), onnx.AttrInt("n", 1), onnx.AttrInt("m", 1)},
			"is unknown"},
		{[]*onnx.AttributeProto{onnx.AttrInt("name", 1), onnx.AttrInt("n", 1)}, "is of type INT"},
	} {
		err := gate.CheckAttrs(&onnx.NodeProto{Attribute: c.attrs})
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: got %v, want %q", c.attrs, err, c.want)
		}
	}
}

// TestLiteral holds that every kind of value survives being an attribute.
func TestLiteral(t *testing.T) {
	x, err := tensor.FromFloat32([]int{2}, []float32{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	reg := value.NewRegistry()
	for _, v := range []value.Value{value.Trigger{}, value.Bool(true), value.Int(-7), value.Float(0.5),
		value.String("é"),
		value.NewBytes([]byte{0, 255}), value.Peer("p"), value.Tensor{Tensor: x},
		value.NewList(value.Int(1), value.Tensor{Tensor: x})} {
		attrs, err := LiteralAttrs(v)
		if err != nil {
			t.Fatal(err)
		}
		n := &onnx.NodeProto{Attribute: attrs}
		if err := Lookup(Flow, "Constant").CheckAttrs(n); err != nil {
			t.Errorf("%v: %v", v, err)
		}
		got, err := Literal(n, value.DefaultLimits())
		if err != nil || !reg.Equal(got, v) {
			t.Errorf("%v became %v, %v", v, got, err)
		}
	}
}

func TestInfer(t *testing.T) {
	f := types.Tensors(tensor.Float32, 2, 3)
	for _, c := range []struct {
		domain, name string
		in           []types.Type
		outs         int
		want, err    string
	}{
		{Flow, "Bundle", []types.Type{types.Int(), f}, 1, "List[Int,float32[2,3]]", ""},
		{Flow, "Unbundle", []types.Type{types.ListOf(types.Int(), f)}, 2, "Int float32[2,3]", ""},
		{Flow, "Unbundle", []types.Type{types.ListOf(types.Int(), f)}, 1, "", "1 outputs for a list of 2 items"},
		{Flow, "Unbundle", []types.Type{types.Int()}, 1, "", "input 0 (list) is a Int; want List"},
		{Flow, "Any", []types.Type{f, types.Tensors(tensor.Float32, 4, 3)}, 1, "float32[?,3]", ""},
		{Flow, "Gate", []types.Type{f, types.Int()}, 1, "float32[2,3]", ""},
		{Flow, "Deadline", []types.Type{f}, 2, "float32[2,3] Trigger", ""},
		{Wire, "Send", []types.Type{types.Peer(), f, types.Int()}, 4, "Trigger float32[2,3] Int Peer", ""},
		{Wire, "Send", []types.Type{types.Int(), f}, 3, "", "want List[Peer*] or Peer"},
		{Wire, "Reply", []types.Type{f}, 4, "Trigger float32[2,3] Peer Any", ""},
		{Flow, "Clock", nil, 1, "", "has 0 inputs; want 1 (trigger)"},
	} {
		out, err := Lookup(c.domain, c.name).Infer(&Call{Node: &onnx.NodeProto{}, In: c.in, Outs: c.outs})
		var texts []string
		for _, o := range out {
			texts = append(texts, o.String())
		}
		if got := strings.Join(texts, " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: got error %v, want %q", c.name, err, c.err)
		}
	}
}

func TestExtend(t *testing.T) {
	d := Decl{Domain: Domain("protocol", "gossip"), Name: "Push", Doc: "Pushes.", In: ports(in("value", types.Any())),
		Out: done}
	c, err := Standard().Extend(d)
	if err != nil || c.Lookup(d.Domain, "Push") == nil || Lookup(d.Domain, "Push") != nil {
		t.Fatalf("extend: %v", err)
	}
	if _, err := c.Extend(d); err == nil {
		t.Error("the same method was declared twice")
	}
	if _, err := c.Extend(Decl{Domain: Flow, Name: "Mine"}); err == nil {
		t.Error("a method in the domain of flow was declared")
	}
}
