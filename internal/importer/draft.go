package importer

import (
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The bounds of a graph while it is read.
const (
	nodesMax    = 1 << 16 // after functions are inlined
	depthMax    = 16      // of functions that call functions
	elementsMax = 1 << 27 // of one tensor
)

// node is a node of the draft: a copy of its own, and where it comes from.
type node struct {
	*onnx.NodeProto
	from    int   // the node of the file's graph that it is, or was made of
	version int64 // of the standard operators that it was written in
	half    int32 // the type of 16 bits that a Cast makes, which is float32 here; 0 for every other node
}

// initial is an initializer.
type initial struct {
	name   string
	proto  *onnx.TensorProto // in the file; nil for one that was made of attributes
	shape  []int
	dtype  int32
	packed bool           // the file's element type has less than 8 bits
	half   int32          // the file's element type, where that has 16 bits and dtype is float32 instead
	value  *tensor.Tensor // nil where there is no data, or where the type is none that tensors have
	made   *made          // where it came from, when the file has no such initializer
}

// made says where a tensor that is no initializer of the file stands in it, so that an export can put it back.
type made struct {
	node int    // of the file's graph
	attr string // the attribute of it that holds the numbers
}

// draft is the graph in one form, from the file's to the canonical one.
type draft struct {
	file     *onnx.ModelProto
	versions map[string]int64
	nodes    []node
	initials []*initial
	named    map[string]*initial
	taken    map[string]bool
	zips     map[string]string // the outputs of ZipMap nodes that were left out, by what they read
	notes    []string          // what was done that the user should know
	fresh    int
}

// classical says whether a file asks for no standard operators and has none, but those of classical machine learning.
func classical(m *onnx.ModelProto) bool {
	if len(m.GetFunctions()) > 0 || len(m.GetGraph().GetNode()) == 0 {
		return false
	}
	for _, n := range m.GetGraph().GetNode() {
		if n.GetDomain() != mlDomain {
			return false
		}
	}
	return !slices.ContainsFunc(m.GetOpsetImport(), func(o *onnx.OperatorSetIdProto) bool {
		return domain(o.GetDomain()) == ""
	})
}

// newDraft takes the file's graph: all functions inlined, all initializers as tensors.
func newDraft(m *onnx.ModelProto, bad *refusals) *draft {
	g := m.GetGraph()
	d := &draft{file: m, versions: map[string]int64{}, named: map[string]*initial{}, taken: map[string]bool{},
		zips: map[string]string{}}
	for _, o := range m.GetOpsetImport() {
		// The standard domain may be listed twice (skl2onnx writes that): the newer one holds.
		name := domain(o.GetDomain())
		d.versions[name] = max(d.versions[name], o.GetVersion())
	}
	if v := d.versions[""]; (v < OpsetMin || v > OpsetMax) && !classical(m) {
		bad.add(-1, "", "", "the operators are of set %d; want %d to %d", v, OpsetMin, OpsetMax)
	}
	if len(g.GetSparseInitializer()) > 0 {
		bad.add(-1, "", g.GetSparseInitializer()[0].GetValues().GetName(),
			"sparse initializers are not read; want dense ones")
	}
	d.takeInitials(g.GetInitializer(), bad)
	in := &inliner{d: d, bad: bad, functions: functionsOf(m)}
	for i, n := range g.GetNode() {
		d.take(n.GetInput())
		d.take(n.GetOutput())
		for _, a := range n.GetAttribute() {
			if a.GetRefAttrName() != "" {
				bad.of(i, n, "attribute %s refers to an attribute of a function, and this is none", quote(a.GetName()))
			}
		}
	}
	for _, v := range g.GetInput() {
		d.taken[v.GetName()] = true
	}
	for i, n := range g.GetNode() {
		in.add(n, i, d.versions[""], 0)
	}
	d.checkOrder(bad)
	d.checkPacked(bad)
	return d
}

func (d *draft) take(names []string) {
	for _, n := range names {
		d.taken[n] = true
	}
}

// takeInitials reads the initializers.
func (d *draft) takeInitials(list []*onnx.TensorProto, bad *refusals) {
	for _, p := range list {
		name := p.GetName()
		if name == "" || d.named[name] != nil {
			bad.add(-1, "", name, "an initializer has no name, or one that is taken")
			continue
		}
		x := &initial{name: name, proto: p, dtype: p.GetDataType()}
		n := int64(1)
		for _, v := range p.GetDims() {
			if v < 0 || v > elementsMax || len(p.GetDims()) > tensor.MaxRank || n > elementsMax {
				bad.add(-1, "", name, "an initializer of the shape %v; want at most %d dimensions and %d elements",
					p.GetDims(), tensor.MaxRank, elementsMax)
				n = -1
				break
			}
			x.shape = append(x.shape, int(v))
			n *= max(v, 1)
		}
		if n < 0 || n > elementsMax {
			if n > 0 {
				bad.add(-1, "", name, "an initializer of more than %d elements", elementsMax)
			}
			continue
		}
		d.initials, d.named[name], d.taken[name] = append(d.initials, x), x, true
		if isHalf(x.dtype) {
			x.half, x.dtype = x.dtype, int32(tensor.Float32)
			if x.value = widened(p, x.shape); x.value == nil && !x.hollow() {
				bad.add(-1, "", name, "the data is not that of its type and shape")
			}
			continue
		}
		if bits, signed := packedBits(x.dtype); bits > 0 {
			if x.packed, x.dtype = true, int32(tensor.Uint8); signed {
				x.dtype = int32(tensor.Int8)
			}
			if x.value = unpacked(p, x.shape); x.value == nil && !x.hollow() {
				bad.add(-1, "", name, "the data is not that of its type and shape")
			}
			continue
		}
		if !tensor.DType(min(max(p.GetDataType(), 0), 255)).Valid() || x.hollow() {
			continue
		}
		v, err := tensor.FromProto(p, tensor.Limits{Elements: elementsMax, Bytes: math.MaxInt, Rank: tensor.MaxRank})
		if err != nil {
			bad.add(-1, "", name, "%v", err)
			continue
		}
		x.value = v
	}
}

// hollow says whether an initializer has a shape and no data, as those of a bare model have.
func (x *initial) hollow() bool {
	p := x.proto
	if p == nil {
		return false
	}
	n := 1
	for _, s := range x.shape {
		n *= s
	}
	return n > 0 && len(p.RawData) == 0 && len(p.FloatData) == 0 && len(p.DoubleData) == 0 && len(p.Int32Data) == 0 &&
		len(p.Int64Data) == 0 && len(p.Uint64Data) == 0 && len(p.StringData) == 0 &&
		p.DataLocation == onnx.TensorProto_DEFAULT && p.Segment == nil
}

// name returns a name that nothing in the graph has.
func (d *draft) name(like string) string {
	for {
		d.fresh++
		if n := fmt.Sprintf("rhizome/%d/%s", d.fresh, short(like)); !d.taken[n] {
			d.taken[n] = true
			return n
		}
	}
}

// constant adds a constant and returns its name.
func (d *draft) constant(like string, t *tensor.Tensor, err error) string {
	if err != nil {
		panic(err) // made of lists whose length is their shape
	}
	x := &initial{name: d.name(like), dtype: int32(t.DType()), shape: t.Shape(), value: t, made: &made{node: -1}}
	d.initials, d.named[x.name] = append(d.initials, x), x
	return x.name
}

func (d *draft) ints(v ...int64) string {
	t, err := tensor.FromInt64([]int{len(v)}, v)
	return d.constant("ints", t, err)
}

func (d *draft) float(v float32) string {
	t, err := tensor.FromFloat32([]int{}, []float32{v})
	return d.constant("float", t, err)
}

func (d *draft) floats(v []float32) string {
	t, err := tensor.FromFloat32([]int{len(v)}, v)
	return d.constant("floats", t, err)
}

// checkOrder refuses nodes that read what nothing before them makes, and values that are made twice.
func (d *draft) checkOrder(bad *refusals) {
	known := map[string]bool{"": true}
	for _, x := range d.initials {
		known[x.name] = true
	}
	for _, v := range d.file.GetGraph().GetInput() {
		known[v.GetName()] = true
	}
	for _, n := range d.nodes {
		for _, in := range n.GetInput() {
			if !known[in] {
				bad.of(n.from, n.NodeProto, "it reads %s, which nothing before it makes", quote(in))
			}
		}
		for _, out := range n.GetOutput() {
			if out != "" && known[out] {
				bad.of(n.from, n.NodeProto, "it makes %s, which exists", quote(out))
			}
			known[out] = true
		}
	}
	for _, v := range d.file.GetGraph().GetOutput() {
		if !known[v.GetName()] {
			bad.add(-1, "", v.GetName(), "the output is made by no node")
		}
	}
}

// bareNode returns a copy of a node without what only people read.
func bareNode(n *onnx.NodeProto) *onnx.NodeProto {
	// The message is written out so that metadata, which is most of an export's bytes, is not copied first.
	c := &onnx.NodeProto{OpType: n.GetOpType(), Name: n.GetName(), Domain: domain(n.GetDomain()),
		Overload: n.GetOverload(), Input: append([]string{}, n.GetInput()...),
		Output: append([]string{}, n.GetOutput()...)}
	for _, a := range n.GetAttribute() {
		a = proto.CloneOf(a)
		a.DocString = ""
		c.Attribute = append(c.Attribute, a)
	}
	return c
}
