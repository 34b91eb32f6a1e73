package laws

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mapRanges are the functions of the pure packages that range over a map, each with the reason why the order cannot
// reach an output. Everywhere else the keys are sorted first.
var mapRanges = map[string]string{
	"internal/engine.inOrder":   "copies the targets from one map to another, and sorts each list",
	"internal/peer.envelopes":   "sorts what it found before it looks at it",
	"internal/peer.NotifyAgain": "does the same to each entry",
	"internal/peer.evict":       "takes the least by time and name",
	"internal/peer.forget":      "takes the least by time and name",
	"internal/peer.Capture":     "copies what it found; what describes the copy sorts it",
	"internal/peer.Abandon":     "sorts what it found before it takes it",
	"internal/peer.Expired":     "sorts what it found before it takes it",
}

// parsed is one package of the state machine with its types.
type parsed struct {
	name  string
	fset  *token.FileSet
	files []*ast.File
	info  *types.Info
}

// exported returns an importer that reads what the go command has compiled of the named packages and of what they
// import.
func exported(t *testing.T, fset *token.FileSet, names []string) types.Importer {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}
	for _, n := range names {
		args = append(args, strings.TrimSuffix(module+n, "/."))
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	files := map[string]string{}
	for _, line := range strings.Split(string(out), "\n") {
		if pkg, file, ok := strings.Cut(line, " "); ok {
			files[pkg] = file
		}
	}
	return importer.ForCompiler(fset, "gc", func(pkg string) (io.ReadCloser, error) { return os.Open(files[pkg]) })
}

// parse checks the types of one package.
func parse(name string, fset *token.FileSet, imports types.Importer, files []*ast.File) (*parsed, error) {
	p := &parsed{name, fset, files, &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}}
	cfg := types.Config{Importer: imports}
	_, err := cfg.Check(module+name, fset, files, p.info)
	return p, err
}

// hidden returns what a package does that imports do not show, and that could make two runs differ: goroutines,
// channels, selects, and iterations over maps in functions that are not in allowed, of which it notes those that it
// meets.
func (p *parsed) hidden(allowed map[string]string, met map[string]bool) []string {
	var found []string
	tell := func(n ast.Node, what string) {
		found = append(found, fmt.Sprintf("%s: %s", p.fset.Position(n.Pos()), what))
	}
	for _, f := range p.files {
		for _, d := range f.Decls {
			fn, where := d, p.name
			if x, ok := fn.(*ast.FuncDecl); ok {
				where = p.name + "." + x.Name.Name
			}
			sorted := map[ast.Node]bool{} // arguments of slices.Sorted and its kin
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					tell(n, "a goroutine in a pure package: the host owns them")
				case *ast.SelectStmt:
					tell(n, "a select chooses by chance")
				case *ast.ChanType:
					tell(n, "a channel in a pure package: inputs come through Deliver")
				case *ast.RangeStmt:
					if _, ok := p.info.TypeOf(n.X).Underlying().(*types.Map); !ok {
						break
					}
					if met[where] = true; allowed[where] == "" {
						tell(n, where+" ranges over a map, whose order is chance: sort the keys, or give the reason "+
							"in internal/laws (trap unordered-sum)")
					}
				case *ast.CallExpr:
					switch name := types.ExprString(n.Fun); {
					case strings.HasPrefix(name, "slices.Sorted"):
						sorted[n.Args[0]] = true
					case strings.HasPrefix(name, "maps.") && !sorted[n] && (strings.HasSuffix(name, "Keys") ||
						strings.HasSuffix(name, "Values") || strings.HasSuffix(name, "All")):
						tell(n, name+" without slices.Sorted around it: the order of a map is chance (trap "+
							"unordered-sum)")
					}
				}
				return true
			})
		}
	}
	return found
}

// TestNoHiddenInputs looks inside the functions of the pure packages for what makes two runs differ (law pure-function,
// trap unordered-sum).
func TestNoHiddenInputs(t *testing.T) {
	fset := token.NewFileSet()
	imports, met := exported(t, fset, pure), map[string]bool{}
	for _, name := range pure {
		var files []*ast.File
		for _, s := range tree(t) {
			if s.test || s.pkg != name {
				continue
			}
			f, err := parser.ParseFile(fset, filepath.Join("..", "..", s.path), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		p, err := parse(name, fset, imports, files)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range p.hidden(mapRanges, met) {
			t.Error(f)
		}
	}
	for name := range mapRanges {
		if !met[name] {
			t.Errorf("%s ranges over no map: take it off the list", name)
		}
	}
}

// TestHiddenInputsAreFound shows that the check sees each of them.
func TestHiddenInputsAreFound(t *testing.T) {
	const src = `package p
func a(m map[int]int) (s int) { for k := range m { s += k }; return s }
func b(m map[int]int) { for range m { } }
func c(s []int) { for range s { } }
func d() { go d() }
var e chan int
func f() { select {} }
type g map[string]int
func (x g) h() { for range x { } }
`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "p.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := parse("p", fset, nil, []*ast.File{f})
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	found := strings.Join(p.hidden(map[string]string{"p.b": "nothing comes of it"}, met), "\n")
	for _, want := range []string{"p.go:2:33: p.a ranges", "p.go:5:12: a goroutine", "p.go:6:7: a channel",
		"p.go:7:12: a select", "p.go:9:18: p.h ranges"} {
		if !strings.Contains(found, want) {
			t.Errorf("%q was not found in\n%s", want, found)
		}
	}
	if strings.Count(found, "\n") != 4 || !met["p.b"] {
		t.Errorf("found\n%s", found)
	}
}
