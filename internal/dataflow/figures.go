package dataflow

import (
	"slices"

	"github.com/rhizome-ml/rhizome/snapshot"
)

// Figures says how much is under way in a machine.
type Figures struct {
	Activations int
	Ready       int // ops that would run
	Parked      int // ops that wait
	Timers      int
	Commands    int // given out and not completed
	Results     int // that arrived and are not applied
	Events      int // on the bus
	AppEvents   int // not acknowledged
	Keys        int // that were seen
	Permits     int // that are out
	SlotBytes   int // of values in slots
	Kept        Kept
}

// Figures returns how much is under way.
func (m *Machine) Figures() Figures {
	x := Figures{
		Activations: m.st.frames.len(), Ready: m.st.frontier.len(), Parked: m.st.waits.len(),
		Timers: len(m.st.timers.heap), Commands: len(m.st.pending),
		Results: len(m.st.completions), Events: len(m.st.bus), AppEvents: len(m.st.appEvents), Keys: len(m.st.latches),
		SlotBytes: m.st.slotBytes, Kept: m.st.kept,
	}
	for _, g := range m.st.gates {
		x.Permits += int(g.taken)
	}
	return x
}

// Counter is one named count.
type Counter struct {
	Name  string
	Count uint64
}

// Counts returns all counters in order of name.
func (m *Machine) Counts() []Counter {
	out := make([]Counter, len(m.st.counters))
	for i, c := range m.st.counters {
		out[i] = Counter{c.name, c.n}
	}
	return out
}

// EntriesOf returns the entries of a ring, oldest first, in a slice that must not be changed.
func (m *Machine) EntriesOf(name string) []snapshot.RecordEntry {
	i, ok := slices.BinarySearchFunc(m.st.records, name, func(r record, n string) int { return compareText(r.name, n) })
	if !ok {
		return nil
	}
	return m.st.records[i].entries
}
