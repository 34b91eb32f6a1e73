package dataflow

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// stepHost runs the ops on the clock, chance, counters, rings, the bus and the host.
func (m *Machine) stepHost(f *Frame, op int32, o *program.Op) Outcome {
	var in value.Value = value.Trigger{}
	if len(o.In) > 0 {
		in = f.Slots[o.In[0]]
	}
	var out value.Value = value.Trigger{}
	switch o.Code {
	case program.OpClock:
		out = value.Int(m.st.now)
	case program.OpRandom:
		out = value.Int(m.st.random.Uint64())
	case program.OpCount:
		m.Count(o.Label)
	case program.OpRecord:
		m.record(o.Label, in)
	case program.OpPublish:
		if bad := m.Publish(o.Label, in); bad != nil {
			return m.Fail(f, op, o, bad)
		}
	case program.OpAppEmit:
		if in.Bytes() > m.limits.AppEventBytes {
			return m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name,
				fmt.Sprintf("an app event of %d bytes, at most %d", in.Bytes(), m.limits.AppEventBytes)))
		}
		if !m.AppRoom(in.Bytes()) {
			return m.park(f, op, o, parkApp, "")
		}
		m.EmitApp(o.Label, in)
	}
	if len(o.Out) > 0 {
		m.Fill(f, o.Out[0], out)
	}
	return Done
}

// EmitApp numbers an event to the host and keeps it until the host acknowledges it.
func (m *Machine) EmitApp(name string, v value.Value) {
	ev := AppEvent{Number: m.st.nextApp, Name: name, Value: v}
	m.st.nextApp++
	m.st.kept.App += v.Bytes()
	m.st.appEvents = append(m.st.appEvents, ev)
	*m.out.AppEvents = append(*m.out.AppEvents, ev)
}

// Acknowledge forgets the events that the host has stored.
func (m *Machine) Acknowledge(upTo uint64) {
	n := 0
	for n < len(m.st.appEvents) && m.st.appEvents[n].Number <= upTo {
		m.st.kept.App -= m.st.appEvents[n].Value.Bytes()
		n++
	}
	m.st.appEvents = slices.Delete(m.st.appEvents, 0, n)
	if n > 0 {
		m.wakeParked(parkApp, "")
	}
}

// record appends to a ring that the host can read; the oldest entry makes room.
func (m *Machine) record(name string, v value.Value) {
	i, ok := slices.BinarySearchFunc(m.st.records, name, func(r record, n string) int { return compareText(r.name, n) })
	if !ok {
		if len(m.st.records) >= m.limits.Records {
			m.Drop("record.refused", "too many named rings")
			return
		}
		m.st.records = slices.Insert(m.st.records, i, record{name: name})
	}
	r := &m.st.records[i]
	if !m.ringRoom(r, v) {
		m.Drop("record.refused", "the rings have no room for so many bytes")
		return
	}
	m.st.kept.Rings += v.Bytes()
	r.entries = append(r.entries, snapshot.RecordEntry{At: m.st.now, Value: v})
}

// Publish queues an event on the bus, or says why it cannot.
func (m *Machine) Publish(kind string, v value.Value) *value.Failure {
	if len(m.st.bus) >= m.limits.BusEvents {
		m.Count("bus.overflow")
		return value.Fail(value.CodeOverflow, "bus", fmt.Sprintf("%d events wait, which is the limit", len(m.st.bus)))
	}
	if !m.quarter(m.st.kept.Bus, v.Bytes()) {
		m.Count("bus.overflow")
		return value.Fail(value.CodeOverflow, "bus",
			fmt.Sprintf("events of %d bytes wait, and one of %d is more than may", m.st.kept.Bus, v.Bytes()))
	}
	m.st.kept.Bus += v.Bytes()
	m.st.bus = append(m.st.bus, busEvent{kind, v})
	return nil
}
