package job

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// Parse reads a job of a kind in YAML: a mapping of settings, some of which may stand in a group (data: {train: …,
// label: …}) or have settings of their own (optimizer: {adamw: {rate: 0.001}}). Settings that are not there are those
// of the kind's Default, but the name must be. Errors are *FileError: an unknown key is named with its line, as are a
// key that stands twice and a value of another type or out of its range. Anchors and aliases are refused.
func Parse(k Kind, file string, text []byte) (Job, error) {
	j, _, err := ParseNoted(k, file, text)
	return j, err
}

// ParseNoted is Parse, and returns a note for each setting that the file says by another name; see Word.
func ParseNoted(k Kind, file string, text []byte) (j Job, notes []string, err error) {
	top, err := strictyaml.Top(file, text, example)
	if err != nil {
		return nil, nil, err
	}
	r := &reading{kind: k, job: k.Default(), lines: map[string]int{}}
	if err := r.top(top); err != nil {
		return nil, nil, err
	}
	fail := func(line int, key, format string, args ...any) error {
		return &FileError{File: file, Line: line, Key: key, Reason: fmt.Sprintf(format, args...)}
	}
	if r.lines["name"] == 0 {
		return nil, nil, fail(1, "name", "the key name is missing; want a name for the job, such as \"name: mine\"")
	}
	if err := r.job.Validate(); err != nil {
		var bad *ConfigError
		if errors.As(err, &bad) {
			return nil, nil, fail(r.lines[bad.Key], bad.Key, "%v", err)
		}
		return nil, nil, fail(0, "", "%v", err)
	}
	return r.job, r.notes, nil
}

// reading is a job file while it is read.
type reading struct {
	kind  Kind
	job   Job
	lines map[string]int // on which each setting stands
	notes []string       // of settings that stand there by another name
}

// top takes the file as a whole.
func (r *reading) top(top strictyaml.Value) error {
	groups := map[string][]Key{}
	var fields []strictyaml.Field
	for _, key := range r.kind.Keys() {
		if key.Brought {
			continue
		}
		if group, _, ok := strings.Cut(key.In, "."); ok {
			groups[group] = append(groups[group], key)
		}
		fields = append(fields, strictyaml.Field{Key: key.Name, Take: func(v strictyaml.Value) error {
			if inner := groups[key.Name]; inner != nil && v.IsMapping() {
				return r.group(v, inner)
			}
			return r.take(key, v)
		}})
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		if !slices.ContainsFunc(fields, func(f strictyaml.Field) bool { return f.Key == name }) {
			fields = append(fields, strictyaml.Field{Key: name, Take: func(v strictyaml.Value) error {
				return r.group(v, groups[name])
			}})
		}
	}
	fields = append(fields, strictyaml.Field{Key: KeyKind, Take: r.ofKind})
	return top.Mapping(append(fields, r.others(r.kind.Keys())...)...)
}

// ofKind takes the kind, which was chosen before.
func (r *reading) ofKind(v strictyaml.Value) error {
	r.lines[KeyKind] = v.Line()
	if text, err := v.Text(); err != nil || text != r.kind.Name() {
		return v.Fail("kind is %q; want %s here", strictyaml.Shorten(text, strictyaml.KeyMax), r.kind.Name())
	}
	return nil
}

// group takes the settings of a group. What it does not know goes to the setting that takes the rest, where there is
// one.
func (r *reading) group(v strictyaml.Value, keys []Key) error {
	var fields []strictyaml.Field
	var rest *Key
	for _, key := range keys {
		_, name, _ := strings.Cut(key.In, ".")
		if name == "*" {
			rest = &key
			continue
		}
		fields = append(fields, strictyaml.Field{Key: name, Take: func(v strictyaml.Value) error {
			return r.take(key, v)
		}})
	}
	if rest == nil {
		return v.Mapping(append(fields, r.others(keys)...)...)
	}
	others, err := v.MappingAndRest(fields...)
	if err != nil || others == nil {
		return err
	}
	if line := r.lines[rest.Name]; line != 0 {
		return v.Fail("%s stands on line %d already", rest.Name, line)
	}
	r.lines[rest.Name] = v.Line()
	return r.change(v, rest.Name, string(others))
}

// take takes the value of one setting.
func (r *reading) take(key Key, v strictyaml.Value) error {
	if line := r.lines[key.Name]; line != 0 {
		return v.Fail("%s stands on line %d already", key.Name, line)
	}
	r.lines[key.Name] = v.Line()
	text, err := textOf(key, v)
	if err != nil {
		return err
	}
	if v.Quoted() && key.Number {
		return v.Fail("%s is the text %q; want a number without quotes", key.Name,
			strictyaml.Shorten(text, strictyaml.KeyMax))
	}
	return r.change(v, key.Name, text)
}

// change sets a setting.
func (r *reading) change(v strictyaml.Value, key, text string) error {
	changed, err := r.job.Change(key, text)
	if err != nil {
		return v.Fail("%v", err)
	}
	r.job = changed
	return nil
}

// listMost bounds a list of words.
const listMost = 256

// textOf returns the value of a setting as text, as Change takes it.
func textOf(key Key, v strictyaml.Value) (string, error) {
	switch {
	case key.List && v.IsList():
		var words []string
		err := v.List(listMost, func(v strictyaml.Value) error {
			text, err := v.Text()
			if err == nil && strings.Contains(text, ",") {
				err = v.Fail("%s has the entry %q; want entries without commas", key.Name, text)
			}
			words = append(words, text)
			return err
		})
		return strings.Join(words, ","), err
	case key.Choice && v.IsMapping():
		return choice(v)
	case key.Object && v.IsMapping():
		b, err := v.MappingAndRest()
		return string(b), err
	}
	return v.Text()
}

// choice returns {name: {setting: value}} or {name: value} as "name setting=value" or "name value".
func choice(v strictyaml.Value) (string, error) {
	var out []string
	err := v.Entries(func(name string, v strictyaml.Value) error {
		if out = append(out, name); len(out) > 1 {
			return v.Fail("there is a second name, %q; want one name with its settings", name)
		}
		if !v.IsMapping() {
			text, err := v.Text()
			out[0] += " " + text
			return err
		}
		return v.Entries(func(key string, v strictyaml.Value) error {
			text, err := v.Text()
			out[0] += " " + key + "=" + text
			return err
		})
	})
	return strings.Join(out, ""), err
}
