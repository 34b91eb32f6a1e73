package laws

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"
)

// openEnded returns the functions of a file that read one value of a text by a json.Decoder and do not look whether it
// has ended: Decode stops behind the first value, and takes whatever follows.
func openEnded(path string, src any) ([]string, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, src, 0)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		decodes, ends := false, false
		ast.Inspect(fn, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				x, _ := n.X.(*ast.Ident)
				decodes = decodes || x != nil && x.Name == "json" && n.Sel.Name == "NewDecoder"
				ends = ends || x != nil && x.Name == "io" && n.Sel.Name == "EOF"
			case *ast.CallExpr:
				x, _ := n.Fun.(*ast.Ident)
				ends = ends || x != nil && x.Name == "ended"
			}
			return true
		})
		if decodes && !ends {
			found = append(found, fmt.Sprintf("%s: %s", fset.Position(fn.Pos()), fn.Name.Name))
		}
	}
	return found, nil
}

// TestJSONIsReadToItsEnd: whoever reads a JSON text by a Decoder holds that nothing follows the value (io.EOF from the
// next Token), so that no two texts stand for one thing.
func TestJSONIsReadToItsEnd(t *testing.T) {
	for _, s := range tree(t) {
		if s.test {
			continue
		}
		found, err := openEnded(filepath.Join("..", "..", s.path), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			t.Errorf("%s decodes JSON and does not look for its end; want io.EOF of the next Token", f)
		}
	}
}

// TestOpenEndedIsFound shows that the check sees such a function.
func TestOpenEndedIsFound(t *testing.T) {
	for src, want := range map[string]int{
		`package p; func f() { json.NewDecoder(r).Decode(&v) }`:                               1,
		`package p; func f() { d := json.NewDecoder(r); d.Decode(&v); g(d.Token(), io.EOF) }`: 0,
		`package p; func f() { d := json.NewDecoder(r); d.Decode(&v); ended(d) }`:             0,
	} {
		if found, err := openEnded("p.go", src); err != nil || len(found) != want {
			t.Errorf("%s: found %v, %v; want %d", src, found, err, want)
		}
	}
}
