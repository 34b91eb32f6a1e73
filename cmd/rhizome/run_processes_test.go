package main

import (
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/deploy/processes"
)

// TestWhatNodesTellInWords: of what the nodes of a run tell, people get the server's waits in words, once and not from
// every client, and nothing for each round; what this program does not know they get as it is.
func TestWhatNodesTellInWords(t *testing.T) {
	const wait = `{"event":"waiting","on":"answers","round":41,"need":2,"have":1,"of":3,"for":[{"name":"client-02","state":"unlinked"}],"waited_s":2}`
	for _, c := range []struct{ node, name, line, want string }{
		{"server", "waiting", wait,
			"round 41 waits for client-02, which is not linked; quorum 2 of 3 is met in 1 more"},
		{"server", "waiting", strings.Replace(wait, `"waited_s":2`, `"waited_s":93,"over":true`, 1),
			"round 41 goes on, after 93 s"},
		{"client-00", "waiting", wait, ""},
		{"server", "figures", `{"event":"figures","round":1}`, ""},
		{"client-00", "failed", `{"event":"failed"}`, ""},
		{"server", "newer", `{"event":"newer"}`, `server: {"event":"newer"}`},
	} {
		if got := spoken(processes.Event{Node: c.node, Name: c.name, Line: []byte(c.line)}); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.node, c.name, got, c.want)
		}
	}
}
