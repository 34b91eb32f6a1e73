package dataflow

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// What a node keeps outside of activations is bounded in bytes as in entries: queues and held values together by as
// much as the slots of activations may hold, and rings, keys that were seen, events on the bus and events to the host
// by a quarter of that each.

// Kept is the charge of what is kept. It is derived.
type Kept struct{ Store, Rings, Keys, Bus, App int }

// keptShare is which part of Limits.SlotBytes each of the smaller ones may have, and keptLeast what each has in any
// case.
const (
	keptShare = 4
	keptLeast = 64 << 10
)

// charges recomputes the charges of what is kept.
func (s *State) charges() (k Kept) {
	for _, h := range s.holds {
		k.Store += h.value.Bytes()
	}
	for _, q := range s.queues {
		for _, v := range q.values {
			k.Store += v.Bytes()
		}
	}
	for _, r := range s.records {
		for _, x := range r.entries {
			k.Rings += x.Value.Bytes()
		}
	}
	for i := range s.latches {
		k.Keys += s.latches[i].bytes()
	}
	for _, ev := range s.bus {
		k.Bus += ev.value.Bytes()
	}
	for _, ev := range s.appEvents {
		k.App += ev.Value.Bytes()
	}
	return k
}

func (l *latch) bytes() int { return len(l.name) + len(l.key) }

// storeRoom says whether a value fits beside what queues and holds keep, in the place of what is charged as old; the
// failure says that it never could.
func (m *Machine) storeRoom(o *program.Op, v value.Value, old int) (bool, *value.Failure) {
	n := v.Bytes()
	if !m.Behaves(3) {
		return true, nil
	}
	if n > m.limits.SlotBytes {
		return false, value.Fail(value.CodeOverflow, o.Name,
			fmt.Sprintf("the value has %d bytes, queues and held values at most %d", n, m.limits.SlotBytes))
	}
	return m.st.kept.Store-old+n <= m.limits.SlotBytes, nil
}

// store counts what queues and holds keep more, or less, and wakes who waits for room.
func (m *Machine) store(bytes int) {
	if m.st.kept.Store += bytes; bytes < 0 {
		m.wakeParked(parkBytes, "")
	}
}

// quarter says whether so many bytes more fit into one of the smaller stores. What is alone there always fits: it is
// bounded by what it came in.
func (m *Machine) quarter(charged, more int) bool {
	return !m.Behaves(3) || charged == 0 || charged+more <= max(keptLeast, m.limits.SlotBytes/keptShare)
}

// ringRoom makes room in a ring for a value: the oldest entries go. It returns false when the other rings leave none.
func (m *Machine) ringRoom(r *record, v value.Value) bool {
	for len(r.entries) > 0 && (len(r.entries) >= m.limits.RecordEntries || !m.quarter(m.st.kept.Rings, v.Bytes())) {
		m.st.kept.Rings -= r.entries[0].Value.Bytes()
		r.entries = slices.Delete(r.entries, 0, 1)
	}
	return m.quarter(m.st.kept.Rings, v.Bytes())
}
