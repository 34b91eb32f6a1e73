package backend

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Trap hostile-length: attributes of windows that make no sense are refused before anything is allocated, by an error
// that names the node.
func TestHostileWindows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	in := map[string]*tensor.Tensor{"x": floatTensor(r, 1, 2, 4, 4), "w": floatTensor(r, 2, 2, 2, 2),
		"v": floatTensor(r, 2), "e": floatTensor(r, 1, 2, 0, 4), "d": floatTensor(r, 2, 2, 2, 0),
		"y": floatTensor(r, 1, 2, 3, 3), "i": intTensor(0, 0), "s": intTensor(3)}
	i, list, text := onnx.AttrInt, onnx.AttrInts, onnx.AttrString
	const huge = 1 << 40
	for _, c := range []struct {
		node  string
		attrs []*onnx.AttributeProto
	}{
		{"z = Conv x w", []*onnx.AttributeProto{list("strides", 0, 1)}},
		{"z = Conv x w", []*onnx.AttributeProto{list("strides", -1, 1)}},
		{"z = Conv x w", []*onnx.AttributeProto{list("strides", 1)}},
		{"z = Conv x w", []*onnx.AttributeProto{list("strides", huge, 1)}},
		{"z = Conv x w", []*onnx.AttributeProto{list("dilations", 4, 1)}},
		{"z = Conv x w", []*onnx.AttributeProto{list("dilations", 1<<27, 1<<27)}},
		{"z = Conv x w", []*onnx.AttributeProto{list("pads", 0, 0, -1, 0)}},
		{"z = Conv x w", []*onnx.AttributeProto{list("pads", 0, 0, 1<<27, 1<<27)}},
		{"z = Conv x w", []*onnx.AttributeProto{list("pads", 0, 0)}},
		{"z = Conv x w", []*onnx.AttributeProto{list("kernel_shape", 3, 2)}},
		{"z = Conv x w", []*onnx.AttributeProto{i("group", 0)}},
		{"z = Conv x w", []*onnx.AttributeProto{i("group", 2)}},
		{"z = Conv x w", []*onnx.AttributeProto{i("group", huge)}},
		{"z = Conv x w", []*onnx.AttributeProto{text("auto_pad", "SAME")}},
		{"z = Conv x v", nil},
		{"z = Conv v w", nil},
		{"z = Conv e w", nil},
		{"z = Conv x d", nil},
		{"z = Conv x w y", nil},
		{"z = ConvTranspose x w", []*onnx.AttributeProto{list("output_shape", huge, 4)}},
		{"z = ConvTranspose x w", []*onnx.AttributeProto{list("output_shape", 0, 4)}},
		{"z = ConvTranspose x w", []*onnx.AttributeProto{list("output_padding", 1<<27, 1<<27)}},
		{"z = ConvTranspose x w", []*onnx.AttributeProto{list("strides", 1<<27, 1<<27)}},
		{"z = ConvTranspose x w", []*onnx.AttributeProto{list("pads", 4, 0, 4, 0)}},
		{"z = ConvTranspose x w", []*onnx.AttributeProto{i("group", 1<<27)}},
		{"z = ConvWeights x y", []*onnx.AttributeProto{list("kernel_shape", 3, 3)}},
		{"z = ConvWeights x v", []*onnx.AttributeProto{list("kernel_shape", 2, 2)}},
		{"z = ConvWeights x y", []*onnx.AttributeProto{list("kernel_shape", 2, 2), i("group", 3)}},
		{"z = MaxPool x", nil},
		{"z = MaxPool x", []*onnx.AttributeProto{list("kernel_shape", 0, 1)}},
		{"z = MaxPool x", []*onnx.AttributeProto{list("kernel_shape", 5, 1)}},
		{"z = MaxPool x", []*onnx.AttributeProto{list("kernel_shape", 2, 2), list("pads", 0, 2, 0, 0)}},
		{"z = MaxPool x", []*onnx.AttributeProto{list("kernel_shape", 1<<27, 1<<27), text("auto_pad", "SAME_UPPER"),
			list("dilations", 1<<27, 1<<27)}},
		{"z = MaxPool x", []*onnx.AttributeProto{list("kernel_shape", 2, 2), i("storage_order", 2)}},
		{"z = AveragePool v", []*onnx.AttributeProto{list("kernel_shape", 2)}},
		{"z = PoolGradient x s", []*onnx.AttributeProto{list("kernel_shape", 2, 2)}},
		{"z = ScatterAdd v s s", nil},
		{"z = ScatterAdd v v s", nil},
	} {
		n := nodeOf(c.node, c.attrs...)
		g := &onnx.GraphProto{Name: "test", Node: []*onnx.NodeProto{n}, Output: []*onnx.ValueInfoProto{{Name: "z"}}}
		for name, v := range in {
			if name == "s" || name == "i" {
				g.Initializer = append(g.Initializer, v.Proto(name))
				continue
			}
			dims := []int64{}
			for _, d := range v.Shape() {
				dims = append(dims, int64(d))
			}
			g.Input = append(g.Input, onnx.ValueInfo(name, v.DType(), dims...))
		}
		_, err := Compile(g, Options{})
		var rule *RuleError
		if !errors.As(err, &rule) || rule.Node != "z" {
			t.Errorf("%s %v: got %v; want a RuleError that names z", c.node, c.attrs, err)
		}
	}
	// What would need more scratch memory than a run may have is refused, too.
	g := &onnx.GraphProto{Name: "test", Output: []*onnx.ValueInfoProto{{Name: "z"}},
		Node:  []*onnx.NodeProto{nodeOf("z = Conv x w", onnx.AttrInts("pads", 1<<22, 0))},
		Input: []*onnx.ValueInfoProto{onnx.ValueInfo("x", 1, 1, 2, 1), onnx.ValueInfo("w", 1, 1, 2, 1<<22)}}
	var lim *LimitError
	if _, err := Compile(g, Options{BytesMax: 1 << 20}); !errors.As(err, &lim) {
		t.Errorf("got %v; want a LimitError", err)
	}
	// A place outside of the result is known in the run only.
	g = &onnx.GraphProto{Name: "test", Output: []*onnx.ValueInfoProto{{Name: "z"}},
		Node:        []*onnx.NodeProto{nodeOf("z = ScatterAdd v p s")},
		Initializer: []*onnx.TensorProto{intTensor(3).Proto("s")},
		Input:       []*onnx.ValueInfoProto{onnx.ValueInfo("v", 1, 2), onnx.ValueInfo("p", 7, 2)}}
	p, err := Compile(g, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var fault *RunError
	if _, err := p.Run([]*tensor.Tensor{in["v"], intTensor(0, 3)}); !errors.As(err, &fault) {
		t.Errorf("got %v; want a RunError", err)
	}
}

// A pool whose places a gradient reads runs once, with the places of the pool that it belongs to.
func TestPlacesOfAPoolAreItsOwn(t *testing.T) {
	x := floatTensor(rand.New(rand.NewPCG(4, 4)), 2, 3, 6, 5)
	kernel, other := onnx.AttrInts("kernel_shape", 2, 3), onnx.AttrInts("kernel_shape", 3, 2)
	compile := func(outs []string, nodes ...*onnx.NodeProto) ([]*tensor.Tensor, int) {
		p, err := Compile(graphOf(nodes, []string{"x"}, []*tensor.Tensor{x}, outs, false), Options{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Run([]*tensor.Tensor{x})
		if err != nil {
			t.Fatal(err)
		}
		return out, len(p.fixed.steps)
	}
	want, _ := compile([]string{"y", "p"}, nodeOf("y p = MaxPool x", kernel))
	for _, c := range []struct {
		outs  []string
		attr  *onnx.AttributeProto
		steps int
	}{{[]string{"y", "p"}, kernel, 1}, {[]string{"y", "p", "q"}, kernel, 2}, {[]string{"y", "p"}, other, 2}} {
		got, steps := compile(c.outs, nodeOf("y = MaxPool x", kernel), nodeOf("q p = MaxPool x", c.attr))
		if steps != c.steps || !got[0].Equal(want[0]) || got[1].Equal(want[1]) != (c.attr == kernel) {
			t.Errorf("%v of %v: %d steps, want %d; or another result", c.outs, c.attr, steps, c.steps)
		}
	}
}
