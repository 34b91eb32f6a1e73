package types

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// The bounds of Parse.
const (
	typeTextMax  = 1 << 16 // bytes
	typeDepthMax = 8       // lists in each other
)

// plain are the types that are written as one word.
var plain = []struct {
	name string
	typ  Type
}{
	{"Any", Any()}, {"Trigger", Trigger()}, {"Bool", Bool()}, {"Int", Int()}, {"Float", Float()}, {"String", String()},
	{"Bytes", Bytes()}, {"Peer", Peer()}, {"Tensor", Tensor()}, {"List", List()},
	{"Failure", Type{ID: value.TypeFailure}},
}

// String writes a type as people and models write it: Int, List[Peer*], List[float32[64,32],Int], float32[?,10],
// float32 for a tensor of unknown rank, Tensor for one of unknown element type, or a registered type id.
func (t Type) String() string {
	switch {
	case t.ID == value.TypeTensor && t.Tensor.DType != 0:
		return tensorText(t.Tensor)
	case t.ID == value.TypeList && (t.Sized || len(t.Items) > 0):
		parts := make([]string, len(t.Items))
		for i, it := range t.Items {
			parts[i] = it.String()
		}
		if !t.Sized {
			return "List[" + parts[0] + "*]"
		}
		return "List[" + strings.Join(parts, ",") + "]"
	}
	for _, p := range plain {
		if p.typ.ID == t.ID {
			return p.name
		}
	}
	return string(t.ID)
}

func tensorText(t onnxop.Type) string {
	if t.Unranked {
		return t.DType.String()
	}
	parts := make([]string, len(t.Shape))
	for i, d := range t.Shape {
		parts[i] = "?"
		if d >= 0 {
			parts[i] = strconv.Itoa(d)
		}
	}
	return t.DType.String() + "[" + strings.Join(parts, ",") + "]"
}

// Parse reads what String writes. The text may come from anywhere: it is bounded in length and depth.
func Parse(s string) (Type, error) {
	if len(s) > typeTextMax {
		return Any(), fmt.Errorf("a type of %d bytes; at most %d are allowed", len(s), typeTextMax)
	}
	p := typeParser{rest: s}
	t, err := p.parse(0)
	if err == nil && p.rest != "" {
		err = fmt.Errorf("%q follows the type", p.rest)
	}
	if err != nil {
		return Any(), fmt.Errorf("type %q: %w", value.CleanText(s, 80), err)
	}
	return t, nil
}

type typeParser struct{ rest string }

// accept takes the token if it comes next.
func (p *typeParser) accept(token string) bool {
	rest, ok := strings.CutPrefix(p.rest, token)
	p.rest = rest
	return ok
}

func (p *typeParser) word() string {
	n := strings.IndexAny(p.rest, "[],*")
	if n < 0 {
		n = len(p.rest)
	}
	w := p.rest[:n]
	p.rest = p.rest[n:]
	return w
}

func (p *typeParser) parse(depth int) (Type, error) {
	w := p.word()
	if d, ok := tensor.ParseDType(w); ok {
		return p.shape(d)
	}
	for _, pt := range plain {
		if pt.name != w {
			continue
		}
		if pt.typ.ID == value.TypeList && p.accept("[") {
			return p.items(depth + 1)
		}
		return pt.typ, nil
	}
	if name, version, ok := strings.Cut(w, "/"); ok && name != "" && version != "" {
		return Type{ID: value.TypeID(w)}, nil
	}
	return Any(), fmt.Errorf("%q is no type; want a name such as Int or float32, or a type id such as acme.Sketch/2",
		value.CleanText(w, 80))
}

func (p *typeParser) shape(d tensor.DType) (Type, error) {
	t := onnxop.Type{DType: d}
	if !p.accept("[") {
		t.Unranked = true
		return OfTensor(t), nil
	}
	if p.accept("]") {
		return OfTensor(t), nil
	}
	for len(t.Shape) < tensor.MaxRank {
		w := p.word()
		n := -1
		if w != "?" {
			var err error
			if n, err = strconv.Atoi(w); err != nil || n < 0 || n > onnxop.ElementsMax || strconv.Itoa(n) != w {
				return Any(), fmt.Errorf("%q is no dimension; want a count or ?", value.CleanText(w, 80))
			}
		}
		t.Shape = append(t.Shape, n)
		if p.accept("]") {
			return OfTensor(t), nil
		}
		if !p.accept(",") {
			return Any(), fmt.Errorf("a shape goes on with , or ]")
		}
	}
	return Any(), fmt.Errorf("more than %d dimensions", tensor.MaxRank)
}

func (p *typeParser) items(depth int) (Type, error) {
	if depth > typeDepthMax {
		return Any(), fmt.Errorf("lists nested deeper than %d", typeDepthMax)
	}
	t := ListOf()
	if p.accept("]") {
		return t, nil
	}
	for {
		it, err := p.parse(depth)
		if err != nil {
			return Any(), err
		}
		t.Items = append(t.Items, it)
		if len(t.Items) == 1 && p.accept("*]") {
			return ListsOf(it), nil
		}
		if p.accept("]") {
			return t, nil
		}
		if !p.accept(",") {
			return Any(), fmt.Errorf("a list goes on with , or ]")
		}
	}
}
