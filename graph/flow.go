package graph

import (
	"time"

	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

func (g *Graph) flow1(name string, attrs Attrs, in ...Value) Value {
	return g.Op(op.Flow, name, attrs, 1, in...)[0]
}

// Constant returns a literal, which lives everywhere: each activation that reads it has its own.
func (g *Graph) Constant(v value.Value) Value {
	d := g.s.st.catalogue.Lookup(op.Flow, "Constant")
	u := use{decl: d, line: caller(), outs: 1}
	attrs, err := op.LiteralAttrs(v)
	if err != nil {
		g.s.st.fail(u.line, "Constant", "%v", err)
		return u.refused(g)[0]
	}
	u.attrs = attrs
	return g.record(u)[0]
}

// Pulse returns a trigger that fires once when its activation starts.
func (g *Graph) Pulse() Value { return g.Constant(value.Trigger{}) }

// PassThrough returns v.
func (g *Graph) PassThrough(v Value) Value { return g.flow1("PassThrough", nil, v) }

// Tee returns v n times.
func (g *Graph) Tee(v Value, n int) []Value { return g.Op(op.Flow, "Tee", nil, n, v) }

// Gate returns v once the trigger came.
func (g *Graph) Gate(v, open Value) Value { return g.flow1("Gate", nil, v, open) }

// Sleep returns v after a delay, by a persistent timer.
func (g *Graph) Sleep(v Value, delay time.Duration) Value {
	return g.flow1("Sleep", Attrs{"delay": delay}, v)
}

// Threshold fires after n of the values arrived.
func (g *Graph) Threshold(n int, values ...Value) Value {
	if n > len(values) {
		g.s.st.fail(caller(), "Threshold", "waits for %d of %d values; want at most all", n, len(values))
		return Value{s: g.s, bad: true}
	}
	return g.flow1("Threshold", Attrs{"n": n}, values...)
}

// Any returns the first of the values that arrives sound.
func (g *Graph) Any(values ...Value) Value { return g.flow1("Any", nil, values...) }

// AnyOnce returns v for the first arrival of each key; the latch of that name remembers the keys. A node remembers
// 8,192 keys, of all its latches together: beyond them it forgets the oldest, which passes again when it comes again,
// and adds one to the counter latch.forgotten. Where that may not be, keep a number that only grows in the state of a
// component and compare, as the example of rhizome.Node.Call does.
func (g *Graph) AnyOnce(name string, v, key Value) Value {
	return g.flow1("AnyOnce", Attrs{"name": name}, v, key)
}

// Limit returns one of n permits of that name; it waits while none is free.
func (g *Graph) Limit(name string, n int, trigger Value) Value {
	return g.flow1("Limit", Attrs{"name": name, "n": n}, trigger)
}

// Release gives a permit of that name back before the activation ends.
func (g *Graph) Release(name string, permit Value) Value {
	return g.flow1("Release", Attrs{"name": name}, permit)
}

// QueuePut puts v at the end of the queue of that name, which holds n values; it waits while the queue is full.
func (g *Graph) QueuePut(name string, n int, v Value) Value {
	return g.flow1("QueuePut", Attrs{"name": name, "n": n}, v)
}

// QueueTake returns the first value of a queue; it waits while there is none.
func (g *Graph) QueueTake(name string, trigger Value) Value {
	return g.flow1("QueueTake", Attrs{"name": name}, trigger)
}

// HoldPut holds v in place of what was held under that name.
func (g *Graph) HoldPut(name string, v Value) Value {
	return g.flow1("HoldPut", Attrs{"name": name}, v)
}

// HoldTake takes what is held under that name; it waits while there is nothing.
func (g *Graph) HoldTake(name string, trigger Value) Value {
	return g.flow1("HoldTake", Attrs{"name": name}, trigger)
}

// Deadline returns v, and a trigger that fires instead when v did not come within the delay from the activation's
// start.
func (g *Graph) Deadline(v Value, delay time.Duration) (sound, expired Value) {
	out := g.Op(op.Flow, "Deadline", Attrs{"delay": delay}, 2, v)
	return out[0], out[1]
}

// Catch returns v where it is sound; else the other value comes, a list of the failure's code, place and message as
// Strings, and the failure counts as handled.
func (g *Graph) Catch(v Value) (sound, failure Value) {
	out := g.Op(op.Flow, "Catch", nil, 2, v)
	return out[0], out[1]
}

// Fail fails with the code when v comes; what it returns carries the failure to whoever reads it.
func (g *Graph) Fail(code string, v Value) Value { return g.flow1("Fail", Attrs{"code": code}, v) }

// Bundle returns the list of the values.
func (g *Graph) Bundle(values ...Value) Value { return g.flow1("Bundle", nil, values...) }

// Unbundle returns the n items of a list.
func (g *Graph) Unbundle(list Value, n int) []Value { return g.Op(op.Flow, "Unbundle", nil, n, list) }

// Clock returns the engine time in nanoseconds when the trigger comes.
func (g *Graph) Clock(trigger Value) Value { return g.flow1("Clock", nil, trigger) }

// Random returns 64 bits of the node's random source when the trigger comes.
func (g *Graph) Random(trigger Value) Value { return g.flow1("Random", nil, trigger) }

// Correlate returns a fresh idempotency key when the trigger comes.
func (g *Graph) Correlate(trigger Value) Value { return g.flow1("Correlate", nil, trigger) }

// AppEmit gives the host an event.
func (g *Graph) AppEmit(name string, v Value) Value {
	return g.flow1("AppEmit", Attrs{"name": name}, v)
}

// Publish puts an event on the bus of the node, where Event and nothing else hears it; it fails while 1,024 wait.
func (g *Graph) Publish(kind string, v Value) Value {
	return g.flow1("Publish", Attrs{"kind": kind}, v)
}

// Count adds one to a counter that the host can read.
func (g *Graph) Count(name string, trigger Value) Value {
	return g.flow1("Count", Attrs{"name": name}, trigger)
}

// Record puts a value in a ring buffer that the host can read.
func (g *Graph) Record(name string, v Value) Value { return g.flow1("Record", Attrs{"name": name}, v) }

// Interval starts an activation at the place with each tick, and returns the number of the tick.
func (g *Graph) Interval(p Place, period time.Duration) Value {
	return g.Op(op.Flow, "Interval", Attrs{"place": p.name, "period": period}, 1)[0]
}

// SpreadInterval is Interval, but each node draws from its random source when within the first period it begins, so
// that nodes that started together do not tick together.
func (g *Graph) SpreadInterval(p Place, period time.Duration) Value {
	return g.Op(op.Flow, "Interval", Attrs{"place": p.name, "period": period, "spread": true}, 1)[0]
}

// Event starts an activation at the place for each event of a kind on the node's bus, and returns the event's value.
// The package comment has the kinds that the node itself publishes.
func (g *Graph) Event(p Place, kind string) Value {
	return g.Op(op.Flow, "EventSource", Attrs{"place": p.name, "kind": kind}, 1)[0]
}

// Lifecycle starts an activation at the place when a phase of the node is fired: "shutdown" or "snapshot". See the
// package comment for who fires them.
func (g *Graph) Lifecycle(p Place, phase string) Value {
	return g.Op(op.Flow, "Lifecycle", Attrs{"place": p.name, "phase": phase}, 1)[0]
}

// Input starts an activation at the place for each call of that name by the host, and returns the values that the host
// gives, which must be of these types.
func (g *Graph) Input(p Place, name string, of ...types.Type) []Value {
	attrs := Attrs{"place": p.name, "name": name}
	if len(of) > 0 {
		texts := make([]string, len(of))
		for i, t := range of {
			texts[i] = t.String()
		}
		attrs["types"] = texts
	}
	return g.Op(op.Flow, "Invoke", attrs, len(of))
}

// Peer records an op on the node's address book or on who may talk to it, such as "Insert" or "Health", and returns its
// one output. The package comment has them all.
func (g *Graph) Peer(name string, in ...Value) Value {
	return g.Op(op.PeerDomain, name, nil, 1, in...)[0]
}
