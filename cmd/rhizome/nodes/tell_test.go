package nodes_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/deploy"
)

// TestStatusOfAFrozenNode: a node whose process is stopped by a signal is told as that, with what its directory says,
// within a second; and that a job waits for it, of whom and since when, its server says.
func TestStatusOfAFrozenNode(t *testing.T) {
	dir := t.TempDir()
	server := start(t, dir, "server", "--open", "--json", "--dir", filepath.Join(dir, "server"), "--listen", loopback,
		"--lan=false", "--clients", "1", "--rounds", "100000")
	at := server.Await(t, "address", isEvent("listening"))
	client := start(t, dir, "join", "--json", "--dir", filepath.Join(dir, "client"), "--listen", loopback,
		"--lan=false", "--trust", at.Digest, at.Addresses[0])
	server.Await(t, "round 5", func(e told) bool { return e.Event == "round" && e.Round >= 5 })
	client.Cmd.Process.Signal(syscall.SIGSTOP)
	defer client.Cmd.Process.Signal(syscall.SIGCONT)
	rhizome(t, "version") // the file is in memory from here on
	var s deploy.Status
	// The round is in its journal, which a loaded machine may not have read in the time that a status has, and there a
	// process may take long to begin.
	least := time.Hour
	for tries := 0; tries < 20 && (s.Round == 0 || least > time.Second && !raceEnabled); tries++ {
		began := time.Now()
		jsonOf(t, rhizome(t, "status", "--json", "--dir", filepath.Join(dir, "client")), &s)
		least = min(least, time.Since(began))
	}
	if least > time.Second && !raceEnabled {
		t.Errorf("it took %s at least", least)
	}
	if s.State != deploy.StateHangs || !s.Running || s.Round < 1 || !strings.Contains(s.Hangs,
		fmt.Sprintf("process %d is stopped", client.Cmd.Process.Pid)) {
		t.Errorf("%+v", s)
	}
	if o := rhizome(t, "peers", "--dir", filepath.Join(dir, "client")); o.Code != exitBad || !strings.Contains(o.Err,
		"is stopped") {
		t.Errorf("peers of it: %+v", o)
	}
	server.Await(t, "that it waits", isEvent("waiting"))
	// A wait may be told before the one that is waited for counts as silent.
	o := commandtest.RunUntil(t, "who is silent", func(o commandtest.Outcome) bool {
		return strings.Contains(o.Out, "silent for")
	}, "status", "--dir", filepath.Join(dir, "server"))
	for _, want := range []string{"waiting", "client-00", "silent for", "up, 1 of 1 places"} {
		if !strings.Contains(o.Out, want) {
			t.Errorf("the server's status has no %q:\n%s", want, o.Out)
		}
	}
	for line := range strings.Lines(o.Out) {
		if len([]rune(line)) > 81 && !strings.Contains(line, "/p2p/") {
			t.Errorf("%d columns: %q", len([]rune(line)), line)
		}
	}
	client.Cmd.Process.Signal(syscall.SIGCONT)
	server.Await(t, "that it goes on", func(e told) bool { return e.Event == "round" })
}

// TestAFailedJobHasAnExitCode: server and clients of a job that failed end with code 3, one event and one line, and so
// does each later start of them (case 9).
func TestAFailedJobHasAnExitCode(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("bad.yaml"),
		"name: bad\nrounds: 30\nclients: 2\nlearning_rate: 10\nmomentum: 0.99\nhidden: 64\nlayers: 4\n")
	serve := []string{"server", in("bad.yaml"), "--open", "--json", "--dir", in("server"), "--listen", loopback,
		"--lan=false", "--linger", "60s"} // it ends at once when both know
	server := start(t, dir, serve...)
	at := server.Await(t, "address", isEvent("listening"))
	all := map[string]*started{"server": server}
	joins := map[string][]string{}
	for _, name := range []string{"c0", "c1"} {
		joins[name] = []string{"join", "--json", "--dir", in(name), "--listen", loopback, "--lan=false", "--trust",
			at.Digest, at.Addresses[0]}
		all[name] = start(t, dir, joins[name]...)
	}
	for name, s := range all {
		if e := s.Await(t, "the failure", isEvent("failed")); e.Reason == "" || e.Round < 1 {
			t.Errorf("%s: %+v", name, e)
		}
		if code := s.End(t); code != exitFailed || strings.Count(s.Errs.String(), "\n") != 1 ||
			!strings.Contains(s.Errs.String(), "the job failed in round") {
			t.Errorf("%s: exit code %d, %q", name, code, s.Errs)
		}
	}
	joins["server"] = append(serve, "--linger", "0s")
	for name, args := range joins {
		if o := rhizome(t, args...); o.Code != exitFailed || o.Err != all[name].Errs.String() {
			t.Errorf("%s again: exit code %d, %q, at first %q", name, o.Code, o.Err, all[name].Errs)
		}
		if o := rhizome(t, "status", "--dir", in(name)); o.Code != exitOK || !strings.Contains(o.Out,
			"state      failed") {
			t.Errorf("%s: %s", name, o.Out)
		}
	}
}
