package deploy

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/value"
)

// A node in step with its neighbours is needed until the last of them has its model of the last round. So it ends when
// they have acknowledged all that it sent, and a while later, as they wait for the acknowledgements of what they sent.
const (
	parting     = 2 * time.Second
	partingLook = 100 * time.Millisecond
)

// inStep says whether the job's nodes go in step with neighbours that stand.
func (e *equal) inStep() bool {
	period, _ := e.cfg.Pace()
	return period == 0
}

// delivered waits until the neighbours of a node in step have all that they need of it.
func (e *equal) delivered(ctx context.Context) error {
	if !e.inStep() {
		return nil
	}
	tick := time.NewTicker(partingLook)
	defer tick.Stop()
	var quiet, told time.Time
	for {
		idle := false
		if err := e.host.View(func(n *node.Node) { idle = n.Engine().Idle() }); err != nil {
			return e.because(err)
		}
		now := time.Now()
		switch {
		case !idle:
			quiet = time.Time{}
			if told.IsZero() {
				told = now
			} else if now.Sub(told) > paceEach {
				told = now
				e.o.Notify(Warning{fmt.Sprintf("the model is there (%s), and neighbours have not acknowledged what this node "+
					"sent last: it stays for them; where they have ended already, stop it", peerModelFile)})
			}
		case quiet.IsZero():
			quiet = now
		case now.Sub(quiet) > parting:
			return nil
		}
		select {
		case <-tick.C:
		case err := <-e.failed:
			return err
		case <-ctx.Done():
			return ErrInterrupted
		}
	}
}

// ends is what a node in step knows of why its rounds would end too early. It is safe for concurrent use.
type ends struct {
	mu     sync.Mutex
	reason string // of the failure that was told last
	looks  int    // that found the rounds ended, one after the other
}

// looksEnded is how many looks say that rounds have ended of which no failure was told, as by an earlier life.
const looksEnded = 10

// ended says whether the rounds of a node in step have ended before the last: nothing would ever go on. What a
// neighbour sent and this node refuses ends no round.
func (e *equal) ended(n *node.Node) bool {
	return e.inStep() && n.Engine().Rests() && e.cfg.Merged(n) < uint64(e.rounds)
}

// broke takes a failure that a node in step told. Where the rounds have ended with it, the job has failed, which is
// written down before the node's word of it is acknowledged. While the node is being started, the next look does that.
func (e *equal) broke(h *host.Host, f *value.Failure) error {
	e.ends.mu.Lock()
	e.ends.reason = f.Error()
	e.ends.mu.Unlock()
	ended, merges := false, uint64(0)
	if h != nil {
		err := h.View(func(n *node.Node) { ended, merges = e.ended(n), e.cfg.Merged(n) })
		if err != nil {
			return nil // the host has stopped: the next life looks again
		}
	}
	if !ended {
		e.o.Notify(Warning{f.Error()})
		return nil
	}
	failed, err := e.giveUp(f.Error(), merges)
	if err == nil {
		e.fail(failed)
	}
	return err
}

// noResult takes whether a look found the rounds ended, and returns a *job.FailedError where that is how it stays.
func (e *equal) noResult(ended bool, merges uint64) error {
	e.ends.mu.Lock()
	e.ends.looks++
	if !ended {
		e.ends.looks = 0
	}
	reason, looks := e.ends.reason, e.ends.looks
	e.ends.mu.Unlock()
	switch {
	case !ended || reason == "" && looks < looksEnded:
		return nil
	case reason == "":
		reason = "the rounds of this node have ended before the last, and an earlier life of it was told why"
	}
	failed, err := e.giveUp(reason, merges)
	if err != nil {
		return err
	}
	return failed
}

// giveUp writes down that the job has failed, once.
func (e *equal) giveUp(reason string, merges uint64) (*job.FailedError, error) {
	err := e.dir.Save(func(r *Record) error {
		if r.Failed == nil {
			r.Failed = &job.Failed{Round: int(merges) + 1, Reason: job.Line(reason)}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &job.FailedError{Failed: *e.dir.Record().Failed}, nil
}
