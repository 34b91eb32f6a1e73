package deploy

import (
	"context"
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/node"
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
