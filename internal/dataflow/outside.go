package dataflow

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Outside is what a machine asks of what it is built into.
type Outside interface {
	// Start starts the components of a new node.
	Start()
	// Lives says whether a component lives here.
	Lives(component int32) bool
	// Invoke runs an op of a component: it gives the outputs, or says that they come later, by Resolve, Reject or a
	// completion.
	Invoke(f *Frame, op int32, o *program.Op, in []value.Value) (out []value.Value, waits bool, err error)
	// Complete shows a component the results of its command, and returns what they are as outputs of the op.
	Complete(component int32, method string, results []value.Value) ([]value.Value, error)
	// Alarm tells a component that its timer has matured.
	Alarm(component int32, token uint64)
	// Step runs an op that reaches beyond the machine: to peers, or to what the node knows of them.
	Step(f *Frame, op int32, o *program.Op) Outcome
	// Answer answers the request of an activation that ends without an answer, and returns false when that has to wait
	// for room.
	Answer(f *Frame) bool
	// GiveUp takes back what an activation that ends has claimed with Frame.Claims.
	GiveUp(f *Frame)
	// Expire is told that the time of a question has passed: see ArmRequest.
	Expire(p wire.PeerID, r wire.Request)
	// Lapse is told that the time of an arrival has passed: see ArmArrival.
	Lapse(arrival uint64)
}

// Frame returns the activation of that number, or nil.
func (m *Machine) Frame(exec uint64) *Frame { return m.st.frames.get(exec) }

// Numbers gives out n numbers, none of which is given twice in the life of a node, and returns the first.
func (m *Machine) Numbers(n int) uint64 {
	m.st.nextCall += uint64(n)
	return m.st.nextCall - uint64(n)
}

// Upcoming returns the first number that was not given out.
func (m *Machine) Upcoming() uint64 { return m.st.nextCall }

// UpcomingExec returns the number of the next activation.
func (m *Machine) UpcomingExec() uint64 { return m.st.nextExec }

// Commands returns the commands that were given out and are not completed, by number.
func (m *Machine) Commands() []Command {
	var out []Command
	for _, id := range sortedKeys(m.st.pending) {
		out = append(out, m.st.pending[id].command())
	}
	return out
}

// ParkCall makes the op of a component wait for resolve or reject with the number that it returns.
func (m *Machine) ParkCall(f *Frame, op int32) uint64 {
	id := m.Numbers(1)
	m.st.waits.add(&parked{call: id, exec: f.Exec, op: op, reason: parkComponent}, f)
	return id
}

// Resolve gives an op that a component parked its outputs, or fails it. A number whose activation has ended is counted
// and has no effect.
func (m *Machine) Resolve(call uint64, out []value.Value, why *value.Failure) {
	p := m.st.waits.call(call)
	if p == nil || p.reason != parkComponent {
		m.Drop("call.unknown", "a component resolved a call that does not wait")
		return
	}
	f := m.st.frames.get(p.exec)
	m.st.waits.remove(p, f)
	o, end := &f.Func.Ops[p.op], waiting
	if why != nil {
		end = m.Fail(f, p.op, o, why)
	} else {
		end = m.results(f, p.op, o, out)
	}
	if end == Done {
		m.release(f)
	}
}

// Command gives work of an op to the workers; the op waits for its result.
func (m *Machine) Command(f *Frame, op, component int32, method string, in []value.Value) {
	p := &pending{id: m.st.nextCommand, exec: f.Exec, op: op, component: component, method: method,
		inputs: slices.Clone(in), deadline: f.Deadline}
	for _, a := range f.attempts {
		if a.op == op {
			p.tries = a.tries
		}
	}
	m.st.nextCommand++
	m.gave(p)
	*m.out.Commands = append(*m.out.Commands, p.command())
}

// Outputs returns values as the outputs of the op of a component that is being invoked, in memory of the machine; it is
// good for one op.
func (m *Machine) Outputs(v []value.Value) []value.Value {
	m.sc.results = append(m.sc.results[:0], v...)
	return m.sc.results
}

// AppRoom says whether an event of so many bytes to the host may be emitted now.
func (m *Machine) AppRoom(bytes int) bool {
	return len(m.st.appEvents) < m.limits.AppEvents && m.quarter(m.st.kept.App, bytes)
}

// Untold returns how many events the host has not acknowledged.
func (m *Machine) Untold() int { return len(m.st.appEvents) }

// again puts out again what may have been lost with the process: the commands that are pending, and the events that are
// not acknowledged.
func (m *Machine) GiveAgain() {
	*m.out.Commands = append(*m.out.Commands, m.Commands()...)
	*m.out.AppEvents = append((*m.out.AppEvents)[:0], m.st.appEvents...)
}

// Subscribed says whether a function waits for events of a kind.
func (m *Machine) Subscribed(kind string) bool { return len(m.subs[kind]) > 0 }

// Complete takes a result that arrived.
func (m *Machine) Complete(c *snapshot.PendingCompletionSnapshot) {
	m.st.completions = append(m.st.completions, completion{command: c.Command, results: c.Results, digest: c.Digest})
}

// CompleteFailed takes the failure of a command.
func (m *Machine) CompleteFailed(c *snapshot.CompletionFailedEvent) {
	f := &c.Failure
	m.st.completions = append(m.st.completions,
		completion{command: c.Command, failure: value.Fail(f.Code, f.Where, f.Message)})
}

// EndBy has an activation end by force at a time.
func (m *Machine) EndBy(f *Frame, at int64) {
	f.Deadline = at
	m.armAt(timer{kind: timerFrame, exec: f.Exec}, at)
}

// ArmRequest arms the timer of a question to a peer; its surroundings hear of it by Expire.
func (m *Machine) ArmRequest(p wire.PeerID, r wire.Request, at int64) {
	m.armAt(timer{kind: timerRequest, peer: p, exec: r.Epoch, token: r.ID}, at)
}

// DisarmRequest takes it back.
func (m *Machine) DisarmRequest(p wire.PeerID, r wire.Request) {
	m.disarmAll(timerOwner{kind: timerRequest, peer: p, epoch: r.Epoch, token: r.ID})
}

// ArmArrival arms the timer of what waits for something that is lent; its surroundings hear of it by Lapse.
func (m *Machine) ArmArrival(id uint64, at int64) { m.armAt(timer{kind: timerArrival, token: id}, at) }

// DisarmArrival takes it back.
func (m *Machine) DisarmArrival(id uint64) { m.disarmAll(timerOwner{kind: timerArrival, token: id}) }

// ArmComponent arms a timer of a component, delay ns from now; it returns false, and counts, when too many are armed.
func (m *Machine) ArmComponent(component int32, delay int64, token uint64) bool {
	return m.arm(timer{kind: timerComponent, component: component, token: token}, delay)
}

// DisarmComponent takes it back, and says whether it was armed.
func (m *Machine) DisarmComponent(component int32, token uint64) bool {
	return m.disarmAll(timerOwner{kind: timerComponent, component: component, token: token})
}

// WaitForRoom makes an op wait until there is room for what it sends; beyond the bound it fails.
func (m *Machine) WaitForRoom(f *Frame, op int32, o *program.Op) Outcome {
	return m.park(f, op, o, parkOutbox, "")
}

// WakeForRoom wakes the ops that wait for room, and the activations that wait to answer.
func (m *Machine) WakeForRoom() { m.wakeParked(parkOutbox, "") }

// ParkRoom says whether one more op may wait.
func (m *Machine) ParkRoom() bool { return m.st.waits.len() < m.limits.Parked }

// Replied notes that the request of an activation was answered.
func (m *Machine) Replied(f *Frame) {
	m.touch(f)
	f.Inbound.Replied = true
}

// Inputs returns n empty places for the inputs of an activation, with room for sender and context; they are read by
// start.
func (m *Machine) Inputs(n int) []value.Value {
	if cap(m.sc.in) < n+2 {
		m.sc.in = make([]value.Value, n+2)
	}
	return m.sc.in[:n]
}
