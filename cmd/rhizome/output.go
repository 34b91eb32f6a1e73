package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// console is where a command writes, and the clock of what it writes.
type console struct {
	out, err io.Writer
	now      func() time.Time
}

// head is how each line of a command that runs for a while begins, with --json.
type head struct {
	Event string `json:"event"`
	Time  string `json:"time"` // RFC 3339, in UTC, to the millisecond
}

// head begins a line that tells of an event.
func (c *console) head(event string) head {
	return head{event, c.now().UTC().Format("2006-01-02T15:04:05.000Z")}
}

// reader is the output of a command that runs for a while, whose reader may go away: the log collector ends, the pipe
// is closed, the terminal hangs up, the disk of the log is full. A write that fails then is neither the end of the
// process nor repeated. It is safe for concurrent use.
type reader struct {
	w    io.Writer
	lost func(error) // called once, with the first error
	keep bool        // nothing is an error of the command: what it writes is dropped from then on

	mu  sync.Mutex
	err error
}

// Write writes, or drops what nobody reads.
func (r *reader) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		n, err := r.w.Write(b)
		if err == nil {
			return n, nil
		}
		r.err = err
		r.lost(err)
	}
	if r.keep {
		return len(b), nil
	}
	return 0, r.err
}

// outlive lets a node go on when nobody reads what it writes any more, and says so once.
func (c *console) outlive() {
	catchPipe()
	errs := c.err
	c.out = &reader{w: c.out, keep: true, lost: func(err error) {
		fmt.Fprintf(errs,
			"rhizome: what this node tells cannot be written and is dropped from now on (%v); it goes on\n", err)
	}}
}

// untilUnread calls stop when what is written cannot be read any more, and returns what then says why.
func (c *console) untilUnread(stop func()) (why func() error) {
	catchPipe()
	r := &reader{w: c.out, lost: func(error) { stop() }}
	c.out = r
	return func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.err
	}
}

// catchPipe lets a write into a closed pipe be an error. Without it, one to stdout or stderr ends the process where it
// stands.
func catchPipe() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// unread says whether an error of writing means that the reader is gone.
func unread(err error) bool { return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.EIO) }

// beneath returns the writer itself, for whoever asks whether it is a terminal.
func beneath(w io.Writer) io.Writer {
	if r, ok := w.(*reader); ok {
		return r.w
	}
	return w
}

// stops returns the signals that ask for a clean stop. A terminal that hangs up is one, unless nohup said that it is
// not.
func stops() []os.Signal {
	out := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		out = append(out, syscall.SIGHUP)
	}
	return out
}
