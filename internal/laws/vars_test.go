package laws

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// assignable are the files whose exported variables stay, each with its reason.
var assignable = map[string]string{
	"internal/planted/active/active.go": "no release has it: it is in the binaries of the hunt alone",
	"internal/onnx/onnx.pb.go":          "protoc-gen-go writes them, for generated code of others that uses it",
}

// TestNoPackageVariable: what an importer could assign to would change the program of everybody else in the process.
// Errors to compare with are the one custom of Go that stays; a table or a setting is a function that gives a copy.
func TestNoPackageVariable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range tree(t) {
		if s.test || strings.HasPrefix(s.pkg, "internal/prove") || strings.HasPrefix(s.pkg, "cmd/") ||
			strings.Contains(s.path, "testdata/") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", s.path), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				for i, name := range spec.(*ast.ValueSpec).Names {
					full := s.pkg + "." + name.Name
					if !name.IsExported() || sentinel(spec.(*ast.ValueSpec), i) {
						continue
					}
					if seen[s.path] = true; assignable[s.path] == "" {
						t.Errorf("%s: anybody can assign to %s: make it a function, or unexported with a function "+
							"that gives a copy", s.path, full)
					}
				}
			}
		}
	}
	for path, why := range assignable {
		if !seen[path] {
			t.Errorf("%s may have variables (%s), and has none any more", path, why)
		}
	}
}

// sentinel says whether a variable is an error to compare with: ErrName = errors.New(…).
func sentinel(v *ast.ValueSpec, i int) bool {
	if !strings.HasPrefix(v.Names[i].Name, "Err") || i >= len(v.Values) {
		return false
	}
	call, ok := v.Values[i].(*ast.CallExpr)
	if !ok {
		return false
	}
	fun, ok := call.Fun.(*ast.SelectorExpr)
	pkg, named := fun.X.(*ast.Ident)
	return ok && named && pkg.Name == "errors" && fun.Sel.Name == "New"
}
