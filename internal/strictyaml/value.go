package strictyaml

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// depthMax bounds how deep values nest.
const depthMax = 8

// Value is one value of a file.
type Value struct {
	file  string
	key   string // that it stands under
	node  *yaml.Node
	depth int
}

// Field is a key of a mapping, and what takes its value. Take returns an *Error, mostly one of Value.Fail.
type Field struct {
	Key   string
	Take  func(Value) error
	Other bool // a name that is not told where the keys are
}

// Line returns the line on which the value begins.
func (v Value) Line() int { return v.node.Line }

// File returns the file's name.
func (v Value) File() string { return v.file }

// Fail returns the error that says what is wrong with the value.
func (v Value) Fail(format string, args ...any) error {
	return &Error{File: v.file, Line: v.node.Line, Key: v.key, Reason: fmt.Sprintf(format, args...)}
}

// IsMapping says whether the value has keys of its own.
func (v Value) IsMapping() bool { return v.node.Kind == yaml.MappingNode }

// IsList says whether the value is a list.
func (v Value) IsList() bool { return v.node.Kind == yaml.SequenceNode }

// Quoted says whether the value stands in quotes.
func (v Value) Quoted() bool {
	return v.node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0
}

// Find returns the value of a key of a mapping, before anything else of it is checked.
func (v Value) Find(key string) (Value, bool) {
	for i := 0; v.IsMapping() && i+1 < len(v.node.Content); i += 2 {
		if v.node.Content[i].Value == key {
			return Value{v.file, key, v.node.Content[i+1], v.depth + 1}, true
		}
	}
	return Value{}, false
}

// Mapping takes the values of a mapping, in the order of the file. A key that is not there keeps what it was.
func (v Value) Mapping(fields ...Field) error {
	if !v.plainMapping() {
		return v.Fail("%s wants keys of its own: %s", v.key, strings.Join(keysOf(fields), ", "))
	}
	return v.entries(func(key *yaml.Node, value Value) error {
		f := fieldOf(fields, key)
		if f == nil {
			at := Value{v.file, key.Value, key, v.depth + 1}
			return at.Fail("unknown key %q; %s", Shorten(key.Value, KeyMax), Hint(key.Value, keysOf(fields)))
		}
		return f.Take(value)
	})
}

// MappingAndRest is Mapping, and returns the entries that no field takes as a JSON object with sorted keys, nil where
// there are none: plain values, lists and mappings of them.
func (v Value) MappingAndRest(fields ...Field) ([]byte, error) {
	rest := map[string]any{}
	err := v.Entries(func(key string, value Value) error {
		if i := slices.IndexFunc(fields, func(f Field) bool { return f.Key == key }); i >= 0 {
			return fields[i].Take(value)
		}
		var err error
		rest[key], err = value.plain()
		return err
	})
	if err != nil || len(rest) == 0 {
		return nil, err
	}
	b, err := json.Marshal(rest)
	if err != nil {
		return nil, v.Fail("%s: %v", v.key, err)
	}
	return b, nil
}

// plain returns a value as encoding/json takes it.
func (v Value) plain() (any, error) {
	switch {
	case v.IsMapping():
		out := map[string]any{}
		err := v.Entries(func(key string, value Value) error {
			var err error
			out[key], err = value.plain()
			return err
		})
		return out, err
	case v.IsList():
		out := []any{}
		err := v.List(entriesMax, func(value Value) error {
			x, err := value.plain()
			out = append(out, x)
			return err
		})
		return out, err
	}
	text, err := v.Text()
	if err != nil || v.Quoted() {
		return text, err
	}
	if text == "true" || text == "false" {
		return text == "true", nil
	}
	if json.Valid([]byte(text)) { // a number, as it stands
		return json.Number(text), nil
	}
	return text, nil
}

// entriesMax bounds a mapping or a list of plain values.
const entriesMax = 1 << 16

// Entries takes the entries of a mapping one by one, in the order of the file.
func (v Value) Entries(take func(key string, value Value) error) error {
	if !v.plainMapping() {
		return v.Fail("%s wants keys of its own", v.key)
	}
	return v.entries(func(key *yaml.Node, value Value) error {
		if key.Kind != yaml.ScalarNode {
			return v.Fail("%s has a key that is no word", v.key)
		}
		return take(key.Value, value)
	})
}

func (v Value) plainMapping() bool {
	return v.IsMapping() && v.node.Anchor == "" && v.depth <= depthMax
}

// entries takes the entries of a mapping, whose keys must be different.
func (v Value) entries(take func(key *yaml.Node, value Value) error) error {
	lines := map[string]int{}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key, value := v.node.Content[i], v.node.Content[i+1]
		if lines[key.Value] != 0 {
			return Value{v.file, key.Value, key, v.depth + 1}.Fail("%s stands on line %d already", key.Value,
				lines[key.Value])
		}
		lines[key.Value] = key.Line
		if err := take(key, Value{v.file, key.Value, value, v.depth + 1}); err != nil {
			return err
		}
	}
	return nil
}

func fieldOf(fields []Field, key *yaml.Node) *Field {
	for i := range fields {
		if key.Kind == yaml.ScalarNode && key.Value == fields[i].Key {
			return &fields[i]
		}
	}
	return nil
}

func keysOf(fields []Field) []string {
	out := make([]string, 0, len(fields))
	for _, f := range fields {
		if !f.Other {
			out = append(out, f.Key)
		}
	}
	return out
}

// List takes the values of a list, of which there are at most so many.
func (v Value) List(most int, take func(Value) error) error {
	if v.node.Kind != yaml.SequenceNode || v.node.Anchor != "" || v.depth > depthMax {
		return v.Fail("%s wants a list", v.key)
	}
	if len(v.node.Content) > most {
		return v.Fail("%s has %d entries; want at most %d", v.key, len(v.node.Content), most)
	}
	for _, n := range v.node.Content {
		if err := take(Value{v.file, v.key, n, v.depth + 1}); err != nil {
			return err
		}
	}
	return nil
}

// Text returns a plain value as it stands in the file.
func (v Value) Text() (string, error) {
	if v.node.Kind != yaml.ScalarNode || v.node.Anchor != "" || v.node.ShortTag() == "!!null" {
		return "", v.Fail("%s wants one plain value", v.key)
	}
	return v.node.Value, nil
}

// Number takes a number from lo to hi.
func Number(p *float64, lo, hi float64) func(Value) error {
	return func(v Value) error {
		text, err := v.Text()
		if err != nil {
			return err
		}
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(x) || x < lo || x > hi {
			return v.Fail("%s is %q; want a number from %v to %v", v.key, Shorten(text, KeyMax), lo, hi)
		}
		*p = x
		return nil
	}
}

// Whole takes a whole number from lo to hi.
func Whole(p *int64, lo, hi int64) func(Value) error {
	return func(v Value) error {
		text, err := v.Text()
		if err != nil {
			return err
		}
		x, err := strconv.ParseInt(text, 10, 64)
		if err != nil || x < lo || x > hi {
			return v.Fail("%s is %q; want a whole number from %d to %d", v.key, Shorten(text, KeyMax), lo, hi)
		}
		*p = x
		return nil
	}
}

// Span takes a time span from lo to hi.
func Span(p *time.Duration, lo, hi time.Duration) func(Value) error {
	return func(v Value) error {
		text, err := v.Text()
		if err != nil {
			return err
		}
		x, err := time.ParseDuration(text)
		if err != nil || x < lo || x > hi {
			return v.Fail("%s is %q; want a time span such as 20ms or 1m30s, from %v to %v", v.key,
				Shorten(text, KeyMax), lo, hi)
		}
		*p = x
		return nil
	}
}

// Flag takes true or false.
func Flag(p *bool) func(Value) error {
	return func(v Value) error {
		text, err := v.Text()
		if err != nil {
			return err
		}
		if text != "true" && text != "false" {
			return v.Fail("%s is %q; want true or false", v.key, Shorten(text, KeyMax))
		}
		*p = text == "true"
		return nil
	}
}

// Word takes one of the words.
func Word(p *string, words ...string) func(Value) error {
	return func(v Value) error {
		text, err := v.Text()
		if err != nil {
			return err
		}
		for _, w := range words {
			if text == w {
				*p = w
				return nil
			}
		}
		return v.Fail("%s is %q; %s", v.key, Shorten(text, KeyMax), Hint(text, words))
	}
}
