package processes

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Process tells what became of a process.
type Process struct {
	Node     string
	State    string // "started", or "ended"
	PID      int
	Restarts int    // of this node since the run was started
	Reason   string // why it ended
}

// Event is a line of a node that is passed on.
type Event struct {
	Node string
	Name string
	Line []byte // one JSON object
}

// ChildError says that a node's process cannot go on, and will not be started again.
type ChildError struct {
	Node string
	Code int    // its exit code
	Text string // what it said last
}

// Error names the node and what it said.
func (e *ChildError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("%s ended with exit code %d", e.Node, e.Code)
	}
	return e.Node + ": " + strings.TrimPrefix(e.Text, "rhizome: ")
}

// lineMax bounds a line that a child writes.
const lineMax = 1 << 20

// child is one node's process, over all its lives.
type child struct {
	name string
	args func() []string
	line func([]byte) // takes a line that it wrote

	mu    sync.Mutex
	stdin io.Closer // of the present life; nil between two
	proc  *exec.Cmd
}

// The waits before a process is started again, and how long it must have lived to count as well.
const (
	againLeast = 20 * time.Millisecond
	againMost  = 2 * time.Second
	lived      = 5 * time.Second
	failsMost  = 8 // exits with an error, one soon after the other, that are enough
)

// live runs the child until it ends well, cannot go on, or stop is closed.
func (c *child) live(o *Options, spawn func(*exec.Cmd) error, stop <-chan struct{}) error {
	wait, fails := againLeast, 0
	for restarts := 0; ; restarts++ {
		began := time.Now()
		code, text, err := c.once(o, spawn, restarts)
		switch {
		case err != nil:
			return err
		case code == 0 || closed(stop):
			return nil
		case code == exitBad, code == exitFailed:
			return &ChildError{c.name, code, text}
		}
		if time.Since(began) > lived {
			wait, fails = againLeast, 0
		}
		if code > 0 {
			if fails++; fails >= failsMost {
				return &ChildError{c.name, code, text}
			}
		}
		if text != "" {
			o.warn(c.name + ": " + text) // else nobody would hear it: the node lives again
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-stop:
			t.Stop()
			return nil
		}
		wait = min(2*wait, againMost)
		if err := o.Run.Dropped(); err != nil {
			return err
		}
	}
}

// exitBad is the exit code by which a process says that it cannot use what it was given.
const exitBad = 2

// exitFailed is the exit code by which a process says that its job has failed.
const exitFailed = 3

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// once runs one life. The code is -1 where a signal ended it.
func (c *child) once(o *Options, spawn func(*exec.Cmd) error, restarts int) (code int, last string, err error) {
	cmd := exec.Command(o.Executable, c.args()...)
	cmd.SysProcAttr = attributes()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, "", err
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		return 0, "", err
	}
	if err := spawn(cmd); err != nil {
		return 0, "", fmt.Errorf("%s: %w", c.name, err)
	}
	c.mu.Lock()
	c.stdin, c.proc = stdin, cmd
	c.mu.Unlock()
	o.notify(Process{c.name, "started", cmd.Process.Pid, restarts, ""})
	var read sync.WaitGroup
	read.Go(func() { lines(out, c.line) })
	read.Go(func() {
		lines(errs, func(b []byte) {
			if last != "" {
				o.warn(c.name + ": " + last)
			}
			last = strings.TrimPrefix(string(b), "rhizome: ")
		})
	})
	read.Wait()
	err = cmd.Wait()
	c.mu.Lock()
	c.stdin, c.proc = nil, nil
	c.mu.Unlock()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, last, err
	}
	code = cmd.ProcessState.ExitCode()
	reason := cmd.ProcessState.String()
	if code > 0 && last != "" {
		reason = last
	}
	o.notify(Process{c.name, "ended", cmd.ProcessState.Pid(), restarts, reason})
	return code, last, nil
}

// lines gives each line to take; what is longer than lineMax is read and left out.
func lines(r io.Reader, take func([]byte)) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, lineMax)
	for s.Scan() {
		if b := bytes.TrimSpace(s.Bytes()); len(b) > 0 {
			take(b)
		}
	}
	io.Copy(io.Discard, r)
}

// stop asks the present life to end cleanly.
func (c *child) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stdin != nil {
		c.stdin.Close()
	}
}

// kill ends the present life.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc != nil {
		c.proc.Process.Kill()
	}
}
