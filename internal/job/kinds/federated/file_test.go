package federated

import (
	"errors"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/strictyaml"
)

// TestParseRefuses gives job files that are wrong, and expects the line and the key that are.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		text string
		line int
		key  string
	}{
		{"", 0, ""},
		{"   \n# nothing\n", 0, ""},
		{"just text", 1, ""},
		{"- name: mine\n", 1, ""},
		{"rounds: 3\n", 1, "name"},
		{"name: mine\nround: 3\n", 2, "round"},
		{"name: mine\n\n# a remark\ncolour: blue\n", 4, "colour"},
		{"name: mine\nrounds: three\n", 2, "rounds"},
		{"name: mine\nrounds: 3.5\n", 2, "rounds"},
		{"name: mine\nrounds: \"3\"\n", 2, "rounds"},
		{"name: mine\nrounds:\n", 2, "rounds"},
		{"name: mine\nrounds: [1, 2]\n", 2, "rounds"},
		{"name: mine\nrounds: {a: 1}\n", 2, "rounds"},
		{"name: &n mine\n", 1, "name"},
		{"name: mine\nseed: -1\n", 2, "seed"},
		{"name: mine\nheartbeat: soon\n", 2, "heartbeat"},
		{"name: mine\nlearning_rate: .nan\n", 2, "learning_rate"},
		{"name: mine\nepochs: 0\nbatch: 4\n", 2, "epochs"},
		{"name: MINE\n", 1, "name"},
	} {
		_, err := job.Parse(Kind{}, "mine.yaml", []byte(c.text))
		var e *job.FileError
		if !errors.As(err, &e) || e.Line != c.line || e.Key != c.key || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: line %d, key %q, want line %d, key %q: %v", c.text, line(e), key(e), c.line, c.key, err)
		}
	}
	if _, err := job.Parse(Kind{}, "big.yaml", make([]byte, strictyaml.BytesMax+1)); err == nil {
		t.Error("a large file was read")
	}
}

func line(e *job.FileError) int {
	if e == nil {
		return -1
	}
	return e.Line
}

func key(e *job.FileError) string {
	if e == nil {
		return "?"
	}
	return e.Key
}

// TestParseHostile gives what makes careless readers of YAML work or allocate without end (trap hostile-length).
func TestParseHostile(t *testing.T) {
	laughs := "a: &a [x, x, x, x, x, x, x, x]\n"
	for i := 'b'; i < 'k'; i++ {
		laughs += string(i) + ": &" + string(i) + " [" + strings.Repeat("*"+string(i-1)+", ", 8) + "x]\n"
	}
	for name, text := range map[string]string{
		"laughs": laughs,
		"deep":   strings.Repeat("[", 30_000),
		"nested": strings.Repeat("{a: ", 10_000),
		"merge":  "<<: {name: mine}\n",
		"docs":   "name: mine\n---\nname: other\n",
		"binary": "name: \x00\xff\n",
		"tag":    "name: !!binary aGVsbG8=\n",
	} {
		if c, err := job.Parse(Kind{}, "x.yaml", []byte(text)); err == nil {
			t.Errorf("%s: %+v", name, c)
		} else if len(err.Error()) > 600 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: an error of %d bytes: %.100q", name, len(err.Error()), err)
		}
	}
}

// FuzzParse never panics, and what it accepts is valid and reads back.
func FuzzParse(f *testing.F) {
	text, err := builtinFiles.ReadFile("builtin/digits.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("name: mine\nround: 3\n"))
	fuzzing.Run(f, func(t *testing.T, text []byte) {
		c, err := job.Parse(Kind{}, "mine.yaml", text)
		if err != nil {
			var e *job.FileError
			if !errors.As(err, &e) {
				t.Fatalf("an error of another type: %v", err)
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}
