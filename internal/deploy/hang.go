package deploy

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// HangError says that the process of a node is there and does not answer its operator.
type HangError struct {
	Dir string
	PID int    // 0 where it cannot be known
	How string // what the system says of it
}

// Error names the process, and what would help.
func (e *HangError) Error() string { return "the node of " + e.Dir + " " + e.text() }

func (e *HangError) text() string {
	switch {
	case e.PID == 0:
		return "does not answer: its process hangs, or is stopped"
	case e.How == howStopped:
		return fmt.Sprintf("does not answer: process %d is stopped; kill -CONT %d lets it go on", e.PID, e.PID)
	}
	return fmt.Sprintf("does not answer: process %d hangs (%s)", e.PID, e.How)
}

// howStopped is a process that a signal has stopped.
const howStopped = "stopped"

// hanging looks at the process at the other end of a socket.
func hanging(dir string, c net.Conn) *HangError {
	e := &HangError{Dir: dir, PID: listener(c)}
	if e.PID > 0 {
		e.How = processState(e.PID)
	}
	return e
}

// processState is what the system says of a process.
func processState(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	text := string(b)
	i := strings.LastIndexByte(text, ')')
	if err != nil || i < 0 || i+2 >= len(text) {
		return "nothing is known of it"
	}
	switch text[i+2] {
	case 'T', 't':
		return howStopped
	case 'D':
		return "it waits for a disk"
	case 'R':
		return "it is busy"
	case 'Z':
		return "it has ended"
	}
	return "it sleeps"
}

// The bounds of a status, which is answered within a second.
const (
	statusWithin = 600 * time.Millisecond // by the process
	lookWithin   = 300 * time.Millisecond // by the directory, where the process does not
)

// statusOfHanging says what a directory knows of a node whose process does not answer.
func statusOfHanging(o Options, why *HangError) (*Reply, error) {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	type answer struct {
		s   *Status
		err error
	}
	looked := make(chan answer, 1)
	go func() {
		l, err := look(o.FS, o.Dir)
		var s *Status
		if err == nil {
			s, err = statusOf(l.self, l.rec, l.node, l.at())
		}
		looked <- answer{s, err}
	}()
	var a answer
	select {
	case a = <-looked:
	case <-time.After(lookWithin):
		a.err = os.ErrDeadlineExceeded
	}
	if a.err != nil { // its state cannot be read just now: what it wrote down beside it can
		id, err := identity.Read(o.FS, o.Dir)
		if err != nil {
			return nil, err
		}
		rec, err := readRecord(o.FS, o.Dir)
		if err != nil {
			return nil, err
		}
		if a.s, err = statusOf(id.Peer(), rec, nil, moment{}); err != nil {
			return nil, err
		}
	}
	a.s.Running, a.s.Hangs = true, why.text()
	a.s.settle()
	return &Reply{Status: a.s}, nil
}
