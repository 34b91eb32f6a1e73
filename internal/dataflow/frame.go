package dataflow

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Frame is one activation of a function. Frames are pooled per function: exec tells whether a pointer is still good.
type Frame struct {
	Exec    uint64
	Func    *program.Func
	Slots   []value.Value
	missing []uint16 // per op: arrivals until it is ready; 0 means that it is queued, has run, or is a source
	live    int32    // ops queued, waiting or calling; the activation ends when nothing is left

	Parent uint64 // the activation that called this one, or 0
	callOp int32  // its op
	depth  int32  // of calls
	index  int64  // iteration of a loop
	count  int64  // iterations of the loop

	Inbound  Inbound          // the request that this activation answers
	Deadline int64            // engine time, 0 means none
	Failure  *value.Failure   // the first failure of an own op that nothing handled
	more     []*value.Failure // those after it, each once
	permits  []string         // gates that it holds a permit of
	attempts []attempt        // ops under a retry policy that failed before
	written  int32            // slots filled
	bytes    int              // charge of what is in the slots; derived

	// What is under way for it, derived: its timers, parked ops, commands and children, and how many of its ops are
	// ready.
	timers     *timer
	parked     *parked
	commands   *pending
	kids       kids
	queued     int32
	Claims     int32  // on its surroundings, which Outside.GiveUp takes back
	elder, kid *Frame // its neighbours among the children of its parent

	// The tracker's, derived: a capture shows the frame as it is; the shelf has its activation; it is on the list of
	// changed ones.
	shown, shelved, listed bool
}

// reset makes a frame that has ended ready for another activation of its function. Its buffers stay; a field that is
// forgotten here shows in TestStateComplete, because a restored frame is a new one.
func (f *Frame) reset() {
	clear(f.Slots)
	f.Exec, f.live, f.written, f.bytes = 0, 0, 0, 0
	f.Parent, f.callOp, f.depth, f.index, f.count = 0, 0, 0, 0, 0
	f.Deadline, f.Failure, f.more = 0, nil, nil
	f.permits, f.attempts = f.permits[:0], f.attempts[:0]
	f.timers, f.parked, f.commands, f.queued, f.Claims = nil, nil, nil, 0, 0
	if f.Inbound.Request.IsSet() {
		f.Inbound = Inbound{}
	}
}

// Inbound is the request that an activation answers; the zero value is none.
type Inbound struct {
	Peer    wire.PeerID
	Request wire.Request
	Edge    program.EdgeID // of the answer
	Replied bool
}

// attempt counts the tries of an op.
type attempt struct {
	op    int32
	tries int32
}

// Open starts an activation of fn with the given inputs. Inputs beyond fn.Inputs are dropped: they are the sender and
// the context that nothing reads.
func (m *Machine) Open(fn *program.Func, inputs []value.Value) {
	m.Start(m.Activate(fn), inputs)
}

// Activate makes the frame of a new activation; nothing runs before start.
func (m *Machine) Activate(fn *program.Func) *Frame {
	f := m.newFrame(fn)
	f.Exec = m.st.nextExec
	m.st.nextExec++
	m.st.frames.add(f)
	m.hide(f)
	m.Trace(traceOpen, f, -1, fn.Name)
	return f
}

// Start fills the inputs of a frame and queues its sources.
func (m *Machine) Start(f *Frame, inputs []value.Value) {
	f.live++ // held until all inputs are in, so that the frame cannot end in between
	for _, s := range f.Func.Sources {
		m.queue(f, s)
	}
	for i, v := range inputs[:min(len(inputs), int(f.Func.Inputs))] {
		// It came from another node, or stands for what did not come: if nothing here handles it, the host hears of it.
		if v, bad := v.(*value.Failure); bad && f.Parent == 0 && m.remember(f, v) {
			m.Count("input.failed")
		}
		m.Fill(f, program.Slot(i), v)
	}
	if len(f.Func.Ops) == 0 && f.Parent != 0 {
		m.queue(f, 0) // a body without ops ends in its turn, so that a loop over it is bounded by the op budget
	}
	m.release(f)
}

func (m *Machine) newFrame(fn *program.Func) *Frame {
	free := &m.free.free[fn.ID]
	if n := len(*free); n > 0 {
		f := (*free)[n-1]
		*free = (*free)[:n-1]
		copy(f.missing, fn.Need)
		return f
	}
	f := &Frame{Func: fn, Slots: make([]value.Value, fn.Slots), missing: make([]uint16, len(fn.Ops))}
	copy(f.missing, fn.Need)
	return f
}

// queue puts an op on the frontier.
func (m *Machine) queue(f *Frame, op int32) {
	f.live++
	m.enqueue(ready{f, f.Exec, op})
}

func (m *Machine) enqueue(r ready) {
	r.f.queued++
	if m.st.frontier.buf == nil {
		m.st.frontier.buf = m.sc.ring()
	}
	m.st.frontier.push(r)
}

// Fill writes a slot, once, and counts down the ops that read it.
func (m *Machine) Fill(f *Frame, s program.Slot, v value.Value) {
	if f.Slots[s] != nil {
		m.Broken("slot filled twice in " + f.Func.Name)
		return
	}
	f.Slots[s] = v
	f.written++
	charge := v.Bytes()
	f.bytes += charge
	m.st.slotBytes += charge
	uses := f.Func.Uses[f.Func.UseStart[s]:f.Func.UseStart[s+1]]
	if len(uses) == 0 {
		return
	}
	failure, failed := v.(*value.Failure)
	for _, u := range uses {
		if failed {
			m.arriveFailed(f, u.Op, failure)
			continue
		}
		switch f.missing[u.Op] {
		case 0:
			m.arriveLate(f, u.Op, v)
		case 1:
			f.missing[u.Op] = 0
			m.queue(f, u.Op)
		default:
			f.missing[u.Op]--
		}
	}
}

// arriveFailed makes an op ready to pass a failure on: at once, or, for an op that counts sound arrivals, when too few
// inputs are left that could still be sound.
func (m *Machine) arriveFailed(f *Frame, op int32, v *value.Failure) {
	o := &f.Func.Ops[op]
	if f.missing[op] == 0 {
		m.arriveLate(f, op, v)
		return
	}
	if o.Counting() {
		open := 0
		for _, s := range o.In {
			if s != program.None && f.Slots[s] == nil {
				open++
			}
		}
		if open >= int(f.missing[op]) {
			return
		}
	}
	f.missing[op] = 0
	m.queue(f, op)
}

// arriveLate handles an arrival at an op that is ready or done: only a Deadline that still waits wants it, and an Any
// that has passed another value on handles it where it is a failure.
func (m *Machine) arriveLate(f *Frame, op int32, v value.Value) {
	failure := value.Failed(v)
	if failure != nil && !m.Behaves(3) {
		return // by earlier rules it was not heard of before the time was over
	}
	o := &f.Func.Ops[op]
	if failure != nil && o.Code == program.OpAny && f.Slots[o.Out[0]] != nil {
		m.handled(f, failure)
	}
	if o.Code == program.OpDeadline && f.Slots[o.Out[0]] == nil && f.Slots[o.Out[1]] == nil {
		f.live++ // keeps the frame while its timer's share is released
		if m.disarmOf(f, timerDeadlineOp, op) {
			if failure != nil {
				m.pass(f, o, failure)
			} else {
				m.Fill(f, o.Out[0], v)
			}
			m.release(f)
		}
		m.release(f)
	}
}

// release gives back one share of a frame's life; the last one ends the activation.
func (m *Machine) release(f *Frame) {
	m.touch(f)
	f.live--
	if f.live == 0 {
		m.end(f)
	}
}

// end closes an activation whose work is done, hands its results to its caller and collects it. It is keyed on
// nothing being pending, not on something having been written (trap collection-by-output).
func (m *Machine) end(f *Frame) {
	answered := false
	if f.Inbound.Request.IsSet() && !f.Inbound.Replied {
		if !m.outside.Answer(f) {
			m.Count("answer.waits")
			m.touch(f)
			f.live++
			m.st.waits.add(&parked{call: m.st.nextCall, exec: f.Exec, op: int32(len(f.Func.Ops)), reason: parkAnswer},
				f)
			m.st.nextCall++
			return
		}
		// Whoever asked has it: the failure of another's question is none of this node's.
		if answered = m.Behaves(2); answered && f.Failure != nil {
			m.Count("answer.failed")
		}
	}
	m.Trace(traceEnd, f, -1, f.Func.Name)
	for _, name := range f.permits {
		m.returnPermit(name)
	}
	parent, callOp := m.st.frames.get(f.Parent), f.callOp
	if f.Parent == 0 || parent == nil {
		if f.Failure != nil && !answered {
			m.ReportFailure(f.Failure)
		}
		m.collect(f)
		return
	}
	m.childEnded(parent, callOp, f)
}

// collect frees a frame; nothing refers to it any more.
func (m *Machine) collect(f *Frame) {
	if f.Claims > 0 {
		m.outside.GiveUp(f)
	}
	m.st.frames.remove(f.Exec)
	m.ended(f)
	if f.Deadline != 0 {
		m.disarmOf(f, timerFrame, 0)
	}
	m.st.slotBytes -= f.bytes
	bootstrap := f.Exec == m.st.bootstrapExec
	f.reset()
	if f.listed {
		m.track.died()
	}
	if !f.listed || !m.shares { // what this engine's tracker still looks at must not become another engine's
		free := &m.free.free[f.Func.ID]
		*free = append(*free, f)
	}
	if bootstrap {
		m.st.bootstrapExec = 0 // phase lifecycle goes on
	}
}

// kill ends an activation by force: what it waits for is taken back, its children with it.
func (m *Machine) kill(f *Frame, why *value.Failure) {
	if f.Failure == nil {
		f.Failure = why
	}
	for c := f.kids.first; c != nil; c = f.kids.first {
		c.Inbound = Inbound{}
		m.orphan(f, c)
		m.killQuiet(c)
	}
	m.forget(f)
	f.live = 0
	m.end(f)
}

// killQuiet ends a child whose caller is being killed: the caller reports.
func (m *Machine) killQuiet(f *Frame) {
	for c := f.kids.first; c != nil; c = f.kids.first {
		m.orphan(f, c)
		m.killQuiet(c)
	}
	m.forget(f)
	for _, name := range f.permits {
		m.returnPermit(name)
	}
	m.Trace(traceEnd, f, -1, f.Func.Name)
	m.collect(f)
}

// orphan takes a child away from the activation that called it.
func (m *Machine) orphan(f, c *Frame) {
	f.kids.remove(c)
	c.Parent = 0
}

// forget takes back everything that is under way for a frame: ready ops, commands, timers, parked ops.
func (m *Machine) forget(f *Frame) {
	m.st.frontier.forget(f)
	for f.commands != nil {
		m.took(f.commands)
	}
	for f.timers != nil {
		m.disarm(f.timers)
	}
	if !m.Behaves(3) {
		m.disarmEpoch(f.Exec)
	}
	for f.parked != nil {
		m.st.waits.remove(f.parked, f)
	}
	if f.Claims > 0 {
		m.outside.GiveUp(f)
	}
}

// disarmEpoch takes back the timers of all questions of the epoch that has the number of an activation: by earlier
// rules, the two were not told apart.
func (m *Machine) disarmEpoch(exec uint64) {
	var found []*timer
	for _, t := range m.st.timers.heap {
		if t.kind == timerRequest && t.exec == exec {
			found = append(found, t)
		}
	}
	for _, t := range found {
		m.disarm(t)
	}
}
