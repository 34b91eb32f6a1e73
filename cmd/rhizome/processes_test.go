package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
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
		for until := time.Now().Add(10 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
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

// TestProcessesOnOnesOwnFiles: a model and data of one's own, whose features are scaled by the clients' sums, with a
// process per node: clients, the server and at last all of them are killed, and the model is that of a run in one
// process. A file that has changed is told.
func TestProcessesOnOnesOwnFiles(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	pictures(t, in("pictures.csv"))
	model, err := filepath.Abs("../../internal/importer/testdata/zoo/cnn_pool_ceil.onnx")
	if err != nil {
		t.Fatal(err)
	}
	write(t, in("job.yaml"), "name: pictures\nmodel: {onnx: "+model+"}\n"+
		"data: {train: pictures.csv, label: what, normalize: federated}\n"+
		"train: {epochs: 1, batch: 16, learning_rate: 0.1}\nrounds: 12\nclients: 2\n")
	want := rhizome(t, "run", in("job.yaml"), "--json", "--dir", in("one")).Result(t)
	args := []string{"run", in("job.yaml"), "--json", "--dir", in("run"), "--processes"}
	run := start(t, dir, args...)
	pids, kills := map[string]int{}, 0
	for kills < 3 {
		e := run.Await(t, "round", func(e told) bool { return e.Event == "round" || e.Event == "process" })
		switch {
		case e.State == "started":
			pids[e.Node] = e.PID
		case e.Event == "round":
			if syscall.Kill(pids[[]string{"client-00", "server", "client-01"}[kills]], syscall.SIGKILL) == nil {
				kills++
			}
		}
	}
	run.Cmd.Process.Kill()
	run.End(t)
	got := rhizome(t, args...).Result(t)
	if got.ModelSHA256 != want.ModelSHA256 || got.Rounds != 12 || !got.Resumed {
		t.Errorf("%+v, in one process %+v", got, want)
	}
	if o := rhizome(t, "evaluate", in("run"), "--data", in("pictures.csv"), "--json"); o.Code != exitOK ||
		!strings.Contains(o.Out, `"samples":320`) {
		t.Errorf("evaluate: %+v", o)
	}
	b, err := os.ReadFile(in("pictures.csv"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, in("pictures.csv"), string(b[:len(b)/2])+"\n")
	if o := rhizome(t, args...); o.Code == exitOK || !strings.Contains(o.Err, "pictures.csv") {
		t.Errorf("a file that has changed: %+v", o)
	}
}
