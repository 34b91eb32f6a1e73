package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// executable is the command as users have it, built once for all tests.
var executable string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rhizome-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	executable = filepath.Join(dir, "rhizome")
	args := []string{"build", "-o", executable}
	if raceEnabled {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// outcome is what a command left behind.
type outcome struct {
	out, err string
	code     int // -1 where a signal ended it
}

// done is the last object of a run.
type done struct {
	Event, Job, Model string
	ModelSHA256       string `json:"model_sha256"`
	Rounds            int
	Accuracy, Loss    float64
	Resumed           bool
	Restarts          int
}

// command prepares the program; what it is given is its whole command line.
func command(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(executable, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	return cmd, &out, &errs
}

// finish waits for a command and fails the test when it takes too long.
func finish(t *testing.T, cmd *exec.Cmd, out, errs *bytes.Buffer) outcome {
	t.Helper()
	timer := time.AfterFunc(2*time.Minute, func() { cmd.Process.Signal(syscall.SIGKILL) })
	err := cmd.Wait()
	if !timer.Stop() {
		t.Fatalf("%v did not end:\n%s\n%s", cmd.Args, out, errs)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// rhizome runs the command to its end.
func rhizome(t *testing.T, args ...string) outcome {
	t.Helper()
	cmd, out, errs := command(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return finish(t, cmd, out, errs)
}

// killed starts the command and sends a signal after a while. It returns false when the command ended before.
func killed(t *testing.T, after time.Duration, sig os.Signal, args ...string) (outcome, bool) {
	t.Helper()
	cmd, out, errs := command(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	sent := cmd.Process.Signal(sig) == nil
	o := finish(t, cmd, out, errs)
	return o, sent && (o.code == -1 || o.code == exitInterrupted)
}

// result reads the done object of a run that ended well.
func (o outcome) result(t *testing.T) done {
	t.Helper()
	if o.code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", o.code, o.out, o.err)
	}
	lines := strings.Split(strings.TrimSpace(o.out), "\n")
	var d done
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &d); err != nil || d.Event != "done" {
		t.Fatalf("the last line is %q (%v)", lines[len(lines)-1], err)
	}
	return d
}

// random returns a generator and tells its seed, which may be set to see a run again as well as timing allows.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// smallRounds is the length of a small run: long enough to be disturbed and short enough to be repeated.
var smallRounds = map[bool]int{false: 30, true: 12}[raceEnabled]

// small are the flags of a small run.
func small(dir string, more ...string) []string {
	return append([]string{"run", "--json", "--dir", dir, "--rounds", fmt.Sprint(smallRounds), "--clients", "4",
		"--seed", "5"}, more...)
}
