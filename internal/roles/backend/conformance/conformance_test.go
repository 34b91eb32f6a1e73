package conformance

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/tensor"
)

// refusedList names the tests that do not run here, each with its reason. A test that is not in it must pass.
const refusedList = "testdata/refused.txt"

// floor is the least number of tests that pass.
const floor = 600

var rewrite = flag.Bool("rewrite", false, "write "+refusedList+" anew")

// The node tests of ONNX 1.23.2: each passes within its own tolerance, on the vector kernels with the shapes that it
// states and on the scalar ones with every dimension open, to the same bit; or is refused by name. None is wrong. A
// test that passes now and stands in the list of those refused is told, and -rewrite takes it out.
func TestNodes(t *testing.T) {
	known := map[string]string{}
	if b, err := os.ReadFile(refusedList); err == nil {
		for line := range strings.Lines(string(b)) {
			name, reason, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			known[name] = reason
		}
	}
	var list strings.Builder
	missing, reasons := map[string]int{}, map[string]int{}
	passed, wrong, more := 0, 0, 0
	tests := readArchive(t)
	for _, n := range tests {
		r, err := n.run()
		switch {
		case err != nil:
			wrong++
			t.Errorf("%s: %v", n.name, err)
		case r == nil:
			passed++
			if known[n.name] != "" {
				more++
			}
		default:
			reasons[r.kind]++
			missing[r.kind+": "+r.what]++
			fmt.Fprintf(&list, "%s\t%s\n", n.name, strings.TrimSuffix(r.kind+": "+r.what, ": "))
			if known[n.name] == "" && !*rewrite {
				t.Errorf("%s: it ran before and is refused now: %s: %s", n.name, r.kind, r.what)
			}
		}
	}
	t.Logf("%d node tests: %d pass, %d are refused, %d are wrong", len(tests), passed, len(tests)-passed-wrong, wrong)
	for _, k := range byCount(reasons) {
		t.Logf("refused: %4d %s", reasons[k], k)
	}
	if testing.Verbose() {
		for _, k := range byCount(missing) {
			t.Logf("%4d %s", missing[k], k)
		}
	}
	if passed < floor {
		t.Errorf("%d tests pass; want at least %d", passed, floor)
	}
	if *rewrite {
		if err := os.WriteFile(refusedList, []byte(list.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if more > 0 {
		t.Logf("%d more than %s says pass: run with -rewrite", more, refusedList)
	}
}

// byCount returns the keys of counts, the greatest first.
func byCount(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), strings.Compare(a, b))
	})
}

// refusal says why a test does not run.
type refusal struct{ kind, what string }

// refused classifies an error of loading or compiling; nil for one that no sound model may meet.
func refused(err error) *refusal {
	var un *onnxop.UnsupportedError
	var format *tensor.FormatError
	switch {
	case errors.As(err, &un) && un.DType != 0:
		return &refusal{"element type", un.Op + " on " + un.DType.String()}
	case errors.As(err, &un) && un.Version != 0 && onnxop.Lookup(un.Domain, un.Op) != nil:
		return &refusal{"operator set", un.Op}
	case errors.As(err, &un):
		return &refusal{"operator", strings.TrimPrefix(un.Domain+"."+un.Op, ".")}
	case errors.As(err, &format) && format.Field == "data_type":
		return &refusal{"element type", "a tensor"}
	}
	return nil
}

// model is a test that can be run.
type model struct {
	graph  *onnx.GraphProto
	opset  int64
	inputs []onnxop.Type
}

// load reads the model of a test, or says why it is refused.
func (n *nodeTest) load() (*model, *refusal, error) {
	m, err := onnx.Load(n.model, onnx.DefaultLimits())
	if err != nil {
		return nil, nil, err
	}
	out := &model{graph: m.GetGraph()}
	for _, i := range m.GetOpsetImport() {
		if i.GetDomain() == "" {
			out.opset = i.GetVersion()
		}
	}
	for _, v := range slices.Concat(m.Graph.Input, m.Graph.Output) {
		typ, ok := onnxop.FromProto(v.GetType())
		if !ok {
			return nil, &refusal{"value", "no tensor"}, nil
		}
		if !typ.DType.Valid() {
			return nil, &refusal{"element type", typ.DType.String()}, nil
		}
	}
	for _, v := range m.Graph.Input {
		typ, _ := onnxop.FromProto(v.GetType())
		out.inputs = append(out.inputs, typ)
	}
	return out, nil, nil
}

// run runs every data set of a test, or says why it is refused; its error says what is wrong.
func (n *nodeTest) run() (*refusal, error) {
	m, r, err := n.load()
	if r != nil || err != nil {
		return r, err
	}
	plan, err := backend.Compile(m.graph, backend.Options{Opset: m.opset})
	if err != nil {
		if r := refused(err); r != nil {
			return r, nil
		}
		return nil, err
	}
	open := make([]onnxop.Type, len(plan.Inputs()))
	for i, p := range plan.Inputs() {
		open[i] = onnxop.Type{DType: p.Type.DType, Unranked: p.Type.Unranked}
		for range p.Type.Shape {
			open[i].Shape = append(open[i].Shape, -1)
		}
	}
	scalar, err := backend.Compile(m.graph, backend.Options{Opset: m.opset, Scalar: true, Inputs: open})
	if err != nil {
		return nil, fmt.Errorf("with open dimensions: %w", err)
	}
	for _, set := range n.sets {
		in, err := tensors(set.in)
		if err != nil {
			return nil, err
		}
		want, err := tensors(set.out)
		if err != nil {
			return nil, err
		}
		got, err := plan.Run(in)
		if err != nil {
			if r := refused(err); r != nil {
				return r, nil
			}
			return nil, err
		}
		again, err := scalar.Run(in)
		if err != nil {
			return nil, fmt.Errorf("with open dimensions: %w", err)
		}
		for i := range want {
			if want[i] == nil {
				continue
			}
			if err := near(got[i], want[i], n.rtol, n.atol); err != nil {
				return nil, fmt.Errorf("output %d: %w", i, err)
			}
			if !got[i].Equal(again[i]) {
				return nil, fmt.Errorf("output %d: the scalar kernels with open dimensions differ", i)
			}
			for _, p := range []*backend.Plan{plan, scalar} {
				if typ := p.Outputs()[i].Type; !typ.Absent() && !typ.Unranked &&
					(typ.DType != got[i].DType() || !fits(got[i].Shape(), typ.Shape)) {
					return nil, fmt.Errorf("output %d is %v and was announced as %v", i, onnxop.Of(got[i]), typ)
				}
			}
		}
	}
	return nil, nil
}

func tensors(all [][]byte) ([]*tensor.Tensor, error) {
	out := make([]*tensor.Tensor, len(all))
	for i, b := range all {
		if b == nil {
			continue
		}
		var err error
		if out[i], err = tensor.Parse(b, tensor.DefaultLimits()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fits says whether a shape is one that a type with open dimensions allows.
func fits(shape, want []int) bool {
	return slices.EqualFunc(shape, want, func(d, w int) bool { return d == w || w < 0 })
}

// near says where got is not within atol + rtol·|want| of want, or not equal where elements are no floats.
func near(got, want *tensor.Tensor, rtol, atol float64) error {
	if got.DType() != want.DType() || !slices.Equal(got.Shape(), want.Shape()) {
		return fmt.Errorf("is %v; want %v", onnxop.Of(got), onnxop.Of(want))
	}
	g, w := floatsOf(got), floatsOf(want)
	if g == nil {
		if !got.Equal(want) {
			return fmt.Errorf("values differ: %v; want %v", short(got), short(want))
		}
		return nil
	}
	for i := range w {
		if g[i] == w[i] || (g[i] != g[i] && w[i] != w[i]) {
			continue
		}
		if !(math.Abs(g[i]-w[i]) <= atol+rtol*math.Abs(w[i])) {
			return fmt.Errorf("element %d of %v is %g; want %g", i, onnxop.Of(got), g[i], w[i])
		}
	}
	return nil
}

// short shows the first elements of a tensor, as bytes.
func short(t *tensor.Tensor) string {
	return fmt.Sprintf("%v %x", t, t.AppendRaw(nil, 0, min(t.RawBytes(), 64)))
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
	for _, v := range t.Float16() {
		out = append(out, float64(v.Float32()))
	}
	for _, v := range t.BFloat16() {
		out = append(out, float64(v.Float32()))
	}
	return out
}
