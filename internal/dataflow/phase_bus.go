package dataflow

import "github.com/rhizome-ml/rhizome/value"

// PollBus gives the queued events to their subscribers: each starts an activation. Events that are published meanwhile
// wait for the next Poll, so that two functions that publish to each other cannot hold a Poll for ever; and all wait
// while too many activations are alive.
func (m *Machine) PollBus() {
	n := len(m.st.bus)
	for range n {
		if m.Crowded() {
			return
		}
		ev := m.st.bus[0]
		m.st.kept.Bus -= ev.value.Bytes()
		m.st.bus[0] = busEvent{}
		m.st.bus = m.st.bus[1:]
		m.Trace(traceBus, nil, -1, ev.kind)
		subs := m.subs[ev.kind]
		if len(subs) == 0 {
			m.Count("bus.unheard")
		}
		for _, id := range subs {
			m.Open(&m.prog.Funcs[id], []value.Value{ev.value})
		}
	}
}
