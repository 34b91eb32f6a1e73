package host

import (
	"sync"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/value"
)

// Workers is a pool of goroutines that run commands for any number of hosts. It is safe for concurrent use. What waits
// in it is bounded by the commands that the nodes have pending.
type Workers struct {
	mu     sync.Mutex
	wake   *sync.Cond
	jobs   []job
	closed bool
	done   sync.WaitGroup
}

type job struct {
	cmd  engine.Command
	work func(engine.Command) ([]value.Value, error)
	give func(command uint64, out []value.Value, err error)
}

// NewWorkers starts n goroutines, at least one.
func NewWorkers(n int) *Workers {
	w := &Workers{}
	w.wake = sync.NewCond(&w.mu)
	for range max(n, 1) {
		w.done.Go(w.run)
	}
	return w
}

// Do queues a command; give is called with its results, from a worker.
func (w *Workers) Do(cmd engine.Command, work func(engine.Command) ([]value.Value, error),
	give func(uint64, []value.Value, error)) {
	w.mu.Lock()
	w.jobs = append(w.jobs, job{cmd, work, give})
	w.mu.Unlock()
	w.wake.Signal()
}

func (w *Workers) run() {
	for {
		w.mu.Lock()
		for len(w.jobs) == 0 && !w.closed {
			w.wake.Wait()
		}
		if w.closed {
			w.mu.Unlock()
			return
		}
		j := w.jobs[0]
		w.jobs[0] = job{}
		w.jobs = w.jobs[1:]
		w.mu.Unlock()
		out, err := j.work(j.cmd)
		j.give(j.cmd.ID, out, err)
	}
}

// Close drops what waits, lets what runs end, and ends the goroutines. Dropped commands are given out again by a later
// restart of their node.
func (w *Workers) Close() {
	w.mu.Lock()
	w.closed, w.jobs = true, nil
	w.mu.Unlock()
	w.wake.Broadcast()
	w.done.Wait()
}
