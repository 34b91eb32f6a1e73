package dataflow

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// spentFrom is from how many bytes on a value leaves its slot when nobody is going to read it: what is smaller is not
// worth the look.
const spentFrom = 1 << 20

// spend takes the large values out of their slots that an op has read and that no op of its activation is going to
// read: an activation that waits, such as for a loop over what it was given, would hold them to its end. A trigger
// stands for each from then on.
func (m *Machine) spend(f *Frame, o *program.Op) {
	if f.bytes < m.spentFrom || !m.Behaves(4) || f.Exec == 0 {
		return
	}
	for _, s := range o.In {
		if s == program.None || f.Slots[s] == nil || f.Slots[s].Bytes() < m.spentFrom || slices.Contains(f.Func.Outputs,
			s) {
			continue
		}
		read := true
		for _, u := range f.Func.Uses[f.Func.UseStart[s]:f.Func.UseStart[s+1]] {
			read = read && !m.reads(f, u.Op)
		}
		if !read {
			continue
		}
		less := f.Slots[s].Bytes() - value.Trigger{}.Bytes()
		f.Slots[s] = value.Trigger{}
		f.bytes -= less
		m.st.slotBytes -= less
		m.touch(f)
		if m.track != nil && f.shelved {
			m.track.frames.put(f.Exec, m.imageOf(f)) // what captures show next would hold it
		}
	}
}

// reads says whether an op may yet read its inputs: it is not ready, has its turn before it, waits to run again, or may
// be tried again.
func (m *Machine) reads(f *Frame, op int32) bool {
	if f.missing[op] != 0 || f.queued > 0 && m.st.frontier.holds(f, op) {
		return true
	}
	again := f.Func.Ops[op].Retry.Attempts > 1
	for t := f.timers; t != nil; t = t.next {
		if t.onOp() && t.op == op {
			return true
		}
	}
	for p := f.parked; p != nil; p = p.next {
		if p.op == op && (again || p.reason != parkComponent) {
			return true
		}
	}
	if !again {
		return false
	}
	for p := f.commands; p != nil; p = p.next {
		if p.op == op {
			return true
		}
	}
	for c := f.kids.first; c != nil; c = c.kid {
		if c.callOp == op {
			return true
		}
	}
	return false
}

// SpendFrom has values of so many bytes and more leave their slots, and not large ones alone: tests have none.
func (m *Machine) SpendFrom(bytes int) { m.spentFrom = bytes }

// Shown returns the bytes of the values in what the last capture was shown, as far as they are still held for the next.
func (m *Machine) Shown() (n int) {
	if m.track == nil {
		return 0
	}
	for _, page := range m.track.frames.row {
		for _, x := range page.items {
			for _, s := range x.slots {
				n += s.Value.Bytes()
			}
		}
	}
	for _, page := range m.track.pending.row {
		for _, x := range page.items {
			n += bytesOf(x.p.inputs)
		}
	}
	return n
}

func bytesOf(list []value.Value) (n int) {
	for _, v := range list {
		n += v.Bytes()
	}
	return n
}
