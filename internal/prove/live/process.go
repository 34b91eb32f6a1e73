package live

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// What is kept of a process's output.
const (
	linesKept = 4096
	logKept   = 64 << 10
	lineMax   = 1 << 20
)

// Process is one process of a World. It is safe for concurrent use.
type Process struct {
	Name string

	cmd     *exec.Cmd
	gone    chan struct{} // closed when it has ended
	state   *os.ProcessState
	ended   chan struct{} // closed when it has ended, and all is read that it and its children wrote
	mu      sync.Mutex
	lines   []Line
	dropped int    // lines that were more than are kept
	log     []byte // the end of its standard error
	changed chan struct{}
}

// PID is the id of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// read takes over what the process writes, and then its end.
func (p *Process) read(out, errs io.ReadCloser) {
	var both sync.WaitGroup
	both.Go(func() {
		in := bufio.NewScanner(out)
		in.Buffer(nil, lineMax)
		for in.Scan() {
			p.add(func() {
				p.lines = append(p.lines, parse(in.Bytes()))
				if n := len(p.lines) - linesKept; n > 0 {
					p.lines, p.dropped = append([]Line(nil), p.lines[n:]...), p.dropped+n
				}
			})
		}
		io.Copy(io.Discard, out)
	})
	both.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := errs.Read(buf)
			p.add(func() {
				p.log = append(p.log, buf[:n]...)
				p.log = append([]byte(nil), p.log[max(0, len(p.log)-logKept):]...)
			})
			if err != nil {
				return
			}
		}
	})
	p.state, _ = p.cmd.Process.Wait()
	close(p.gone)
	both.Wait()
	out.Close()
	errs.Close()
	close(p.ended)
}

// add changes what was read, and wakes those who wait.
func (p *Process) add(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

// Await waits for a line that matches among those from number *from on, returns the first, and sets *from behind it;
// from may be nil for all lines. Errors are *EndedError and *LateError.
func (p *Process) Await(what string, from *int, within time.Duration, match func(Line) bool) (Line, error) {
	late := time.NewTimer(within)
	defer late.Stop()
	next := 0
	if from != nil {
		next = *from
	}
	for over := false; ; {
		p.mu.Lock()
		changed := p.changed
		for next = max(next, p.dropped); next < p.dropped+len(p.lines); {
			l := p.lines[next-p.dropped]
			if next++; match(l) {
				p.mu.Unlock()
				if from != nil {
					*from = next
				}
				return l, nil
			}
		}
		p.mu.Unlock()
		if over {
			return Line{}, &EndedError{p.Name, p.state.ExitCode(), p.Log()}
		}
		select {
		case <-changed:
		case <-p.ended:
			over = true // its last lines are looked at once more
		case <-late.C:
			return Line{}, &LateError{p.Name, what, p.Log()}
		}
	}
}

// Newest returns the newest line so far that matches, or an empty one.
func (p *Process) Newest(match func(Line) bool) Line {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range slices.Backward(p.lines) {
		if match(l) {
			return l
		}
	}
	return Line{}
}

// Lines returns what it wrote, as far as it is kept.
func (p *Process) Lines() []Line {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Line(nil), p.lines...)
}

// Drain waits until all is read that a process which has ended, and its children, wrote.
func (p *Process) Drain(within time.Duration) error {
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-p.ended:
		return nil
	case <-late.C:
		return &LateError{p.Name, "end of the output", p.Log()}
	}
}

// Gone is closed when the process has ended.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Wait waits for the end and returns the exit code, -1 where a signal ended the process; the error is a *LateError.
func (p *Process) Wait(within time.Duration) (int, error) {
	late := time.NewTimer(within)
	defer late.Stop()
	select { // an end counts, also where the time is up
	case <-p.gone:
		return p.state.ExitCode(), nil
	default:
	}
	select {
	case <-p.gone:
		return p.state.ExitCode(), nil
	case <-late.C:
		return 0, &LateError{p.Name, "end", p.Log()}
	}
}

// EndsWith waits for the end, and returns what the process wrote where its exit code is another one.
func (p *Process) EndsWith(code int, within time.Duration) error {
	got, err := p.Wait(within)
	if err == nil && got != code {
		err = &EndedError{p.Name, got, p.Log()}
	}
	return err
}

// Kill ends the process as a loss of power would, and waits until it is gone. A process that has ended already is left
// alone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.gone
}

// Signal sends a signal; a process that has ended gets none.
func (p *Process) Signal(s syscall.Signal) error {
	select {
	case <-p.gone:
		return nil
	default:
		return p.cmd.Process.Signal(s)
	}
}

// Errors returns the end of what it wrote to its standard error.
func (p *Process) Errors() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.log)
}

// Log returns the end of all that it wrote, for a report.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	if n := len(p.lines) - 12; n > 0 {
		fmt.Fprintf(&b, "(%d lines)\n", p.dropped+n)
	}
	for _, l := range p.lines[max(0, len(p.lines)-12):] {
		b.WriteString(l.Text[:min(len(l.Text), 300)] + "\n")
	}
	b.Write(p.log[max(0, len(p.log)-3000):])
	return b.String()
}
