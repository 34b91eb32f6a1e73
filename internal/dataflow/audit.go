package dataflow

import "fmt"

// Charges recomputes what is charged for what is kept.
func (m *Machine) Charges() Kept { return m.st.charges() }

// Audit recomputes what is derived from the state and holds it against the running figures: nil, or what differs. It
// costs a walk over the state.
func (m *Machine) Audit() error {
	slots := 0
	for _, exec := range m.sortedExecs() {
		for _, v := range m.st.frames.get(exec).Slots {
			if v != nil {
				slots += v.Bytes()
			}
		}
	}
	if slots != m.st.slotBytes {
		return fmt.Errorf("engine: %d bytes are in slots and %d charged", slots, m.st.slotBytes)
	}
	if want := m.st.charges(); want != m.st.kept {
		return fmt.Errorf("engine: what is kept is charged as %+v, and is %+v", m.st.kept, want)
	}
	for _, t := range m.st.timers.heap {
		if t.ofFrame() && m.st.frames.get(t.exec) == nil {
			return fmt.Errorf("engine: timer %d is of activation %d, which has ended", t.seq, t.exec)
		}
	}
	return m.auditOwners()
}

// auditOwners holds the lists of what is under way for each activation against the tables of all.
func (m *Machine) auditOwners() error {
	var timers, commands, parked, ready, children int
	for _, exec := range m.sortedExecs() {
		f := m.st.frames.get(exec)
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
			if children++; c.Parent != exec {
				return fmt.Errorf("engine: activation %d is listed as called by %d, and was by %d", c.Exec, exec,
					c.Parent)
			}
		}
		ready += int(f.queued)
	}
	want := 0
	for i, t := range m.st.timers.heap {
		if int(t.place) != i {
			return fmt.Errorf("engine: timer %d is at place %d of the heap, and takes itself for at %d", t.seq, i,
				t.place)
		}
		if t.ofFrame() {
			want++
		}
	}
	if timers != want || commands != len(m.st.pending) || parked != m.st.waits.len() || ready != m.st.frontier.len() {
		return fmt.Errorf(
			"engine: activations list %d timers, %d commands, %d waiting and %d ready ops; there are %d, %d, %d and %d",
			timers, commands, parked, ready, want, len(m.st.pending), m.st.waits.len(), m.st.frontier.len())
	}
	return nil
}
