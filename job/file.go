package job

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// fileMax bounds a job file in bytes.
const fileMax = 64 << 10

// keyMax bounds how much of an unknown key an error shows.
const keyMax = 40

// FileError says what is wrong with a job file, and where.
type FileError struct {
	File   string
	Line   int    // from 1; 0 where the file as a whole is wrong
	Key    string // the setting at fault, or empty
	Reason string // what is wrong and what would be right
}

// Error names the file, the line and the reason.
func (e *FileError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// ReadFile reads a job file of at most 64 KiB; see Parse.
func ReadFile(path string) (Config, error) {
	text, err := readText(path)
	if err != nil {
		return Config{}, err
	}
	return Parse(path, text)
}

// readText reads a job file, and a byte more than one may have.
func readText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, fileMax+1))
}

// Parse reads a job in YAML: one flat mapping of settings. Settings that are not there are those of the built-in job
// digits, but the name must be. Errors are *FileError: an unknown key is named with its line, as are a key that stands
// twice and a value of another type or out of its range. Anchors, aliases and nested values are refused.
func Parse(file string, text []byte) (Config, error) {
	c := Default()
	c.Name = ""
	return c, c.read(file, text)
}

// read sets what the text says and validates the whole.
func (c *Config) read(file string, text []byte) error {
	return readFile(file, text, table{
		kind: KindFederated, keys: Keys(), numeric: numeric, set: c.Set, validate: func() error { return c.Validate() },
	})
}

// table is what reading a job file knows of the settings of a kind of job.
type table struct {
	kind     string
	keys     []string
	numeric  func(key string) bool
	set      func(key, text string) error
	validate func() error
}

// top returns the settings of a job file as pairs of nodes.
func top(file string, text []byte) ([]*yaml.Node, error) {
	fail := func(line int, format string, args ...any) error {
		return &FileError{File: file, Line: line, Reason: fmt.Sprintf(format, args...)}
	}
	if len(text) > fileMax {
		return nil, fail(0, "is larger than %d bytes; a job file is a few lines", fileMax)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fail(0, "is empty; want settings such as \"name: mine\"")
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		var at *yaml.LoadError
		if errors.As(err, &at) && at.Mark.Line > 0 {
			return nil, fail(at.Mark.Line, "%s", oneLine(at.Message))
		}
		return nil, fail(0, "%s", oneLine(err.Error()))
	}
	top := &doc
	if top.Kind == yaml.DocumentNode && len(top.Content) == 1 {
		top = top.Content[0]
	}
	if top.Kind != yaml.MappingNode {
		return nil, fail(max(1, top.Line), "want settings, one per line, such as \"rounds: 30\"")
	}
	return top.Content[:len(top.Content)&^1], nil
}

// readFile sets what the text says, which must be a job of the table's kind, and validates the whole.
func readFile(file string, text []byte, t table) error {
	fail := func(line int, key, format string, args ...any) error {
		return &FileError{File: file, Line: line, Key: key, Reason: fmt.Sprintf(format, args...)}
	}
	pairs, err := top(file, text)
	if err != nil {
		return err
	}
	lines := map[string]int{}
	for i := 0; i < len(pairs); i += 2 {
		key, v := pairs[i], pairs[i+1]
		name := key.Value
		if key.Kind != yaml.ScalarNode || name != keyKind && !slices.Contains(t.keys, name) {
			hint := "want one of " + strings.Join(t.keys, ", ")
			if like := closest(name, t.keys); like != "" {
				hint = "did you mean " + like + "?"
			}
			return fail(key.Line, name, "unknown key %q; %s", shorten(name, keyMax), hint)
		}
		if lines[name] != 0 {
			return fail(key.Line, name, "%s stands on line %d already", name, lines[name])
		}
		lines[name] = key.Line
		if v.Kind != yaml.ScalarNode || v.Anchor != "" || v.ShortTag() == "!!null" {
			return fail(v.Line, name, "%s wants one plain value", name)
		}
		if name == keyKind {
			if v.Value != t.kind {
				return fail(v.Line, name, "kind is %q; want %s here", shorten(v.Value, keyMax), t.kind)
			}
			continue
		}
		if quoted := v.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0; quoted && t.numeric(name) {
			return fail(v.Line, name, "%s is the text %q; want a number without quotes", name, shorten(v.Value, keyMax))
		}
		if err := t.set(name, v.Value); err != nil {
			return fail(v.Line, name, "%v", err)
		}
	}
	if lines["name"] == 0 {
		return fail(1, "name", "the key name is missing; want a name for the job, such as \"name: mine\"")
	}
	if err := t.validate(); err != nil {
		var bad *ConfigError
		if errors.As(err, &bad) {
			return fail(lines[bad.Key], bad.Key, "%v", err)
		}
		return fail(0, "", "%v", err)
	}
	return nil
}

func shorten(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// oneLine returns a message without line breaks.
func oneLine(s string) string { return shorten(strings.Join(strings.Fields(s), " "), 5*keyMax) }
