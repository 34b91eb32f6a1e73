// Package notes reads what Go source says of struct types, so that a schema that is written from the types says it too.
package notes

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
)

// Of returns the comments of the struct types in the Go files of a folder, tests apart: of a type under its name, of a
// field under "Type.Field", each in one line.
func Of(dir string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				t := spec.(*ast.TypeSpec)
				if s, ok := t.Type.(*ast.StructType); ok {
					out[t.Name.Name] = line(g.Doc)
					fields(out, t.Name.Name, s)
				}
			}
		}
	}
	return out, nil
}

// fields notes what is said of the fields of a struct.
func fields(out map[string]string, name string, s *ast.StructType) {
	for _, f := range s.Fields.List {
		for _, n := range f.Names {
			said := f.Comment // behind the field, or above it where a line would be too long
			if said == nil {
				said = f.Doc
			}
			out[name+"."+n.Name] = line(said)
		}
	}
}

func line(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }
