package job

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
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
	f, err := os.Open(path)
	if err != nil {
		return Config{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, fileMax+1))
	if err != nil {
		return Config{}, err
	}
	return Parse(path, text)
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
	fail := func(line int, key, format string, args ...any) error {
		return &FileError{File: file, Line: line, Key: key, Reason: fmt.Sprintf(format, args...)}
	}
	if len(text) > fileMax {
		return fail(0, "", "is larger than %d bytes; a job file is a few lines", fileMax)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return fail(0, "", "is empty; want settings such as \"name: mine\"")
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		var at *yaml.LoadError
		if errors.As(err, &at) && at.Mark.Line > 0 {
			return fail(at.Mark.Line, "", "%s", oneLine(at.Message))
		}
		return fail(0, "", "%s", oneLine(err.Error()))
	}
	top := &doc
	if top.Kind == yaml.DocumentNode && len(top.Content) == 1 {
		top = top.Content[0]
	}
	if top.Kind != yaml.MappingNode {
		return fail(max(1, top.Line), "", "want settings, one per line, such as \"rounds: 30\"")
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, v := top.Content[i], top.Content[i+1]
		name := key.Value
		if key.Kind != yaml.ScalarNode || fieldOf(name) == nil {
			hint := "want one of " + strings.Join(Keys(), ", ")
			if like := closest(name); like != "" {
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
		if quoted := v.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0; quoted && numeric(name) {
			return fail(v.Line, name, "%s is the text %q; want a number without quotes", name, shorten(v.Value, keyMax))
		}
		if err := c.Set(name, v.Value); err != nil {
			return fail(v.Line, name, "%v", err)
		}
	}
	if lines["name"] == 0 {
		return fail(1, "name", "the key name is missing; want a name for the job, such as \"name: mine\"")
	}
	if err := c.Validate(); err != nil {
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
