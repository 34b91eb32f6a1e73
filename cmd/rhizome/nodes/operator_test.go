package nodes_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/deploy"
)

// TestOperator blocks, unblocks and allows peers at a server that runs and, killed, at its directory; a call from afar
// needs the right to. What was called is there after a restart.
func TestOperator(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	ids := map[string]string{}
	for _, name := range []string{"client0", "operator", "nobody"} {
		ids[name] = strings.TrimSpace(rhizome(t, "id", "--new", "--dir", in(name)).Out)
	}
	serve := []string{"server", "--json", "--dir", in("server"), "--listen", loopback, "--clients", "2", "--operator",
		ids["operator"]}
	server := start(t, dir, serve...)
	at := server.Await(t, "address", isEvent("listening"))
	client := start(t, dir, "join", "--json", "--dir", in("client0"), "--listen", loopback,
		server.Await(t, "invitation", isEvent("invitation")).Invitation)
	server.Await(t, "client", isEvent("joined"))
	client.Await(t, "start", isEvent("listening"))

	health := func(want string) {
		t.Helper()
		var all struct{ Peers []deploy.PeerState }
		// a node knows of a link a little later than it is told, and of a late answer it thinks ill for a while
		for until := time.Now().Add(commandtest.Patience()); time.Now().Before(until); {
			jsonOf(t, rhizome(t, "peers", "--json", "--dir", in("server")), &all)
			if slices.ContainsFunc(all.Peers, func(p deploy.PeerState) bool {
				return string(p.Peer) == ids["client0"] && p.Health == want && p.Member != nil && *p.Member == 0
			}) {
				return
			}
		}
		t.Errorf("the client is not %s in %+v", want, all)
	}
	call := func(code int, want string, args ...string) {
		t.Helper()
		if o := rhizome(t, args...); o.Code != code || !strings.Contains(o.Out+o.Err, want) ||
			strings.Count(o.Err, "\n") > 1 {
			t.Errorf("%v: exit code %d, %q, %q; want %d and %q", args, o.Code, o.Out, o.Err, code, want)
		}
	}
	call(exitOK, "done", "block", ids["client0"], "--dir", in("server"))
	server.Await(t, "end of the link", func(e told) bool {
		return e.Event == "link" && e.Peer == ids["client0"] &&
			!e.Up
	})
	health("blocked")
	call(exitBad, "denied (right)", "unblock", ids["client0"], "--dir", in("nobody"), "--at", at.Addresses[0])
	call(exitBad, "denied (right)", "status", "--dir", in("nobody"), "--at", at.Addresses[0])
	health("blocked")
	commandtest.RunUntil(t, "the server's status", func(o commandtest.Outcome) bool {
		var s deploy.Status
		return json.Unmarshal([]byte(o.Out), &s) == nil && string(s.Peer) == at.Peer && s.Running &&
			s.Role == deploy.RoleServer && s.Blocked == 1 && s.Incarnation == 1
	}, "status", "--json", "--dir", in("operator"), "--at", at.Addresses[0])
	call(exitBad, "denied (right)", "allow", ids["nobody"], "--dir", in("nobody"), "--at", at.Addresses[0])
	server.Cmd.Process.Kill()
	server.End(t)

	health("blocked")
	call(exitOK, "done", "unblock", ids["client0"], "--dir", in("server"))
	call(exitBad, "denied (unknown)", "unblock", ids["client0"], "--dir", in("server"))
	call(exitOK, "done", "allow", "--none", "--dir", in("server"))
	health("refused")
	call(exitOK, "done", "allow", ids["client0"], "--dir", in("server"))
	call(exitBad, "holds no node", "status", "--dir", dir)
	call(exitBad, "is not there", "status", "--dir", in("none"))
	call(exitBad, "peer id", "block", "somebody", "--dir", in("server"))
	server = start(t, dir, serve...)
	server.Await(t, "address", isEvent("listening"))
	server.Await(t, "client again", func(e told) bool { return e.Event == "link" && e.Peer == ids["client0"] && e.Up })
	health("up")
	if o := rhizome(t, "status", "--dir", in("nobody"), "--at", at.Addresses[0]); o.Code != exitBad {
		t.Errorf("a peer that is not on the allowlist: %+v", o)
	}
}

// TestPeersOfANodeThatStopped: nobody is up for a node that does not run.
func TestPeersOfANodeThatStopped(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	if o := rhizome(t, "run", "--json", "--rounds", "2", "--clients", "2", "--dir", run); o.Code != exitOK {
		t.Fatal(o)
	}
	o := rhizome(t, "peers", "--dir", run)
	if o.Code != exitOK || !strings.HasPrefix(o.Out, "the node does not run; so it was at its end:\n") ||
		strings.Contains(o.Out, ", up") || strings.Contains(o.Out, "answers in") {
		t.Errorf("%+v", o)
	}
	var p struct{ Running bool }
	p.Running = true
	if jsonOf(t, rhizome(t, "peers", "--json", "--dir", run), &p); p.Running {
		t.Error("with --json it is said to run")
	}
	server := start(t, dir, "server", "--json", "--clients", "1", "--dir", filepath.Join(dir, "server"), "--listen",
		loopback)
	server.Await(t, "its address", isEvent("listening"))
	if jsonOf(t, rhizome(t, "peers", "--json", "--dir", filepath.Join(dir, "server")), &p); !p.Running {
		t.Error("a node that runs is said not to")
	}
	if o := rhizome(t, "peers", "--dir", filepath.Join(dir, "server")); o.Code != exitOK ||
		strings.Contains(o.Out, "does not run") {
		t.Errorf("%+v", o)
	}
}
