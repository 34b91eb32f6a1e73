package program

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/codec"
	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/types"
)

// functions reads the functions of all places. Those of other places are checked like one's own and then dropped, so
// that an artifact is sound for all places or for none.
func (l *loader) functions() error {
	index := map[string]map[string]FuncID{} // by place and name
	heads := map[string][]*head{}
	for i := range l.heads {
		h := &l.heads[i]
		if index[h.place] == nil {
			index[h.place] = map[string]FuncID{}
		}
		index[h.place][h.f.GetName()] = FuncID(len(heads[h.place]))
		heads[h.place] = append(heads[h.place], h)
	}
	for _, place := range l.places {
		part := &Program{Digest: l.p.Digest, Place: place, Edges: l.p.Edges, Components: l.p.Components,
			Bootstrap: None, Main: None}
		for _, h := range heads[place] {
			f, err := l.function(h, index[place])
			if err != nil {
				return err
			}
			f.ID = FuncID(len(part.Funcs))
			if err := part.start(f.Kind, f.ID); err != nil {
				return err
			}
			part.Funcs = append(part.Funcs, *f)
		}
		if err := part.check(); err != nil {
			return bad("part "+place, "%v", err)
		}
		if place == l.p.Place { // the tables that cost as much as all edges are made for this one alone
			part.tables()
			l.p = part
		}
	}
	return nil
}

// start notes the functions that begin by themselves, of which there is one each.
func (p *Program) start(k Kind, id FuncID) error {
	at := &p.Main
	switch k {
	case KindMain:
	case KindBootstrap:
		at = &p.Bootstrap
	default:
		return nil
	}
	if *at != None {
		return bad("part "+p.Place, "has two functions of kind %s", artifact.Kinds()[k])
	}
	*at = id
	return nil
}

func (l *loader) function(h *head, index map[string]FuncID) (*Func, error) {
	where := "function " + clip(h.f.GetName()) + " of " + h.place
	f := &Func{
		Name: h.f.GetName(), Kind: h.kind, Label: h.label, Edge: h.edge, Period: h.period, Spread: h.spread,
		SiteBase: h.siteBase, OpBase: h.opBase, Inputs: int32(len(h.f.GetInput())), Slots: int32(h.slots),
	}
	slots := make(map[string]Slot, h.slots)
	define := func(name string) (Slot, error) {
		if _, ok := slots[name]; ok || name == "" {
			return 0, bad(where, "the value name %q is empty or stands twice", clip(name))
		}
		s := Slot(len(slots))
		slots[name] = s
		return s, nil
	}
	for _, name := range h.f.GetInput() {
		if _, err := define(name); err != nil {
			return nil, err
		}
	}
	if f.Kind == KindInvoke {
		if err := l.inputTypes(h, f); err != nil {
			return nil, bad(where, "%v", err)
		}
	}
	for _, n := range h.f.GetNode() {
		l.steps += 1 + len(n.GetInput()) + len(n.GetOutput()) + len(n.GetAttribute())
		o, err := l.op(h, n, slots, index)
		if err != nil {
			return nil, err
		}
		for _, name := range n.GetOutput() {
			s, err := define(name)
			if err != nil {
				return nil, err
			}
			o.Out = append(o.Out, s)
		}
		f.Ops = append(f.Ops, *o)
	}
	for _, name := range h.f.GetOutput() {
		s, ok := slots[name]
		if !ok {
			return nil, bad(where, "result %q is not made in it", clip(name))
		}
		f.Outputs = append(f.Outputs, s)
	}
	return f, nil
}

// inputTypes reads what the host may call a function with.
func (l *loader) inputTypes(h *head, f *Func) error {
	at := make(map[string]int, f.Inputs)
	for i, name := range h.f.GetInput() {
		at[name] = i
	}
	l.steps += len(h.f.GetValueInfo())
	for _, v := range h.f.GetValueInfo() {
		i, input := at[v.GetName()]
		if !input {
			continue
		}
		t, err := artifact.TypeOf(v)
		if err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
		if t.ID != "" {
			if f.Types == nil {
				f.Types = make([]types.Type, f.Inputs)
			}
			f.Types[i] = t
		}
	}
	return nil
}

// op reads one op without its outputs.
func (l *loader) op(h *head, n *onnx.NodeProto, slots map[string]Slot, index map[string]FuncID) (*Op, error) {
	where := "op " + clip(n.GetName()) + " of " + clip(h.f.GetName()) + " at " + h.place
	if len(n.GetInput()) > op.PortsMax || len(n.GetOutput()) > op.PortsMax || n.GetName() == "" ||
		n.GetOverload() != "" {
		return nil, bad(where, "want a name, no overload, and at most %d inputs and outputs", op.PortsMax)
	}
	o := &Op{Name: n.GetName(), Body: None, Else: None, Edge: None, Component: None}
	o.Line, _ = onnx.Meta(n.GetMetadataProps(), artifact.KeyLine)
	for _, name := range n.GetInput() {
		s, ok := slots[name]
		switch {
		case name == "":
			s = None
		case !ok:
			return nil, bad(where, "reads %q, which nothing before it makes", clip(name))
		}
		o.In = append(o.In, s)
	}
	a := &attrs{where: where, n: n, left: map[string]*onnx.AttributeProto{}}
	for _, p := range n.GetAttribute() {
		if a.left[p.GetName()] != nil || p.GetRefAttrName() != "" {
			return nil, bad(where, "attribute %q stands twice or refers to a function's", clip(p.GetName()))
		}
		a.left[p.GetName()] = p
	}
	o.Retry = Retry{Attempts: int32(a.number("attempts", 0, 1<<30)), Backoff: a.number("backoff", 0, spanMax)}
	if f, ok := forms[[2]string{n.GetDomain(), n.GetOpType()}]; ok {
		l.formed(h, o, f, a, index)
	} else {
		l.method(h, o, n, a)
	}
	if slices.Contains(o.In, None) {
		a.fail("an input is not connected")
	}
	return o, a.done()
}

// formed reads the attributes of an op of the engine.
func (l *loader) formed(h *head, o *Op, f form, a *attrs, index map[string]FuncID) {
	o.Code = f.code
	if f.label != "" {
		o.Label = a.text(f.label)
	}
	if f.n != "" {
		o.N = a.number(f.n, 1, 1<<31)
	}
	if f.delay != "" {
		o.Delay = a.number(f.delay, 1, spanMax)
	}
	if f.body != "" {
		o.Body = a.body(f.body, index)
	}
	if f.other != "" {
		o.Else = a.body(f.other, index)
	}
	if f.value {
		v, err := op.Literal(a.n, literalLimits())
		if err != nil {
			a.fail("%v", err)
		}
		o.Value = v
		for _, name := range []string{"value", "type", "data"} {
			delete(a.left, name)
		}
	}
	if f.codec {
		o.Label, o.N = a.text("codec"), a.number("version", 1, 1<<31)
		var err error
		if o.Codec, _, err = codec.Open(codec.Ref{Name: o.Label, Version: o.N}); err != nil && a.err == nil {
			a.err = &LoadError{Where: a.where, Reason: err.Error(), Err: err}
		}
	}
	if f.edge {
		o.Edge = EdgeID(a.number("edge", 0, loadEdges))
		l.crossing(h, o, a)
	}
	d := op.Lookup(a.n.GetDomain(), a.n.GetOpType())
	in, out := len(a.n.GetInput()), len(a.n.GetOutput())
	switch f.code {
	case OpSend, OpRequest, OpReply: // what arrives is not an output here
		if out != 1 || in < 1 {
			a.fail("has %d inputs and %d outputs; want one output", in, out)
		}
	case OpIf, OpLoop, OpCall: // what they read around them was added
		if in < 1 && f.code != OpCall {
			a.fail("has no inputs")
		}
	default:
		if err := d.CheckCounts(in, out); err != nil {
			a.fail("%v", err)
		}
	}
}

// crossing holds an op against its edge: what the sender stamps is what the receiver has (trap untested-joints).
func (l *loader) crossing(h *head, o *Op, a *attrs) {
	if int(o.Edge) >= len(l.p.Edges) {
		a.fail("edge %d of %d", o.Edge, len(l.p.Edges))
		return
	}
	e := &l.p.Edges[o.Edge]
	values := len(o.In)
	switch o.Code {
	case OpSend:
		values--
	case OpRequest:
		values -= 2
	}
	if e.From != h.place || values != len(e.Sites) || (o.Code == OpRequest) != (e.Reply != None) ||
		(o.Code == OpReply) != e.Answer {
		a.fail("sends %d values from %s along edge %d, which takes %d from %s and is of another kind or count",
			values, h.place, e.ID, len(e.Sites), e.From)
	}
}

// method reads the attributes of a component's method.
func (l *loader) method(h *head, o *Op, n *onnx.NodeProto, a *attrs) {
	o.Code, o.Method = OpComponent, n.GetOpType()
	name := a.text("slot")
	o.Component = None
	if k, ok := l.slots[name]; ok {
		o.Component = k
	} else {
		a.fail("slot %q does not exist", clip(name))
		return
	}
	c := &l.p.Components[o.Component]
	if op.Domain(c.Role, c.Kind) != n.GetDomain() || !c.At(h.place) {
		a.fail("slot %q is a %s of kind %s at %q; it has no op %q of %q here", clip(c.Name), c.Role, clip(c.Kind),
			c.Places, clip(n.GetOpType()), clip(n.GetDomain()))
		return
	}
	d := op.Lookup(n.GetDomain(), n.GetOpType())
	if named := l.methods[o.Component]; named != nil && (d == nil || !d.Internal) {
		if d = named[o.Method]; d == nil {
			a.fail("slot %q has no method %q", clip(c.Name), clip(o.Method))
			return
		}
	}
	if d != nil { // else the slot is of an earlier release: its component holds what it is given against what it takes
		in, out := len(n.GetInput()), len(n.GetOutput())
		if err := d.CheckCounts(in, out); err != nil {
			a.fail("%v", err)
		}
		o.Takes, o.Gives = held(d.In, in), held(d.Out, out)
	}
	if c.Role == "backend" && o.Method == "Run" {
		f := a.text("function")
		if !l.tensor[f] {
			a.fail("the tensor function %q does not exist", clip(f))
		}
		o.Method += ":" + f
	}
}
