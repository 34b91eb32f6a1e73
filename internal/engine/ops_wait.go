package engine

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// stepWait runs the ops on named permits, queues and held values. What cannot go on now is parked and tried again, in
// order of parking, when the thing that it waits for changes.
func (e *Engine) stepWait(f *frame, op int32, o *program.Op) outcome {
	var in value.Value = value.Trigger{}
	if len(o.In) > 0 {
		in = f.slots[o.In[0]]
	}
	switch o.Code {
	case program.OpLimit:
		return e.takePermit(f, op, o)
	case program.OpRelease:
		for i, name := range f.permits {
			if name == o.Label {
				e.touch(f)
				f.permits = slices.Delete(f.permits, i, i+1)
				e.returnPermit(name)
				break
			}
		}
		e.fill(f, o.Out[0], value.Trigger{})
	case program.OpQueuePut:
		return e.putQueue(f, op, o, in)
	case program.OpQueueTake:
		return e.takeQueue(f, op, o)
	case program.OpHoldPut:
		return e.putHold(f, op, o, in)
	case program.OpHoldTake:
		i, ok := e.findHold(o.Label)
		if !ok {
			return e.park(f, op, o, parkHold, o.Label)
		}
		v := e.st.holds[i].value
		e.st.holds = slices.Delete(e.st.holds, i, i+1)
		e.fill(f, o.Out[0], v)
		e.store(-v.Bytes())
	}
	return done
}

func (e *Engine) takePermit(f *frame, op int32, o *program.Op) outcome {
	i, ok := slices.BinarySearchFunc(e.st.gates, o.Label, func(g gate, n string) int { return compareText(g.name, n) })
	if !ok {
		e.st.gates = slices.Insert(e.st.gates, i, gate{name: o.Label})
	}
	if e.st.gates[i].taken >= o.N {
		return e.park(f, op, o, parkGate, o.Label)
	}
	e.st.gates[i].taken++
	e.touch(f)
	f.permits = append(f.permits, o.Label)
	e.fill(f, o.Out[0], value.Trigger{})
	return done
}

func (e *Engine) returnPermit(name string) {
	i, ok := slices.BinarySearchFunc(e.st.gates, name, func(g gate, n string) int { return compareText(g.name, n) })
	if !ok || e.st.gates[i].taken == 0 {
		e.broken("permit " + name + " returned twice")
	}
	e.st.gates[i].taken--
	e.wakeParked(parkGate, name)
}

func (e *Engine) findQueue(name string) (int, bool) {
	return slices.BinarySearchFunc(e.st.queues, name, func(q queue, n string) int { return compareText(q.name, n) })
}

func (e *Engine) putQueue(f *frame, op int32, o *program.Op, v value.Value) outcome {
	fits, never := e.storeRoom(o, v, 0)
	if never != nil {
		return e.fail(f, op, o, never)
	}
	i, ok := e.findQueue(o.Label)
	if !ok {
		if len(e.st.queues) >= e.limits.Queues {
			return e.fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, "too many named queues"))
		}
		e.st.queues = slices.Insert(e.st.queues, i, queue{name: o.Label})
	}
	room := e.limits.QueueLength
	if o.N > 0 {
		room = min(room, int(o.N))
	}
	if len(e.st.queues[i].values) >= room {
		return e.park(f, op, o, parkQueueFull, o.Label)
	}
	if !fits {
		if e.crowded() { // what waits holds its values in slots: if it took all of them, nobody could begin who takes
			return e.fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, fmt.Sprintf("queues and held values keep %d bytes, at most %d, and as much waits", e.st.kept.store, e.limits.SlotBytes)))
		}
		e.count("queue.waits")
		return e.park(f, op, o, parkBytes, "")
	}
	e.store(v.Bytes())
	e.st.queues[i].values = append(e.st.queues[i].values, v)
	e.fill(f, o.Out[0], value.Trigger{})
	e.wakeParked(parkQueueEmpty, o.Label)
	return done
}

func (e *Engine) takeQueue(f *frame, op int32, o *program.Op) outcome {
	i, ok := e.findQueue(o.Label)
	if !ok || len(e.st.queues[i].values) == 0 {
		return e.park(f, op, o, parkQueueEmpty, o.Label)
	}
	q := &e.st.queues[i]
	v := q.values[0]
	q.values = slices.Delete(q.values, 0, 1)
	e.store(-v.Bytes())
	e.fill(f, o.Out[0], v)
	e.wakeParked(parkQueueFull, o.Label)
	return done
}

func (e *Engine) findHold(name string) (int, bool) {
	return slices.BinarySearchFunc(e.st.holds, name, func(h hold, n string) int { return compareText(h.name, n) })
}

func (e *Engine) putHold(f *frame, op int32, o *program.Op, v value.Value) outcome {
	i, ok := e.findHold(o.Label)
	old := 0
	if ok {
		old = e.st.holds[i].value.Bytes()
	}
	switch fits, never := e.storeRoom(o, v, old); {
	case never != nil:
		return e.fail(f, op, o, never)
	case !fits:
		return e.fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, fmt.Sprintf("queues and held values keep %d bytes, at most %d", e.st.kept.store, e.limits.SlotBytes)))
	}
	if !ok {
		if len(e.st.holds) >= e.limits.Holds {
			return e.fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, "too many held values"))
		}
		e.st.holds = slices.Insert(e.st.holds, i, hold{name: o.Label})
	} else {
		e.count("hold.replaced")
	}
	e.st.holds[i].value = v
	e.store(v.Bytes() - old)
	e.fill(f, o.Out[0], value.Trigger{})
	e.wakeParked(parkHold, o.Label)
	return done
}

// park makes an op wait for a reason; beyond the bound it fails.
func (e *Engine) park(f *frame, op int32, o *program.Op, why parkReason, label string) outcome {
	if e.st.waits.len() >= e.limits.Parked {
		return e.fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, "too many ops wait"))
	}
	e.st.waits.add(&parked{call: e.st.nextCall, exec: f.exec, op: op, reason: why, label: label}, f)
	e.st.nextCall++
	return waiting
}

// wakeParked puts the ops that wait for a reason back on the frontier, in order of parking. Each looks again for
// itself, so waking one too many costs a look and waking one too few cannot happen (trap 23).
func (e *Engine) wakeParked(why parkReason, label string) {
	if e.st.waits.len() == 0 {
		return
	}
	if why == parkOutbox {
		e.wakeParked(parkAnswer, "")
	}
	for _, p := range e.st.waits.take(why, label, &e.st.frames) {
		if f := e.st.frames.get(p.exec); f != nil {
			e.enqueue(ready{f, f.exec, p.op})
		}
	}
}
