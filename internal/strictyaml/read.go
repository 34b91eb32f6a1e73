package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"
)

// BytesMax bounds a file.
const BytesMax = 64 << 10

// ReadFile reads a file, and a byte more than one may have: Top refuses that.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, BytesMax+1))
}

// Top returns the mapping that a file is. The example is a line that such a file may hold, for the refusal of an empty
// one.
func Top(file string, text []byte, example string) (Value, error) {
	fail := func(line int, format string, args ...any) error {
		return &Error{File: file, Line: line, Reason: fmt.Sprintf(format, args...)}
	}
	if len(text) > BytesMax {
		return Value{}, fail(0, "is larger than %d bytes; such a file is a few lines", BytesMax)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return Value{}, fail(0, "is empty; want settings such as %q", example)
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		if line := second(text); line > 0 && strings.Contains(err.Error(), "single document") {
			return Value{}, fail(line, "begins a second document; want one file for each, with no %q between settings",
				bytes.TrimSpace(lineOf(text, line)))
		}
		var at *yaml.LoadError
		if errors.As(err, &at) && at.Mark.Line > 0 {
			return Value{}, fail(at.Mark.Line, "%s", oneLine(at.Message))
		}
		return Value{}, fail(0, "%s", oneLine(err.Error()))
	}
	top := &doc
	if top.Kind == yaml.DocumentNode && len(top.Content) == 1 {
		top = top.Content[0]
	}
	if top.Kind != yaml.MappingNode {
		return Value{}, fail(max(1, top.Line), "want settings, one per line, such as %q", example)
	}
	return Value{file: file, node: top}, nil
}

// second returns the line on which a second document of a file begins, or on which the first one ends, or 0.
func second(text []byte) int {
	begun := false
	for i, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimPrefix(bytes.TrimRight(line, "\r"), []byte("\ufeff"))
		mark := func(m string) bool {
			rest, ok := bytes.CutPrefix(line, []byte(m))
			return ok && (len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t')
		}
		trimmed := bytes.TrimSpace(line)
		switch {
		case begun && (mark("---") || mark("...")):
			return i + 1
		case len(trimmed) > 0 && trimmed[0] != '#' && trimmed[0] != '%':
			begun = true
		}
	}
	return 0
}

// lineOf returns the line of that number.
func lineOf(text []byte, line int) []byte { return bytes.Split(text, []byte("\n"))[line-1] }
