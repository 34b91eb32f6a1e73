package outages

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/prove/live"
)

// returningRun is a run of processes whose directory comes back from a copy, as a whole or that of one node.
type returningRun struct {
	*killing
	at int // the round that was told last
}

// run lets directories come back as long as the run is not near its end, and at most so often.
func (r *returningRun) run(most int) error {
	if err := r.start(); err != nil {
		return err
	}
	if err := r.rounds(roundsThatTell); err != nil {
		return err
	}
	for did := 0; r.at < r.size.rounds*2/3 && did < most; did++ {
		if err := r.back(); err != nil {
			return fmt.Errorf("after %d that came back: %w", did, err)
		}
	}
	return r.finish()
}

// rounds waits for so many more rounds than there are by now.
func (r *returningRun) rounds(more int) (err error) {
	r.at, err = r.more(r.run0, &r.heard, more, r.note)
	return err
}

// back copies the directory of the run, lets it go on, ends all of it, and starts it from the copy, or one of its
// nodes.
func (r *returningRun) back() error {
	r.listen()
	pids := slices.Sorted(maps.Values(r.pids))
	old := r.dir + ".copy"
	if err := r.copy(pids, old); err != nil {
		return err
	}
	if err := r.rounds(roundsThatTell + r.rng.IntN(30)); err != nil {
		return err
	}
	if err := r.end(r.run0); err != nil {
		return err
	}
	if err := r.ended(pids); err != nil {
		return err
	}
	from, to, what := old, r.dir, ofRuns
	if r.rng.IntN(2) == 0 {
		name := "server"
		if r.rng.IntN(2) > 0 {
			name = job.ClientName(r.rng.IntN(r.clients))
		}
		from, to, what = filepath.Join(old, name), filepath.Join(r.dir, name), ofNodesOfRuns
	}
	if err := moved(from, to); err != nil {
		return err
	}
	if err := r.start(); err != nil {
		return err
	}
	if err := r.rounds(roundsThatTell); err != nil {
		return err
	}
	r.s.Add(putBack, 1)
	r.s.Add(putBack+what, 1)
	return nil
}

// copy copies the run's directory while all of its processes stand.
func (r *returningRun) copy(pids []int, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := r.freeze(r.run0); err != nil {
		return err
	}
	for _, pid := range pids {
		if err := r.Signal(pid, live.Pause); err != nil {
			return err
		}
	}
	if err := r.wait("stop", pids, stands); err != nil {
		return err
	}
	if err := copied(r.dir, to); err != nil {
		return err
	}
	for _, pid := range pids {
		if err := r.Signal(pid, live.Resume); err != nil {
			return err
		}
	}
	return r.run0.Signal(live.Resume)
}

// ended waits until the processes of a run whose supervisor has ended are gone.
func (r *returningRun) ended(pids []int) error {
	return r.wait("end", pids, func(pid int) bool { return !r.Owns(pid) })
}

// wait waits until something is so of all processes.
func (r *returningRun) wait(what string, pids []int, so func(pid int) bool) error {
	for end := time.Now().Add(soon); ; {
		if !slices.ContainsFunc(pids, func(pid int) bool { return !so(pid) }) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the processes %v do not %s:\n%s", pids, what, r.run0.Log())
		}
		if !r.pause(time.Millisecond) {
			return errOver
		}
	}
}
