package arrow

import (
	"maps"
	"slices"
	"strings"
)

// Kind is what the values of a column are.
type Kind int

// The kinds.
const (
	Null     Kind = iota // nothing is there in any row
	Int                  // of Bits, Signed or not; bool has 1
	Half                 // the bits of float16
	Single               // float32
	Double               // float64
	Text                 // UTF-8
	Binary               // bytes
	Decimal              // whole numbers, to be divided by 10 to the power of Scale
	Time                 // dates, times of a day, points in time, intervals
	Duration             // whole numbers of a unit
	Unknown              // Why says what
)

// Column is a leaf of the schema.
type Column struct {
	Path   []string
	Kind   Kind
	Bits   int
	Signed bool
	Scale  int
	// Shape is how many values each row has in each dimension of fixed lists; 0 for lists whose length is theirs.
	Shape []int
	Lists bool   // a row has as many values as Shape says, or its lists
	Why   string // Unknown: what it is
	Meta  map[string]string
	chain []*field // from the top to the leaf
}

// Name is the path with dots.
func (c *Column) Name() string { return strings.Join(c.Path, ".") }

// The numbers of the types in Schema.fbs.
const (
	fNull = iota + 1
	fInt
	fFloat
	fBinary
	fUtf8
	fBool
	fDecimal
	fDate
	fTime
	fTimestamp
	fInterval
	fList
	fStruct
	fUnion
	fFixedBinary
	fFixedList
	fMap
	fDuration
	fLargeBinary
	fLargeUtf8
	fLargeList
	fRunEnd
	fBinaryView
	fUtf8View
	fListView
	fLargeListView
)

// field is a node of the schema.
type field struct {
	name      string
	typ       int
	bits      int // of a whole number, a float or a decimal
	signed    bool
	precision int
	scale     int
	size      int // of a fixed list, or of fixed bytes
	dict      bool
	id        int64 // of the dictionary
	value     *field
	children  []*field
	meta      map[string]string
	node      int // its number among the nodes of a batch
	buffer    int // the number of its first buffer, but for those of views before it
	views     int // columns of views before it
}

// layout counts nodes, buffers and views in the order in which a batch has them.
type layout struct{ nodes, buffers, views, fields int }

// The bounds of a schema.
const (
	fieldsMax = 1 << 16
	depthMax  = 24
	pairsMax  = 1 << 12
)

// readField reads a field and what is below it.
func readField(t flatTable, l *layout, depth int) *field {
	if l.fields++; l.fields > fieldsMax || depth > depthMax {
		t.f.fail("it has more than %d columns, or columns in each other beyond %d", fieldsMax, depthMax)
		return &field{}
	}
	f := &field{name: t.text(0), typ: int(t.number(2, 1, 0)), meta: t.pairs(6)}
	f.typed(t)
	if d, ok := t.sub(4); ok {
		f.dictionary(d)
	}
	f.node, f.buffer, f.views = l.nodes, l.buffers, l.views
	l.nodes++
	l.buffers += f.buffers()
	if f.typ == fBinaryView || f.typ == fUtf8View {
		l.views++
	}
	at, n := t.vector(5, 4)
	for k := 0; k < n && t.f.err == nil; k++ {
		child := l
		if f.dict { // its children are those of the dictionary
			child = &layout{nodes: 1, buffers: 1, fields: l.fields}
		}
		c := readField(t.f.table(t.f.ref(at+4*k)), child, depth+1)
		if l.fields = child.fields; !f.dict {
			f.children = append(f.children, c)
		}
	}
	return f
}

// typed reads what the type of a field is.
func (f *field) typed(t flatTable) {
	typ, _ := t.sub(3)
	switch f.typ {
	case fInt:
		f.bits, f.signed = int(typ.number(0, 4, 0)), typ.number(1, 1, 0) != 0
		if !slices.Contains([]int{8, 16, 32, 64}, f.bits) {
			t.f.fail("whole numbers of %d bits", f.bits)
		}
	case fFloat:
		f.bits = 16 << (typ.number(0, 2, 0) & 3)
	case fBool:
		f.bits = 1
	case fDecimal:
		f.precision, f.scale = int(typ.number(0, 4, 0)), int(typ.number(1, 4, 0))
		if f.bits = int(typ.number(2, 4, 128)); !slices.Contains([]int{32, 64, 128, 256}, f.bits) {
			t.f.fail("decimals of %d bits", f.bits)
		}
	case fFixedBinary, fFixedList:
		if f.size = int(typ.number(0, 4, 0)); f.size < 0 {
			t.f.fail("a size of %d", f.size)
		}
	case fUnion:
		f.size = int(typ.number(0, 2, 0)) // 0 sparse, 1 dense
	case fDuration, fTimestamp:
		f.bits = 64
	}
}

// dictionary makes the field one of numbers of a dictionary.
func (f *field) dictionary(d flatTable) {
	value := *f
	f.dict, f.id, f.value, f.typ = true, d.number(0, 8, 0), &value, fInt
	f.bits, f.signed = 32, true
	if index, ok := d.sub(1); ok {
		f.bits, f.signed = int(index.number(0, 4, 0)), index.number(1, 1, 0) != 0
	}
	if !slices.Contains([]int{8, 16, 32, 64}, f.bits) {
		d.f.fail("numbers of a dictionary of %d bits", f.bits)
	}
	value.node, value.buffer, value.views = 0, 0, 0
	f.value = &value
}

// buffers is how many buffers a field has by itself.
func (f *field) buffers() int {
	switch f.typ {
	case fNull, fRunEnd:
		return 0
	case fStruct, fFixedList:
		return 1
	case fUnion:
		return 1 + f.size&1
	case fBinary, fUtf8, fLargeBinary, fLargeUtf8, fListView, fLargeListView:
		return 3
	}
	return 2 // also of views, without those that a batch tells
}

// leaves adds the columns below a field.
func (f *field) leaves(above []*field, path []string, out *[]Column) {
	chain := append(slices.Clone(above), f)
	inList := slices.ContainsFunc(above, func(a *field) bool { return a.list() })
	if !inList {
		path = append(slices.Clone(path), f.name)
	}
	switch {
	case f.typ == fStruct && len(f.children) > 0 && !inList:
		for _, c := range f.children {
			c.leaves(chain, path, out)
		}
		return
	case f.list() && len(f.children) == 1:
		f.children[0].leaves(chain, path, out)
		return
	}
	c := Column{Path: path, Meta: map[string]string{}, chain: chain}
	for _, a := range above {
		if a.list() {
			c.Lists, c.Shape = true, append(c.Shape, a.size)
		}
	}
	for _, a := range chain { // of the leaf, and of fixed lists, which say what shape they have
		maps.Copy(c.Meta, a.meta)
	}
	leaf := f
	if f.dict {
		leaf = f.value
	}
	leaf.kind(&c)
	*out = append(*out, c)
}

func (f *field) list() bool { return f.typ == fList || f.typ == fLargeList || f.typ == fFixedList }

// kind says what the values of a leaf are.
func (f *field) kind(c *Column) {
	c.Bits, c.Signed, c.Scale = f.bits, f.signed, f.scale
	switch f.typ {
	case fNull:
		c.Kind = Null
	case fInt, fBool:
		c.Kind = Int
	case fFloat:
		c.Kind = map[int]Kind{16: Half, 32: Single, 64: Double}[f.bits]
		if c.Kind == Null {
			c.Kind, c.Why = Unknown, "floats of an unknown size"
		}
	case fUtf8, fLargeUtf8, fUtf8View:
		c.Kind = Text
	case fBinary, fLargeBinary, fBinaryView, fFixedBinary:
		c.Kind = Binary
	case fDecimal:
		if c.Kind = Decimal; f.precision > 18 || f.scale < 0 || f.scale > 18 {
			c.Kind, c.Why = Unknown, "decimals of more than 18 digits"
		}
	case fDate, fTime, fTimestamp, fInterval:
		c.Kind = Time
	case fDuration:
		c.Kind = Duration
	default:
		c.Kind, c.Why = Unknown, map[int]string{fStruct: "records in lists", fUnion: "unions", fMap: "maps",
			fRunEnd: "runs (run-end encoded)", fListView: "views of lists", fLargeListView: "views of lists"}[f.typ]
		if c.Why == "" {
			c.Why = "values of a type that is not known"
		}
	}
}
