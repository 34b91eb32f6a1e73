package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// stepWire runs the ops that move values to another place.
func (e *Engine) stepWire(f *dataflow.Frame, op int32, o *program.Op) dataflow.Outcome {
	if o.Code == program.OpReply {
		return e.stepReply(f, op, o)
	}
	to, bad := e.peersOf(o, f.Slots[o.In[0]])
	if bad != nil {
		return e.m.Fail(f, op, o, bad)
	}
	edge := &e.prog.Edges[o.Edge]
	values := o.In[1:]
	if o.Code == program.OpRequest {
		values = o.In[2:]
	}
	keep := !edge.Best || o.Code == program.OpRequest // by the outbox, or with the question
	var fills []wire.Fill
	if !keep {
		fills = e.sc.fills[:0]
	}
	fills = e.fills(fills, f, edge, values)
	if !keep {
		e.sc.fills = fills
		defer clear(fills)
	}
	var lent lending
	if keep {
		lent = e.loansFor(edge, fills, len(to))
	}
	if bad := e.tooLarge(o, fills); bad != nil {
		return e.m.Fail(f, op, o, bad)
	}
	until := e.deadlineOf(f, edge)
	if keep && e.rules(3) {
		if bad := e.wholeOrNot(o, edge, to, until); bad != nil {
			return e.m.Fail(f, op, o, bad)
		}
	}
	var full []wire.PeerID
	if o.Code == program.OpRequest {
		to, full = e.supersede(edge, to, fillBytes(fills))
	}
	if !edge.Best {
		room, possible := e.st.streams.RoomFor(to, fillBytes(fills))
		if e.rules(3) {
			room, possible = e.st.streams.RoomForFan(to, fillBytes(fills))
		}
		switch {
		case !possible:
			return e.m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name,
				"the message can never fit into the outbox; raise its limits or send less"))
		case !room:
			e.m.Count("send.waits")
			return e.m.WaitForRoom(f, op, o)
		}
	}
	if o.Code == program.OpRequest && !e.st.requests.Room(len(to)) {
		if len(to) > e.limits.Requests {
			return e.m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name,
				fmt.Sprintf("it asks %d peers, at most %d questions may be open", len(to), e.limits.Requests)))
		}
		e.m.Count("request.waits")
		return e.m.WaitForRoom(f, op, o)
	}
	if len(lent.loans) > 0 {
		switch room, possible := e.roomToLend(lent); {
		case !possible:
			return e.m.Fail(f, op, o, e.cannotLend(o, lent))
		case !room:
			e.m.Count("lend.waits")
			return e.m.WaitForRoom(f, op, o)
		}
		e.lend(lent, o.Code == program.OpRequest)
	}
	if len(full) > 0 {
		e.skip(o, edge, full, f.Slots[o.In[1]])
	}
	refused := 0
	var why *value.Failure
	late := 0
	fan := e.fan(len(to))
	for _, p := range to {
		if why = e.outcast(p, o.Name); why == nil {
			why = e.mayReach(p, edge, o.Name)
		}
		if why != nil {
			refused++
			e.m.Drop("send.blocked", why.Message)
			if o.Code == program.OpRequest {
				e.unanswered(int32(edge.ID), p, f.Slots[o.In[1]], why)
			}
			continue
		}
		left, ok := e.left(p, edge, until)
		if !ok {
			late++
			e.m.Drop("deadline.unmeetable", string(p))
			if o.Code == program.OpRequest {
				e.unanswered(int32(edge.ID), p, f.Slots[o.In[1]], e.unmeetable(o.Name, p))
			}
			continue
		}
		env := &e.sc.send
		if keep {
			env = new(wire.Envelope)
		}
		*env = e.envelope(p, edge)
		env.Fills, env.Deadline = fills, left
		var err error
		if o.Code == program.OpRequest {
			err = e.ask(f, o, edge, env, until)
		}
		if err == nil {
			err = e.sendFan(env, !edge.Best, until, fan)
		}
		switch {
		case err == nil:
			e.st.loans.To(env)
		case !e.rules(3):
			return e.m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, err.Error()))
		default: // the others were reached: this one is told of by itself, and the op is not tried again
			refused++
			why = value.Fail(value.CodeOverflow, o.Name, err.Error())
			if o.Code == program.OpRequest {
				e.withdraw(p, env.Request)
				e.unanswered(int32(edge.ID), p, f.Slots[o.In[1]], why)
			}
		}
	}
	e.st.loans.Settle(fills)
	if refused > 0 && refused == len(to) && o.Code != program.OpRequest {
		return e.m.Fail(f, op, o, why) // there is nobody whom it reaches
	}
	if late > 0 && refused+late == len(to) && o.Code != program.OpRequest {
		return e.m.Fail(f, op, o, e.unmeetable(o.Name, to[0])) // there is nobody whom it reaches in time
	}
	e.m.Fill(f, o.Out[0], value.Trigger{})
	return dataflow.Done
}

// ask numbers a question and remembers it until its answer.
func (e *Engine) ask(f *dataflow.Frame, o *program.Op, edge *program.Edge, env *wire.Envelope, until int64) error {
	env.Request = wire.Request{Epoch: e.asks(), ID: e.st.nextRequest}
	e.st.nextRequest++
	q := peer.Question{Edge: int32(edge.ID), Context: f.Slots[o.In[1]], Envelope: env}
	if until > 0 {
		q.Deadline = until
		e.m.ArmRequest(env.To, env.Request, q.Deadline)
	}
	return e.st.requests.Ask(env.To, env.Request, q)
}

// stepReply answers the request that started this activation, or the activation that called it.
func (e *Engine) stepReply(f *dataflow.Frame, op int32, o *program.Op) dataflow.Outcome {
	root := f
	for root.Parent != 0 && e.m.Frame(root.Parent) != nil {
		root = e.m.Frame(root.Parent)
	}
	if !root.Inbound.Request.IsSet() || root.Inbound.Replied {
		return e.m.Fail(f, op, o, value.Fail(value.CodeDuplicate, o.Name,
			"there is no request to answer, or it was answered"))
	}
	edge := &e.prog.Edges[root.Inbound.Edge]
	fills := e.fills(nil, f, edge, o.In)
	lent := e.loansFor(edge, fills, 1)
	if bad := e.tooLarge(o, fills); bad != nil {
		return e.m.Fail(f, op, o, bad)
	}
	e.sc.peers = append(e.sc.peers[:0], root.Inbound.Peer)
	switch room, possible := e.st.streams.RoomFor(e.sc.peers, fillBytes(fills)); {
	case !possible:
		return e.m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name,
			"the answer can never fit into the outbox; raise its limits or send less"))
	case !room:
		e.m.Count("send.waits")
		return e.m.WaitForRoom(f, op, o)
	}
	if len(lent.loans) > 0 {
		switch room, possible := e.roomToLend(lent); {
		case !possible:
			return e.m.Fail(f, op, o, e.cannotLend(o, lent))
		case !room:
			e.m.Count("lend.waits")
			return e.m.WaitForRoom(f, op, o)
		}
		e.lend(lent, true)
	}
	answered := e.answer(root, edge, fills)
	e.st.loans.Settle(fills)
	if !answered {
		e.m.Count("send.waits")
		return e.m.WaitForRoom(f, op, o)
	}
	e.m.Fill(f, o.Out[0], value.Trigger{})
	return dataflow.Done
}

// answer sends the answer of an activation's request and keeps it, so that the same question is answered again without
// doing the work twice. It returns false, and the question is as it was, when there is no room for the answer: it is
// not lost, it waits.
func (e *Engine) answer(root *dataflow.Frame, edge *program.Edge, fills []wire.Fill) bool {
	env := e.envelope(root.Inbound.Peer, edge)
	env.Answer, env.Fills = root.Inbound.Request, fills
	if e.rules(3) {
		err := e.send(&env, true)
		if errors.As(err, new(*peer.FullError)) {
			return false
		}
		if err == nil {
			e.st.loans.To(&env)
		}
		// Where the peer is kept out, nobody is there to answer to.
	}
	e.m.Replied(root)
	e.st.requests.Finish(root.Inbound.Peer, root.Inbound.Request, &env)
	if !e.rules(3) {
		e.send(&env, true)
	}
	return true
}

// replyFailure answers a request whose activation ended without an answer: each value is the failure. It returns false
// when the answer has to wait for room. An activation whose deadline has passed waits for none: whoever asked has given
// up.
func (e *Engine) replyFailure(f *dataflow.Frame) bool {
	why := f.Failure
	if why == nil {
		why = value.Fail(value.CodeNoReply, f.Func.Name, "the activation ended without an answer")
	}
	edge := &e.prog.Edges[f.Inbound.Edge]
	fills := make([]wire.Fill, len(edge.Sites))
	for i, s := range edge.Sites {
		fills[i] = wire.Fill{Site: uint32(s), Value: why}
	}
	if e.answer(f, edge, fills) {
		return true
	}
	if f.Deadline != 0 && f.Deadline <= e.m.Now() || !e.m.ParkRoom() {
		e.m.Drop("answer.dropped", "to "+string(f.Inbound.Peer)+", for whom there is no room")
		return true
	}
	return false
}

// envelope starts an envelope along an edge.
func (e *Engine) envelope(to wire.PeerID, edge *program.Edge) wire.Envelope {
	return wire.Envelope{
		Version: wire.PlainVersion, From: e.st.self, To: to, Digest: e.prog.Digest,
		Edge: int32(edge.ID), Deadline: edge.Deadline,
	}
}

// fills makes the fills of an edge from slots: an edge's destination is taken from the edge itself, the one place where
// both ends read it (trap untested-joints). They are appended to room.
func (e *Engine) fills(room []wire.Fill, f *dataflow.Frame, edge *program.Edge, slots []program.Slot) []wire.Fill {
	room = slices.Grow(room, len(slots))
	for i, s := range slots {
		fill := wire.Fill{Site: uint32(edge.Sites[i])}
		if !edge.Trigger[i] {
			fill.Value = f.Slots[s]
		}
		room = append(room, fill)
	}
	return room
}

// tooLarge refuses here what every receiver with the same limits would refuse for ever.
func (e *Engine) tooLarge(o *program.Op, fills []wire.Fill) *value.Failure {
	l := &e.limits.Wire
	for i := range fills {
		if v := fills[i].Value; v != nil && v.Bytes() > l.FillBytes {
			return value.Fail(value.CodeOverflow, o.Name,
				fmt.Sprintf("value %d has %d bytes, an envelope carries at most %d of one", i, v.Bytes(), l.FillBytes))
		}
	}
	if n := fillBytes(fills); n > l.EnvelopeBytes || len(fills) > l.Fills {
		return value.Fail(value.CodeOverflow, o.Name,
			fmt.Sprintf("%d values of %d bytes, an envelope carries at most %d of %d", len(fills), n, l.Fills,
				l.EnvelopeBytes))
	}
	return nil
}

// cannotLend is the failure of a send whose values are larger than all that may be lent.
func (e *Engine) cannotLend(o *program.Op, l lending) *value.Failure {
	return value.Fail(value.CodeOverflow, o.Name,
		fmt.Sprintf("it lends %d values of %d bytes, at most %d of %d are lent at once", len(l.loans), l.bytes,
			e.limits.Loans, e.limits.LoanBytes))
}

func fillBytes(fills []wire.Fill) int {
	n := 0
	for i := range fills {
		if fills[i].Value != nil {
			n += fills[i].Value.Bytes()
		}
	}
	return n
}

// send gives an envelope its place in the stream and hands it out. Numbered envelopes stay in the outbox until their
// receiver acknowledged them. The envelope is not changed afterwards.
func (e *Engine) send(env *wire.Envelope, numbered bool) error {
	return e.sendUntil(env, numbered, 0)
}

// sendUntil is send for an envelope that serves nobody after an engine time, or 0 for none. What its receiver asked to
// hold back stays in the outbox, or is dropped and counted where it may be lost.
func (e *Engine) sendUntil(env *wire.Envelope, numbered bool, until int64) error {
	return e.sendFan(env, numbered, until, 0)
}

// fan returns the number of a send to several peers, whose values count once against the outbox; 0 for one to a single
// peer.
func (e *Engine) fan(peers int) uint64 {
	if peers < 2 || !e.rules(3) {
		return 0
	}
	return e.m.Numbers(1) // one row of numbers is enough: none is given twice
}

// sendFan is sendUntil for one of the envelopes of a fan, or of none where that is 0.
func (e *Engine) sendFan(env *wire.Envelope, numbered bool, until int64, fan uint64) error {
	if bad := e.outcast(env.To, "send"); bad != nil {
		e.m.Drop("send.blocked", bad.Message)
		return bad
	}
	env.Epoch = e.st.epoch
	held := e.holds(env)
	if numbered {
		e.makeRoom(env.To)
		if err := e.st.streams.PushFan(env, fan, until, held, e.m.Now(), e.m.Random); err != nil {
			e.m.Drop("send.refused", err.Error())
			return err
		}
	}
	switch {
	case !held:
		e.emit(env)
	case numbered:
		e.m.Count("send.held")
	default:
		e.m.Drop("send.held-back", string(env.To))
	}
	return nil
}

// sendAgain puts an envelope out under a new number, with the old content: an answer that was asked for again, or a
// question to a peer that may have lost it. When the outbox is full beyond its reserve it is dropped and counted; the
// peer's next question, or its next new epoch, brings it up again.
func (e *Engine) sendAgain(old *wire.Envelope) {
	again := *old
	again.Number, again.Redelivered = 0, true
	until := int64(0)
	if e.rules(1) && old.Request.IsSet() {
		if q, ok := e.st.requests.Question(old.To, old.Request); ok && q.Deadline > 0 {
			until = q.Deadline
			again.Deadline = e.remaining(old.To, until)
		}
	}
	if e.sendUntil(&again, true, until) == nil {
		e.m.Count("envelope.again")
	}
}

// emit encodes an envelope with what rides on it and puts it out: this node's life, the acknowledgement that is due to
// the receiver, and the base of the stream.
func (e *Engine) emit(env *wire.Envelope) {
	out := &e.sc.emit
	*out = *env
	out.Incarnation = e.st.incarnation
	out.Source = e.source(env.To)
	out.AckEpoch, out.Ack = e.st.streams.TakeAck(env.To)
	if out.Number != 0 {
		out.Base = e.st.streams.Base(env.To)
	}
	e.reportLife(out)
	e.put(out)
}

// put encodes an envelope and puts it out.
func (e *Engine) put(out *wire.Envelope) {
	raw, err := wire.Append(e.sc.raw(fillBytes(out.Fills)), e.reg, out)
	if err != nil {
		e.m.Broken("an envelope cannot be encoded: " + err.Error())
	}
	acks := out.Number == 0 && out.Edge < 0 && len(out.Fills) == 0 && out.Notice.Kind == wire.NoticeNone &&
		len(out.Source) == 0 && len(out.Proof) == 0
	e.out.Envelopes = append(e.out.Envelopes, Packet{To: out.To, Raw: raw, Acks: acks, Acked: out.AckEpoch != 0})
}

// peersOf reads the receivers of a send: a peer, or a list of peers. The slice is good until the next send.
func (e *Engine) peersOf(o *program.Op, v value.Value) ([]wire.PeerID, *value.Failure) {
	switch v := v.(type) {
	case value.Peer:
		e.sc.peers = append(e.sc.peers[:0], wire.PeerID(v))
		return e.sc.peers, nil
	case *value.List:
		out := make([]wire.PeerID, v.Len())
		for i := range out {
			p, ok := v.At(i).(value.Peer)
			if !ok {
				return nil, value.Fail(value.CodeType, o.Name, fmt.Sprintf("receiver %d is %s, want Peer", i,
					v.At(i).Type()))
			}
			out[i] = wire.PeerID(p)
		}
		return out, nil
	}
	return nil, dataflow.WrongType(o, v, "Peer or a List of Peer")
}
