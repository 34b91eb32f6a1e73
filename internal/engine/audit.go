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
	waiting := 0
	for _, a := range e.st.arrivals {
		waiting += a.charge()
	}
	if waiting != e.st.waiting {
		return fmt.Errorf("engine: %d bytes wait for loans, and %d are charged", waiting, e.st.waiting)
	}
	if want := e.st.charges(); want != e.st.kept {
		return fmt.Errorf("engine: what is kept is charged as %+v, and is %+v", e.st.kept, want)
	}
	for _, t := range e.st.timers.heap {
		if t.ofFrame() && e.st.frames.get(t.exec) == nil {
			return fmt.Errorf("engine: timer %d is of activation %d, which has ended", t.seq, t.exec)
		}
	}
	return e.auditOwners()
}

// auditOwners holds the lists of what is under way for each activation against the tables of all.
func (e *Engine) auditOwners() error {
	var timers, commands, parked, ready, children int
	for _, exec := range e.sortedExecs() {
		f := e.st.frames.get(exec)
		for t := f.timers; t != nil; t = t.next {
			timers++
		}
		for p := f.commands; p != nil; p = p.next {
			commands++
		}
		for p := f.parked; p != nil; p = p.next {
			parked++
		}
		for c := f.kids.first; c != nil; c = c.kid {
			if children++; c.parent != exec {
				return fmt.Errorf("engine: activation %d is listed as called by %d, and was by %d", c.exec, exec, c.parent)
			}
		}
		ready += int(f.queued)
	}
	want := 0
	for i, t := range e.st.timers.heap {
		if int(t.place) != i {
			return fmt.Errorf("engine: timer %d is at place %d of the heap, and takes itself for at %d", t.seq, i, t.place)
		}
		if t.ofFrame() {
			want++
		}
	}
	if timers != want || commands != len(e.st.pending) || parked != e.st.waits.len() || ready != e.st.frontier.len() {
		return fmt.Errorf("engine: activations list %d timers, %d commands, %d waiting and %d ready ops; there are %d, %d, %d and %d",
			timers, commands, parked, ready, want, len(e.st.pending), e.st.waits.len(), e.st.frontier.len())
	}
	return nil
}
