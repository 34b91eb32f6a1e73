package lives_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestAServerKeeps: a server that was told to keep more snapshots can be forked at rounds that are long over, also when
// another start said nothing of it and a call was done on its directory; so can a run of processes. Both kept two,
// whatever was asked for.
func TestAServerKeeps(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("wide.yaml"), "name: wide\nrounds: 60\nclients: 1\nhidden: 256\n") // some rounds are a snapshot
	serve := func(more ...string) *started {
		return start(t, dir, append([]string{"server", in("wide.yaml"), "--json", "--open", "--lan=false", "--dir",
			in("server"), "--listen", loopback}, more...)...)
	}
	server := serve("--keep", "50")
	at := server.Await(t, "address", isEvent("listening"))
	client := start(t, dir, "join", at.Addresses[0], "--trust", at.Digest, "--dir", in("client"), "--listen", loopback,
		"--json")
	server.Await(t, "round 30", func(e told) bool { return e.Event == "round" && e.Round >= 30 })
	server.Cmd.Process.Kill()
	server.End(t)
	if o := rhizome(t, "allow", "--all", "--dir", in("server")); o.Code != exitOK {
		t.Fatal(o)
	}
	server = serve()
	server.Await(t, "the result", isEvent("done"))
	client.End(t)
	server.End(t)
	if o := rhizome(t, "fork", in("server"), "--at", "3", "--dir", in("fork")); o.Code != exitOK {
		t.Errorf("%+v", o)
	}
	if o := rhizome(t, "server", "--keep", "-1", "--dir", in("other")); o.Code != exitBad || !strings.Contains(o.Err,
		"keep is -1; want 1 to") {
		t.Errorf("%+v", o)
	}
	rhizome(t, "run", in("wide.yaml"), "--processes", "--json", "--keep", "50", "--dir", in("run")).Result(t)
	rhizome(t, "run", in("wide.yaml"), "--processes", "--json", "--dir", in("two")).Result(t)
	if o := rhizome(t, "fork", in("two"), "--at", "3", "--dir", in("of-two")); o.Code != exitBad {
		t.Errorf("without --keep, so that this test says nothing: %+v", o)
	}
	if o := rhizome(t, "fork", in("run"), "--at", "3", "--dir", in("of-run")); o.Code != exitOK {
		t.Errorf("%+v", o)
	}
}
