package nodes_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// TestLeaveAndRemoval: a client that leaves ends with 0, for that is what was asked for, whether its process runs or
// not; one that the server's operator removed ends with a code of its own, now and at each later start; both say what
// happened, in a line and an event. A leave used to be an error, and a removal looked like bad input.
func TestLeaveAndRemoval(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	server := start(t, dir, "server", "--json", "--open", "--lan=false", "--dir", in("server"), "--listen", loopback,
		"--rounds", "100000", "--clients", "4")
	at := server.Await(t, "address", isEvent("listening"))
	join := func(name string, more ...string) *started {
		c := start(t, dir, append([]string{"join", at.Addresses[0], "--trust", at.Digest, "--dir", in(name), "--listen",
			loopback}, more...)...)
		server.Await(t, name, isEvent("joined"))
		return c
	}
	speaks, silent, gone := join("c0", "--json"), join("c1", "--json"), join("c2", "--json")
	for _, c := range []*started{speaks, silent, gone} {
		c.Await(t, "a start", isEvent("listening"))
	}

	if o := rhizome(t, "leave", "--dir", in("c0")); o.Code != exitOK || !strings.Contains(o.Out,
		"has left the job digits") {
		t.Errorf("leave: %+v", o)
	}
	if e := speaks.Await(t, "the word that it left", isEvent("left")); !strings.Contains(e.Text,
		"has left the job digits") {
		t.Errorf("%+v", e)
	}
	if code := speaks.End(t); code != exitOK || speaks.Errs.Len() > 0 {
		t.Errorf("a client that left ends with code %d, %s", code, speaks.Errs)
	}

	silent.Cmd.Process.Kill()
	silent.End(t)
	if o := rhizome(t, "leave", "--json", "--dir", in("c1")); o.Code != exitOK || !strings.Contains(o.Out,
		`"done":true`) {
		t.Errorf("leave of a client that is stopped: %+v", o)
	}
	for _, c := range []string{"c0", "c1"} {
		if o := rhizome(t, "join", "--dir", in(c)); o.Code != exitBad || !strings.Contains(o.Err, "--as "+in(c)) {
			t.Errorf("a start after it: %+v", o)
		}
		if o := rhizome(t, "leave", "--dir", in(c)); o.Code != exitBad || !strings.Contains(o.Err, "already") {
			t.Errorf("a second leave: %+v", o)
		}
	}

	if o := rhizome(t, "members", "remove", "client-02", "--dir", in("server")); o.Code != exitOK {
		t.Errorf("remove: %+v", o)
	}
	for range 2 {
		if e := gone.Await(t, "the word that it was removed", isEvent("removed")); !strings.Contains(e.Text,
			"has removed this client") {
			t.Errorf("%+v", e)
		}
		if code := gone.End(t); code != exitRemoved || !strings.Contains(gone.Errs.String(),
			"has removed this client") {
			t.Errorf("a client that was removed ends with code %d, %s", code, gone.Errs)
		}
		gone = start(t, dir, "join", "--json", "--dir", in("c2"), "--listen", loopback)
	}
	gone.End(t)
	server.Cmd.Process.Kill()
}

// TestInvitedSitesAreListed: a site that has an invitation of its name is among the members as one that is invited,
// while the server runs and when it does not, until the invitation is used, over or revoked.
func TestInvitedSitesAreListed(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	server := start(t, dir, "server", "--json", "--lan=false", "--dir", in("server"), "--listen", loopback, "--rounds",
		"100000", "--clients", "2")
	server.Await(t, "address", isEvent("listening"))
	if o := rhizome(t, "invite", "--name", "clinic-3", "--dir", in("server")); o.Code != exitOK {
		t.Fatalf("invite: %+v", o)
	}
	var listed struct {
		Invited []struct{ ID, Name, State string }
	}
	for _, running := range []bool{true, false} {
		if !running {
			server.Cmd.Process.Kill()
			server.End(t)
		}
		if o := rhizome(t, "members", "--dir", in("server")); o.Code != exitOK || !strings.Contains(o.Out,
			"clinic-3  invited") {
			t.Errorf("running %v: %+v", running, o)
		}
		o := rhizome(t, "members", "--json", "--dir", in("server"))
		if err := json.Unmarshal([]byte(o.Out), &listed); err != nil || len(listed.Invited) != 1 ||
			listed.Invited[0].Name != "clinic-3" {
			t.Fatalf("running %v: %+v %v", running, o, err)
		}
	}
	if o := rhizome(t, "invite", "revoke", listed.Invited[0].ID, "--dir", in("server")); o.Code != exitOK {
		t.Fatalf("revoke: %+v", o)
	}
	if o := rhizome(t, "members", "--dir", in("server")); o.Code != exitOK || strings.Contains(o.Out, "clinic-3") {
		t.Errorf("after it was revoked: %+v", o)
	}
}
