package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

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

// Top returns the mapping that a file is. The example is a line that such a file may hold, for the refusal of an empty one.
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
