package live

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove/wires"
)

// markKey is the environment variable by which the processes of a World are known.
const markKey = "RHIZOME_TRIAL"

// World is the processes of one trial, and the folder that they live in. It is safe for concurrent use.
type World struct {
	Dir string

	bin   string
	own   *thread
	apart bool // the thread has its own view of what is mounted; only it reads and writes this
	mu    sync.Mutex
	procs []*Process
}

// New makes a world for a program in a new folder below dir.
func New(bin, dir string) (*World, error) {
	made, err := os.MkdirTemp(dir, "world-")
	if err != nil {
		return nil, err
	}
	return &World{Dir: made, bin: bin, own: newThread()}, nil
}

func (w *World) mark() string { return markKey + "=" + w.Dir }

// Start starts the program with arguments, on a host of its own where in is not nil. The process ends at the latest
// with the process that it was started from.
func (w *World) Start(name string, in *wires.Host, args ...string) (*Process, error) {
	cmd := exec.Command(w.bin, args...)
	cmd.Dir = w.Dir
	for _, v := range os.Environ() {
		// a shard has one processor; its nodes have them all
		if !strings.HasPrefix(v, "GOMAXPROCS=") && !strings.HasPrefix(v, markKey+"=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, w.mark())
	endWithParent(cmd)
	p := &Process{Name: name, cmd: cmd, gone: make(chan struct{}), ended: make(chan struct{}),
		changed: make(chan struct{})}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	start := w.own.do
	if in != nil {
		start = in.Do
	}
	if err := start(cmd.Start); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", name, err)
	}
	go p.read(out, errs)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.procs = append(w.procs, p)
	return p, nil
}

// Owns says whether a process is one of this world: one that it started, or one that those have started.
func (w *World) Owns(pid int) bool { return marked(pid, w.mark()) }

// Signal sends a signal to a process of this world by its id; one that has ended, and one of anybody else, gets none.
func (w *World) Signal(pid int, s syscall.Signal) error {
	if !w.Owns(pid) {
		return fmt.Errorf("process %d is none of %s", pid, w.Dir)
	}
	return kill(pid, s)
}

// endWithin bounds the wait for the end of killed processes.
const endWithin = 20 * time.Second

// Close ends all processes of the world, also those whose parents are gone, and removes its folder.
func (w *World) Close() error {
	w.mu.Lock()
	procs := w.procs
	w.procs = nil
	w.mu.Unlock()
	for _, p := range procs {
		p.Signal(syscall.SIGKILL)
	}
	err := w.sweep(endWithin)
	for _, p := range procs {
		if _, late := p.Wait(endWithin); late != nil {
			err = errors.Join(err, late)
		}
	}
	w.own.end()
	return errors.Join(err, os.RemoveAll(w.Dir))
}

// sweep kills what carries the mark until there is nothing more: what is killed may have been about to start another.
func (w *World) sweep(within time.Duration) error {
	end := time.Now().Add(within)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		left := family(w.mark())
		if len(left) == 0 {
			return nil
		}
		for _, pid := range left {
			kill(pid, syscall.SIGKILL)
		}
		if time.Now().After(end) {
			return fmt.Errorf("the processes %v of %s do not end", left, w.Dir)
		}
		<-time.After(wait)
	}
}
