package commandtest

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Loopback is where a node of a test listens: any free port of this machine alone.
const Loopback = "/ip4/127.0.0.1/tcp/0"

// Told is any line of a node, as far as tests look.
type Told struct {
	Event, Node, State, Reason, Peer, Digest, Invitation, Text, On, Hint string
	PID, Round, Rounds, Restarts, Merges                                 int
	Accuracy                                                             float64
	Addresses                                                            []string
	Up                                                                   bool
	ModelSHA256                                                          string `json:"model_sha256"`
	Saw                                                                  string
}

// Started is a command that runs, and its lines as they come.
type Started struct {
	Cmd   *exec.Cmd
	Lines chan Told
	Errs  *strings.Builder

	kept  []Told // taken from Lines, and for the next Await
	ended bool
}

// Start runs the command in a folder and reads its lines; the test's end kills it.
func Start(t *testing.T, dir string, args ...string) *Started {
	t.Helper()
	s := &Started{Cmd: exec.Command(Executable(), args...), Lines: make(chan Told, 1<<14), Errs: &strings.Builder{}}
	s.Cmd.Dir, s.Cmd.Stderr = dir, s.Errs
	out, err := s.Cmd.StdoutPipe()
	if err == nil {
		err = s.Cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.Lines)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var e Told
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				s.Lines <- e
			}
		}
		io.Copy(io.Discard, out)
	}()
	t.Cleanup(func() { s.Cmd.Process.Kill() })
	return s
}

// Patience is how long a test waits for something to go on: processes that share two processors with other tests, or
// have the race detector in them, take many times as long as alone. Only a test that fails lets it pass.
func Patience() time.Duration { return 2 * time.Minute }

// Await returns the first line that is wanted. It gives up where nothing goes on for as long as Patience says. Where
// that is one of those that a node tells of its start, what came before it is still there for the next Await: a start
// tells of its links, of its state and of itself in no certain order.
func (s *Started) Await(t *testing.T, what string, want func(Told) bool) Told {
	t.Helper()
	patience := Patience()
	late := time.NewTimer(patience)
	defer late.Stop()
	var before []Told
	for {
		e, ok := s.next(late.C)
		switch {
		case ok && want(e):
			if e.Event == "listening" || e.Event == "invitation" {
				s.kept = append(before, s.kept...)
			}
			return e
		case ok:
			before = append(before, e)
			if e.Event == "round" {
				late.Reset(patience) // it goes on
			}
		case s.ended:
			s.Cmd.Wait()
			t.Fatalf("%v ended before %s: %v\n%s", s.Cmd.Args[1:3], what, s.Cmd.ProcessState, s.Errs)
		default:
			t.Fatalf("%v: no %s\n%s", s.Cmd.Args[1:3], what, s.Errs)
		}
	}
}

// next returns the next line, and false when the output has ended or it is late.
func (s *Started) next(late <-chan time.Time) (e Told, ok bool) {
	if len(s.kept) > 0 {
		e, s.kept = s.kept[0], s.kept[1:]
		return e, true
	}
	select {
	case e, ok = <-s.Lines:
		s.ended = !ok
	case <-late:
	}
	return e, ok
}

// End waits for the command to end and returns its exit code.
func (s *Started) End(t *testing.T) int {
	t.Helper()
	for range s.Lines { //nolint:revive // until it has closed its output
	}
	s.Cmd.Wait()
	return s.Cmd.ProcessState.ExitCode()
}

// IsEvent is true for the lines of one event.
func IsEvent(name string) func(Told) bool { return func(e Told) bool { return e.Event == name } }
