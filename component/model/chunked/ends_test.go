package chunked

import (
	"strings"
	"testing"
)

// TestSettingsOfEnds: what came with ends has no meaning without it.
func TestSettingsOfEnds(t *testing.T) {
	for in, ok := range map[string]bool{
		`{"model":{"mlp":[2,1]},"chunk":2,"ends":true,"drops":true,"withdraws":"pull"}`: true,
		`{"model":{"mlp":[2,1]},"chunk":2,"drops":true}`:                                false,
		`{"model":{"mlp":[2,1]},"chunk":2,"ends":true,"check_ms":5}`:                    false,
	} {
		if _, err := ParseConfig([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// TestShortIsText: what is kept of a stranger's text is bounded, and ends with a whole letter.
func TestShortIsText(t *testing.T) {
	for n := range 12 {
		if got := short("häßlich€", n); len(got) > n || strings.ToValidUTF8(got, "?") != got {
			t.Errorf("%d bytes: %q", n, got)
		}
	}
}
