package laws

import (
	"fmt"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"
)

// front are the packages that other modules import: what people who write programs need, and no more. All else is in
// internal/.
var front = []string{
	".", "graph", "types", "tensor", "value", "component", "component/componenttest", "strategy", "dataset", "codec",
	"transport", "transport/libp2p", "transport/memory", "transport/transporttest", "snapshot",
}

// namesMax bounds the exported names of the front: functions, types, constants and variables of its packages. Methods
// and fields are read with their type. Whoever needs a new name looks first whether an old one is needed. (350 before
// the formats of data, their settings and their inspection.)
const namesMax = 390

// unnamed are the types of internal/ that the front shows all the same, each with its reason.
var unnamed = map[string]string{
	"internal/onnx.ModelProto": "a protobuf message: it is marshalled, or handed on whole (graph.Graph.Model, " +
		"rhizome.Compile)",
	"internal/onnx.TensorProto": "a protobuf message: it is taken out of a model",
	"internal/op/onnxop.Type":   "its fields are read; types.Tensors makes one",
}

// public returns the front's packages, type-checked.
func public(t *testing.T) map[string]*types.Package {
	t.Helper()
	imports := exported(t, token.NewFileSet(), front)
	out := map[string]*types.Package{}
	for _, name := range front {
		p, err := imports.Import(strings.TrimSuffix(module+name, "/."))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = p
	}
	return out
}

// TestTheFrontIsSmall counts the exported names of the front, and holds that every other package is in internal/ or a
// command.
func TestTheFrontIsSmall(t *testing.T) {
	packages, total := public(t), 0
	var list strings.Builder
	for _, name := range front {
		var names []string
		for _, n := range packages[name].Scope().Names() {
			if token.IsExported(n) {
				names = append(names, n)
			}
		}
		total += len(names)
		fmt.Fprintf(&list, "%4d %-24s %s\n", len(names), name, strings.Join(names, " "))
	}
	if total > namesMax || testing.Verbose() {
		t.Logf("%d exported names in all:\n%s", total, list.String())
	}
	if total > namesMax {
		t.Errorf("the front has %d exported names, and at most %d may be: make a name unexported, or move what is "+
			"not for authors to internal/", total, namesMax)
	}
	for _, s := range tree(t) {
		if s.test || slices.Contains(front, s.pkg) || strings.HasPrefix(s.pkg, "internal/") || strings.HasPrefix(s.pkg,
			"cmd/") {
			continue
		}
		t.Errorf("%s: package %s can be imported by everybody: put it into internal/, or on the list of the front "+
			"in internal/laws with its room in ARCHITECTURE.md", s.path, s.pkg)
	}
}

// TestTheFrontNamesWhatItShows: a type of a package in internal/ that stands in the signature, a field or a method of
// the front cannot be named by other modules. It has an alias in the front, so that whoever implements a contract can
// write it down.
func TestTheFrontNamesWhatItShows(t *testing.T) {
	packages := public(t)
	named, shown := map[*types.TypeName]bool{}, map[*types.TypeName]string{}
	for _, name := range front {
		scope := packages[name].Scope()
		for _, n := range scope.Names() {
			o := scope.Lookup(n)
			if !o.Exported() {
				continue
			}
			if alias, ok := o.(*types.TypeName); ok {
				if of, ok := types.Unalias(alias.Type()).(*types.Named); ok {
					named[of.Obj()] = true
				}
			}
			(&walk{shown: shown, where: name + "." + n, seen: map[types.Type]bool{}}).object(o)
		}
	}
	met := map[string]bool{}
	for _, o := range slices.SortedFunc(maps.Keys(shown),
		func(a, b *types.TypeName) int { return strings.Compare(a.String(), b.String()) }) {
		name := strings.TrimPrefix(o.Pkg().Path(), module) + "." + o.Name()
		if met[name] = true; !named[o] && unnamed[name] == "" {
			t.Errorf("%s shows %s, which no other module can name: give it an alias in the front, or do not show it",
				shown[o], name)
		}
	}
	for name := range unnamed {
		if !met[name] {
			t.Errorf("%s is shown no more: take it off the list", name)
		}
	}
}

// walk notes the types of internal/ that an exported object shows: where, by the type.
type walk struct {
	shown map[*types.TypeName]string
	where string
	seen  map[types.Type]bool
}

func (w *walk) object(o types.Object) {
	w.typ(o.Type())
	if n, ok := types.Unalias(o.Type()).(*types.Named); ok {
		if _, isType := o.(*types.TypeName); isType {
			w.members(n)
		}
	}
}

// members walks the exported methods of a type that the front declares or names, and its fields.
func (w *walk) members(n *types.Named) {
	for m := range n.Methods() {
		if m.Exported() {
			w.typ(m.Type())
		}
	}
	w.inside(n.Underlying())
}

func (w *walk) inside(t types.Type) {
	switch t := t.(type) {
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() {
				w.typ(f.Type())
			}
		}
	case *types.Interface:
		for m := range t.Methods() {
			if m.Exported() {
				w.typ(m.Type())
			}
		}
	default:
		w.typ(t)
	}
}

func (w *walk) typ(t types.Type) {
	t = types.Unalias(t)
	if t == nil || w.seen[t] {
		return
	}
	w.seen[t] = true
	switch t := t.(type) {
	case *types.Named:
		if p := t.Obj().Pkg(); p != nil && strings.HasPrefix(p.Path(), module+"internal/") && w.shown[t.Obj()] == "" {
			w.shown[t.Obj()] = w.where
		}
		for a := range t.TypeArgs().Types() {
			w.typ(a)
		}
	case *types.Pointer:
		w.typ(t.Elem())
	case *types.Slice:
		w.typ(t.Elem())
	case *types.Array:
		w.typ(t.Elem())
	case *types.Chan:
		w.typ(t.Elem())
	case *types.Map:
		w.typ(t.Key())
		w.typ(t.Elem())
	case *types.Signature:
		w.typ(t.Params())
		w.typ(t.Results())
	case *types.Tuple:
		for v := range t.Variables() {
			w.typ(v.Type())
		}
	case *types.Struct, *types.Interface:
		w.inside(t)
	}
}
