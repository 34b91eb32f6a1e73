package compile

import (
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// idsMax bounds the sites and the ops of an artifact, which are 32-bit numbers.
const idsMax = 1<<31 - 1

// seal fixes all ids in the order of the functions, writes the artifact, and stamps it with its digest. Every op must
// be resolved, every slot bound and every edge matched: what the sender stamps is what the receiver has (trap
// untested-joints).
func (u *unit) seal() {
	m := &onnx.ModelProto{
		IrVersion:    artifact.IRVersion,
		ProducerName: "rhizome",
		Graph:        &onnx.GraphProto{Name: u.name},
	}
	sites, ops := 0, 0
	domains := map[string]int64{"": u.opset}
	for _, f := range u.parts {
		u.sealEdge(f, sites)
		m.Functions = append(m.Functions, u.function(f, sites, ops))
		sites, ops = sites+slotsOf(f), ops+len(f.nodes)
		domains[artifact.PartDomain+f.place] = op.Version
		u.report.part(f)
		for _, n := range f.nodes {
			domains[n.proto.GetDomain()] = op.Version
		}
	}
	if sites >= idsMax || ops >= idsMax {
		u.fail("model", "", "has %d values and %d ops; want less than %d", sites, ops, idsMax)
	}
	for _, t := range u.tensors {
		m.Functions = append(m.Functions, t.proto(u.opset))
		domains[artifact.TensorDomain] = op.Version
		u.report.tensorFn(t)
	}
	for _, e := range u.edges {
		if e.fn == nil || len(e.sites) != len(e.trigger) {
			u.failAt(e.send, "edge %d %s has no receive", e.id, e.name)
		}
	}
	if len(u.errs) > 0 {
		return
	}
	m.OpsetImport = artifact.Opsets(domains)
	u.metadata(m)
	if len(u.errs) > 0 {
		return
	}
	digest, err := artifact.Stamp(m)
	if err != nil {
		u.fail("model", "", "%v", err)
		return
	}
	u.made, u.report.digest = m, digest
	u.report.summarize(u)
	u.report.did("%d functions, %d tensor functions, %d sites, %d ops, %d edges, %d slots", len(u.parts),
		len(u.tensors), sites, ops, len(u.edges), len(u.slots))
	u.report.did("digest %x", digest)
}

// sealEdge gives the edge that starts a function its sites: the function's first slots.
func (u *unit) sealEdge(f *fn, base int) {
	if f.edge == nil {
		return
	}
	f.edge.sites = []uint32{}
	for i := range len(f.in) - 2 {
		f.edge.sites = append(f.edge.sites, uint32(base+i))
	}
}

func slotsOf(f *fn) int {
	n := len(f.in)
	for _, o := range f.nodes {
		n += len(o.out)
	}
	return n
}

// function writes one function of a part. Its slots are its inputs and then the outputs of its nodes, in order.
func (u *unit) function(f *fn, siteBase, opBase int) *onnx.FunctionProto {
	p := &onnx.FunctionProto{Domain: artifact.PartDomain + f.place, Name: f.name}
	meta := func(key, v string) { p.MetadataProps = onnx.SetMeta(p.MetadataProps, key, v) }
	meta(artifact.KeyKind, f.kind)
	if f.label != "" {
		meta(artifact.KeyLabel, f.label)
	}
	if f.edge != nil {
		meta(artifact.KeyEdge, strconv.Itoa(int(f.edge.id)))
	}
	if f.period != 0 {
		meta(artifact.KeyPeriod, strconv.FormatInt(f.period, 10))
	}
	if f.spread {
		meta(artifact.KeySpread, "1")
	}
	meta(artifact.KeySiteBase, strconv.Itoa(siteBase))
	meta(artifact.KeyOpBase, strconv.Itoa(opBase))
	names := map[string]bool{}
	define := func(v *val, who string) {
		if v.name == "" || names[v.name] {
			u.fail(who, "", "value %q of %s has no name of its own", v.name, f.name)
		}
		names[v.name] = true
		p.ValueInfo = append(p.ValueInfo, artifact.ValueInfo(v.name, v.typ.Forget()))
	}
	for _, v := range f.in {
		p.Input = append(p.Input, v.name)
		define(v, f.name)
	}
	domains := map[string]int64{"": u.opset}
	for _, n := range f.nodes {
		for _, v := range n.in {
			if v != nil && !names[v.name] {
				u.failAt(n, "reads %q, which %s does not have", v.name, f.name)
			}
		}
		p.Node = append(p.Node, u.node(n))
		domains[n.proto.GetDomain()] = op.Version
		for _, v := range n.out {
			define(v, n.name)
		}
	}
	for _, v := range f.out {
		if !names[v.name] {
			u.fail(f.name, "", "result %q is not made in it", v.name)
		}
		p.Output = append(p.Output, v.name)
	}
	p.OpsetImport = artifact.Opsets(domains)
	return p
}

// node writes one op, with what it refers to as attributes.
func (u *unit) node(n *node) *onnx.NodeProto {
	p := n.asProto()
	p.Attribute = nil
	for _, a := range n.proto.GetAttribute() {
		switch a.GetName() {
		case "place", "types", "to", "request", "deadline", "best", "latest", "chunk":
			continue // all decided
		case "name", "codec":
			if n.wire() {
				continue
			}
		case "attempts", "backoff":
			if n.int("attempts") <= 1 {
				continue
			}
		}
		p.Attribute = append(p.Attribute, proto.Clone(a).(*onnx.AttributeProto))
	}
	if n.tensor() {
		u.failAt(n, "is a tensor op that no function took")
	}
	if n.edge != nil {
		p.Attribute = append(p.Attribute, onnx.AttrInt("edge", int64(n.edge.id)))
	}
	for i, b := range n.bodies {
		p.Attribute = append(p.Attribute, onnx.AttrString(n.decl.Attrs[i].Name, b.name))
	}
	if n.line != "" {
		p.MetadataProps = onnx.SetMeta(nil, artifact.KeyLine, n.line)
	}
	return p
}

// metadata writes the tables of the artifact.
func (u *unit) metadata(m *onnx.ModelProto) {
	edges := make([]artifact.Edge, len(u.edges))
	for i, e := range u.edges {
		edges[i] = artifact.Edge{
			ID: e.id, Name: e.name, From: e.from, To: e.to, Sites: e.sites, Trigger: e.trigger,
			Deadline: e.send.int("deadline"), Reply: none, Answer: e.answer, Best: e.send.int("best") == 1,
			Latest: e.send.int("latest") == 1, Chunk: e.send.int("chunk"),
		}
		if e.reply != nil {
			edges[i].Reply = e.reply.id
		}
	}
	m.MetadataProps = onnx.SetMeta(m.MetadataProps, artifact.KeyForm, artifact.FormArtifact)
	for _, t := range []struct {
		key string
		v   any
	}{{artifact.KeyPlaces, u.places}, {artifact.KeySlots, u.slots}, {artifact.KeyEdges, edges}} {
		text, err := artifact.Encode(t.v)
		if err != nil {
			u.fail(t.key, "", "%v", err)
			return
		}
		m.MetadataProps = onnx.SetMeta(m.MetadataProps, t.key, string(text))
	}
}
