package importer

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// originals puts the parameters of a module together from those of a file.
type originals struct {
	m      *Model
	sig    *signature
	made   map[string]*Original
	used   map[string]bool // initializers of which something was made
	told   []Told
	claims map[string][]claim
	calls  map[string]int // the recurrent nodes of each call so far
	folded []fold
}

// claim says that a tensor of the file is a parameter of the module.
type claim struct {
	of    *Original
	from  string // the tensor of the file
	as    form
	alias string // what it is called in the module that reads it, where that has a name of its own for it
}

// Originals returns the parameters and buffers of the module that the file was exported from, under its names, in its
// order, as far as the file lets one know them; and what was done for that, and what could not be.
func (m *Model) Originals() ([]*Original, []Told) {
	o := &originals{m: m, sig: m.sig, made: map[string]*Original{}, used: map[string]bool{},
		claims: map[string][]claim{}, calls: map[string]int{}}
	if o.sig == nil {
		o.sig = &signature{}
		o.scripted()
		return o.rest(), o.told
	}
	for i, n := range m.file.GetGraph().GetNode() {
		if c := callOf(n); c != nil {
			o.node(n, c)
		} else {
			o.silent(n, m.file.GetGraph().GetNode()[i+1:])
		}
	}
	for _, name := range slices.Concat(o.sig.params, o.sig.buffers) {
		o.settle(name)
	}
	o.unfold()
	o.zeros()
	o.guess()
	return o.rest(), o.told
}

func (o *originals) tell(what string, undone bool, text string, names ...string) {
	for i, t := range o.told {
		if t.What == what && t.Undone == undone && t.Text == text {
			o.told[i].Names = append(o.told[i].Names, names...)
			return
		}
	}
	o.told = append(o.told, Told{What: what, Names: names, Undone: undone, Text: text})
}

// known says whether a name is one of the module that a state dict holds.
func (o *originals) known(name string) bool {
	return o.sig.param(name) || o.sig.buffer(name) && !o.sig.passing[name]
}

// node takes what a node reads for the parameters of its call.
func (o *originals) node(n *onnx.NodeProto, c *call) {
	if len(o.sig.all(c)) == 0 {
		return
	}
	if n.GetOpType() == "LSTM" || n.GetOpType() == "GRU" {
		o.recurrent(n, o.sig.all(c), c.name)
		return
	}
	if c.normalizes() && n.GetOpType() != "BatchNormalization" {
		o.folds(n, c)
		return
	}
	args, listed := argsOf[c.kind()]
	places, fits := placesOf[n.GetOpType()]
	// A GroupNorm can be written as an InstanceNormalization of ones and zeros, and a Mul and an Add of its own.
	if !listed || !fits || c.kind() == "aten.group_norm" && n.GetOpType() == "InstanceNormalization" {
		o.sole(n, c)
		return
	}
	for role, arg := range args {
		target := o.sig.arg(c, arg)
		in := places[role]
		if in == any0 {
			in = slices.IndexFunc(n.GetInput(), func(s string) bool { return o.m.d.named[s] != nil })
		}
		if target == "" || in < 0 {
			continue
		}
		x := o.m.d.named[at(n.GetInput(), in)]
		if x == nil || !isFloatOf(x) {
			continue
		}
		f := asIs
		switch t, _ := intAttr(n.GetAttribute(), "transB"); {
		case c.kind() == "aten.linear" && role == 0 && (n.GetOpType() == "MatMul" || n.GetOpType() == "Gemm" && t == 0):
			f = turned
		case c.kind() == "aten.addmm" && role == 0 && t == 1:
			f = turned
		case c.kind() == "aten.prelu", c.kind() == "aten.group_norm" && len(x.shape) > 1:
			f = flat
		}
		o.claim(target, x, f, c)
	}
}

// silent takes what a node without a call reads for the parameter of that name in the module of whoever reads its
// results: the tensors of an attention of two inputs are cut so.
func (o *originals) silent(n *onnx.NodeProto, behind []*onnx.NodeProto) {
	for _, in := range n.GetInput() {
		if !o.sig.param(in) || o.m.d.named[in] == nil {
			continue
		}
		for _, r := range behind {
			if !slices.ContainsFunc(r.GetInput(), func(s string) bool {
				return s != "" && slices.Contains(n.GetOutput(), s)
			}) {
				continue
			}
			c := callOf(r)
			if c == nil {
				continue
			}
			name := strings.TrimPrefix(c.module+"."+in[strings.LastIndexByte(in, '.')+1:], ".")
			if o.sig.param(name) && o.m.d.named[name] == nil {
				o.claim(name, o.m.d.named[in], asIs, c)
			}
			break
		}
	}
}

// sole takes the one tensor that a node reads for the one parameter of its call.
func (o *originals) sole(n *onnx.NodeProto, c *call) {
	targets := o.sig.all(c)
	var found []*initial
	for _, in := range n.GetInput() {
		if x := o.m.d.named[in]; x != nil && isFloatOf(x) && o.known(x.name) {
			found = append(found, x)
		}
	}
	if len(targets) == 1 && len(found) == 1 {
		o.claim(targets[0], found[0], asIs, c)
	}
}

func isFloatOf(x *initial) bool { return x.dtype == 1 || x.dtype == 11 || x.half != 0 }

// claim notes what a tensor is.
func (o *originals) claim(target string, x *initial, f form, c *call) {
	if made := original(target, x, f); made != nil {
		leaf := target[strings.LastIndexByte(target, '.')+1:]
		alias := strings.TrimPrefix(c.module+"."+leaf, ".")
		if alias == target || !o.sig.param(alias) || o.m.d.named[alias] != nil {
			alias = ""
		}
		o.claims[target] = append(o.claims[target], claim{made, x.name, f, alias})
	}
}

// settle makes the parameter of a name from what was claimed for it, or from the tensor of that name.
func (o *originals) settle(name string) {
	list := o.claims[name]
	if len(list) == 0 {
		if x := o.m.d.named[name]; x != nil && o.made[name] == nil && o.known(name) {
			if made := original(name, x, asIs); made != nil {
				o.made[name], o.used[name] = made, true
			}
		}
		return
	}
	// What the module of that name reads comes first, then what has the name in the file.
	best := slices.IndexFunc(list, func(c claim) bool { return c.alias == "" && c.from == name })
	if best < 0 || slices.ContainsFunc(list, func(c claim) bool { return c.alias != "" }) {
		if i := slices.IndexFunc(list, func(c claim) bool { return c.alias == "" }); i >= 0 {
			best = i
		}
	}
	main := list[max(best, 0)]
	o.made[name], o.used[main.from] = main.of, true
	o.tellForm(name, main)
	for _, c := range list {
		o.used[c.from] = true
		same := c.from == main.from && c.as == main.as || hashOf(c.of) == hashOf(main.of)
		switch {
		case c.alias != "" && o.made[c.alias] == nil:
			c.of.Name = c.alias
			o.made[c.alias] = c.of
			if same {
				o.tell("tied", true, "one parameter of the module, under both of its names", name, c.alias)
			} else {
				o.tell("tied", false, "one parameter of the module, which the exporter made two that were trained apart: "+
					"a module that ties them takes the one that is loaded last; untie them, or export with optimize=False",
					name, c.alias)
			}
		case !same && c.alias == "":
			o.tell("left out", false, "the file holds it twice, trained apart, and one was taken: export with "+
				"optimize=False", name+" ("+c.from+")")
		}
	}
}

func hashOf(x *Original) [32]byte {
	h := sha256.New()
	x.WriteTo(h)
	return [32]byte(h.Sum(nil))
}

// tellForm tells how a parameter was made from a tensor of the file.
func (o *originals) tellForm(name string, c claim) {
	switch {
	case c.as == turned:
		o.tell("transposed", true, "transposed back", name+" ("+c.from+")")
	case c.as == flat && len(o.m.d.named[c.from].shape) > 1:
		o.tell("reshaped", true, "given its own shape again", name+" ("+c.from+")")
	case c.from != name && o.known(c.from):
		o.tell("shared", true, "one tensor of the file that the exporter merged, under each name", name+" ("+c.from+")")
	case c.from != name:
		o.tell("renamed", true, "given its own name again", name+" ("+c.from+")")
	}
}

// zeroAgain tells of a bias that was put back.
const zeroAgain = "left out of the file because it was all zero, and zero again"

// zeros puts back the biases that were left out.
func (o *originals) zeros() {
	for _, n := range o.m.file.GetGraph().GetNode() {
		c := callOf(n)
		if c == nil || n.GetOpType() != "Gemm" && n.GetOpType() != "MatMul" && n.GetOpType() != "Conv" &&
			n.GetOpType() != "ConvTranspose" {
			continue
		}
		args, ok := argsOf[c.kind()]
		weight, bias := o.sig.arg(c, args[0]), o.sig.arg(c, args[1])
		if w := o.made[weight]; ok && w != nil && bias != "" && o.made[bias] == nil && len(w.Shape) > 1 {
			o.made[bias] = filled(bias, w.Type, 0, outputsOf(n, w.Shape))
			o.tell("zero", true, zeroAgain, bias)
		}
	}
	for _, b := range o.m.biases() {
		x := o.m.d.named[at(o.m.file.GetGraph().GetNode()[b.node].GetInput(), 1)]
		if x != nil && o.made[b.name] == nil {
			_, typ := x.raw()
			o.made[b.name] = filled(b.name, typ, 0, b.size)
			o.tell("zero", true, zeroAgain, b.name)
		}
	}
	for _, b := range o.sig.buffers {
		if strings.HasSuffix(b, ".num_batches_tracked") && o.made[b] == nil && o.known(b) {
			o.made[b] = filled(b, onnx.TensorProto_INT64, 0)
			o.tell("counter", false, "no file of ONNX holds it: it counts from zero", b)
		}
	}
}

// outputsOf is how many outputs a layer has by the shape of its weight in the module.
func outputsOf(n *onnx.NodeProto, shape []int) int {
	if n.GetOpType() != "ConvTranspose" {
		return shape[0]
	}
	group, given := intAttr(n.GetAttribute(), "group")
	if !given {
		group = 1
	}
	return shape[1] * int(group)
}

// fold is a BatchNorm that lies in the layer before it.
type fold struct {
	c      *call
	weight string // the tensor that it was folded into
	bias   string // "" where there is none
}

func (o *originals) folds(n *onnx.NodeProto, c *call) {
	switch n.GetOpType() {
	case "Conv", "ConvTranspose", "Gemm":
		o.folded = append(o.folded, fold{c, at(n.GetInput(), 1), at(n.GetInput(), 2)})
	}
}

// unfold gives a BatchNorm that was folded numbers with which it does nothing when it is evaluated.
func (o *originals) unfold() {
	for _, f := range o.folded {
		args := argsOf[f.c.kind()]
		var names [4]string
		for i, a := range args {
			names[i] = o.sig.arg(f.c, a)
		}
		x := o.m.d.named[f.weight]
		if names[2] == "" || names[3] == "" || x == nil || o.made[names[3]] != nil {
			continue
		}
		_, typ := x.raw()
		size := x.shape[0]
		var shift *Original
		if b := o.m.d.named[f.bias]; b != nil {
			size = count(b.shape)
			if !o.known(f.bias) {
				shift = original(names[1], b, asIs)
			}
		} else if w := o.made[f.weight]; w == nil {
			continue
		}
		var told []string
		put := func(v *Original) {
			if v.Name != "" && o.made[v.Name] == nil {
				o.made[v.Name] = v
				told = append(told, v.Name)
			}
		}
		put(filled(names[0], typ, 1, size))
		mean := filled(names[2], typ, 0, size)
		switch {
		case shift == nil:
			put(filled(names[1], typ, 0, size))
		case names[1] != "":
			put(shift)
		default: // without a bias of its own, what is added is taken off the mean
			mean = negated(names[2], shift)
		}
		o.used[f.bias] = o.used[f.bias] || shift != nil
		put(mean)
		put(filled(names[3], typ, 1-f.c.epsilon(1e-5), size))
		o.tell("folded", false, "the exporter folded it into the layer before it: with these numbers it changes nothing "+
			"when it is evaluated; to train it, export with optimize=False", told...)
	}
}

// guess gives a parameter that alone is missing the tensor that alone is left.
func (o *originals) guess() {
	var missing []string
	for _, p := range o.sig.params {
		if o.made[p] == nil {
			missing = append(missing, p)
		}
	}
	left := o.left()
	if len(missing) != 1 || len(left) != 1 {
		return
	}
	x, f := left[0], asIs
	kind := strings.TrimRight(x.name, "0123456789_")
	switch kind {
	case "permute", "t", "transpose", "numpy_T":
		f = turned
	case "expand":
		if !equalRows(x) {
			return
		}
		f = firstRow
	case "embedding":
	default:
		return
	}
	if made := original(missing[0], x, f); made != nil {
		o.made[missing[0]], o.used[x.name] = made, true
		o.tell("taken", false, "the exporter computed the tensor "+quote(x.name)+
			" from it, the only one that is left: it is taken for that", missing[0])
	}
}

// equalRows says whether what a class token was expanded to still is one.
func equalRows(x *initial) bool {
	raw, _ := x.raw()
	if len(x.shape) < 2 || x.shape[0] < 1 || len(raw)%x.shape[0] != 0 {
		return false
	}
	n := len(raw) / x.shape[0]
	for i := range x.shape[0] {
		if !slices.Equal(raw[:n], raw[i*n:(i+1)*n]) {
			return false
		}
	}
	return true
}

// left are the parameters of the file of which nothing was made yet.
func (o *originals) left() []*initial {
	var out []*initial
	for _, p := range o.m.params {
		if x := o.m.d.initials[p.index]; p.learned && !o.used[x.name] && o.made[x.name] == nil {
			out = append(out, x)
		}
	}
	return out
}

// rest adds what has no name of the module, tells what is missing, and returns all in the module's order.
func (o *originals) rest() []*Original {
	var out []*Original
	for _, name := range slices.Concat(o.sig.params, o.sig.buffers) {
		switch {
		case o.made[name] != nil:
			out = append(out, o.made[name])
			delete(o.made, name)
		case o.known(name):
			o.tell("missing", false, "nothing in the file is known to be it; export with optimize=False", name)
		}
	}
	whole := o.m.sig != nil && !slices.ContainsFunc(o.told, func(t Told) bool { return t.What == "missing" })
	for _, x := range o.left() {
		if whole {
			o.tell("left out", false, "the exporter computed it from parameters, and it was trained beside them: the "+
				"module, which has no such, is not what was trained; export with optimize=False", x.name)
			continue
		}
		if made := original(x.name, x, asIs); made != nil {
			out = append(out, made)
			if o.m.sig != nil {
				o.tell("kept", false, "no parameter of the module is known to be it: it has the name and shape of the file",
					x.name)
			}
		}
	}
	for _, b := range o.m.buffers {
		if x := o.m.d.named[b.Name]; x != nil && o.m.sig == nil && !o.used[b.Name] {
			if made := original(b.Name, x, asIs); made != nil {
				out = append(out, made)
			}
		}
	}
	return out
}
