package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

func mlp(t interface{ Fatal(...any) }, widths ...int) *Graph {
	g, err := MLP(widths...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func initial(t interface{ Fatal(...any) }, g *Graph, how string) []*tensor.Tensor {
	p, err := g.initial(42, "model", how, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMLP(t *testing.T) {
	g := mlp(t, 64, 32, 10)
	nodes, in, out, params := g.Forward()
	var ops, names []string
	for _, n := range nodes {
		ops = append(ops, n.OpType)
	}
	for _, p := range params {
		names = append(names, p.Name)
	}
	if !slices.Equal(ops, []string{"Gemm", "Relu", "Gemm"}) || in != "x" || out != "logits" {
		t.Errorf("%v from %q to %q", ops, in, out)
	}
	if want := []string{"dense1.weight", "dense1.bias", "dense2.weight", "dense2.bias"}; !slices.Equal(names, want) {
		t.Errorf("parameters %v", names)
	}
	want := [][]int{{64, 32}, {32}, {32, 10}, {10}}
	if got := g.Shapes(); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("shapes %v", got)
	}
	for _, bad := range [][]int{nil, {64}, {64, 0}, {64, -1, 10}, make([]int, 70), {1 << 16, 1 << 16}} {
		if _, err := MLP(bad...); err == nil {
			t.Errorf("MLP%v was built", bad)
		}
	}
}

// What Forward gives away is a copy: an author who renames values in it must not change the model.
func TestForwardIsACopy(t *testing.T) {
	g := mlp(t, 4, 3)
	nodes, _, _, _ := g.Forward()
	nodes[0].Output[0] = "renamed"
	if again, _, _, _ := g.Forward(); again[0].Output[0] != "logits" {
		t.Error("the graph was changed")
	}
}

func TestInitialValues(t *testing.T) {
	g := mlp(t, 64, 32, 10)
	he, glorot, file := initial(t, g, InitHe), initial(t, g, InitGlorot), initial(t, g, InitFile)
	within := func(p *tensor.Tensor, limit float64) (greatest float64) {
		for _, x := range p.Float32() {
			greatest = max(greatest, math.Abs(float64(x)))
		}
		if greatest > limit || greatest < limit*0.9 {
			t.Errorf("the greatest of %v is %v, want a little below %v", p.Shape(), greatest, limit)
		}
		return greatest
	}
	within(he[0], math.Sqrt(6.0/64))
	within(he[2], math.Sqrt(6.0/32))
	within(glorot[0], math.Sqrt(6.0/96))
	for i, how := range [][]*tensor.Tensor{he, glorot} {
		if how[1].Float32()[0] != 0 || !how[1].Equal(file[1]) {
			t.Errorf("way %d draws the biases", i)
		}
	}
	if file[0].Float32()[5] != 0 {
		t.Error("the file's values were not taken")
	}
	other, _ := g.initial(43, "model", InitHe, nil)
	slot, _ := g.initial(42, "second", InitHe, nil)
	if other[0].Equal(he[0]) || slot[0].Equal(he[0]) {
		t.Error("the seed or the slot does not matter")
	}
}

// Every machine and every release must begin a job with these bits.
func TestGoldenFile(t *testing.T) {
	b, err := mlp(t, 64, 32, 10).Export(initial(t, mlp(t, 64, 32, 10), InitHe))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:8]); got != "143b3120cd5bd269" {
		t.Errorf("the file changed: %s (%d bytes)", got, len(b))
	}
}

// The points that the standard's checker looks at; the checker itself and onnxruntime accept such a file.
func TestExportIsStandard(t *testing.T) {
	g := mlp(t, 64, 32, 10)
	params := initial(t, g, InitHe)
	b, err := g.Export(params)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Load(b, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if m.IrVersion != 8 || len(m.OpsetImport) != 1 || m.OpsetImport[0].Version != 17 || m.OpsetImport[0].Domain != "" {
		t.Errorf("versions %d, %v", m.IrVersion, m.OpsetImport)
	}
	if m.Graph.Name == "" || len(m.Graph.Input) != 1 || len(m.Graph.Output) != 1 {
		t.Fatalf("graph %q with %d inputs and %d outputs", m.Graph.Name, len(m.Graph.Input), len(m.Graph.Output))
	}
	for _, v := range []struct {
		got   *onnx.ValueInfoProto
		name  string
		width int64
	}{{m.Graph.Input[0], "x", 64}, {m.Graph.Output[0], "logits", 10}} {
		dims, ok := onnx.Dims(v.got.Type)
		if v.got.Name != v.name || !ok || !slices.Equal(dims, []int64{-1, v.width}) ||
			v.got.Type.GetTensorType().Shape.Dim[0].GetDimParam() != "batch" {
			t.Errorf("%v", v.got)
		}
	}
	for i, p := range m.Graph.Initializer {
		got, err := tensor.FromProto(p, tensor.DefaultLimits())
		if err != nil || !got.Equal(params[i]) {
			t.Errorf("initializer %q: %v", p.Name, err)
		}
	}
	// An exported file is a model again, and exports to the same bytes.
	again, err := Load(b)
	if err != nil {
		t.Fatal(err)
	}
	if b2, err := again.Export(params); err != nil || !bytes.Equal(b, b2) {
		t.Errorf("another file after loading: %v", err)
	}
	if _, err := g.Export(params[1:]); err == nil {
		t.Error("a file with a parameter missing was made")
	}
}

func TestFansFollowTheUse(t *testing.T) {
	f32 := func(name string, dims ...int) *onnx.TensorProto {
		n := 1
		for _, d := range dims {
			n *= d
		}
		x, _ := tensor.FromFloat32(dims, make([]float32, n))
		return x.Proto(name)
	}
	shape, _ := tensor.FromInt64([]int{2}, []int64{-1, 50})
	g, err := fromProto(&onnx.ModelProto{
		IrVersion: 8, OpsetImport: []*onnx.OperatorSetIdProto{{Version: 17}},
		Graph: &onnx.GraphProto{
			Name: "g", Input: []*onnx.ValueInfoProto{onnx.ValueInfo("in", tensor.Float32, 1, 2, 7, 7)},
			Output: []*onnx.ValueInfoProto{onnx.ValueInfo("out", tensor.Float32, 1, 4)},
			Initializer: []*onnx.TensorProto{f32("k", 2, 2, 3, 3), shape.Proto("shape"), f32("w", 4, 50),
				f32("v", 4, 4), f32("scale", 4)},
			Node: []*onnx.NodeProto{
				onnx.Node("", "Conv", "c", []string{"in", "k"}, []string{"a"}),
				onnx.Node("", "Reshape", "r", []string{"a", "shape"}, []string{"b"}),
				onnx.Node("", "Gemm", "g", []string{"b", "w"}, []string{"d"}, onnx.AttrInt("transB", 1)),
				onnx.Node("", "MatMul", "m", []string{"d", "v"}, []string{"e"}),
				onnx.Node("", "Mul", "s", []string{"e", "scale"}, []string{"out"}),
			},
		},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range g.params {
		got = append(got, p.Name)
		want := map[string][3]int{"k": {int(RuleWeight), 18, 18}, "w": {int(RuleWeight), 50, 4},
			"v": {int(RuleWeight), 4, 4}, "scale": {}}[p.Name]
		if have := [3]int{int(p.Rule), p.FanIn, p.FanUp}; have != want {
			t.Errorf("%s: rule and fans %v, want %v", p.Name, have, want)
		}
	}
	if !slices.Equal(got, []string{"k", "w", "v", "scale"}) {
		t.Errorf("parameters %v: the shape of a Reshape is a constant", got)
	}
	if c := g.Constants(); len(c) != 1 || c[0].Name != "shape" {
		t.Errorf("constants %v", c)
	}
}

func TestLoadRefuses(t *testing.T) {
	base := func() *onnx.ModelProto { g, _ := MLP(4, 3, 2); return g.Proto() }
	for want, change := range map[string]func(*onnx.ModelProto){
		"no graph":                   func(m *onnx.ModelProto) { m.Graph = nil },
		"the operators are of set 0": func(m *onnx.ModelProto) { m.OpsetImport = nil },
		"of set 6":                   func(m *onnx.ModelProto) { m.OpsetImport[0].Version = 6 },
		"calls itself": func(m *onnx.ModelProto) {
			m.Graph.Node[1].OpType, m.Graph.Node[1].Domain = "F", "f"
			m.Functions = []*onnx.FunctionProto{{Name: "F", Domain: "f", Input: []string{"x"}, Output: []string{"y"},
				Node: []*onnx.NodeProto{onnx.Node("f", "F", "", []string{"x"}, []string{"y"})}}}
		},
		"taken": func(m *onnx.ModelProto) { m.Graph.Initializer[1].Name = "dense1.weight" },
		"no parameter that can be trained": func(m *onnx.ModelProto) {
			m.Graph.Initializer = nil
			m.Graph.Node = []*onnx.NodeProto{onnx.Node("", "Relu", "", []string{"x"}, []string{"logits"})}
		},
		"external_data": func(m *onnx.ModelProto) {
			m.Graph.Initializer[0].DataLocation = onnx.TensorProto_EXTERNAL
		},
		"raw_data":          func(m *onnx.ModelProto) { m.Graph.Initializer[0].RawData = []byte{1} },
		"no output that is": func(m *onnx.ModelProto) { m.Graph.Output = nil },
		"no input": func(m *onnx.ModelProto) {
			m.Graph.Input = nil
			m.Graph.Node[0].Input[0] = "dense1.weight"
		},
		"made by no node":    func(m *onnx.ModelProto) { m.Graph.Output[0].Name = "other" },
		"standard operators": func(m *onnx.ModelProto) { m.Graph.Node[0].Domain = "acme" },
		"\"then\" is unknown": func(m *onnx.ModelProto) {
			onnx.SetAttr(m.Graph.Node[0],
				onnx.AttrGraph("then", &onnx.GraphProto{}))
		},
		"nothing before it":     func(m *onnx.ModelProto) { slices.Reverse(m.Graph.Node) },
		"which exists":          func(m *onnx.ModelProto) { m.Graph.Node[2].Output[0] = "dense1.sum" },
		"does not depend on it": func(m *onnx.ModelProto) { m.Graph.Output[0].Name = "x" },
	} {
		m := base()
		change(m)
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Load(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error that says %q, got %v", want, err)
		}
	}
	var limit *onnx.LimitError
	nodes := &onnx.ModelProto{Graph: &onnx.GraphProto{}}
	for range nodesMax + 1 {
		nodes.Graph.Node = append(nodes.Graph.Node, &onnx.NodeProto{})
	}
	b, _ := proto.Marshal(nodes)
	if _, err := Load(b); !errors.As(err, &limit) {
		t.Errorf("too many nodes: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, widths := range [][]int{{2, 1}, {3, 2, 2}} {
		b, _ := proto.Marshal(mlp(f, widths...).Proto())
		f.Add(b)
		b, _ = proto.Marshal(mlp(f, widths...).proto) // without the numbers
		f.Add(b)
	}
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		g, err := Load(b)
		if err != nil {
			return
		}
		// What was loaded can be used: it draws its first parameters, and what it exports loads again.
		for _, how := range []string{InitHe, InitGlorot, InitFile} {
			params := initial(t, g, how)
			b, err := g.Export(params)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Load(b)
			if err != nil {
				t.Fatalf("the exported file is refused: %v", err)
			}
			if again.Check(params) != nil {
				continue // without a signature, its numbers say as well what is a parameter, and what is a mask
			}
			if b2, err := again.Export(params); err != nil || !bytes.Equal(b, b2) {
				t.Fatalf("export is not stable: %v", err)
			}
		}
	})
}

// TestOnlyWhatABackendRunsIsLoaded: a model with an operator that no backend runs is refused where it is loaded, and
// not when a program with it is compiled; each operator that one runs is taken.
func TestOnlyWhatABackendRunsIsLoaded(t *testing.T) {
	w, err := tensor.FromFloat32([]int{2}, []float32{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	load := func(op string) error {
		b, err := onnx.Marshal(&onnx.ModelProto{
			IrVersion: 8, OpsetImport: []*onnx.OperatorSetIdProto{{Version: 17}},
			Graph: &onnx.GraphProto{
				Name: "g", Input: []*onnx.ValueInfoProto{onnx.ValueInfo("in", tensor.Float32, 1, 2)},
				Output:      []*onnx.ValueInfoProto{onnx.ValueInfo("out", tensor.Float32, 1, 2)},
				Initializer: []*onnx.TensorProto{w.Proto("w")},
				Node:        []*onnx.NodeProto{onnx.Node("", op, "n", []string{"in", "w"}, []string{"out"})},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Load(b)
		return err
	}
	var bad *importer.RefusedError
	for _, op := range []string{"NoSuchOperator", "Adam"} {
		if err := load(op); !errors.As(err, &bad) || !strings.Contains(err.Error(), "no backend here runs") {
			t.Errorf("%s: got %v; want a RefusedError", op, err)
		}
	}
	for _, op := range onnxop.All() {
		if op.Domain == "" {
			if err := load(op.Name); err != nil {
				t.Errorf("%s: %v", op.Name, err)
			}
		}
	}
}
