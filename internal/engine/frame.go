package engine

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// frame is one activation of a function. Frames are pooled per function: exec tells whether a pointer is still good.
type frame struct {
	exec    uint64
	fn      *program.Func
	slots   []value.Value
	missing []uint16 // per op: arrivals until it is ready; 0 means that it is queued, has run, or is a source
	live    int32    // ops queued, waiting or calling; the activation ends when nothing is left

	parent uint64 // the activation that called this one, or 0
	callOp int32  // its op
	depth  int32  // of calls
	index  int64  // iteration of a loop
	count  int64  // iterations of the loop

	inbound  inbound          // the request that this activation answers
	deadline int64            // engine time, 0 means none
	failure  *value.Failure   // the first failure of an own op that nothing handled
	more     []*value.Failure // those after it, each once
	permits  []string         // gates that it holds a permit of
	attempts []attempt        // ops under a retry policy that failed before
	written  int32            // slots filled
	bytes    int              // charge of what is in the slots; derived

	// What is under way for it, derived: its timers, parked ops, commands and children, and how many of its ops are ready.
	timers     *timer
	parked     *parked
	commands   *pending
	kids       kids
	queued     int32
	loans      int32  // that came for it, which are not over and no component has
	elder, kid *frame // its neighbours among the children of its parent

	// The tracker's, derived: a capture shows the frame as it is; the shelf has its activation; it is on the list of changed ones.
	shown, shelved, listed bool
}

// reset makes a frame that has ended ready for another activation of its function. Its buffers stay; a field that is
// forgotten here shows in TestStateComplete, because a restored frame is a new one.
func (f *frame) reset() {
	clear(f.slots)
	f.exec, f.live, f.written, f.bytes = 0, 0, 0, 0
	f.parent, f.callOp, f.depth, f.index, f.count = 0, 0, 0, 0, 0
	f.deadline, f.failure, f.more = 0, nil, nil
	f.permits, f.attempts = f.permits[:0], f.attempts[:0]
	f.timers, f.parked, f.commands, f.queued, f.loans = nil, nil, nil, 0, 0
	if f.inbound.request.IsSet() {
		f.inbound = inbound{}
	}
}

// inbound is the request that an activation answers; the zero value is none.
type inbound struct {
	peer    wire.PeerID
	request wire.Request
	edge    program.EdgeID // of the answer
	replied bool
}

// attempt counts the tries of an op.
type attempt struct {
	op    int32
	tries int32
}

// open starts an activation of fn with the given inputs. Inputs beyond fn.Inputs are dropped: they are the sender and
// the context that nothing reads.
func (e *Engine) open(fn *program.Func, inputs []value.Value) {
	e.start(e.activate(fn), inputs)
}

// activate makes the frame of a new activation; nothing runs before start.
func (e *Engine) activate(fn *program.Func) *frame {
	f := e.newFrame(fn)
	f.exec = e.st.nextExec
	e.st.nextExec++
	e.st.frames.add(f)
	e.hide(f)
	e.trace(traceOpen, f, -1, fn.Name)
	return f
}

// start fills the inputs of a frame and queues its sources.
func (e *Engine) start(f *frame, inputs []value.Value) {
	f.live++ // held until all inputs are in, so that the frame cannot end in between
	for _, s := range f.fn.Sources {
		e.queue(f, s)
	}
	for i, v := range inputs[:min(len(inputs), int(f.fn.Inputs))] {
		// It came from another node, or stands for what did not come: if nothing here handles it, the host hears of it.
		if v, bad := v.(*value.Failure); bad && f.parent == 0 && e.remember(f, v) {
			e.count("input.failed")
		}
		e.fill(f, program.Slot(i), v)
	}
	if len(f.fn.Ops) == 0 && f.parent != 0 {
		e.queue(f, 0) // a body without ops ends in its turn, so that a loop over it is bounded by the op budget
	}
	e.release(f)
}

func (e *Engine) newFrame(fn *program.Func) *frame {
	free := &e.free.free[fn.ID]
	if n := len(*free); n > 0 {
		f := (*free)[n-1]
		*free = (*free)[:n-1]
		copy(f.missing, fn.Need)
		return f
	}
	f := &frame{fn: fn, slots: make([]value.Value, fn.Slots), missing: make([]uint16, len(fn.Ops))}
	copy(f.missing, fn.Need)
	return f
}

// queue puts an op on the frontier.
func (e *Engine) queue(f *frame, op int32) {
	f.live++
	e.enqueue(ready{f, f.exec, op})
}

func (e *Engine) enqueue(r ready) {
	r.f.queued++
	if e.st.frontier.buf == nil {
		e.st.frontier.buf = e.sc.ring()
	}
	e.st.frontier.push(r)
}

// fill writes a slot, once, and counts down the ops that read it.
func (e *Engine) fill(f *frame, s program.Slot, v value.Value) {
	if f.slots[s] != nil {
		e.broken("slot filled twice in " + f.fn.Name)
		return
	}
	f.slots[s] = v
	f.written++
	charge := v.Bytes()
	f.bytes += charge
	e.st.slotBytes += charge
	uses := f.fn.Uses[f.fn.UseStart[s]:f.fn.UseStart[s+1]]
	if len(uses) == 0 {
		return
	}
	failure, failed := v.(*value.Failure)
	for _, u := range uses {
		if failed {
			e.arriveFailed(f, u.Op, failure)
			continue
		}
		switch f.missing[u.Op] {
		case 0:
			e.arriveLate(f, u.Op, v)
		case 1:
			f.missing[u.Op] = 0
			e.queue(f, u.Op)
		default:
			f.missing[u.Op]--
		}
	}
}

// arriveFailed makes an op ready to pass a failure on: at once, or, for an op that counts sound arrivals, when too few
// inputs are left that could still be sound.
func (e *Engine) arriveFailed(f *frame, op int32, v *value.Failure) {
	o := &f.fn.Ops[op]
	if f.missing[op] == 0 {
		e.arriveLate(f, op, v)
		return
	}
	if o.Counting() {
		open := 0
		for _, s := range o.In {
			if s != program.None && f.slots[s] == nil {
				open++
			}
		}
		if open >= int(f.missing[op]) {
			return
		}
	}
	f.missing[op] = 0
	e.queue(f, op)
}

// arriveLate handles an arrival at an op that is ready or done: only a Deadline that still waits wants it, and an Any that has passed
// another value on handles it where it is a failure.
func (e *Engine) arriveLate(f *frame, op int32, v value.Value) {
	failure := value.Failed(v)
	if failure != nil && !e.rules(3) {
		return // by earlier rules it was not heard of before the time was over
	}
	o := &f.fn.Ops[op]
	if failure != nil && o.Code == program.OpAny && f.slots[o.Out[0]] != nil {
		e.handled(f, failure)
	}
	if o.Code == program.OpDeadline && f.slots[o.Out[0]] == nil && f.slots[o.Out[1]] == nil {
		f.live++ // keeps the frame while its timer's share is released
		if e.disarmOf(f, timerDeadlineOp, op) {
			if failure != nil {
				e.pass(f, o, failure)
			} else {
				e.fill(f, o.Out[0], v)
			}
			e.release(f)
		}
		e.release(f)
	}
}

// release gives back one share of a frame's life; the last one ends the activation.
func (e *Engine) release(f *frame) {
	e.touch(f)
	f.live--
	if f.live == 0 {
		e.end(f)
	}
}

// end closes an activation whose work is done, hands its results to its caller and collects it. It is keyed on
// nothing being pending, not on something having been written (trap 16).
func (e *Engine) end(f *frame) {
	answered := false
	if f.inbound.request.IsSet() && !f.inbound.replied {
		if !e.replyFailure(f) {
			e.count("answer.waits")
			e.touch(f)
			f.live++
			e.st.waits.add(&parked{call: e.st.nextCall, exec: f.exec, op: int32(len(f.fn.Ops)), reason: parkAnswer}, f)
			e.st.nextCall++
			return
		}
		// Whoever asked has it: the failure of another's question is none of this node's.
		if answered = e.rules(2); answered && f.failure != nil {
			e.count("answer.failed")
		}
	}
	e.trace(traceEnd, f, -1, f.fn.Name)
	for _, name := range f.permits {
		e.returnPermit(name)
	}
	parent, callOp := e.st.frames.get(f.parent), f.callOp
	if f.parent == 0 || parent == nil {
		if f.failure != nil && !answered {
			e.reportFailure(f.failure)
		}
		e.collect(f)
		return
	}
	e.childEnded(parent, callOp, f)
}

// collect frees a frame; nothing refers to it any more.
func (e *Engine) collect(f *frame) {
	if f.loans > 0 {
		e.giveUpLoans(f)
	}
	e.st.frames.remove(f.exec)
	e.ended(f)
	if f.deadline != 0 {
		e.disarmOf(f, timerFrame, 0)
	}
	e.st.slotBytes -= f.bytes
	bootstrap := f.exec == e.st.bootstrapExec
	f.reset()
	if f.listed {
		e.track.died()
	}
	if !f.listed || !e.shares { // what this engine's tracker still looks at must not become another engine's
		free := &e.free.free[f.fn.ID]
		*free = append(*free, f)
	}
	if bootstrap {
		e.st.bootstrapExec = 0 // phase lifecycle goes on
	}
}

// kill ends an activation by force: what it waits for is taken back, its children with it.
func (e *Engine) kill(f *frame, why *value.Failure) {
	if f.failure == nil {
		f.failure = why
	}
	for c := f.kids.first; c != nil; c = f.kids.first {
		c.inbound = inbound{}
		e.orphan(f, c)
		e.killQuiet(c)
	}
	e.forget(f)
	f.live = 0
	e.end(f)
}

// killQuiet ends a child whose caller is being killed: the caller reports.
func (e *Engine) killQuiet(f *frame) {
	for c := f.kids.first; c != nil; c = f.kids.first {
		e.orphan(f, c)
		e.killQuiet(c)
	}
	e.forget(f)
	for _, name := range f.permits {
		e.returnPermit(name)
	}
	e.trace(traceEnd, f, -1, f.fn.Name)
	e.collect(f)
}

// orphan takes a child away from the activation that called it.
func (e *Engine) orphan(f, c *frame) {
	f.kids.remove(c)
	c.parent = 0
}

// forget takes back everything that is under way for a frame: ready ops, commands, timers, parked ops.
func (e *Engine) forget(f *frame) {
	e.st.frontier.forget(f)
	for f.commands != nil {
		e.took(f.commands)
	}
	for f.timers != nil {
		e.disarm(f.timers)
	}
	if !e.rules(3) {
		e.disarmEpoch(f.exec)
	}
	for f.parked != nil {
		e.st.waits.remove(f.parked, f)
	}
	if f.loans > 0 {
		e.giveUpLoans(f)
	}
}

// disarmEpoch takes back the timers of all questions of the epoch that has the number of an activation: by earlier rules, the two were not
// told apart.
func (e *Engine) disarmEpoch(exec uint64) {
	var found []*timer
	for _, t := range e.st.timers.heap {
		if t.kind == timerRequest && t.exec == exec {
			found = append(found, t)
		}
	}
	for _, t := range found {
		e.disarm(t)
	}
}
