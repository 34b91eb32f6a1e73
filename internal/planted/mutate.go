package planted

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// activePath is the import path of package active, and activeName what it is called in the files that import it.
const (
	activePath = "github.com/rhizome-ml/rhizome/internal/planted/active"
	activeName = "planted__"
)

// source is a Go file, taken apart.
type source struct {
	text    string
	fset    *token.FileSet
	file    *ast.File
	imports []string                 // as they are written
	funcs   map[string]*ast.FuncDecl // by receiver and name
	names   []string                 // the keys of funcs, in the order of the file
	rest    []string                 // the tokens of all other declarations
}

func read(text string) (*source, error) {
	s := &source{text: text, fset: token.NewFileSet(), funcs: map[string]*ast.FuncDecl{}}
	var err error
	if s.file, err = parser.ParseFile(s.fset, "", text, parser.SkipObjectResolution); err != nil {
		return nil, err
	}
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = "(" + s.of(d.Recv.List[0].Type) + ")." + name
			}
			if s.funcs[name] != nil { // init, which may be there twice
				name += " " + strconv.Itoa(len(s.names))
			}
			s.funcs[name] = d
			s.names = append(s.names, name)
		case *ast.GenDecl:
			if d.Tok != token.IMPORT {
				s.rest = append(s.rest, tokens(s.of(d))...)
			}
		}
	}
	for _, im := range s.file.Imports {
		s.imports = append(s.imports, s.of(im))
	}
	return s, nil
}

// of returns the text of a part of the file.
func (s *source) of(n ast.Node) string { return s.text[s.at(n.Pos()):s.at(n.End())] }

func (s *source) at(p token.Pos) int { return s.fset.Position(p).Offset }

// tokens returns what the compiler sees of a text: no comment, no space.
func tokens(text string) (out []string) {
	fset := token.NewFileSet()
	var sc scanner.Scanner
	sc.Init(fset.AddFile("", -1, len(text)), []byte(text), nil, 0)
	for {
		_, tok, lit := sc.Scan()
		switch tok {
		case token.EOF:
			return out
		case token.SEMICOLON: // written, or of a new line
			lit = ""
		}
		out = append(out, tok.String()+" "+lit)
	}
}

// mutant is a file as one bug has it.
type mutant struct{ bug, text string }

// mutate returns a file that is the one of the tree as long as no bug is on, and as each of the mutants when its bug
// is.
func mutate(text string, mutants []mutant) (string, error) {
	s, err := read(text)
	if err != nil {
		return "", err
	}
	imports := []string{strconv.Quote(activePath)}
	imports[0] = activeName + " " + imports[0]
	first := map[string]string{} // by function: what it does before all else
	behind := ""
	for _, m := range mutants {
		x, err := read(m.text)
		if err == nil {
			err = s.differ(x)
		}
		if err != nil {
			return "", fmt.Errorf("%s/%s.patch: %w", Folder, m.bug, err)
		}
		for _, im := range x.imports {
			if !slices.Contains(s.imports, im) && !slices.Contains(imports, im) {
				imports = append(imports, im)
			}
		}
		for _, name := range x.names {
			was, is := s.funcs[name], x.funcs[name]
			switch {
			case was == nil:
				behind += "\n" + x.of(is) + "\n"
			case !slices.Equal(tokens(s.of(was)), tokens(x.of(is))):
				call, err := x.call(is, m.bug)
				if err != nil {
					return "", fmt.Errorf("%s/%s.patch: %s: %w", Folder, m.bug, name, err)
				}
				first[name] += call
				behind += "\n" + x.renamed(is, m.bug) + "\n"
			}
		}
	}
	out, done := text[:s.at(s.file.Name.End())], s.at(s.file.Name.End())
	for _, im := range imports {
		out += "; import " + im // on the line of the package clause, so that all lines keep their numbers
	}
	for _, name := range s.names {
		if first[name] != "" {
			body := s.at(s.funcs[name].Body.Lbrace) + 1
			out += text[done:body] + first[name]
			done = body
		}
	}
	return out + text[done:] + behind, nil
}

// differ says why a mutant of the file cannot be switched on while the program runs.
func (s *source) differ(x *source) error {
	changed := false
	for _, name := range s.names {
		was, is := s.funcs[name], x.funcs[name]
		switch {
		case is == nil:
			return fmt.Errorf("takes %s away: change the body of a function, or add one", name)
		case was.Body == nil || is.Body == nil, !slices.Equal(tokens(s.head(was)), tokens(x.head(is))):
			return fmt.Errorf("changes what %s takes or returns: change the body of a function, or add one", name)
		}
		changed = changed || !slices.Equal(tokens(s.of(was)), tokens(x.of(is)))
	}
	switch {
	case !slices.Equal(s.rest, x.rest):
		return errors.New("changes a type, a variable or a constant: change the body of a function, or add one")
	case !changed:
		return errors.New("changes nothing that runs: change the body of a function")
	}
	return nil
}

// head is a function without its body.
func (s *source) head(f *ast.FuncDecl) string { return s.text[s.at(f.Pos()):s.at(f.Body.Lbrace)] }

// renamed returns the function under the name that it has as a mutant.
func (s *source) renamed(f *ast.FuncDecl, bug string) string {
	return s.text[s.at(f.Type.Pos()):s.at(f.Name.Pos())] + mutantName(f, bug) + s.text[s.at(f.Name.End()):s.at(f.End())]
}

func mutantName(f *ast.FuncDecl, bug string) string {
	return f.Name.Name + "__" + strings.ReplaceAll(bug, "-", "_")
}

// call returns the statement that has the mutant of a function do its work while the bug is on.
func (s *source) call(f *ast.FuncDecl, bug string) (string, error) {
	to := mutantName(f, bug)
	if f.Recv != nil {
		names, err := named(f.Recv)
		if err != nil {
			return "", err
		}
		to = names[0] + "." + to
	}
	if f.Type.TypeParams != nil {
		names, err := named(f.Type.TypeParams)
		if err != nil {
			return "", err
		}
		to += "[" + strings.Join(names, ", ") + "]"
	}
	args, err := named(f.Type.Params)
	if err != nil {
		return "", err
	}
	to += "(" + strings.Join(args, ", ") + ")"
	if f.Type.Results != nil {
		to = "return " + to
	} else {
		to += "; return"
	}
	return fmt.Sprintf(" if %s.On(%q) { %s };", activeName, bug, to), nil
}

// named returns the names of parameters, as a call passes them on.
func named(list *ast.FieldList) (names []string, err error) {
	for _, field := range list.List {
		for _, n := range field.Names {
			name := n.Name
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				name += "..."
			}
			names = append(names, name)
		}
		if len(field.Names) == 0 || slices.Contains(names, "_") {
			return nil, errors.New("a receiver or a parameter has no name, so it cannot be passed on: give it one " +
				"in the tree")
		}
	}
	return names, nil
}
