package laws

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/buffer"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/mix"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/model/cell"
	"github.com/rhizome-ml/rhizome/internal/roles/model/logistic"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/discovery"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/moments"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/progress"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/scores"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/internal/roles/selector/neighbour"
)

// packageComment returns the text of a package's comment.
func packageComment(t *testing.T, pkg string) string {
	t.Helper()
	var out strings.Builder
	for _, s := range tree(t) {
		if s.pkg != pkg || s.test {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), s.path, document(t, s.path),
			parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(f.Doc.Text())
	}
	return out.String()
}

// section returns what stands below a heading of a package comment.
func section(comment, heading string) string {
	_, rest, _ := strings.Cut(comment, "\n# "+heading+"\n")
	rest, _, _ = strings.Cut(rest, "\n# ")
	return rest
}

// inFront writes a package of internal/ as the front names its types.
func inFront(p *types.Package) string {
	switch p.Path() {
	case module + "internal/engine", module + "internal/node":
		return "" // package component has aliases
	case module + "internal/wire":
		return "rhizome"
	}
	return p.Name()
}

// TestTheContractIsAManual: the types of package component are declared elsewhere, so that go doc shows their names
// alone. The package's comment has every exported method and field of each, in the section of its type, as it is.
func TestTheContractIsAManual(t *testing.T) {
	imports := exported(t, token.NewFileSet(), []string{"component", "internal/engine"})
	pkg, err := imports.Import(module + "component")
	if err != nil {
		t.Fatal(err)
	}
	comment, scope := packageComment(t, "component"), pkg.Scope()
	spaces := regexp.MustCompile(` +`)
	for _, name := range scope.Names() {
		o := scope.Lookup(name)
		n, ok := types.Unalias(o.Type()).(*types.Named)
		if !ok || n.Obj().Pkg() == o.Pkg() || name == "CallID" {
			continue
		}
		here := spaces.ReplaceAllString(section(comment, name), " ")
		want := func(what string) {
			if !strings.Contains(here, "\n\t"+what+" ") && !strings.Contains(here, "\n\t"+what+"\n") {
				t.Errorf("package component: the section %s of its comment lacks the line\n\t%s", name, what)
			}
		}
		for m := range methods(n) {
			if m.Exported() {
				want(m.Name() + strings.TrimPrefix(types.TypeString(m.Type(), inFront), "func"))
			}
		}
		if s, ok := n.Underlying().(*types.Struct); ok {
			for f := range s.Fields() {
				if f.Exported() {
					want(f.Name() + " " + types.TypeString(f.Type(), inFront))
				}
			}
		}
		if name == "Context" { // what a component implements that takes loans, and nobody has to name
			engine, err := imports.Import(module + "internal/engine")
			if err != nil {
				t.Fatal(err)
			}
			b := engine.Scope().Lookup("Borrower").Type().(*types.Named)
			for m := range methods(b) {
				want(m.Name() + strings.TrimPrefix(types.TypeString(m.Type(), inFront), "func"))
			}
		}
	}
}

// methods gives those of a type, of an interface as well.
func methods(n *types.Named) func(func(*types.Func) bool) {
	return func(yield func(*types.Func) bool) {
		set := types.NewMethodSet(n)
		if !types.IsInterface(n) {
			set = types.NewMethodSet(types.NewPointer(n))
		}
		for s := range set.Methods() {
			if !yield(s.Obj().(*types.Func)) {
				return
			}
		}
	}
}

// indoors is what says nothing to somebody who imports the front.
var indoors = regexp.MustCompile(`\binternal/|\btraps? \d|\blaws? L\d`)

// TestTheFrontSpeaksToStrangers: what go doc shows of the front sends nobody to a package that he cannot read, nor to a
// number of our own lists.
func TestTheFrontSpeaksToStrangers(t *testing.T) {
	for _, s := range tree(t) {
		if s.test || !isFront(s.pkg) {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, filepath.Base(s.path), document(t, s.path), parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range shownComments(f) {
			if found := indoors.FindString(c.Text()); found != "" {
				t.Errorf("%s:%d: a comment that go doc shows says %q: say it in words of the front", s.path,
					fset.Position(c.Pos()).Line, found)
			}
		}
	}
}

func isFront(pkg string) bool {
	for _, p := range front {
		if p == pkg {
			return true
		}
	}
	return false
}

// shownComments returns the comments of a file that go doc shows: of the package, and of exported declarations with all
// that is in them.
func shownComments(f *ast.File) []*ast.CommentGroup {
	var out []*ast.CommentGroup
	add := func(c ...*ast.CommentGroup) {
		for _, c := range c {
			if c != nil {
				out = append(out, c)
			}
		}
	}
	add(f.Doc)
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() {
				add(d.Doc)
			}
		case *ast.GenDecl:
			add(d.Doc)
			for _, s := range d.Specs {
				ast.Inspect(s, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.TypeSpec:
						add(n.Doc, n.Comment)
						return n.Name.IsExported()
					case *ast.ValueSpec:
						add(n.Doc, n.Comment)
					case *ast.Field:
						add(n.Doc, n.Comment)
					}
					return true
				})
			}
		}
	}
	return out
}

// settings are, of the built-in kinds, the struct of their settings and what a choreography may invoke.
var settings = map[string]struct {
	config  any
	methods []graph.Method
}{
	"aggregator fedavg": {aggregator.Config{}, aggregator.Methods()},
	"aggregator buffer": {buffer.Config{}, buffer.Methods()},
	"protocol moments":  {moments.Config{}, moments.Methods()},
	"model cell":        {nil, cell.Methods()},
	"aggregator mix":    {mix.Config{}, mix.Methods()},
	"aggregator sound":  {nil, aggregator.SoundMethods()},
	"backend cpu":       {backend.Config{}, nil},
	"data digits":       {data.Config{}, nil},
	"data columns":      {data.ColumnsConfig{}, data.ColumnsMethods()},
	"data samples":      {data.SamplesConfig{}, data.SamplesMethods()[len(data.Methods()):]},
	// rhizome.Samples and dataset.Use say it
	"data source":        {nil, nil},
	"data synthetic":     {data.SyntheticConfig{}, nil},
	"model logistic":     {logistic.Config{}, logistic.Methods()},
	"model onnx":         {model.Config{}, model.Methods()},
	"protocol discovery": {discovery.Config{}, discovery.Methods()},
	"protocol progress":  {progress.Config{}, progress.Methods()},
	"protocol registry":  {registry.Config{}, registry.Methods()},
	"protocol rounds":    {rounds.Config{}, rounds.Methods()},
	"protocol scores":    {scores.Config{}, scores.Methods()},
	"selector neighbour": {neighbour.Config{}, neighbour.Methods()},
	"selector uniform":   {selector.Config{}, selector.Methods()},
}

// keys returns the JSON keys of a struct of settings, those of structs inside it among them.
func keys(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); key != "" {
			out = append(out, key)
		}
		if f.Type.Kind() == reflect.Struct {
			out = append(out, keys(f.Type)...)
		}
	}
	return out
}

// signature writes a method as the comment of package graph does.
func signature(m graph.Method) string {
	side := func(ports []graph.Port) string {
		var out []string
		for _, p := range ports {
			text := p.Name + " " + strings.NewReplacer("List[", "List of ", "*]", "").Replace(p.Type.String())
			if p.Type.String() == "Trigger" && p.Name == "trigger" {
				text = "trigger"
			}
			if !p.Optional {
				out = append(out, text)
			}
		}
		return strings.Join(out, ", ")
	}
	return m.Name + "(" + side(m.In) + "|" + side(m.Out)
}

// TestWhatAnAuthorCanName: the comment of package graph has all ops, tensor ops, roles, phases, events of the bus, and
// built-in kinds with their methods and the keys of their settings.
func TestWhatAnAuthorCanName(t *testing.T) {
	comment := packageComment(t, "graph")
	said := func(heading string, names ...string) {
		here := section(comment, heading)
		for _, n := range names {
			if !regexp.MustCompile(`\b` + regexp.QuoteMeta(n) + `\b`).MatchString(here) {
				t.Errorf("package graph: the section %q of its comment lacks %q", heading, n)
			}
		}
	}
	for _, o := range op.All() {
		switch o.Domain {
		case op.Flow:
			said("Ops of the language", o.Name)
		case op.PeerDomain:
			said("Ops on peers", o.Name)
		}
	}
	for _, o := range onnxop.All() {
		if o.Domain == "" {
			said("Tensor ops", o.Name)
		}
	}
	said("Phases of the lifecycle", op.Phases()...)
	said("Events on the bus", rounds.EventAsk)
	for _, k := range []engine.PeerKind{engine.PeerUp, engine.PeerDown, engine.PeerSuspected, engine.PeerTrusted,
		engine.PeerBlocked, engine.PeerUnblocked, engine.PeerUnresolved, engine.PeerJoined, engine.PeerLeft,
		engine.PeerRemoved} {
		said("Events on the bus", "peer."+k.String())
	}
	said("Roles and built-in kinds", op.Roles()...)

	source := document(t, "source.go")
	for _, m := range data.Methods() {
		in, _, _ := strings.Cut(signature(m), "|")
		said := strings.Contains(source, "//\t"+in)
		for _, p := range slices.Concat(m.In, m.Out) {
			said = said && strings.Contains(source, p.Name)
		}
		if !said {
			t.Errorf("rhizome.Samples does not say the method %s(…), with its ports", in)
		}
	}
	for _, key := range keys(reflect.TypeOf(data.Options{})) {
		if !strings.Contains(source, "//\t"+key+" ") {
			t.Errorf("rhizome.Samples does not say the option %q", key)
		}
	}

	all := node.NewCatalogue()
	if err := builtin.Register(all); err != nil {
		t.Fatal(err)
	}
	text := section(comment, "Roles and built-in kinds")
	spaces := regexp.MustCompile(`\s+`)
	for _, k := range all.Kinds() {
		kind, _, _ := strings.Cut(k, "@") // the methods and settings of a kind are those of all its versions
		title := strings.Replace(kind, "/", " ", 1)
		s, known := settings[title]
		_, here, there := strings.Cut(text, title)
		if !known || !there {
			t.Errorf("package graph: its comment says nothing of the built-in kind %s", k)
			continue
		}
		here = regexp.MustCompile(`\n\n([a-z]+ [a-z]+ )`).Split(here, 2)[0] // up to the paragraph of the next kind
		if s.config != nil {
			for _, key := range keys(reflect.TypeOf(s.config)) {
				if !regexp.MustCompile(`\b` + key + `\b`).MatchString(here) {
					t.Errorf("package graph: its comment does not say that %s has the setting %q", title, key)
				}
			}
		}
		for _, m := range s.methods {
			in, out, _ := strings.Cut(signature(m), "|")
			line := regexp.MustCompile(regexp.QuoteMeta(in) + `[^)\n]*\) → ` + regexp.QuoteMeta(out) + ` `)
			if !line.MatchString(spaces.ReplaceAllString(here, " ") + " ") {
				t.Errorf("package graph: its comment does not say of %s\n\t%s) → %s", title, in, out)
			}
		}
	}
}
