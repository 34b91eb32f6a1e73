package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestWordsThatLead: each refusal names the command that takes what was given.
func TestWordsThatLead(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("g.yaml"), "name: mine\nkind: gossip\n")
	write(t, in("f.yaml"), "name: mine\nkind: federated\n")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"rhizome peer gossip runs a node of it", []string{"run", "gossip"}},
		{"rhizome peer gossip runs a node of it", []string{"compile", "gossip"}},
		{"rhizome peer gossip runs a node of it", []string{"server", "gossip"}},
		{"runs by rhizome peer " + in("g.yaml"), []string{"run", in("g.yaml")}},
		{"runs by rhizome run digits", []string{"peer", "digits"}},
		{"runs by rhizome run " + in("f.yaml"), []string{"peer", in("f.yaml")}},
		{"--part is 2; want 0 to 1", []string{"data", "digits", "--part", "2", "--of", "2", "-o", in("x.csv")}},
		{"--of is 0; want 1 or more", []string{"data", "digits", "--of", "0", "-o", in("x.csv")}},
	} {
		if o := rhizome(t, c.args...); o.code != exitBad || !strings.Contains(o.err, c.want) || strings.Count(o.err, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q; want %q", c.args, o.code, o.err, c.want)
		}
	}
	var d struct {
		File   string
		Images int
	}
	jsonOf(t, rhizome(t, "data", "digits", "--part", "0", "--of", "2", "-o", in("part0.csv"), "--json"), &d)
	if d.File != in("part0.csv") || d.Images < 100 {
		t.Errorf("data --json tells %+v", d)
	}
	if two := confusion([][]int64{{3, 1}, {0, 4}}); !strings.Contains(plain(two), `class \ seen as`) {
		t.Errorf("two classes are headed %q", plain(two))
	}
}
