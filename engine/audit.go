package engine

import "fmt"

// Audit recomputes what is derived from the state and holds it against the running figures: every charge has its release
// (trap 17). It returns nil, or what differs; it may be called between any two ops, and costs a walk over the state.
func (e *Engine) Audit() error {
	slots, ingress := 0, 0
	for _, exec := range e.sortedExecs() {
		for _, v := range e.st.frames.get(exec).slots {
			if v != nil {
				slots += v.Bytes()
			}
		}
	}
	for i := range e.st.ingress {
		ingress += e.st.ingress[i].bytes
	}
	if slots != e.st.slotBytes || ingress != e.st.ingressBytes {
		return fmt.Errorf("engine: %d bytes are in slots and %d charged, %d in inputs and %d charged", slots, e.st.slotBytes, ingress, e.st.ingressBytes)
	}
	for i := range e.st.timers.heap {
		if t := &e.st.timers.heap[i]; (t.onOp() || t.kind == timerFrame) && e.st.frames.get(t.exec) == nil {
			return fmt.Errorf("engine: timer %d is of activation %d, which has ended", t.seq, t.exec)
		}
	}
	return nil
}
