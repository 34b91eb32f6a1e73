package strictyaml

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestClosest(t *testing.T) {
	keys := []string{"name", "rounds", "clients", "learning_rate"}
	for key, want := range map[string]string{"round": "rounds", "Clients": "clients", "learningrate": "learning_rate",
		"colour": "", "": ""} {
		if got := Closest(key, keys); got != want {
			t.Errorf("%q is like %q, want %q", key, got, want)
		}
	}
}

// thing is what the files of the tests describe.
type thing struct {
	share float64
	many  int64
	span  time.Duration
	on    bool
	kind  string
	parts []float64
}

func read(text string) (thing, error) {
	var x thing
	top, err := Top("f.yaml", []byte(text), "many: 3")
	if err != nil {
		return x, err
	}
	inner := func(v Value) error {
		return v.Mapping(Field{Key: "share", Take: Number(&x.share, 0, 1)},
			Field{Key: "kind", Take: Word(&x.kind, "round", "square")},
			Field{Key: "form", Take: Word(&x.kind, "round", "square"), Other: true})
	}
	return x, top.Mapping(
		Field{Key: "many", Take: Whole(&x.many, 1, 9)}, Field{Key: "span", Take: Span(&x.span, 0, time.Hour)},
		Field{Key: "on", Take: Flag(&x.on)},
		Field{Key: "inner", Take: inner},
		Field{Key: "parts", Take: func(v Value) error {
			return v.List(3, func(v Value) error {
				x.parts = append(x.parts, 0)
				return Number(&x.parts[len(x.parts)-1], 0, 9)(v)
			})
		}})
}

func TestValuesAreTaken(t *testing.T) {
	x, err := read("many: 3\nspan: 1m30s\non: true\ninner: {share: 0.5, kind: square}\nparts: [1, 2.5]\n")
	if err != nil || x.many != 3 || x.span != 90*time.Second || !x.on || x.share != 0.5 || x.kind != "square" ||
		len(x.parts) != 2 || x.parts[1] != 2.5 {
		t.Errorf("%+v, %v", x, err)
	}
	if x, err := read("inner: {form: square}\n"); err != nil || x.kind != "square" {
		t.Errorf("by another name: %+v, %v", x, err)
	}
}

func TestRefusalsNameThePlace(t *testing.T) {
	for _, c := range []struct {
		text string
		line int
		key  string
		want string
	}{
		{"", 0, "", "is empty"},
		{"- 3", 1, "", "want settings"},
		{"many: [", 2, "", ""},
		{"many: 3\n---\nmany: 4\n", 2, "", `begins a second document; want one file for each, with no "---"`},
		{"# a\n---\r\nmany: 3\r\n\r\n--- # more\r\nmany: 4\r\n", 5, "", "begins a second document"},
		{"many: 3\n...\nmany: 4\n", 2, "", "begins a second document"},
		{"many: 3\nmanny: 3", 2, "manny", "did you mean many?"},
		{"many: 3\ncolour: red", 2, "colour", "want one of many, span"},
		{"many: 3\nmany: 4", 2, "many", "on line 1 already"},
		{"many: 30", 1, "many", "from 1 to 9"},
		{"many:", 1, "many", "one plain value"},
		{"many: &a 3", 1, "many", "one plain value"},
		{"span: 3", 1, "span", "a time span"},
		{"on: yes", 1, "on", "true or false"},
		{"inner: 3", 1, "inner", "keys of its own: share, kind"},
		{"inner:\n  share: 2", 2, "share", "from 0 to 1"},
		{"inner:\n  share: NaN", 2, "share", "from 0 to 1"},
		{"inner:\n  kind: rund", 2, "kind", "did you mean round?"},
		{"parts: 3", 1, "parts", "wants a list"},
		{"parts: [1, 2, 3, 4]", 1, "parts", "at most 3"},
		{"parts:\n  - 1\n  - [2]", 3, "parts", "one plain value"},
		{strings.Repeat("# no\n", BytesMax/5+1), 0, "", "is larger than"},
	} {
		_, err := read(c.text)
		var e *Error
		if !errors.As(err, &e) || e.File != "f.yaml" || e.Line != c.line || e.Key != c.key ||
			!strings.Contains(e.Reason, c.want) {
			t.Errorf("%.40q: %v, want line %d, key %q, %q", c.text, err, c.line, c.key, c.want)
		}
	}
}
