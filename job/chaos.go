package job

import (
	"time"

	"github.com/rhizome-ml/rhizome/component/draw"
)

// drops drops nodes after rounds: which, and after how much of the next round, is drawn from the job's seed and the round.
// What the node is doing at that moment is left to the machine.
func (c *cluster) drops(stop <-chan struct{}) {
	last, took := time.Now(), time.Duration(0)
	for {
		var r Round
		select {
		case <-stop:
			return
		case r = <-c.chaos:
		}
		took = time.Since(last)
		last = time.Now()
		s := draw.New(c.l.cfg.Seed, "chaos", uint64(r.Number))
		hit, which, when := s.Float(), s.Below(len(c.nodes)), s.Float()
		if hit >= c.l.o.Chaos {
			continue
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(when * float64(took))):
		}
		c.life.Lock()
		m := c.nodes[which]
		m.drop()
		err := c.start(m)
		if err == nil && which == 0 {
			err = c.again() // it may have been dropped when it told its result
		}
		c.life.Unlock()
		if err != nil {
			c.abort(err)
			return
		}
	}
}
