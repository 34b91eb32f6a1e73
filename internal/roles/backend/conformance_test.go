package backend

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// conformanceDir holds the node tests of the ONNX project as Debian's package libonnx-testdata installs them.
const conformanceDir = "/usr/share/libonnx-testdata/data/node"

// conformanceList says which of the node tests of ONNX 1.12 run here, and for which reason each of the others does not.
const conformanceList = "testdata/conformance.txt"

var rewrite = flag.Bool("rewrite", false, "write "+conformanceList+" anew")

// The node tests of ONNX: one model of one operator each, with inputs and expected outputs. All whose operators and
// types the backend has must pass, at ONNX's own tolerance, and none may fall out of the list of those that run.
func TestConformance(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(conformanceDir, "test_*"))
	if err != nil || len(dirs) == 0 {
		t.Skip("THE ONNX NODE TESTS ARE NOT HERE AND DO NOT RUN: install the Debian package libonnx-testdata")
	}
	sort.Strings(dirs)
	const run = "run"
	byReason := map[string][]string{}
	passed := 0
	for _, dir := range dirs {
		name := filepath.Base(dir)
		m, plan, reason, err := loadNodeTest(dir)
		if err == nil && reason == "" {
			reason = run
			if err = runNodeTest(dir, m, plan); err == nil {
				passed++
			}
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		byReason[reason] = append(byReason[reason], name)
	}
	t.Logf("%d node tests, %d run, %d passed", len(dirs), len(byReason[run]), passed)
	var list strings.Builder
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		if reason != run {
			t.Logf("not run, %s: %d", reason, len(byReason[reason]))
			reason = "not run, " + reason
		}
		fmt.Fprintf(&list, "%s: %d\n", reason, len(byReason[strings.TrimPrefix(reason, "not run, ")]))
		for _, name := range byReason[strings.TrimPrefix(reason, "not run, ")] {
			fmt.Fprintf(&list, "\t%s\n", name)
		}
	}
	if *rewrite {
		if err := os.WriteFile(conformanceList, []byte(list.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(conformanceList); err != nil || string(want) != list.String() {
		t.Errorf(
			"the tests that run are not those of %s (made from ONNX 1.12): run with -rewrite and read the diff (%v)",
			conformanceList, err)
	}
}

// loadNodeTest reads and compiles one test, or says for which reason it is not one for this backend.
func loadNodeTest(dir string) (*onnx.ModelProto, *Plan, string, error) {
	b, err := os.ReadFile(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return nil, nil, "", err
	}
	m, err := onnx.Load(b, onnx.DefaultLimits())
	if err != nil {
		return nil, nil, "", err
	}
	if filepath.Base(dir) == "test_adam_multiple" {
		// The outputs of this test were computed with an epsilon that its model does not state.
		onnx.SetAttr(m.Graph.Node[0], onnx.AttrFloat("epsilon", 1e-2))
	}
	opset := int64(0)
	for _, i := range m.GetOpsetImport() {
		if i.GetDomain() == "" {
			opset = i.GetVersion()
		}
	}
	for _, v := range append(append([]*onnx.ValueInfoProto{}, m.Graph.Input...), m.Graph.Output...) {
		typ, ok := onnxop.FromProto(v.GetType())
		if !ok {
			return m, nil, "a value that is not a tensor", nil
		}
		if !typ.DType.Valid() {
			return m, nil, "an element type that package tensor does not have", nil
		}
	}
	plan, err := Compile(m.Graph, Options{Opset: opset})
	var un *UnsupportedError
	if errors.As(err, &un) {
		switch {
		case un.Version != 0 && onnxop.Lookup(un.Domain, un.Op) != nil:
			return m, nil, "an operator set older than 13", nil
		case un.DType != 0:
			return m, nil, "an element type that the operator does not take here: " + un.DType.String(), nil
		}
		return m, nil, "an operator that the backend does not have", nil
	}
	if err != nil {
		return nil, nil, "", err
	}
	return m, plan, "", nil
}

// runNodeTest runs every data set of a test on the best kernels, and on the scalar ones with every dimension open,
// which must agree to the bit; and compares the results with the types announced.
func runNodeTest(dir string, m *onnx.ModelProto, plan *Plan) error {
	sets, err := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	if err != nil || len(sets) == 0 {
		return fmt.Errorf("no data sets: %v", err)
	}
	scalar, err := Compile(m.Graph, Options{Opset: plan.src.opset, Scalar: true, Inputs: opened(plan)})
	if err != nil {
		return err
	}
	for _, set := range sets {
		in, err := readTensors(set, "input", len(m.Graph.Input))
		if err != nil {
			return err
		}
		want, err := readTensors(set, "output", len(m.Graph.Output))
		if err != nil {
			return err
		}
		got, err := plan.Run(in)
		if err != nil {
			return err
		}
		again, err := scalar.Run(in)
		if err != nil {
			return err
		}
		for i := range want {
			if err := near(got[i], want[i], 1e-3, 1e-7); err != nil {
				return fmt.Errorf("output %d: %w", i, err)
			}
			if !got[i].Equal(again[i]) {
				return fmt.Errorf("output %d: the scalar kernels with open dimensions differ", i)
			}
			for _, p := range []*Plan{plan, scalar} {
				if typ := p.Outputs()[i].Type; !typ.Unranked &&
					(typ.DType != got[i].DType() || !fits(got[i].Shape(), typ.Shape)) {
					return fmt.Errorf("output %d is %v and was announced as %v", i, onnxop.Of(got[i]), typ)
				}
			}
		}
	}
	return nil
}

// opened returns the types of a plan's inputs with every dimension open.
func opened(p *Plan) []onnxop.Type {
	types := []onnxop.Type{}
	for _, port := range p.Inputs() {
		t := onnxop.Type{DType: port.Type.DType, Unranked: port.Type.Unranked}
		for range port.Type.Shape {
			t.Shape = append(t.Shape, -1)
		}
		types = append(types, t)
	}
	return types
}

func readTensors(dir, kind string, n int) ([]*tensor.Tensor, error) {
	out := make([]*tensor.Tensor, n)
	for i := range out {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%s_%d.pb", kind, i)))
		if err != nil {
			return nil, err
		}
		if out[i], err = tensor.Parse(b, tensor.DefaultLimits()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// near says where got is not within atol + rtol·|want| of want, or not equal where elements are no floats.
func near(got, want *tensor.Tensor, rtol, atol float64) error {
	if got.DType() != want.DType() || !fits(got.Shape(), want.Shape()) {
		return fmt.Errorf("is %v; want %v", onnxop.Of(got), onnxop.Of(want))
	}
	g, w := floatsOf(got), floatsOf(want)
	if g == nil {
		if !got.Equal(want) {
			return fmt.Errorf("values differ")
		}
		return nil
	}
	for i := range w {
		if g[i] == w[i] || (g[i] != g[i] && w[i] != w[i]) {
			continue
		}
		if !(math.Abs(g[i]-w[i]) <= atol+rtol*math.Abs(w[i])) {
			return fmt.Errorf("element %d is %g; want %g", i, g[i], w[i])
		}
	}
	return nil
}

// floatsOf returns the elements of a float tensor as float64, or nil.
func floatsOf(t *tensor.Tensor) []float64 {
	if t.DType() == tensor.Float64 {
		return t.Float64()
	}
	var out []float64
	for _, v := range t.Float32() {
		out = append(out, float64(v))
	}
	return out
}
