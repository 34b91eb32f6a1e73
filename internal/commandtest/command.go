package commandtest

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
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/exitcode"
)

// executable is the command as users have it, built once for all tests of a package, and sources what it is built of.
var (
	executable string
	sources    []string
	seen       sync.Once
)

// command is the package of the command.
const command = "github.com/rhizome-ml/rhizome/cmd/rhizome"

// Main builds the command, runs the tests of a package, and returns the code with which the package's TestMain ends.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rhizome-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	executable = filepath.Join(dir, "rhizome")
	args := []string{"build", "-o", executable}
	if Race {
		args = append(args, "-race")
	}
	args = append(args, command)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{$d := .Dir}}{{$d}}{{range .EmbedFiles}}\n"+
		"{{$d}}/{{.}}{{end}}{{end}}", command).Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	sources = strings.Split(strings.TrimSpace(string(out)), "\n")
	return m.Run()
}

// see has go test know of what the command is built of, so that it asks these tests again when that changes, and does
// not give what it remembers of another command: it notes what a test opens, and nothing of what a build reads.
func see() {
	for _, path := range sources {
		if f, err := os.Open(path); err == nil {
			f.Close()
		}
	}
}

// Executable returns the path of the command that Main built.
func Executable() string {
	seen.Do(see)
	return executable
}

// Outcome is what a command left behind.
type Outcome struct {
	Out, Err string
	Code     int // -1 where a signal ended it
}

// Done is the last object of a run.
type Done struct {
	Event, Job, Model string
	ModelSHA256       string `json:"model_sha256"`
	Rounds            int
	Accuracy, Loss    float64
	Resumed           bool
	Restarts          int
}

// Command prepares the command; what it is given is its whole command line.
func Command(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(Executable(), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	return cmd, &out, &errs
}

// Finish waits for a command and fails the test when it takes longer than five minutes.
func Finish(t *testing.T, cmd *exec.Cmd, out, errs *bytes.Buffer) Outcome {
	t.Helper()
	timer := time.AfterFunc(5*time.Minute, func() { cmd.Process.Signal(syscall.SIGKILL) })
	err := cmd.Wait()
	if !timer.Stop() {
		t.Fatalf("%v did not end:\n%s\n%s", cmd.Args, out, errs)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return Outcome{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// Run runs the command to its end.
func Run(t *testing.T, args ...string) Outcome {
	t.Helper()
	cmd, out, errs := Command(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return Finish(t, cmd, out, errs)
}

// RunUntil runs the command again and again until its outcome is as wanted, and fails when Patience has passed. It is
// for questions to a node that runs: one that is busy for a second is told to hang.
func RunUntil(t *testing.T, what string, want func(Outcome) bool, args ...string) Outcome {
	t.Helper()
	for until := time.Now().Add(Patience()); ; {
		o := Run(t, args...)
		if want(o) {
			return o
		}
		if time.Now().After(until) {
			t.Fatalf("%v never gave %s: %+v", args, what, o)
		}
	}
}

// RunIn runs the command in a directory, which it makes where it is not there, to its end.
func RunIn(t *testing.T, dir string, args ...string) Outcome {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd, out, errs := Command(t, args...)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return Finish(t, cmd, out, errs)
}

// Killed starts the command and sends a signal after a while. It returns false when the command ended before.
func Killed(t *testing.T, after time.Duration, sig os.Signal, args ...string) (Outcome, bool) {
	t.Helper()
	cmd, out, errs := Command(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-time.After(after)
	sent := cmd.Process.Signal(sig) == nil
	o := Finish(t, cmd, out, errs)
	return o, sent && (o.Code == -1 || o.Code == exitcode.Interrupted)
}

// Result reads the done object of a run that ended well.
func (o Outcome) Result(t *testing.T) Done {
	t.Helper()
	if o.Code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", o.Code, o.Out, o.Err)
	}
	lines := strings.Split(strings.TrimSpace(o.Out), "\n")
	var d Done
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &d); err != nil || d.Event != "done" {
		t.Fatalf("the last line is %q (%v)", lines[len(lines)-1], err)
	}
	return d
}

// JSONOf reads the one object that a command wrote.
func JSONOf(t *testing.T, o Outcome, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(o.Out), v); err != nil || o.Code != exitcode.OK {
		t.Fatalf("exit code %d, %q, %q, %v", o.Code, o.Out, o.Err, err)
	}
}

// Random returns a generator and tells its seed, which may be set to see a run again as well as timing allows.
func Random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// SmallRounds returns the length of a small run: long enough to be disturbed and short enough to be repeated.
func SmallRounds() int {
	if Race {
		return 12
	}
	return 30
}

// Small are the flags of a small run.
func Small(dir string, more ...string) []string {
	return append([]string{"run", "--json", "--dir", dir, "--rounds", fmt.Sprint(SmallRounds()), "--clients", "4",
		"--seed", "5"}, more...)
}

// Plain returns the result of a small run that nothing disturbs, and how long it took.
func Plain(t *testing.T) (Done, time.Duration) {
	t.Helper()
	start := time.Now()
	d := Run(t, Small(filepath.Join(t.TempDir(), "run"))...).Result(t)
	if d.Rounds != SmallRounds() || d.Resumed || d.Restarts != 0 {
		t.Fatalf("undisturbed run: %+v", d)
	}
	return d, time.Since(start)
}
