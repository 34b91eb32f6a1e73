package compile

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/codec"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// codecs writes, for each edge that names a codec, an op before its send that encodes each value, and one behind its
// receive that decodes it. Both name the codec and the version that this release would take, so that the ends agree
// whatever is newest where they run. What has no payload and what a few bytes hold travels as it is.
func (u *unit) codecs() {
	for _, e := range u.edges {
		name := e.send.text("codec")
		if name == "" {
			continue
		}
		_, ref, err := codec.Open(codec.Ref{Name: name})
		if err != nil {
			u.failAt(e.send, "%v", err)
			continue
		}
		values := e.recv.out[:len(e.recv.out)-2]
		first, done := len(e.send.in)-len(values), 0
		var decodes []*node
		for i, v := range values {
			if short(v.typ) || onlyTriggers(e.fn, v) {
				continue
			}
			done++
			u.encode(e, first+i, ref)
			decodes = append(decodes, u.decode(e, i, ref))
		}
		e.fn.nodes = append(decodes, e.fn.nodes...)
		u.report.did("edge %d %s: %d of %d values by %s in version %d", e.id, e.name, done, len(values), ref.Name,
			ref.Version)
	}
}

// short says whether values of a type are a few bytes at most.
func short(t types.Type) bool {
	switch t.ID {
	case value.TypeTrigger, value.TypeBool, value.TypeInt, value.TypeFloat, value.TypePeer:
		return true
	}
	return false
}

// encode puts what encodes it in the place of an input of the edge's send.
func (u *unit) encode(e *edge, input int, ref codec.Ref) {
	v, home := e.send.in[input], e.send.home
	n := u.codecNode("Encode", fmt.Sprintf("%s/encode.%d", e.send.name, input), e.send, home, ref)
	out := &val{name: n.name, typ: types.Any(), place: home.place, def: n, home: home}
	n.in, n.out = []*val{v}, []*val{out}
	e.send.in[input] = out
	for i, other := range home.nodes {
		if other == e.send {
			home.nodes = append(home.nodes[:i:i], append([]*node{n}, home.nodes[i:]...)...)
			return
		}
	}
	u.failAt(e.send, "is not in the function that it runs in")
}

// decode lets the readers of a value that the edge brings read what decodes it.
func (u *unit) decode(e *edge, i int, ref codec.Ref) *node {
	v := e.recv.out[i]
	n := u.codecNode("Decode", fmt.Sprintf("%s/decode.%d", e.recv.name, i), e.send, e.fn, ref)
	arrives := &val{name: v.name + ":encoded", typ: types.Any(), place: v.place, def: v.def, home: v.home}
	e.recv.out[i], e.fn.in[i] = arrives, arrives
	n.in, n.out = []*val{arrives}, []*val{v}
	v.def = n
	return n
}

func (u *unit) codecNode(kind, name string, like *node, home *fn, ref codec.Ref) *node {
	d := u.catalogue.Lookup(op.Flow, kind)
	return &node{decl: d, name: name, line: like.line, home: home, place: home.place, slot: none,
		proto: &onnx.NodeProto{
			Domain: d.Domain, OpType: d.Name, Name: name,
			Attribute: []*onnx.AttributeProto{onnx.AttrString("codec", ref.Name), onnx.AttrInt("version", ref.Version)},
		}}
}
