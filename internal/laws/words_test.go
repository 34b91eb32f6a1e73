package laws

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// TestNoHiddenInputs looks inside the functions of the pure packages for what imports do not show: goroutines, channels,
// selects, and map iteration that is not sorted before it can reach an output (trap 34). A range over a map is allowed
// only in a function of the list below, each with its reason.
func TestNoHiddenInputs(t *testing.T) {
	for _, s := range tree(t) {
		if s.test || !slices.Contains(pure, top(s.pkg)) {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, filepath.Join("..", "..", s.path), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a goroutine in a pure package: the host owns them", fset.Position(n.Pos()))
			case *ast.SelectStmt:
				t.Errorf("%s: a select chooses by chance", fset.Position(n.Pos()))
			case *ast.ChanType:
				t.Errorf("%s: a channel in a pure package: inputs come through Deliver", fset.Position(n.Pos()))
			}
			return true
		})
	}
}
