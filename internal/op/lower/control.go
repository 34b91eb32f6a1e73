package lower

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// runsMax bounds how often a body is written out.
const runsMax = 4096

// controlRules write bodies out in place: of a condition that is known the one that runs, of a loop as many as it has
// runs.
var controlRules = []rule{
	{Name: "If", In: one, Out: variadic, Attrs: []onnxop.Attr{body("else_branch"), body("then_branch")}, write: branch},
	{Name: "Loop", In: upTo(0, onnxop.Many), Out: variadic, Attrs: []onnxop.Attr{body("body")}, write: loop},
	{Name: "Scan", In: variadic, Out: variadic, Attrs: []onnxop.Attr{body("body"),
		{Name: "num_scan_inputs", Kind: onnx.AttributeProto_INT, Required: true},
		attr("scan_input_axes", onnx.AttributeProto_INTS, nil),
		attr("scan_input_directions", onnx.AttributeProto_INTS, nil),
		attr("scan_output_axes", onnx.AttributeProto_INTS, nil),
		attr("scan_output_directions", onnx.AttributeProto_INTS, nil)}, write: scan},
}

func body(name string) onnxop.Attr {
	return onnxop.Attr{Name: name, Kind: onnx.AttributeProto_GRAPH, Required: true}
}

// inline writes a body for given inputs and returns its outputs.
func (c *call) inline(name string, in []string) ([]string, error) {
	if err := c.l.reads(c.node); err != nil {
		return nil, err
	}
	g, ok := onnx.GetGraph(c.node, name)
	if !ok {
		return nil, c.fail("%s is no graph", name)
	}
	if len(g.GetInput()) != len(in) || len(g.GetSparseInitializer()) > 0 {
		return nil, c.fail("%s has %d inputs; want %d, and no sparse initializers", name, len(g.GetInput()), len(in))
	}
	s := &scope{outer: c.scope, names: map[string]string{}}
	for i, v := range g.GetInput() {
		s.names[v.GetName()] = in[i]
	}
	for _, p := range g.GetInitializer() {
		t, err := tensor.FromProto(p, tensor.DefaultLimits())
		if err != nil {
			return nil, c.fail("initializer %.80q of %s: %v", p.GetName(), name, err)
		}
		s.names[p.GetName()] = c.Constant(t, nil)
	}
	for _, n := range g.GetNode() {
		if c.Err != nil {
			return nil, c.Err
		}
		if err := c.l.node(n, s); err != nil {
			return nil, err
		}
	}
	out := make([]string, len(g.GetOutput()))
	for i, v := range g.GetOutput() {
		out[i] = s.value(v.GetName())
		if _, ok := c.Types[out[i]]; !ok {
			return nil, c.fail("output %.80q of %s is made by nothing", v.GetName(), name)
		}
	}
	return out, nil
}

// holds says whether a condition is known to hold; known says whether it is known.
func (c *call) holds(v string) (yes, known bool) {
	t := c.Types[v]
	if t.Value == nil || t.DType != tensor.Bool || t.Value.Len() != 1 {
		return false, false
	}
	return t.Value.Bool()[0], true
}

// branch is the branch that the condition chooses. Where the run decides it, both run, and what they give is chosen
// from: they have to give the same types then.
func branch(c *call) ([]string, error) {
	t := c.typ(0)
	if t.DType != tensor.Bool || t.Static() && t.Elements() != 1 {
		return nil, c.fail("the condition is %v; want one bool", t)
	}
	if yes, known := c.holds(c.in[0]); known {
		name := "else_branch"
		if yes {
			name = "then_branch"
		}
		return c.inline(name, nil)
	}
	then, err := c.inline("then_branch", nil)
	if err != nil {
		return nil, err
	}
	other, err := c.inline("else_branch", nil)
	if err != nil {
		return nil, err
	}
	if len(then) != len(other) || t.Rank() > 1 {
		return nil, c.fail("the branches give %d and %d values; want as many, and a scalar that chooses", len(then),
			len(other))
	}
	for i := range then {
		a, b := c.Types[then[i]], c.Types[other[i]]
		if !a.Static() || !a.Equal(b) || t.Rank() > len(a.Shape) {
			return nil, c.fail("the condition is known in the run only, and the branches give %v and %v; want a "+
				"constant "+
				"condition, or one type for both", a, b)
		}
		then[i] = c.Op("Where", c.in[0], then[i], other[i])
	}
	return then, nil
}

// loop runs its body as often as its trip count says. A condition that the run decides ends it by leaving everything as
// it is from there on.
func loop(c *call) ([]string, error) {
	if len(c.in) < 2 || c.in[0] == "" {
		return nil, c.fail("has no trip count; want a constant one, and a condition behind it")
	}
	count, err := c.known(0)
	if err != nil {
		return nil, err
	}
	runs := onnxop.Scalar(count)
	if count.DType() == tensor.Int64 && count.Len() == 1 {
		runs = int(max(min(count.Int64()[0], runsMax+1), 0))
	}
	if runs < 0 || runs > runsMax {
		return nil, c.fail("the trip count is %d; want 0 to %d, for each run is written out", runs, runsMax)
	}
	carried := slices.Clone(c.in[2:])
	going := c.in[1]
	if going == "" {
		going = c.Constant(tensor.FromBool([]int{}, []bool{true}))
	}
	g, _ := onnx.GetGraph(c.node, "body")
	more := len(g.GetOutput()) - 1 - len(carried)
	if more < 0 || len(c.node.GetOutput()) > len(carried)+more {
		return nil, c.fail("the body gives %d values and %d are carried; want as many, and the condition before them",
			len(g.GetOutput()), len(carried))
	}
	scans := make([][]string, more)
	for i := range runs {
		if c.Err != nil {
			return nil, c.Err
		}
		yes, known := c.holds(going)
		if known && !yes {
			break
		}
		if !known && len(scans) > 0 {
			return nil, c.fail("how often it runs is known in the run only, and it gives a value of each run; want a " +
				"constant condition")
		}
		number := c.Constant(tensor.FromInt64([]int{}, []int64{int64(i)}))
		out, err := c.inline("body", append([]string{number, going}, carried...))
		if err != nil {
			return nil, err
		}
		for j, v := range out[1 : 1+len(carried)] {
			if !known {
				if a, b := c.Types[v], c.Types[carried[j]]; !a.Static() || !a.Equal(b) {
					return nil,
						c.fail("how often it runs is known in the run only, and carried value %d is %v and then "+
							"%v; want a constant condition, or one type", j, b, a)
				}
				v = c.Op("Where", going, v, carried[j])
			}
			carried[j] = v
		}
		for j, v := range out[1+len(carried):] {
			scans[j] = append(scans[j], v)
		}
		if known {
			going = out[0]
		} else {
			going = c.Op("And", going, out[0])
		}
	}
	given := carried
	for j, declared := range g.GetOutput()[1+len(carried):] {
		v, err := c.stacked(declared, scans[j], 0)
		if err != nil {
			return nil, err
		}
		given = append(given, v)
	}
	return given, c.Err
}

// stacked makes one value of those of all runs, along an axis; of none, an empty one of the type that is declared.
func (c *call) stacked(declared *onnx.ValueInfoProto, parts []string, axis int64) (string, error) {
	if len(parts) > 0 {
		for i, p := range parts {
			parts[i] = c.Op("Unsqueeze", p, c.Ints(axis))
		}
		if axis < 0 && c.Err == nil {
			axis += int64(c.Types[parts[0]].Rank())
		}
		return c.Joined(int(axis), parts...), c.Err
	}
	t, ok := onnxop.FromProto(declared.GetType())
	if !ok || !t.Static() || t.DType != tensor.Float32 && t.DType != tensor.Float64 {
		return "", c.fail("it does not run once, and output %.80q is declared as %v; want a float type with every "+
			"dimension known", declared.GetName(), t)
	}
	dims := []int64{0}
	for _, d := range t.Shape {
		dims = append(dims, int64(d))
	}
	return c.Zeros(t.DType, c.Ints(dims...)), c.Err
}

// scan runs its body over the parts of its inputs along an axis each.
func scan(c *call) ([]string, error) {
	n := int(c.int("num_scan_inputs"))
	states := len(c.in) - n
	g, _ := onnx.GetGraph(c.node, "body")
	if n < 1 || states < 0 || len(g.GetOutput()) < states || len(c.node.GetOutput()) > len(g.GetOutput()) {
		return nil, c.fail("has %d inputs, of which %d are gone through, and its body gives %d values", len(c.in), n,
			len(g.GetOutput()))
	}
	at := func(name string, i int) int64 {
		v, _ := onnx.GetInts(c.node, name)
		if i < len(v) {
			return v[i]
		}
		return 0
	}
	carried := slices.Clone(c.in[:states])
	runs := -1
	parts := make([][]string, n)
	for i := range n {
		shape, err := c.static(states + i)
		if err != nil {
			return nil, err
		}
		axis, err := onnxop.Axis(at("scan_input_axes", i), len(shape))
		if err != nil {
			return nil, c.fail("scan_input_axes: %v", err)
		}
		if runs >= 0 && shape[axis] != runs || shape[axis] < 1 || shape[axis] > runsMax {
			return nil, c.fail("input %d is %v; want 1 to %d parts along axis %d, as many for each", states+i,
				c.typ(states+i), runsMax, axis)
		}
		runs = shape[axis]
		perm := []int64{int64(axis)}
		rest := []int{}
		for d, l := range shape {
			if d != axis {
				perm, rest = append(perm, int64(d)), append(rest, l)
			}
		}
		for _, v := range c.halves(c.Transposed(c.in[states+i], perm...), 1, runs) {
			parts[i] = append(parts[i], c.Shaped(v, rest...))
		}
		if at("scan_input_directions", i) != 0 {
			slices.Reverse(parts[i])
		}
	}
	given := make([][]string, len(g.GetOutput())-states)
	for k := range runs {
		in := slices.Clone(carried)
		for i := range parts {
			in = append(in, parts[i][k])
		}
		out, err := c.inline("body", in)
		if err != nil {
			return nil, err
		}
		carried = slices.Clone(out[:states])
		for j, v := range out[states:] {
			given[j] = append(given[j], v)
		}
	}
	for j, all := range given {
		if at("scan_output_directions", j) != 0 {
			slices.Reverse(all)
		}
		v, err := c.stacked(g.GetOutput()[states+j], all, at("scan_output_axes", j))
		if err != nil {
			return nil, err
		}
		carried = append(carried, v)
	}
	return carried, c.Err
}
