package program

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/value"
)

// The bounds of an artifact.
const (
	loadPlaces    = 256
	loadSlots     = 1 << 12 // component slots
	loadEdges     = 1 << 16
	loadFunctions = 1 << 14
	loadOps       = 1 << 18 // of all functions
	loadDeps      = artifact.DepsMax
)

// Load decodes the part of an artifact that a place plays. The artifact may come from anywhere: everything in it is
// checked, also what other places play, because ids count over all parts; what is refused is a *LoadError. The model is
// not changed and not kept, but its tensors are shared.
//
// Every node that loads the same artifact gets the same ids, and Load refuses an artifact whose digest is not that of
// its content.
func Load(model *onnx.ModelProto, place string) (*Program, error) {
	if model == nil {
		return nil, bad("artifact", "is absent")
	}
	return (&loader{model: model, p: &Program{Place: place, Bootstrap: None, Main: None}}).load()
}

func (l *loader) load() (*Program, error) {
	for _, step := range []func() error{l.tables, l.layout, l.functions, l.edges} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return l.p, nil
}

// loader is one artifact while it is read.
type loader struct {
	model  *onnx.ModelProto
	p      *Program
	places []string
	placed map[string]int // the index of each place
	heads  []head         // of all parts' functions, in the order of the artifact
	slots  map[string]int32
	// by slot, those that it names; nil where it names none, as in artifacts of earlier releases
	methods []map[string]*op.Decl
	tensor  map[string]bool
	steps   int // what was looked at, so that a test can hold the work against the size of the artifact
}

// head is what a function says of itself, and where its ids begin.
type head struct {
	f        *onnx.FunctionProto
	place    string
	kind     Kind
	edge     EdgeID
	period   int64
	spread   bool
	label    string
	siteBase SiteID
	opBase   OpRef
	slots    int
}

// tables reads what stands in the model's metadata, and the digest.
func (l *loader) tables() error {
	m := l.model
	text := func(key string) string {
		s, _ := onnx.Meta(m.GetMetadataProps(), key)
		return s
	}
	if form := text(artifact.KeyForm); form != artifact.FormArtifact {
		return bad("artifact", "is of the form %.80q; want %q, as compile makes it", form, artifact.FormArtifact)
	}
	seen := map[string]bool{}
	for _, e := range m.GetMetadataProps() {
		if seen[e.GetKey()] {
			return bad("artifact", "the metadata key %.80q stands twice", e.GetKey()) // trap merged-metadata
		}
		seen[e.GetKey()] = true
	}
	if len(m.GetFunctions()) > loadFunctions {
		return bad("artifact", "has %d functions; want at most %d", len(m.GetFunctions()), loadFunctions)
	}
	var err error
	if l.p.Digest, err = artifact.Verify(m); err != nil {
		return bad("digest", "%v", err)
	}
	if err := artifact.Decode(text(artifact.KeyPlaces), &l.places); err != nil {
		return bad("places", "%v", err)
	}
	if len(l.places) > loadPlaces || !slices.IsSorted(l.places) ||
		len(slices.Compact(slices.Clone(l.places))) != len(l.places) {
		return bad("places", "want at most %d, in order, each once", loadPlaces)
	}
	l.placed = make(map[string]int, len(l.places))
	for i, p := range l.places {
		l.placed[p] = i
	}
	if !l.isPlace(l.p.Place) {
		return bad("places", "%.80q is no place of this artifact; it has %q", l.p.Place, l.places)
	}
	if err := l.components(text(artifact.KeySlots)); err != nil {
		return err
	}
	var edges []artifact.Edge
	if err := artifact.Decode(text(artifact.KeyEdges), &edges); err != nil {
		return bad("edges", "%v", err)
	}
	if len(edges) > loadEdges {
		return bad("edges", "has %d; want at most %d", len(edges), loadEdges)
	}
	for i := range edges {
		if err := l.edge(i, &edges[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) components(text string) error {
	var slots []artifact.Slot
	if err := artifact.Decode(text, &slots); err != nil {
		return bad("slots", "%v", err)
	}
	if len(slots) > loadSlots {
		return bad("slots", "has %d; want at most %d", len(slots), loadSlots)
	}
	l.slots = make(map[string]int32, len(slots))
	at := make([]placeSet, len(slots))
	for i := range slots {
		s := &slots[i]
		where := "slot " + clip(s.Name)
		if s.Name == "" || s.Kind == "" || s.Version < 1 || i > 0 && slots[i-1].Name >= s.Name {
			return bad(where, "want a name in order, a kind, and a version from 1")
		}
		if !op.IsRole(s.Role) {
			return bad(where, "role %.80q does not exist; want one of %q", s.Role, op.Roles())
		}
		if at[i] = l.setOf(s.Places); len(s.Places) == 0 || at[i].size() != len(s.Places) {
			return bad(where, "lives at %.200q; want places of this artifact, each once", s.Places)
		}
		if len(s.Deps) > loadDeps {
			return bad(where, "uses %d slots; want at most %d", len(s.Deps), loadDeps)
		}
		if err := l.declared(where, s); err != nil {
			return err
		}
		l.slots[s.Name] = int32(i)
		l.p.Components = append(l.p.Components, Component{
			Name: s.Name, Role: s.Role, Kind: s.Kind, Version: s.Version, Config: s.Config, Places: s.Places,
			Deps: s.Deps,
		})
	}
	for i := range l.p.Components {
		c := &l.p.Components[i]
		for _, d := range c.Deps {
			l.steps += 1 + len(at[i])
			k, ok := l.slots[d]
			if !ok || !at[i].within(&at[k]) {
				return bad("slot "+clip(c.Name), "uses %.80q, which does not live wherever it lives", d)
			}
		}
	}
	return nil
}

// declared reads the methods that the program invokes on a slot.
func (l *loader) declared(where string, s *artifact.Slot) error {
	if len(s.Methods) > artifact.MethodsMax {
		return bad(where, "has %d methods; want at most %d", len(s.Methods), artifact.MethodsMax)
	}
	var methods map[string]*op.Decl
	for i := range s.Methods {
		m := &s.Methods[i]
		l.steps += 1 + len(m.In) + len(m.Out)
		d, err := m.Decl(op.Domain(s.Role, s.Kind))
		if err != nil {
			return bad(where, "%v", err)
		}
		if i == 0 {
			methods = make(map[string]*op.Decl, len(s.Methods))
		} else if s.Methods[i-1].Name >= m.Name {
			return bad(where, "method %q stands twice or is not in order", clip(m.Name))
		}
		methods[m.Name] = &d
	}
	l.methods = append(l.methods, methods)
	return nil
}

// isPlace says whether the artifact has a place of that name.
func (l *loader) isPlace(name string) bool {
	l.steps++
	_, ok := l.placed[name]
	return ok
}

// placeSet is a set of places, by their indices.
type placeSet [loadPlaces / 64]uint64

// setOf returns the places of a list that exist.
func (l *loader) setOf(names []string) (s placeSet) {
	for _, name := range names {
		l.steps++
		if i, ok := l.placed[name]; ok {
			s[i/64] |= 1 << (i % 64)
		}
	}
	return s
}

func (s *placeSet) size() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// within says whether every place of s is one of t.
func (s *placeSet) within(t *placeSet) bool {
	for i := range s {
		if s[i]&^t[i] != 0 {
			return false
		}
	}
	return true
}

func (l *loader) edge(i int, e *artifact.Edge) error {
	where := "edge " + strconv.Itoa(i)
	if int(e.ID) != i || !l.isPlace(e.From) || !l.isPlace(e.To) || e.Deadline < 0 || e.Deadline > spanMax ||
		e.Chunk != 0 && (e.Chunk < 64 || e.Chunk > 1<<20 || e.Chunk%8 != 0) {
		return bad(where, "id %d from %.80q to %.80q: want its index, places of this artifact, a deadline from 0, "+
			"and chunks of 64 bytes to 1 MiB", e.ID, e.From, e.To)
	}
	if len(e.Sites) != len(e.Trigger) {
		return bad(where, "has %d sites and says of %d values whether they travel", len(e.Sites), len(e.Trigger))
	}
	out := Edge{
		ID: EdgeID(i), Name: e.Name, From: e.From, To: e.To, Trigger: e.Trigger, Deadline: e.Deadline,
		Reply: EdgeID(e.Reply), Answer: e.Answer, Best: e.Best, Latest: e.Latest, Chunk: e.Chunk,
	}
	l.steps += len(e.Sites)
	for _, s := range e.Sites {
		out.Sites = append(out.Sites, SiteID(s))
	}
	l.p.Edges = append(l.p.Edges, out)
	return nil
}

// spanMax bounds time spans, so that adding one to the clock does not overflow.
const spanMax = 1 << 61

// layout reads the heads of all functions and recomputes where their ids begin.
func (l *loader) layout() error {
	l.tensor = map[string]bool{}
	names := map[[2]string]bool{}
	sites, ops := 0, 0
	for _, f := range l.model.GetFunctions() {
		where := "function " + clip(f.GetName())
		key := [2]string{f.GetDomain(), f.GetName()}
		if f.GetName() == "" || names[key] || f.GetOverload() != "" ||
			len(f.GetAttribute())+len(f.GetAttributeProto()) > 0 {
			return bad(where, "want a name of its own, no overload and no attributes")
		}
		names[key] = true
		if f.GetDomain() == artifact.TensorDomain {
			l.tensor[f.GetName()] = true
			continue
		}
		place, ok := strings.CutPrefix(f.GetDomain(), artifact.PartDomain)
		if !ok || !l.isPlace(place) {
			return bad(where, "the domain %.80q is that of no part", f.GetDomain())
		}
		h := head{f: f, place: place, siteBase: SiteID(sites), opBase: OpRef(ops), slots: len(f.GetInput())}
		if err := h.read(where); err != nil {
			return err
		}
		l.steps += len(f.GetNode())
		for _, n := range f.GetNode() {
			h.slots += len(n.GetOutput())
		}
		sites, ops = sites+h.slots, ops+len(f.GetNode())
		if ops > loadOps || sites > 4*loadOps {
			return bad(where, "the artifact has more than %d ops or %d values", loadOps, 4*loadOps)
		}
		l.heads = append(l.heads, h)
	}
	return nil
}

// read reads the metadata of a function.
func (h *head) read(where string) error {
	meta := h.f.GetMetadataProps()
	number := func(key string) (int64, bool) {
		s, ok := onnx.Meta(meta, key)
		n, err := strconv.ParseInt(s, 10, 64)
		return n, ok && err == nil && strconv.FormatInt(n, 10) == s
	}
	kind, _ := onnx.Meta(meta, artifact.KeyKind)
	k := slices.Index(artifact.Kinds(), kind)
	if k < 0 {
		return bad(where, "kind %.80q: want one of %q", kind, artifact.Kinds())
	}
	h.kind, h.edge = Kind(k), None
	h.label, _ = onnx.Meta(meta, artifact.KeyLabel)
	site, ok1 := number(artifact.KeySiteBase)
	base, ok2 := number(artifact.KeyOpBase)
	if !ok1 || !ok2 || site != int64(h.siteBase) || base != int64(h.opBase) {
		return bad(where, "says that its ids begin at site %d and op %d; they begin at %d and %d", site, base,
			h.siteBase, h.opBase)
	}
	needs := map[Kind]string{KindEvent: "kind", KindLifecycle: "phase", KindInvoke: "name"}[h.kind]
	if (needs != "") != (h.label != "") || len(h.label) > op.TextMax {
		return bad(where, "kind %s and label %.80q do not go together", kind, h.label)
	}
	if e, ok := number(artifact.KeyEdge); h.kind == KindRecv {
		if !ok || e < 0 || e >= loadEdges {
			return bad(where, "receives along no edge")
		}
		h.edge = EdgeID(e)
	}
	if p, ok := number(artifact.KeyPeriod); h.kind == KindInterval {
		if !ok || p < 1 || p > spanMax {
			return bad(where, "has no period")
		}
		h.period = p
	}
	if v, ok := onnx.Meta(meta, artifact.KeySpread); ok {
		if h.kind != KindInterval || v != "1" {
			return bad(where, "is spread by %.80q; want \"1\", and of an interval only", v)
		}
		h.spread = true
	}
	inputs := len(h.f.GetInput())
	want := map[Kind]int{KindBootstrap: 0, KindMain: 0, KindInterval: 1, KindEvent: 1, KindLifecycle: 1}
	if n, fixed := want[h.kind]; fixed && n != inputs || inputs > op.PortsMax {
		return bad(where, "is of kind %s and has %d inputs", kind, inputs)
	}
	if h.kind != KindBody && len(h.f.GetOutput()) > 0 {
		return bad(where, "is of kind %s and has results, which nobody reads", kind)
	}
	return nil
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

// literalLimits bounds a literal.
func literalLimits() value.Limits { return value.DefaultLimits() }
