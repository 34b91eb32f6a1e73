package laws

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"
)

// sleepers are the files that may sleep for a fixed time, each with its reason.
var sleepers = map[string]string{
	"transport/transporttest/wait.go": "a kit of checks: it waits for what must not come",
}

// polls returns the places of a file that call time.Sleep or time.Tick, whatever name the package is imported by.
func polls(path string, src any) ([]string, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, src, 0)
	if err != nil {
		return nil, err
	}
	name := ""
	for _, im := range f.Imports {
		if p, err := strconv.Unquote(im.Path.Value); err == nil && p == "time" {
			name = "time"
			if im.Name != nil {
				name = im.Name.Name
			}
		}
	}
	var found []string
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || name == "" {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == name && (sel.Sel.Name == "Sleep" || sel.Sel.Name == "Tick") {
			found = append(found, fmt.Sprintf("%s: time.%s", fset.Position(n.Pos()), sel.Sel.Name))
		}
		return true
	})
	return found, nil
}

// TestNothingPolls (trap fixed-sleep): whoever waits is woken by an arrival, or by a timer that is set for the very
// time at which something is due. A sleep of a fixed length costs that length at each step of a round.
func TestNothingPolls(t *testing.T) {
	used := map[string]bool{}
	for _, s := range tree(t) {
		if s.test {
			continue
		}
		found, err := polls(filepath.Join("..", "..", s.path), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := sleepers[s.path]; ok && len(found) > 0 {
			used[s.path] = true
			continue
		}
		for _, f := range found {
			t.Errorf("%s: wait for an arrival or for time.Timer, or give a reason in internal/laws", f)
		}
	}
	for path := range sleepers {
		if !used[path] {
			t.Errorf("%s does not sleep: take it off the list", path)
		}
	}
}

// TestPollsAreFound shows that the check sees a sleep under any name.
func TestPollsAreFound(t *testing.T) {
	for src, want := range map[string]int{
		`package p; import "time"; func f() { time.Sleep(1); <-time.Tick(1) }`:           2,
		`package p; import clock "time"; var sleep = clock.Sleep`:                        1,
		`package p; import "time"; func f() { <-time.After(1); t := 0; _ = t }`:          0,
		`package p; type x struct{ Sleep int }; var time x; func f() { _ = time.Sleep }`: 0,
	} {
		found, err := polls("p.go", src)
		if err != nil || len(found) != want {
			t.Errorf("%s: found %v (%v), want %d", src, found, err, want)
		}
	}
}
