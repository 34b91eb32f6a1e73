package dataflow

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// stepWait runs the ops on named permits, queues and held values. What cannot go on now is parked and tried again, in
// order of parking, when the thing that it waits for changes.
func (m *Machine) stepWait(f *Frame, op int32, o *program.Op) Outcome {
	var in value.Value = value.Trigger{}
	if len(o.In) > 0 {
		in = f.Slots[o.In[0]]
	}
	switch o.Code {
	case program.OpLimit:
		return m.takePermit(f, op, o)
	case program.OpRelease:
		for i, name := range f.permits {
			if name == o.Label {
				m.touch(f)
				f.permits = slices.Delete(f.permits, i, i+1)
				m.returnPermit(name)
				break
			}
		}
		m.Fill(f, o.Out[0], value.Trigger{})
	case program.OpQueuePut:
		return m.putQueue(f, op, o, in)
	case program.OpQueueTake:
		return m.takeQueue(f, op, o)
	case program.OpHoldPut:
		return m.putHold(f, op, o, in)
	case program.OpHoldTake:
		i, ok := m.findHold(o.Label)
		if !ok {
			return m.park(f, op, o, parkHold, o.Label)
		}
		v := m.st.holds[i].value
		m.st.holds = slices.Delete(m.st.holds, i, i+1)
		m.Fill(f, o.Out[0], v)
		m.store(-v.Bytes())
	}
	return Done
}

func (m *Machine) takePermit(f *Frame, op int32, o *program.Op) Outcome {
	i, ok := slices.BinarySearchFunc(m.st.gates, o.Label, func(g gate, n string) int { return compareText(g.name, n) })
	if !ok {
		m.st.gates = slices.Insert(m.st.gates, i, gate{name: o.Label})
	}
	if m.st.gates[i].taken >= o.N {
		return m.park(f, op, o, parkGate, o.Label)
	}
	m.st.gates[i].taken++
	m.touch(f)
	f.permits = append(f.permits, o.Label)
	m.Fill(f, o.Out[0], value.Trigger{})
	return Done
}

func (m *Machine) returnPermit(name string) {
	i, ok := slices.BinarySearchFunc(m.st.gates, name, func(g gate, n string) int { return compareText(g.name, n) })
	if !ok || m.st.gates[i].taken == 0 {
		m.Broken("permit " + name + " returned twice")
	}
	m.st.gates[i].taken--
	m.wakeParked(parkGate, name)
}

func (m *Machine) findQueue(name string) (int, bool) {
	return slices.BinarySearchFunc(m.st.queues, name, func(q queue, n string) int { return compareText(q.name, n) })
}

func (m *Machine) putQueue(f *Frame, op int32, o *program.Op, v value.Value) Outcome {
	fits, never := m.storeRoom(o, v, 0)
	if never != nil {
		return m.Fail(f, op, o, never)
	}
	i, ok := m.findQueue(o.Label)
	if !ok {
		if len(m.st.queues) >= m.limits.Queues {
			return m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, "too many named queues"))
		}
		m.st.queues = slices.Insert(m.st.queues, i, queue{name: o.Label})
	}
	room := m.limits.QueueLength
	if o.N > 0 {
		room = min(room, int(o.N))
	}
	if len(m.st.queues[i].values) >= room {
		return m.park(f, op, o, parkQueueFull, o.Label)
	}
	if !fits {
		if m.Crowded() { // what waits holds its values in slots: if it took all of them, nobody could begin who takes
			return m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name,
				fmt.Sprintf("queues and held values keep %d bytes, at most %d, and as much waits", m.st.kept.Store,
					m.limits.SlotBytes)))
		}
		m.Count("queue.waits")
		return m.park(f, op, o, parkBytes, "")
	}
	m.store(v.Bytes())
	m.st.queues[i].values = append(m.st.queues[i].values, v)
	m.Fill(f, o.Out[0], value.Trigger{})
	m.wakeParked(parkQueueEmpty, o.Label)
	return Done
}

func (m *Machine) takeQueue(f *Frame, op int32, o *program.Op) Outcome {
	i, ok := m.findQueue(o.Label)
	if !ok || len(m.st.queues[i].values) == 0 {
		return m.park(f, op, o, parkQueueEmpty, o.Label)
	}
	q := &m.st.queues[i]
	v := q.values[0]
	q.values = slices.Delete(q.values, 0, 1)
	m.store(-v.Bytes())
	m.Fill(f, o.Out[0], v)
	m.wakeParked(parkQueueFull, o.Label)
	return Done
}

func (m *Machine) findHold(name string) (int, bool) {
	return slices.BinarySearchFunc(m.st.holds, name, func(h hold, n string) int { return compareText(h.name, n) })
}

func (m *Machine) putHold(f *Frame, op int32, o *program.Op, v value.Value) Outcome {
	i, ok := m.findHold(o.Label)
	old := 0
	if ok {
		old = m.st.holds[i].value.Bytes()
	}
	switch fits, never := m.storeRoom(o, v, old); {
	case never != nil:
		return m.Fail(f, op, o, never)
	case !fits:
		return m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name,
			fmt.Sprintf("queues and held values keep %d bytes, at most %d", m.st.kept.Store, m.limits.SlotBytes)))
	}
	if !ok {
		if len(m.st.holds) >= m.limits.Holds {
			return m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, "too many held values"))
		}
		m.st.holds = slices.Insert(m.st.holds, i, hold{name: o.Label})
	} else {
		m.Count("hold.replaced")
	}
	m.st.holds[i].value = v
	m.store(v.Bytes() - old)
	m.Fill(f, o.Out[0], value.Trigger{})
	m.wakeParked(parkHold, o.Label)
	return Done
}

// park makes an op wait for a reason; beyond the bound it fails.
func (m *Machine) park(f *Frame, op int32, o *program.Op, why parkReason, label string) Outcome {
	if m.st.waits.len() >= m.limits.Parked {
		return m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, "too many ops wait"))
	}
	m.st.waits.add(&parked{call: m.st.nextCall, exec: f.Exec, op: op, reason: why, label: label}, f)
	m.st.nextCall++
	return waiting
}

// wakeParked puts the ops that wait for a reason back on the frontier, in order of parking. Each looks again for
// itself, so waking one too many costs a look and waking one too few cannot happen (trap lost-wakeup).
func (m *Machine) wakeParked(why parkReason, label string) {
	if m.st.waits.len() == 0 {
		return
	}
	if why == parkOutbox {
		m.wakeParked(parkAnswer, "")
	}
	for _, p := range m.st.waits.take(why, label, &m.st.frames) {
		if f := m.st.frames.get(p.exec); f != nil {
			m.enqueue(ready{f, f.Exec, p.op})
		}
	}
}
