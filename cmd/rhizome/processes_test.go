package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// told is any line of a node, as far as tests look.
type told struct {
	Event, Node, State, Reason, Peer, Digest, Invitation, Text, On, Hint string
	PID, Round, Rounds, Restarts, Merges                                 int
	Addresses                                                            []string
	Up                                                                   bool
	ModelSHA256                                                          string `json:"model_sha256"`
	Saw                                                                  string
}

// started is a command that runs, and its lines as they come.
type started struct {
	cmd   *exec.Cmd
	lines chan told
	errs  *strings.Builder
}

// start runs the command and reads its lines; the test's end kills it.
func start(t *testing.T, dir string, args ...string) *started {
	t.Helper()
	s := &started{cmd: exec.Command(executable, args...), lines: make(chan told, 1<<14), errs: &strings.Builder{}}
	s.cmd.Dir, s.cmd.Stderr = dir, s.errs
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.lines)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var e told
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				s.lines <- e
			}
		}
		io.Copy(io.Discard, out)
	}()
	t.Cleanup(func() { s.cmd.Process.Kill() })
	return s
}

// await returns the first line that is wanted, within half a minute.
func (s *started) await(t *testing.T, what string, want func(told) bool) told {
	t.Helper()
	const patience = 30 * time.Second
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case e, ok := <-s.lines:
			if !ok {
				s.cmd.Wait()
				t.Fatalf("%v ended before %s: %v\n%s", s.cmd.Args[1:3], what, s.cmd.ProcessState, s.errs)
			}
			if want(e) {
				return e
			}
			if e.Event == "round" {
				late.Reset(patience) // it goes on
			}
		case <-late.C:
			t.Fatalf("%v: no %s\n%s", s.cmd.Args[1:3], what, s.errs)
		}
	}
}

// jsonOf reads the one object that a command wrote.
func jsonOf(t *testing.T, o outcome, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(o.out), v); err != nil || o.code != exitOK {
		t.Fatalf("exit code %d, %q, %q, %v", o.code, o.out, o.err, err)
	}
}

// end waits for the command to end and returns its exit code.
func (s *started) end(t *testing.T) int {
	t.Helper()
	for range s.lines { //nolint:revive // until it has closed its output
	}
	s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode()
}

func isEvent(name string) func(told) bool { return func(e told) bool { return e.Event == name } }

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
		e := run.await(t, "round", func(e told) bool { return e.Event == "round" || e.Event == "process" })
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
	run.await(t, "a round after the kills", func(e told) bool {
		if e.State == "started" {
			pids[e.Node] = e.PID
		}
		return e.Event == "round" && e.Round > last+1
	})
	run.cmd.Process.Kill()
	run.end(t)
	for node, pid := range pids {
		for until := time.Now().Add(10 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("%s outlives the supervisor", node)
			}
		}
	}
	got := rhizome(t, small(dir, "--processes")...).result(t)
	if got.ModelSHA256 != want.ModelSHA256 || got.Rounds != want.Rounds || !got.Resumed || got.Restarts < 1 {
		t.Errorf("%+v, in one process %+v", got, want)
	}
	if again := rhizome(t, small(dir, "--processes")...).result(t); again.ModelSHA256 != want.ModelSHA256 {
		t.Errorf("%+v, at first %+v", again, got)
	}
	for _, args := range [][]string{small(dir), {"server", "--dir", filepath.Join(dir, "client-00")},
		{"join", "--dir", filepath.Join(dir, "server")},
		{"fork", dir, "--at", "1000", "--dir", dir + "-fork"}, {"fork", filepath.Join(dir, "client-00"), "--at", "2"}} {
		if o := rhizome(t, args...); o.code != exitBad || strings.Count(o.err, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q", args, o.code, o.err)
		}
	}
	if o := rhizome(t, "fork", dir, "--at", strconv.Itoa(smallRounds-2), "--dir", dir+"-fork"); o.code != exitOK {
		t.Fatalf("fork: %+v", o)
	}
	if forked := rhizome(t, "run", "--json", "--dir", dir+"-fork",
		"--processes").result(t); forked.ModelSHA256 != want.ModelSHA256 || forked.Rounds != want.Rounds {
		t.Errorf("the fork came to %+v, the run to %+v", forked, want)
	}
	// Their directories are looked at as those of any run.
	for _, args := range [][]string{{"snapshot", "verify", dir}, {"journal", "verify", dir}} {
		if o := rhizome(t, args...); o.code != exitOK ||
			strings.Count(o.out, "the same outputs as the first time") != 5 {
			t.Errorf("%v: exit code %d: %s%s", args, o.code, o.out, o.err)
		}
	}
	if o := rhizome(t, "journal", "dump", filepath.Join(dir, "server")); !strings.Contains(o.out,
		"envelope from client-0") && !strings.Contains(o.out, "envelope from client ") {
		t.Errorf("the dump names no client: %.500s%s", o.out, o.err)
	}
}
