package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/deploy"
)

// closing starts a command, reads a line that holds the text, and closes the reading end of its output.
func closing(t *testing.T, text string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(commandtest.Executable(), args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), text) {
	}
	out.Close()
	return cmd, &errs
}

// TestReaderOfARunGoesAway: a run whose output nobody reads any more stops cleanly and says how to go on.
func TestReaderOfARunGoesAway(t *testing.T) {
	want, _ := plainRun(t)
	for _, more := range [][]string{nil, {"--processes"}} {
		var dir string
		var o outcome
		for tries := 0; tries < 20 && o.Err == ""; tries++ { // one that was through before a line was read says nothing
			dir = filepath.Join(t.TempDir(), "run")
			cmd, errs := closing(t, `"round":1,`, small(dir, more...)...)
			o = finish(t, cmd, &bytes.Buffer{}, errs)
		}
		if o.Code != exitInterrupted || !strings.Contains(o.Err, "stopped, because nobody reads what it writes") ||
			!strings.Contains(o.Err, "nothing is lost; to go on: rhizome run --dir "+dir) ||
			strings.Count(o.Err, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q", more, o.Code, o.Err)
		}
		if got := rhizome(t, small(dir, more...)...).Result(t); got.ModelSHA256 != want.ModelSHA256 || !got.Resumed {
			t.Errorf("%v: %+v, want %+v", more, got, want)
		}
	}
}

// TestReaderOfANodeGoesAway: server and clients train on when nobody reads what they write, and say so once.
func TestReaderOfANodeGoesAway(t *testing.T) {
	dir := t.TempDir()
	server := start(t, dir, "server", "digits", "--clients", "2", "--rounds", "8", "--dir", "s", "--listen",
		"/ip4/127.0.0.1/tcp/0", "--lan=false", "--json")
	invited := server.Await(t, "invitation", isEvent("invitation"))
	join := func(name string) []string {
		return []string{"join", invited.Invitation, "--dir", filepath.Join(dir, name), "--listen",
			"/ip4/127.0.0.1/tcp/0", "--lan=false", "--json"}
	}
	cmd, errs := closing(t, "listening", join("c")...)
	start(t, dir, join("d")...) // the job begins with it: all its rounds are told to nobody
	server.Await(t, "the end", isEvent("done"))
	o := finish(t, cmd, &bytes.Buffer{}, errs)
	if o.Code != exitOK || strings.Count(o.Err, "is dropped from now on") != 1 || strings.Count(o.Err, "\n") != 1 {
		t.Errorf("the client: exit code %d, %q", o.Code, o.Err)
	}
	if code := server.End(t); code != exitOK {
		t.Errorf("the server: exit code %d, %s", code, server.Errs)
	}
}

// TestHangUp: a terminal that hangs up stops a node cleanly, as SIGTERM does; under nohup it does nothing.
func TestHangUp(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip(
			"A HANG-UP IS NOT TRIED HERE: these tests run under nohup themselves, and what they start ignores it too")
	}
	listening := func(cmd *exec.Cmd) *bytes.Buffer {
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		lines := bufio.NewScanner(out)
		for lines.Scan() && !strings.Contains(lines.Text(), `"listening"`) {
		}
		go func() {
			for lines.Scan() {
			}
		}()
		return &errs
	}
	args := []string{"server", "digits", "--dir", filepath.Join(t.TempDir(), "s"), "--listen", "/ip4/127.0.0.1/tcp/0",
		"--lan=false", "--json"}
	cmd := exec.Command(commandtest.Executable(), args...)
	errs := listening(cmd)
	cmd.Process.Signal(syscall.SIGHUP)
	if o := finish(t, cmd, &bytes.Buffer{}, errs); o.Code != exitInterrupted || !strings.Contains(o.Err,
		"stopped, nothing is lost; to go on: rhizome server digits") {
		t.Errorf("exit code %d, %q", o.Code, o.Err)
	}
	nohup, err := exec.LookPath("nohup")
	if err != nil {
		t.Skip("A NODE UNDER NOHUP IS NOT TRIED HERE: there is no nohup")
	}
	cmd = exec.Command(nohup, append([]string{commandtest.Executable()}, args...)...)
	errs = listening(cmd)
	cmd.Process.Signal(syscall.SIGHUP)
	time.Sleep(500 * time.Millisecond)
	if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("it ended under nohup: %v", err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if o := finish(t, cmd, &bytes.Buffer{}, errs); o.Code != exitInterrupted {
		t.Errorf("under nohup: exit code %d, %q", o.Code, o.Err)
	}
}

// TestEventsCarryTheTime: each line of a run with --json says when, in one form, from the clock that the command was
// given.
func TestEventsCarryTheTime(t *testing.T) {
	var out bytes.Buffer
	at := time.Date(2026, 3, 4, 5, 6, 7, 8_900_000, time.FixedZone("", 3600))
	c := &console{&out, &out, func() time.Time { return at }}
	v := &nodeView{c: c, json: true}
	v.show(deploy.Warning{Text: "a"})
	(&jsonView{c: c}).warn(c, "b")
	want := `{"event":"warning","time":"2026-03-04T04:06:07.008Z","text":"a"}` + "\n" +
		`{"event":"warning","time":"2026-03-04T04:06:07.008Z","text":"b"}` + "\n"
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
	o := rhizome(t, small(filepath.Join(t.TempDir(), "run"))...)
	o.Result(t)
	form := regexp.MustCompile(`^\{"event":"[a-z]+","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",`)
	for line := range strings.Lines(o.Out) {
		var e struct{ Time time.Time }
		if err := json.Unmarshal([]byte(line), &e); err != nil || !form.MatchString(line) ||
			time.Since(e.Time) > time.Hour {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// TestUsedPortIsBadInput: a port that is taken, and an address of elsewhere, are told in one line, with exit code 2.
func TestUsedPortIsBadInput(t *testing.T) {
	dir := t.TempDir()
	server := start(t, dir, "server", "digits", "--dir", "a", "--listen", "/ip4/127.0.0.1/tcp/0", "--lan=false",
		"--json")
	at := server.Await(t, "listening", isEvent("listening"))
	used, _, _ := strings.Cut(at.Addresses[0], "/p2p/")
	for listen, want := range map[string]string{used: "address already in use",
		"/ip4/192.0.2.1/tcp/0": "this machine has no such address", "localhost:4001": "here /dns/localhost/tcp/4001"} {
		o := rhizome(t, "server", "digits", "--dir", filepath.Join(dir, "b"), "--listen", listen, "--lan=false")
		if o.Code != exitBad || !strings.Contains(o.Err, want) || strings.Count(o.Err, "\n") != 1 {
			t.Errorf("%s: exit code %d, %q", listen, o.Code, o.Err)
		}
	}
}
