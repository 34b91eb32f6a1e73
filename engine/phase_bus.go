package engine

import "github.com/rhizome-ml/rhizome/value"

// pollBus gives the queued events to their subscribers: each starts an activation. Events that are published meanwhile
// wait for the next Poll, so that two functions that publish to each other cannot hold a Poll for ever.
func (e *Engine) pollBus() {
	n := len(e.st.bus)
	for range n {
		ev := e.st.bus[0]
		e.st.bus[0] = busEvent{}
		e.st.bus = e.st.bus[1:]
		e.trace(traceBus, nil, -1, ev.kind)
		subs := e.subs[ev.kind]
		if len(subs) == 0 {
			e.count("bus.unheard")
		}
		for _, id := range subs {
			if len(e.st.frames) >= e.limits.Frames {
				e.drop("bus.dropped", "too many activations are alive for event "+ev.kind)
				continue
			}
			e.open(&e.prog.Funcs[id], []value.Value{ev.value})
		}
	}
}
