package engine

import "github.com/rhizome-ml/rhizome/value"

// pollBus gives the queued events to their subscribers: each starts an activation. Events that are published meanwhile
// wait for the next Poll, so that two functions that publish to each other cannot hold a Poll for ever; and all wait while
// too many activations are alive.
func (e *Engine) pollBus() {
	n := len(e.st.bus)
	for range n {
		if e.crowded() {
			return
		}
		ev := e.st.bus[0]
		e.st.kept.bus -= ev.value.Bytes()
		e.st.bus[0] = busEvent{}
		e.st.bus = e.st.bus[1:]
		e.trace(traceBus, nil, -1, ev.kind)
		subs := e.subs[ev.kind]
		if len(subs) == 0 {
			e.count("bus.unheard")
		}
		for _, id := range subs {
			e.open(&e.prog.Funcs[id], []value.Value{ev.value})
		}
	}
}
