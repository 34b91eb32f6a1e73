package engine

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// stepHost runs the ops on the clock, chance, counters, rings, the bus and the host.
func (e *Engine) stepHost(f *frame, op int32, o *program.Op) outcome {
	var in value.Value = value.Trigger{}
	if len(o.In) > 0 {
		in = f.slots[o.In[0]]
	}
	var out value.Value = value.Trigger{}
	switch o.Code {
	case program.OpClock:
		out = value.Int(e.st.now)
	case program.OpRandom:
		out = value.Int(e.st.random.Uint64())
	case program.OpCorrelate:
		// A function of the state: the same after a replay, and never given out twice by this node (law L6).
		out = value.String(fmt.Sprintf("%s/%d/%d", e.st.self, e.asks(), e.st.nextToken))
		e.st.nextToken++
	case program.OpCount:
		e.count(o.Label)
	case program.OpRecord:
		e.record(o.Label, in)
	case program.OpPublish:
		if bad := e.publish(o.Label, in); bad != nil {
			return e.fail(f, op, o, bad)
		}
	case program.OpAppEmit:
		if in.Bytes() > e.limits.AppEventBytes {
			return e.fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, fmt.Sprintf("an app event of %d bytes, at most %d", in.Bytes(), e.limits.AppEventBytes)))
		}
		if len(e.st.appEvents) >= e.limits.AppEvents || !e.quarter(e.st.kept.app, in.Bytes()) {
			return e.park(f, op, o, parkApp, "")
		}
		e.emitApp(o.Label, in)
	}
	if len(o.Out) > 0 {
		e.fill(f, o.Out[0], out)
	}
	return done
}

// emitApp numbers an event to the host and keeps it until the host acknowledges it.
func (e *Engine) emitApp(name string, v value.Value) {
	ev := AppEvent{Number: e.st.nextApp, Name: name, Value: v}
	e.st.nextApp++
	e.st.kept.app += v.Bytes()
	e.st.appEvents = append(e.st.appEvents, ev)
	e.out.AppEvents = append(e.out.AppEvents, ev)
}

// takeAppAck forgets the events that the host has stored.
func (e *Engine) takeAppAck(upTo uint64) {
	n := 0
	for n < len(e.st.appEvents) && e.st.appEvents[n].Number <= upTo {
		e.st.kept.app -= e.st.appEvents[n].Value.Bytes()
		n++
	}
	e.st.appEvents = slices.Delete(e.st.appEvents, 0, n)
	if n > 0 {
		e.wakeParked(parkApp, "")
	}
}

// record appends to a ring that the host can read; the oldest entry makes room.
func (e *Engine) record(name string, v value.Value) {
	i, ok := slices.BinarySearchFunc(e.st.records, name, func(r record, n string) int { return compareText(r.name, n) })
	if !ok {
		if len(e.st.records) >= e.limits.Records {
			e.drop("record.refused", "too many named rings")
			return
		}
		e.st.records = slices.Insert(e.st.records, i, record{name: name})
	}
	r := &e.st.records[i]
	if !e.ringRoom(r, v) {
		e.drop("record.refused", "the rings have no room for so many bytes")
		return
	}
	e.st.kept.rings += v.Bytes()
	r.entries = append(r.entries, snapshot.RecordEntry{At: e.st.now, Value: v})
}

// Records returns the entries of a ring, oldest first, in a slice that must not be changed.
func (e *Engine) Records(name string) []snapshot.RecordEntry {
	i, ok := slices.BinarySearchFunc(e.st.records, name, func(r record, n string) int { return compareText(r.name, n) })
	if !ok {
		return nil
	}
	return e.st.records[i].entries
}

// publish queues an event on the bus, or says why it cannot.
func (e *Engine) publish(kind string, v value.Value) *value.Failure {
	if len(e.st.bus) >= e.limits.BusEvents {
		e.count("bus.overflow")
		return value.Fail(value.CodeOverflow, "bus", fmt.Sprintf("%d events wait, which is the limit", len(e.st.bus)))
	}
	if !e.quarter(e.st.kept.bus, v.Bytes()) {
		e.count("bus.overflow")
		return value.Fail(value.CodeOverflow, "bus", fmt.Sprintf("events of %d bytes wait, and one of %d is more than may", e.st.kept.bus, v.Bytes()))
	}
	e.st.kept.bus += v.Bytes()
	e.st.bus = append(e.st.bus, busEvent{kind, v})
	return nil
}
