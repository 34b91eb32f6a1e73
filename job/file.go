package job

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// FileError says what is wrong with a job file, and where.
type FileError = strictyaml.Error

// table is what reading a job file knows of the settings of a kind of job.
type Table struct {
	Kind     string
	Keys     []string
	Numeric  func(key string) bool
	Set      func(key, text string) error
	Validate func() error
}

// example is a line of a job file.
const example = "name: mine"

// take sets one setting.
func (t *Table) take(key string, v strictyaml.Value) error {
	text, err := v.Text()
	switch {
	case err != nil:
		return err
	case key == KeyKind && text != t.Kind:
		return v.Fail("kind is %q; want %s here%s", strictyaml.Shorten(text, strictyaml.KeyMax), t.Kind, Instead(text, v.File()))
	case key == KeyKind:
		return nil
	case v.Quoted() && t.Numeric(key):
		return v.Fail("%s is the text %q; want a number without quotes", key, strictyaml.Shorten(text, strictyaml.KeyMax))
	}
	if err := t.Set(key, text); err != nil {
		return v.Fail("%v", err)
	}
	return nil
}

// instead names the commands that take a job of another kind.
func Instead(kind, file string) string {
	switch kind {
	case KindGossip:
		return fmt.Sprintf("; a job without a server runs by rhizome peer %s, or rhizome sim %s", file, file)
	case KindFederated:
		return fmt.Sprintf("; a job with a server runs by rhizome run %s, server or sim", file)
	}
	return ""
}

// readFile sets what the text says, which must be a job of the table's kind, and validates the whole.
func ReadFile(file string, text []byte, t Table) error {
	fail := func(line int, key, format string, args ...any) error {
		return &FileError{File: file, Line: line, Key: key, Reason: fmt.Sprintf(format, args...)}
	}
	top, err := strictyaml.Top(file, text, example)
	if err != nil {
		return err
	}
	lines := map[string]int{}
	var fields []strictyaml.Field
	for _, key := range append(slices.Clone(t.Keys), KeyKind) {
		fields = append(fields, strictyaml.Field{Key: key, Take: func(v strictyaml.Value) error {
			lines[key] = v.Line()
			return t.take(key, v)
		}})
	}
	if err := top.Mapping(fields...); err != nil {
		return err
	}
	if lines["name"] == 0 {
		return fail(1, "name", "the key name is missing; want a name for the job, such as \"name: mine\"")
	}
	if err := t.Validate(); err != nil {
		var bad *ConfigError
		if errors.As(err, &bad) {
			return fail(lines[bad.Key], bad.Key, "%v", err)
		}
		return fail(0, "", "%v", err)
	}
	return nil
}
