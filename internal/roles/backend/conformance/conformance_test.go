package conformance

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/lower"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// refusedList names the tests that do not run here, each with its reason. A test that is not in it must pass.
const refusedList = "testdata/refused.txt"

// floor is the least number of tests that pass.
const floor = 1613

var rewrite = flag.Bool("rewrite", false, "write "+refusedList+" anew")

// The node tests of ONNX 1.23.2: each passes within its own tolerance, or that which looser gives it, on the vector
// kernels and on the scalar ones to the same bit; or is refused by name. None is wrong, on any way that takes it. A
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
	for i := range tests {
		n := &tests[i]
		r, err := n.run()
		if _, ok := looser[n.name]; ok && !n.loose {
			t.Errorf("%s: it meets its own tolerance; want no other one", n.name)
		}
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
	static bool // it is for the shapes that the test states, and no others
}

// load reads the model of a test, or says why no way can be one for it.
func (n *nodeTest) load() (*onnx.ModelProto, *refusal, error) {
	m, err := onnx.Load(n.model, onnx.DefaultLimits())
	if err != nil {
		return nil, nil, err
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
	return m, nil, nil
}

// run runs a test on every way that takes it, or says why none does: the nodes as they are, for the backend alone; as a
// model that somebody brings, converted, with functions written out and compound operators lowered; and the nodes as
// they are with compound operators lowered. In the latter two what decides shapes is either an input, or known.
func (n *nodeTest) run() (*refusal, error) {
	m, r, err := n.load()
	if r != nil || err != nil {
		return r, err
	}
	plain := &model{graph: m.Graph}
	for _, i := range m.GetOpsetImport() {
		if i.GetDomain() == "" {
			plain.opset = i.GetVersion()
		}
	}
	why, err := n.try(plain, nil)
	ran := why == nil
	if err != nil {
		return nil, err
	}
	for _, way := range []struct {
		name string
		make func(m *onnx.ModelProto, known bool) (*model, []int, *refusal, error)
	}{{"imported", n.imported}, {"lowered", n.lowered}} {
		for _, known := range []bool{false, true} {
			im, in, r, err := way.make(m, known)
			if err == nil && r == nil {
				r, err = n.try(im, in)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", way.name, err)
			}
			if r == nil {
				ran = true
				break
			}
			if why != nil && (why.kind != "operator" || r.kind == "operator") {
				why = r
			}
		}
	}
	if ran {
		return nil, nil
	}
	return why, nil
}

// imported is the way of a model that somebody brings, and the numbers of the inputs that it still has. Where what
// decides shapes is known, lists of whole numbers and tensors of
// one element or none among the inputs are part of the model.
func (n *nodeTest) imported(m *onnx.ModelProto, known bool) (*model, []int, *refusal, error) {
	m = proto.Clone(m).(*onnx.ModelProto)
	in, err := tensors(n.sets[0].in)
	if err != nil {
		return nil, nil, nil, err
	}
	batch := 0
	for i := len(m.Graph.Input) - 1; i >= 0; i-- {
		x := in[i]
		if known && n.decides(m, i, x) {
			m.Graph.Initializer = append(m.Graph.Initializer, x.Proto(m.Graph.Input[i].Name))
			m.Graph.Input = slices.Delete(m.Graph.Input, i, i+1)
		} else if x.Rank() > 0 {
			batch = x.Shape()[0]
		}
	}
	if len(m.Graph.Input) == 0 { // a model has an input
		m.Graph.Input = append(m.Graph.Input, onnx.ValueInfo(unread, tensor.Float32, 1))
	}
	var outputs []string
	for _, o := range m.Graph.Output {
		outputs = append(outputs, o.Name)
	}
	// What a node says of training is meant there: its Dropout is not left out. One that says nothing would be put into
	// training by that, too.
	trains := slices.ContainsFunc(m.Graph.Node, func(n *onnx.NodeProto) bool {
		training, _ := onnx.GetInt(n, "training_mode")
		return n.GetOpType() == "Dropout" || training != 0
	})
	model, err := importer.Import(m, importer.Options{Evaluate: true, TrainMode: trains})
	if err != nil {
		return nil, nil, refusedByImporter(err), nil
	}
	g, err := model.At(max(1, cmp.Or(model.FixedBatch(), batch)), outputs...)
	if err != nil {
		return nil, nil, refusedByImporter(err), nil
	}
	for i, o := range g.Outputs {
		if typ, _ := onnxop.FromProto(m.Graph.Output[i].GetType()); typ.DType != o.DType {
			return nil, nil, &refusal{"importer", "floats of 16 bits, which are read as float32"}, nil
		}
	}
	out, at, r, err := graphOf(g, n)
	for i := range at {
		if in[at[i]].DType() != g.Inputs[i].DType {
			return nil, nil, &refusal{"importer", "floats of 16 bits, which are read as float32"}, nil
		}
		if x := in[at[i]]; !slices.Equal(g.Inputs[i].Shape, x.Shape()) { // unread stands alone
			return nil, nil, &refusal{"importer", "a first dimension that is no batch"}, nil
		}
	}
	return out, at, r, err
}

// decides says whether an input is one that a model of a user has as a constant: a list of whole numbers, what has one
// element or none, and the scales of an image.
func (n *nodeTest) decides(m *onnx.ModelProto, i int, x *tensor.Tensor) bool {
	if len(n.sets) > 1 {
		return false
	}
	for _, n := range m.Graph.Node {
		if op := n.GetOpType(); (op == "Resize" || op == "Upsample") &&
			slices.Index(n.GetInput(), m.Graph.Input[i].GetName()) > 0 {
			return true
		}
	}
	return x.DType() != tensor.Float32 && x.Rank() <= 1 || x.Len() <= 1
}

// lowered is the way of nodes in the element types that they have, compound operators written as primitive ones.
func (n *nodeTest) lowered(m *onnx.ModelProto, known bool) (*model, []int, *refusal, error) {
	for _, i := range m.GetOpsetImport() {
		if i.GetDomain() != "" || i.GetVersion() < onnxop.Opset && m.Graph.Node[0].GetOpType() != "NonMaxSuppression" {
			return nil, nil, &refusal{"operator set", "an older one"}, nil
		}
	}
	in, err := tensors(n.sets[0].in)
	if err != nil {
		return nil, nil, nil, err
	}
	out := &model{graph: proto.Clone(m.Graph).(*onnx.GraphProto), static: true}
	at, types := []int{}, map[string]onnxop.Type{}
	out.graph.Input = nil
	for i, v := range m.Graph.Input {
		if in[i] == nil {
			return nil, nil, &refusal{"value", "no tensor"}, nil
		}
		typ := onnxop.Of(in[i])
		if known && n.decides(m, i, in[i]) {
			out.graph.Initializer = append(out.graph.Initializer, in[i].Proto(v.Name))
		} else {
			typ.Value = nil
			out.graph.Input, at = append(out.graph.Input, v), append(at, i)
		}
		types[v.Name] = typ
	}
	for _, p := range m.Graph.Initializer {
		v, err := tensor.FromProto(p, tensor.DefaultLimits())
		if err != nil {
			return nil, nil, &refusal{"element type", "a tensor"}, nil
		}
		types[p.Name] = onnxop.Of(v)
	}
	if out.graph.Node, err = (lower.Options{Fold: fold}).Graph(m.Graph.Node, types, "low/"); err != nil {
		if r := refused(err); r != nil {
			return nil, nil, r, nil
		}
		return nil, nil, &refusal{"operator", m.Graph.Node[0].GetOpType()}, nil
	}
	return out, at, nil, nil
}

// fold computes a node of constants.
func fold(n *onnx.NodeProto, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	g := &onnx.GraphProto{Node: []*onnx.NodeProto{n}}
	for i, name := range n.GetInput() {
		if in[i] != nil {
			g.Initializer = append(g.Initializer, in[i].Proto(name))
		}
	}
	for _, o := range n.GetOutput() {
		g.Output = append(g.Output, &onnx.ValueInfoProto{Name: o})
	}
	plan, err := backend.Compile(g, backend.Options{})
	if err != nil {
		return nil, err
	}
	return plan.Run(nil)
}

// unread is the name of an input that no node reads.
const unread = "unread"

// graphOf is a graph as the backend takes it.
func graphOf(g *importer.Graph, n *nodeTest) (*model, []int, *refusal, error) {
	out := &model{graph: &onnx.GraphProto{Name: n.name, Node: g.Nodes}, static: true}
	all, err := onnx.Load(n.model, onnx.DefaultLimits()) // with the inputs that are known
	if err != nil {
		return nil, nil, nil, err
	}
	in := []int{}
	for _, v := range g.Inputs {
		if v.Name == unread {
			continue
		}
		dims := make([]int64, len(v.Shape))
		for i, d := range v.Shape {
			dims[i] = int64(d)
		}
		at := slices.IndexFunc(all.Graph.Input, func(i *onnx.ValueInfoProto) bool { return i.Name == v.Name })
		if at < 0 {
			return nil, nil, nil, fmt.Errorf("input %q is not one of the file", v.Name)
		}
		in = append(in, at)
		out.graph.Input = append(out.graph.Input, onnx.ValueInfo(v.Name, v.DType, dims...))
	}
	for _, p := range g.Params {
		out.graph.Initializer = append(out.graph.Initializer, p.Value.Proto(p.Name))
	}
	for _, c := range g.Constants {
		out.graph.Initializer = append(out.graph.Initializer, c.Value.Proto(c.Name))
	}
	for _, o := range g.Outputs {
		out.graph.Output = append(out.graph.Output, &onnx.ValueInfoProto{Name: o.Name})
	}
	return out, in, nil, nil
}

// refusedByImporter is the first reason of a refusal.
func refusedByImporter(err error) *refusal {
	var e *importer.RefusedError
	if !errors.As(err, &e) || len(e.Reasons) == 0 {
		return &refusal{"importer", err.Error()}
	}
	r := e.Reasons[0]
	if strings.Contains(r.Reason, "not one that") || strings.Contains(r.Reason, "not supported") {
		return &refusal{"operator", r.Op}
	}
	return &refusal{"importer", fmt.Sprintf("%s: %.100s", r.Op, strings.Join(strings.Fields(r.Reason), " "))}
}

// try runs every data set of a test on a way, or says why the backend refuses it; its error says what is wrong. in are
// the numbers of the inputs that the way takes; all, where they are nil.
func (n *nodeTest) try(m *model, in []int) (*refusal, error) {
	for _, rules := range []kernel.Rules{kernel.Rounded, kernel.Fused} {
		if r, err := n.tryBy(rules, m, in); r != nil || err != nil {
			return r, err
		}
	}
	return nil, nil
}

func (n *nodeTest) tryBy(rules kernel.Rules, m *model, in []int) (*refusal, error) {
	plan, err := backend.Compile(m.graph, backend.Options{Opset: m.opset, Rules: rules})
	if err != nil {
		if r := refused(err); r != nil {
			return r, nil
		}
		return nil, err
	}
	var open []onnxop.Type
	if !m.static {
		open = make([]onnxop.Type, len(plan.Inputs()))
	}
	for i := range open {
		p := plan.Inputs()[i].Type
		open[i] = onnxop.Type{DType: p.DType, Unranked: p.Unranked}
		for range p.Shape {
			open[i].Shape = append(open[i].Shape, -1)
		}
	}
	scalar, err := backend.Compile(m.graph, backend.Options{Opset: m.opset, Rules: rules, Scalar: true,
		Inputs: open})
	if err != nil {
		return nil, fmt.Errorf("with open dimensions: %w", err)
	}
	for _, set := range n.sets {
		if r, err := n.set(set, plan, scalar, in); r != nil || err != nil {
			return r, err
		}
	}
	return nil, nil
}

// set runs one data set on both plans, which must agree to the bit.
func (n *nodeTest) set(set dataSet, plan, scalar *backend.Plan, only []int) (*refusal, error) {
	in, err := tensors(set.in)
	if err != nil {
		return nil, err
	}
	if only != nil {
		all := in
		in = nil
		for _, i := range only {
			in = append(in, all[i])
		}
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
		return nil, fmt.Errorf("scalar: %w", err)
	}
	for i := range want {
		if want[i] == nil {
			continue
		}
		err := near(got[i], want[i], n.rtol, n.atol, 0)
		if l, ok := looser[n.name]; ok && err != nil {
			n.loose = true
			err = near(got[i], want[i], n.rtol, max(n.atol, l.atol), l.units)
		}
		if err != nil {
			return nil, fmt.Errorf("output %d: %w", i, err)
		}
		if !got[i].Equal(again[i]) {
			return nil, fmt.Errorf("output %d: the scalar kernels differ", i)
		}
		for _, p := range []*backend.Plan{plan, scalar} {
			if typ := p.Outputs()[i].Type; !typ.Absent() && !typ.Unranked &&
				(typ.DType != got[i].DType() || !fits(got[i].Shape(), typ.Shape)) {
				return nil, fmt.Errorf("output %d is %v and was announced as %v", i, onnxop.Of(got[i]), typ)
			}
		}
	}
	return nil, nil
}
