package job

import (
	"errors"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// FileError says what is wrong with a job file, and where.
type FileError = strictyaml.Error

// KeyKind is the key by which a job file says its kind; it is no setting.
const KeyKind = "kind"

// example is a line of a job file.
const example = "name: mine"

// KindIn returns the kind that a job file says, and whether it says one. It reads no more of the file than that; errors
// are *FileError.
func KindIn(file string, text []byte) (v strictyaml.Value, ok bool, err error) {
	top, err := strictyaml.Top(file, text, example)
	if err != nil {
		return v, false, err
	}
	v, ok = top.Find(KeyKind)
	return v, ok, nil
}

// Parse reads a job of a kind in YAML: one flat mapping of settings. Settings that are not there are those of the
// kind's Default, but the name must be. Errors are *FileError: an unknown key is named with its line, as are a key that
// stands twice and a value of another type or out of its range. Anchors, aliases and nested values are refused.
func Parse(k Kind, file string, text []byte) (Job, error) {
	top, err := strictyaml.Top(file, text, example)
	if err != nil {
		return nil, err
	}
	j := k.Default()
	lines := map[string]int{}
	fields := []strictyaml.Field{{Key: KeyKind, Take: func(v strictyaml.Value) error {
		lines[KeyKind] = v.Line()
		if text, err := v.Text(); err != nil || text != k.Name() {
			return v.Fail("kind is %q; want %s here", strictyaml.Shorten(text, strictyaml.KeyMax), k.Name())
		}
		return nil
	}}}
	for _, key := range k.Keys() {
		fields = append(fields, strictyaml.Field{Key: key.Name, Take: func(v strictyaml.Value) error {
			lines[key.Name] = v.Line()
			text, err := v.Text()
			if err != nil {
				return err
			}
			if v.Quoted() && key.Number {
				return v.Fail("%s is the text %q; want a number without quotes", key.Name,
					strictyaml.Shorten(text, strictyaml.KeyMax))
			}
			changed, err := j.Change(key.Name, text)
			if err != nil {
				return v.Fail("%v", err)
			}
			j = changed
			return nil
		}})
	}
	if err := top.Mapping(append(fields[1:], fields[0])...); err != nil {
		return nil, err
	}
	fail := func(line int, key, format string, args ...any) error {
		return &FileError{File: file, Line: line, Key: key, Reason: fmt.Sprintf(format, args...)}
	}
	if lines["name"] == 0 {
		return nil, fail(1, "name", "the key name is missing; want a name for the job, such as \"name: mine\"")
	}
	if err := j.Validate(); err != nil {
		var bad *ConfigError
		if errors.As(err, &bad) {
			return nil, fail(lines[bad.Key], bad.Key, "%v", err)
		}
		return nil, fail(0, "", "%v", err)
	}
	return j, nil
}
