package engine

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Context is what a component can do while the engine calls it. It is good only during the call.
type Context struct {
	e         *Engine
	component int32
	f         *dataflow.Frame // the op that is being invoked, or nil
	op        int32
	waits     bool
	refused   *value.Failure // of a command that cannot be stored: the op fails of it
	depth     int
}

// enter prepares the context for a call into a component.
func (e *Engine) enter(component int32, f *dataflow.Frame, op int32) *Context {
	if e.ctx.depth != 0 {
		e.m.Broken("a component was called while another call runs")
	}
	*e.ctx = Context{e: e, component: component, f: f, op: op, depth: 1}
	return e.ctx
}

func (e *Engine) leave() { e.ctx.depth, e.ctx.f = 0, nil }

// Now returns the engine time in nanoseconds; it never goes back.
func (c *Context) Now() int64 { return c.e.m.Now() }

// Self returns the peer id of this node.
func (c *Context) Self() wire.PeerID { return c.e.st.self }

// Place returns the place that this node plays.
func (c *Context) Place() string { return c.e.prog.Place }

// Seed returns the job's seed, the same on all its nodes. Derive a stream for each purpose from it.
func (c *Context) Seed() uint64 { return c.e.seed }

// Random returns 64 bits of the node's own random source, which is in the snapshot. What it gives depends on what
// happened before: use it for jitter, never for sampling, data order or initial values.
func (c *Context) Random() uint64 { return c.e.m.Random() }

// Peers returns the peers that play the place, sorted: those known from the start, and the members. Where anyone may
// play it, others may too.
func (c *Context) Peers(place string) []wire.PeerID { return c.e.peersAt(place) }

// Plays says whether a peer plays the place: it is one of its peers, or anyone may play it.
func (c *Context) Plays(p wire.PeerID, place string) bool { return c.e.plays(p, place) }

// Dep returns the component of this node in the named slot, or nil.
func (c *Context) Dep(slot string) Component {
	if i := c.e.prog.ComponentOf(slot); i >= 0 {
		return c.e.comps[i]
	}
	return nil
}

// As returns the context of the component in a slot of this node, for one that another component calls: timers that it
// arms and what it counts are its own. It does not park.
func (c *Context) As(slot string) *Context {
	i := c.e.prog.ComponentOf(slot)
	if i < 0 || i == c.component {
		return c
	}
	return &Context{e: c.e, component: i, op: -1, depth: c.depth}
}

// Addresses returns where a peer, or this node itself, can be reached as far as the address book knows, the best first.
func (c *Context) Addresses(p wire.PeerID) []string { return c.e.st.book.Lookup(p) }

// Learn notes where a third peer says that a peer is. It counts only while nothing better is known.
func (c *Context) Learn(p wire.PeerID, addresses []string) {
	if p != c.e.st.self && c.e.noPeer(p, "") == nil && c.e.st.governor.Admit(p) == nil &&
		c.e.st.book.Learn(p, addresses,
			c.e.m.Now()) {
		c.e.newAddress(p)
	}
}

// Admitted says whether the governor lets a peer talk to this node.
func (c *Context) Admitted(p wire.PeerID) bool { return c.e.st.governor.Admit(p) == nil }

// Down says whether a peer failed so often in a row that it counts as down.
func (c *Context) Down(p wire.PeerID) bool { return c.e.st.governor.Down(p) }

// Outputs returns the values as a slice for Invoke to return, in memory that the engine has for it. It is good for one
// return.
func (c *Context) Outputs(v ...value.Value) []value.Value {
	return c.e.m.Outputs(v)
}

// Park makes the op that is being invoked wait until Resolve or Reject is called with the returned id.
func (c *Context) Park() CallID {
	if c.f == nil || c.waits {
		c.e.m.Broken("Park outside of an invocation, or twice")
	}
	c.waits = true
	return CallID(c.e.m.ParkCall(c.f, c.op))
}

// Resolve gives a parked op its outputs. An id whose activation has ended is counted and has no effect.
func (c *Context) Resolve(id CallID, out ...value.Value) { c.e.m.Resolve(uint64(id), out, nil) }

// Reject fails a parked op.
func (c *Context) Reject(id CallID, why *value.Failure) { c.e.m.Resolve(uint64(id), nil, why) }

// Command gives work to the workers: Worker.Work runs with the method and the inputs, and the op that is being invoked
// waits for its result.
func (c *Context) Command(method string, in []value.Value) {
	if c.f == nil || c.waits {
		c.e.m.Broken("Command outside of an invocation, or twice")
	}
	if bad := c.e.m.BadCommand(method, in, c.slot()); bad != nil {
		c.refused = bad
		return
	}
	c.waits = true
	c.e.m.Command(c.f, c.op, c.component, method, in)
}

// Arm arms a persistent timer: the component's Alarm is called with the token, delay nanoseconds from now. It returns
// false when too many timers are armed.
func (c *Context) Arm(delay int64, token uint64) bool {
	return c.e.m.ArmComponent(c.component, delay, token)
}

// Disarm takes a timer back and says whether it was armed.
func (c *Context) Disarm(token uint64) bool {
	return c.e.m.DisarmComponent(c.component, token)
}

// Send sends a message to the same component slot of a peer, applied once. It fails when the outbox is full.
func (c *Context) Send(to wire.PeerID, op string, in ...value.Value) error {
	if bad := c.mayTell(to); bad != nil {
		c.e.m.Count("send.blocked")
		return bad
	}
	if bad := c.e.badMessage(op, in, c.slot()); bad != nil {
		return bad
	}
	env := c.message(to, op, in)
	c.e.sc.peers = append(c.e.sc.peers[:0], to)
	if room, _ := c.e.st.streams.RoomFor(c.e.sc.peers, fillBytes(env.Fills)); !room {
		c.e.m.Count("send.refused")
		return value.Fail(value.CodeOverflow, c.slot(), "the outbox is full")
	}
	return c.e.send(env, true)
}

// mayTell returns the failure of a message to a peer that is not admitted, or does not play where the component lives,
// or nil.
func (c *Context) mayTell(to wire.PeerID) *value.Failure {
	if bad := c.e.outcast(to, c.slot()); bad != nil {
		return bad
	}
	if c.e.rules(2) && !c.e.reaches(to, c.component) {
		return value.Fail(value.CodeStranger, c.slot(), "peer "+string(to)+" does not play where this component lives")
	}
	return nil
}

// SendBest sends a message that may be lost.
func (c *Context) SendBest(to wire.PeerID, op string, in ...value.Value) {
	if c.e.rules(2) {
		if bad := c.mayTell(to); bad != nil {
			c.e.m.Drop("send.blocked", bad.Message)
			return
		}
	}
	if bad := c.e.badMessage(op, in, c.slot()); bad != nil {
		c.e.m.Drop("send.unsound", bad.Message)
		return
	}
	c.e.send(c.message(to, op, in), false)
}

// message makes a message of values, and keeps nothing of their slice: it may be the one of the arguments, which is
// cleared.
func (c *Context) message(to wire.PeerID, op string, in []value.Value) *wire.Envelope {
	return &wire.Envelope{
		Version: wire.PlainVersion, From: c.e.st.self, To: to, Digest: c.e.prog.Digest, Edge: -1,
		Fills: []wire.Fill{{Component: c.component, Op: op, Value: value.NewList(slices.Clone(in)...)}},
	}
}

func (c *Context) slot() string { return c.e.prog.Components[c.component].Name }

// Publish puts an event on the in-node bus; it fails when the bus is full.
func (c *Context) Publish(kind string, v value.Value) error {
	if bad := c.e.m.BadEvent(kind, v, c.slot()); bad != nil {
		return bad
	}
	if f := c.e.m.Publish(kind, v); f != nil {
		return f
	}
	return nil
}

// Count adds one to a counter, named after the component's slot.
func (c *Context) Count(name string) {
	name = c.slot() + "." + name
	if c.e.m.Named(name, "") != nil {
		name = "other"
	}
	c.e.m.Count(name)
}

// AppEvent tells the host something; it fails when the host has too many events to acknowledge.
func (c *Context) AppEvent(name string, v value.Value) error {
	if bad := c.e.m.BadEvent(name, v, c.slot()); bad != nil {
		return bad
	}
	if !c.e.m.AppRoom(v.Bytes()) {
		c.e.m.Count("app.overflow")
		return value.Fail(value.CodeOverflow, c.slot(), "the host has not acknowledged earlier events")
	}
	c.e.m.EmitApp(name, v)
	return nil
}
