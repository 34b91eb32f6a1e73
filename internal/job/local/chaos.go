package local

import (
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
)

// dropsMax bounds the nodes that wait to be dropped: with as many the machine is busy with nothing else.
const dropsMax = 64

// drops drops nodes after rounds until stop is closed: which, and after how much of the next round, is drawn from the
// job's seed and the round. What the node is doing at that moment is left to the machine.
func (c *cluster) drops(stop <-chan struct{}) {
	var waiting sync.WaitGroup
	defer waiting.Wait()
	room := make(chan struct{}, dropsMax)
	for {
		select {
		case <-stop:
			return
		case r := <-c.chaos:
			s := draw.New(c.l.cfg.About().Seed, "chaos", uint64(r.Number))
			hit, which, when := s.Float(), s.Below(len(c.nodes)), s.Float()
			if hit >= c.l.o.Chaos {
				continue
			}
			room <- struct{}{}
			waiting.Go(func() {
				defer func() { <-room }()
				c.dropAfter(time.Duration(when*float64(c.pace.Load())), which, stop)
			})
		}
	}
}

// dropAfter waits, drops a node, and starts it again from its directory.
func (c *cluster) dropAfter(wait time.Duration, which int, stop <-chan struct{}) {
	select {
	case <-stop:
		return
	case <-time.After(wait):
	}
	m := c.nodes[which]
	m.life.Lock()
	defer m.life.Unlock()
	select {
	case <-stop:
		return
	default:
	}
	m.drop()
	err := c.start(m)
	if err == nil {
		err = c.l.save(func(r *rundir.Record) { r.Drops++ })
	}
	if err == nil && which == 0 {
		err = c.again() // it may have been dropped when it told its result
	}
	if err != nil {
		c.abort(err)
	}
}
