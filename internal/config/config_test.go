package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
)

type sample struct {
	N    int     `json:"n"`
	Name string  `json:"name"`
	Rate float64 `json:"rate"`
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{``, ``},
		{`  `, ``},
		{`{}`, ``},
		{`{"n":3,"name":"a","rate":0.5}`, ``},
		{`{"n":3,"smaples":1}`, `"smaples"`},
		{`{"n":"3"}`, `n`},
		{`{"n":3} {}`, `one object`},
		{`[1]`, `JSON object`},
		{`null`, `JSON object`},
		{`{"n":3`, `EOF`},
	} {
		var s sample
		err := Decode("test config", []byte(c.in), &s)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.in, err)
			}
			continue
		}
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) || e.Of != "test config" {
			t.Errorf("%s: got %v, want an *Error that says %s", c.in, err, c.want)
		}
	}
}

func TestDecodeBound(t *testing.T) {
	var s sample
	if err := Decode("x", make([]byte, BytesMax+1), &s); err == nil {
		t.Error("settings over the bound were read")
	}
}

func TestWithin(t *testing.T) {
	if Within("x", "n", 3, 3, 3) != nil || Within("x", "n", 2, 3, 9) == nil || Within("x", "n", 10, 3, 9) == nil {
		t.Error("the bounds are inclusive")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"n":3,"name":"a","rate":0.5}`))
	f.Add([]byte(`{"n":1e9999}`))
	f.Add([]byte(`{"n":3}{`))
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		var s sample
		_ = Decode("fuzz", b, &s) // must not panic, and must be typed when it refuses
	})
}
