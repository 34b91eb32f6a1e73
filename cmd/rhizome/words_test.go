package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/job"
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
		{"rhizome peer gossip runs a node of it", []string{"server", "gossip"}},
		{"runs by rhizome peer " + in("g.yaml"), []string{"run", in("g.yaml")}},
		{"runs by rhizome run digits", []string{"peer", "digits"}},
		{"runs by rhizome run " + in("f.yaml"), []string{"peer", in("f.yaml")}},
		{"--part is 2; want 0 to 1", []string{"data", "digits", "--part", "2", "--of", "2", "-o", in("x.csv")}},
		{"--of is 0; want 1 or more", []string{"data", "digits", "--of", "0", "-o", in("x.csv")}},
	} {
		if o := rhizome(t, c.args...); o.Code != exitBad || !strings.Contains(o.Err, c.want) ||
			strings.Count(o.Err, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q; want %q", c.args, o.Code, o.Err, c.want)
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
	// another part in the place of one; the same again
	for code, args := range map[int][]string{exitBad: {"--part", "1"}, 0: {"--part", "0"}} {
		if o := rhizome(t, append([]string{"data", "digits", "--of", "2", "-o", in("part0.csv")},
			args...)...); o.Code != code || code != 0 && !strings.Contains(o.Err, "--force") {
			t.Errorf("%v over a file: exit code %d, %q", args, o.Code, o.Err)
		}
	}
	if o := rhizome(t, "data", "digits", "--of", "2", "--part", "1", "-o", in("part0.csv"), "--force"); o.Code != 0 {
		t.Errorf("--force: %q", o.Err)
	}
	if two := confusion([][]int64{{3, 1}, {0, 4}}, nil); !strings.Contains(plain(two), `class \ seen as`) {
		t.Errorf("two classes are headed %q", plain(two))
	}
}

// TestLinesFitATerminal: no line of a summary is longer than 80 columns, nor one of peers but for an address; an
// address and an id are whole, on lines of their own.
func TestLinesFitATerminal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r")
	o := rhizome(t, "run", "--rounds", "3", "--clients", "2", "--dir", dir)
	for line := range strings.Lines(o.Out) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 && !strings.Contains(line, dir) {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	member := 12
	const id = "12D3KooWPrxJ2ZafEtGToq34sEs7dWTBTSqRdFEP8Vtm7cRUmYhj"
	at := "/ip4/192.0.2.7/udp/41331/quic-v1/p2p/" + id
	var out strings.Builder
	if err := writePeers(&console{out: &out}, true, []deploy.PeerState{
		{Peer: id, Member: &member, Health: "suspected", RTTNs: 123_456_789, Linked: true, Remote: at, Outbox: 1024},
		{Peer: id, Server: true, Addresses: []string{at}},
	}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		switch line = strings.TrimSpace(line); {
		case line == id || line == at:
		case len(line) > 78 || strings.Contains(line, id):
			t.Errorf("%q", line)
		}
	}
	for _, s := range []string{"a\x1b[2Jb", "a\rb", "a\u202eb", "a\u0085b", "a\nb"} { // what a peer said, in a warning
		var shown strings.Builder
		(&lineView{}).warn(&console{err: &shown}, s)
		if got := strings.TrimSuffix(shown.String(), "\n"); strings.ContainsAny(got, "\x1b\r\n\u202e\u0085") {
			t.Errorf("%q is shown as %q", s, got)
		}
	}
}

// TestFullDiskSaysWhatHelps: the words of the system, and what to do.
func TestFullDiskSaysWhatHelps(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("A FULL DISK UNDER THE OUTPUT IS NOT TRIED HERE: there is no /dev/full")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	dir := filepath.Join(t.TempDir(), "run")
	cmd, out, errs := command(t, small(dir)...)
	cmd.Stdout = full
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o := finish(t, cmd, out, errs)
	if o.Code != exitBad || !strings.Contains(o.Err, "no space left on device") || !strings.Contains(o.Err,
		"make room, then give the same command") {
		t.Errorf("exit code %d, %q", o.Code, o.Err)
	}
}

// TestARoundThatLastsIsTold: on a terminal a run says how long it has been at work where nothing else is to be said,
// and nothing after its end.
func TestARoundThatLastsIsTold(t *testing.T) {
	var out strings.Builder
	v := &barView{out: &out, width: 80, rounds: 3, name: "large", last: time.Now(), open: true}
	last := func() string {
		text := out.String()
		return plain(text[strings.LastIndex(text, "\r")+1:])
	}
	if v.look(v.last.Add(time.Second)); out.Len() > 0 {
		t.Errorf("after a second %q is told", out.String())
	}
	if v.look(v.last.Add(12 * time.Second)); !strings.Contains(last(), "large: no round has ended yet, after 12s") {
		t.Errorf("%q", last())
	}
	v.round(job.Round{Number: 1, Accuracy: 0.5})
	if v.look(v.last.Add(5 * time.Second)); !strings.Contains(last(),
		"round 1/3  accuracy 50.0 %  the next lasts, for 5s") {
		t.Errorf("%q", last())
	}
	v.end()
	n := out.Len()
	if v.look(v.last.Add(time.Hour)); out.Len() != n {
		t.Errorf("after the end %q is told", out.String()[n:])
	}
}

// TestArticles: a kind of job is called as people would.
func TestArticles(t *testing.T) {
	for word, want := range map[string]string{"analytics": "An analytics", "federated": "A federated", "": "A "} {
		if got := article(word); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
