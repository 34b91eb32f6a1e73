package nodes_test

import (
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
)

// TestProcesses trains with a process per node. A server, clients and at last the supervisor are killed with SIGKILL on
// the way; no process outlives the supervisor, the same command goes on, and the model is that of a run in one process.
// So is that of a fork.
func TestProcesses(t *testing.T) {
	want, _ := plainRun(t)
	rng := random(t)
	dir := filepath.Join(t.TempDir(), "run")
	run := start(t, "", small(dir, "--processes")...)
	pids := map[string]int{}
	kills, last := 0, 0
	for kills < 4 {
		e := run.Await(t, "round", func(e told) bool { return e.Event == "round" || e.Event == "process" })
		switch {
		case e.State == "started":
			pids[e.Node] = e.PID
		case e.Event == "round" && e.Round > last:
			last = e.Round
			victim := "server"
			if kills%2 == 0 {
				victim = []string{"client-00", "client-01", "client-02", "client-03"}[rng.IntN(4)]
			}
			if syscall.Kill(pids[victim], syscall.SIGKILL) == nil {
				kills++
			}
		}
	}
	run.Await(t, "a round after the kills", func(e told) bool {
		if e.State == "started" {
			pids[e.Node] = e.PID
		}
		return e.Event == "round" && e.Round > last+1
	})
	run.Cmd.Process.Kill()
	run.End(t)
	for node, pid := range pids {
		until := time.Now().Add(commandtest.Patience())
		for ; syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("%s outlives the supervisor", node)
			}
		}
	}
	got := rhizome(t, small(dir, "--processes")...).Result(t)
	if got.ModelSHA256 != want.ModelSHA256 || got.Rounds != want.Rounds || !got.Resumed || got.Restarts < 1 {
		t.Errorf("%+v, in one process %+v", got, want)
	}
	if again := rhizome(t, small(dir, "--processes")...).Result(t); again.ModelSHA256 != want.ModelSHA256 {
		t.Errorf("%+v, at first %+v", again, got)
	}
	for _, args := range [][]string{small(dir), {"server", "--dir", filepath.Join(dir, "client-00")},
		{"join", "--dir", filepath.Join(dir, "server")},
		{"fork", dir, "--at", "1000", "--dir", dir + "-fork"}, {"fork", filepath.Join(dir, "client-00"), "--at", "2"}} {
		if o := rhizome(t, args...); o.Code != exitBad || strings.Count(o.Err, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q", args, o.Code, o.Err)
		}
	}
	if o := rhizome(t, "fork", dir, "--at", strconv.Itoa(smallRounds-2), "--dir", dir+"-fork"); o.Code != exitOK {
		t.Fatalf("fork: %+v", o)
	}
	if forked := rhizome(t, "run", "--json", "--dir", dir+"-fork",
		"--processes").Result(t); forked.ModelSHA256 != want.ModelSHA256 || forked.Rounds != want.Rounds {
		t.Errorf("the fork came to %+v, the run to %+v", forked, want)
	}
	// Their directories are looked at as those of any run.
	for _, args := range [][]string{{"snapshot", "verify", dir}, {"journal", "verify", dir}} {
		if o := rhizome(t, args...); o.Code != exitOK ||
			strings.Count(o.Out, "the same outputs as the first time") != 5 {
			t.Errorf("%v: exit code %d: %s%s", args, o.Code, o.Out, o.Err)
		}
	}
	if o := rhizome(t, "journal", "dump", filepath.Join(dir, "server")); !strings.Contains(o.Out,
		"envelope from client-0") && !strings.Contains(o.Out, "envelope from client ") {
		t.Errorf("the dump names no client: %.500s%s", o.Out, o.Err)
	}
}
