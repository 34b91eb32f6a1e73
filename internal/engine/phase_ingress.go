package engine

import (
	"fmt"
	"math"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// pollIngress processes the accepted inputs in order. Envelopes and calls wait while the bootstrap is under way or too
// many activations are alive: work refused for a limit waits (trap limit-fails).
func (e *Engine) pollIngress() {
	for ; e.st.fresh > 0; e.st.fresh-- {
		if env := e.st.ingress[len(e.st.ingress)-int(e.st.fresh)].env; env != nil {
			e.noteData(env)
		}
	}
	kept := 0
	for i := 0; i < len(e.st.ingress); i++ {
		in := e.st.ingress[i]
		if e.waits(&in) {
			e.st.ingress[kept] = in
			kept++
			continue
		}
		e.st.ingressBytes -= in.bytes
		e.process(&in)
	}
	clear(e.st.ingress[kept:])
	e.st.ingress = e.st.ingress[:kept]
	e.takeWanted()
}

func (e *Engine) waits(in *ingress) bool {
	switch {
	case in.event.Invoke != nil:
		return !e.m.Running() || e.m.Crowded()
	case in.event.Envelope != nil && len(in.env.Fills) > 0:
		// An answer may be what the activations wait for; answers are bounded by the questions that are open.
		return !e.m.Running() || e.m.Crowded() && !in.env.Answer.IsSet() && !isLoan(in.env)
	}
	return false
}

// ingressReady says whether an input is there that would not wait.
func (e *Engine) ingressReady() bool {
	for i := range e.st.ingress {
		if !e.waits(&e.st.ingress[i]) {
			return true
		}
	}
	return false
}

func (e *Engine) process(in *ingress) {
	switch ev := in.event; {
	case ev.Envelope != nil:
		e.takeEnvelope(in.env, in.bytes)
		e.sc.freeEnvelope(in.env)
	case ev.AppAck != nil:
		e.m.Acknowledge(ev.AppAck.UpTo)
	case ev.Invoke != nil:
		e.m.Open(e.invokes(ev.Invoke.Name), ev.Invoke.Inputs)
	case ev.SendFailed != nil:
		e.takeSendFailed(ev.SendFailed)
	case ev.Link != nil:
		e.takeLink(ev.Link)
	case ev.Control != nil:
		e.takeControl(ev.Control)
	case ev.Restarted != nil:
		e.takeRestarted(ev.Restarted)
	case ev.Lifecycle != nil:
		e.m.FirePhase(ev.Lifecycle.Phase)
	}
}

// takeEnvelope places an envelope in its stream and, if it is new, applies it: once (law applied-once).
func (e *Engine) takeEnvelope(env *wire.Envelope, bytes int) {
	if env.Notice.Refuses() {
		e.takeRefusal(env)
		return
	}
	if bad := e.outcast(env.From, "envelope"); bad != nil {
		e.m.Drop("envelope.blocked", bad.Message) // it was blocked since the envelope was accepted
		return
	}
	if no := e.stranger(env); no != nil {
		e.m.Drop("envelope.stranger", no.Reason) // it was a member when the envelope was accepted
		return
	}
	e.makeRoom(env.From)
	e.peerSpoke(env.From)
	got, err := e.st.streams.Accept(env)
	if err != nil {
		e.m.Drop("envelope.refused", err.Error())
		e.waste(env, WastedStale, bytes)
		if stale, ok := err.(*peer.StaleError); ok {
			e.refuseStale(env, stale, bytes)
		}
		return
	}
	if got.First || env.Start == 0 {
		e.st.streams.Introduce(env.From, got.First, e.m.Now())
	}
	forgot := got.Lost > 0
	switch {
	case env.Heard > e.st.start:
		e.st.streams.Again(env.From, e.m.Now()) // a later life runs elsewhere: the refusal proves it
	case env.Heard != 0 && env.Heard == e.st.start && env.AckEpoch == e.st.epoch:
		forgot = e.st.streams.Greeted(env.From) || forgot
	}
	if got.Lost > 0 {
		e.m.Drop("envelope.lost", fmt.Sprintf("%d numbers of %s were acknowledged in a life that is lost", got.Lost,
			env.From))
	}
	if len(env.Source) > 0 && e.rules(1) {
		e.takeClaim(env)
	}
	regressed := got.Reborn && env.Notice.Kind == wire.NoticeNone && e.st.streams.Regressed(env.From, env.AckEpoch,
		env.Ack)
	acked := 0
	if env.AckEpoch != 0 {
		switch acked, err = e.st.streams.Ack(env.From, env.AckEpoch, env.Ack, e.m.Now()); {
		case err != nil:
			e.m.Drop("ack.refused", err.Error())
			e.surpassed(env, err)
		case acked > 0:
			e.m.WakeForRoom()
			e.serve(env.From)
			e.wantUnsaid(env.From)
		}
	}
	if forgot {
		e.askAgain(env.From) // the questions that it has taken
	}
	e.received(env.From, acked > 0)
	if env.Notice.Kind == wire.NoticePressure {
		e.takePressure(env)
	}
	if regressed {
		e.m.Drop("peer.regressed", string(env.From)+" went back behind what it had acknowledged")
		e.greet(env.From) // it may wait for an answer that it has forgotten: the base tells it so
	}
	if got.Renewed || regressed {
		e.peerRenewed(env.From)
	}
	if got.Duplicate {
		e.m.Drop("envelope.duplicate", string(env.From))
		return
	}
	if len(env.Fills) == 0 {
		return
	}
	if code := e.applyFills(env, got.Before); code != "" {
		e.waste(env, code, bytes)
	}
}

// applyFills starts what the envelope's fills are for: one activation for all fills of an edge (trap
// one-activation-per-value), and a message for each fill of a component. It returns why that came to nothing, or "".
func (e *Engine) applyFills(env *wire.Envelope, before bool) (wasted string) {
	if env.Edge < 0 {
		wasted = WastedMessage
		for i := range env.Fills {
			f := &env.Fills[i]
			if f.Op != "" && f.Component == wire.LoanComponent && e.rules(3) {
				if e.takeLoan(env.From, f) {
					wasted = ""
				}
			} else if e.takeMessage(env.From, f) {
				wasted = ""
			}
		}
		return wasted
	}
	recv := e.prog.RecvOf(program.EdgeID(env.Edge))
	if recv == program.None {
		e.m.Drop("envelope.edge", "no edge of that number ends here")
		return WastedEdge
	}
	edge := &e.prog.Edges[env.Edge]
	if e.hold(env, edge, &e.prog.Funcs[recv], before) {
		return ""
	}
	context, ok := e.contextOf(env, edge, before)
	if !ok {
		if env.Request.IsSet() != (edge.Reply != program.None) {
			return WastedEdge
		}
		return ""
	}
	inputs, unplaced, missing := e.fillsInOrder(env, edge)
	e.countFills(unplaced, missing)
	e.openRecv(env, edge, inputs, context)
	return ""
}

// openRecv starts the activation of what came along an edge. The inputs, and the places for two more behind them, are
// empty afterwards: the next envelope may find its own there.
func (e *Engine) openRecv(env *wire.Envelope, edge *program.Edge, inputs []value.Value, context value.Value) {
	if env.Request.IsSet() {
		if err := e.st.requests.Begin(env.From, env.Request, e.m.UpcomingExec()); err != nil {
			e.m.Drop("request.refused", err.Error())
			clear(inputs)
			return
		}
	}
	if env.Request.IsSet() && edge.Latest {
		e.st.requests.Outdate(env.From, int32(edge.Reply))
	}
	f := e.m.Activate(&e.prog.Funcs[e.prog.RecvOf(edge.ID)])
	if env.Request.IsSet() {
		f.Inbound = dataflow.Inbound{Peer: env.From, Request: env.Request, Edge: edge.Reply}
	}
	if env.Deadline > 0 {
		// Relative on the wire, absolute from here on (trap mixed-deadline).
		e.m.EndBy(f, e.m.Now()+min(env.Deadline, math.MaxInt64-e.m.Now()))
	}
	e.noteLoans(f, env.From, edge, inputs)
	if int(f.Func.Inputs) > len(inputs) {
		inputs = append(inputs, value.Peer(env.From), context)
	}
	e.m.Start(f, inputs)
	clear(inputs)
}

// contextOf pairs an answer with its question and a question with what is known of it. It returns false when the
// envelope has nothing to start.
func (e *Engine) contextOf(env *wire.Envelope, edge *program.Edge, before bool) (value.Value, bool) {
	if env.Request.IsSet() && edge.Reply == program.None {
		e.m.Drop("envelope.request", "a question on edge "+edge.Name+", which has no answer")
		return nil, false
	}
	switch {
	case edge.Answer:
		return e.takeQuestion(env)
	case edge.Reply != program.None:
		if !env.Request.IsSet() {
			e.m.Drop("envelope.request", "a question without a number")
			return nil, false
		}
		switch state, answer := e.st.requests.Inbound(env.From, env.Request); state {
		case peer.InboundUnderWay:
			e.m.Drop("request.duplicate", "under way for "+string(env.From))
			return nil, false
		case peer.InboundAnswered:
			e.m.Drop("request.duplicate", "answered to "+string(env.From))
			e.sendAgain(answer)
			return nil, false
		}
		if e.rules(2) && env.Redelivered && e.st.streams.Answering(env.From, env.Request) {
			e.m.Drop("request.duplicate", "answered to "+string(env.From)+", and the answer is under way")
			return nil, false
		}
		if before && !e.st.streams.Regressed(env.From, env.AckEpoch, env.Ack) {
			e.m.Drop("request.duplicate", string(env.From)+" has the answer, which is not kept any more")
			return nil, false
		}
	}
	return value.Trigger{}, true
}

// takeQuestion closes the question that an envelope answers, and returns its context; false where none is open.
func (e *Engine) takeQuestion(env *wire.Envelope) (value.Value, bool) {
	q, ok := e.st.requests.Answered(env.From, env.Answer)
	if !ok {
		e.m.Drop("answer.unknown", "no such question is open to "+string(env.From))
		return nil, false
	}
	e.m.Trace(dataflow.TraceAnswer, nil, -1, string(env.From))
	e.m.DisarmRequest(env.From, env.Answer)
	e.m.WakeForRoom() // a request may wait for room among the open questions
	return q.Context, true
}

// fillsInOrder returns the values of an edge's envelope in the order of the edge's sites; a missing one is a failure,
// and its siblings go on. It also says how many were of no site, and how many are missing; nothing is counted yet.
func (e *Engine) fillsInOrder(env *wire.Envelope, edge *program.Edge) (inputs []value.Value, unplaced, missing int) {
	inputs = e.m.Inputs(len(edge.Sites))
	for i := range env.Fills {
		fill := &env.Fills[i]
		placed := false
		for k, site := range edge.Sites {
			if uint32(site) == fill.Site && fill.Op == "" && inputs[k] == nil {
				inputs[k], placed = fill.Value, true
				if fill.Value == nil {
					inputs[k] = value.Trigger{}
				}
				break
			}
		}
		if !placed {
			unplaced++
		}
	}
	for k := range inputs {
		if inputs[k] == nil {
			missing++
			inputs[k] = value.Fail(value.CodeNoResult, string(env.From),
				"the envelope lacks a value of edge "+edge.Name)
		}
	}
	return inputs, unplaced, missing
}

// countFills counts what was wrong with the fills of an envelope, once: of one that waits for loans when it begins to.
func (e *Engine) countFills(unplaced, missing int) {
	for range unplaced {
		e.m.Drop("fill.unplaced", "site is not of the edge or was filled")
	}
	for range missing {
		e.m.Count("fill.missing")
	}
}

// takeMessage gives one fill to the component that it is addressed to, and says whether there is one.
func (e *Engine) takeMessage(from wire.PeerID, fill *wire.Fill) bool {
	i := int(fill.Component)
	if fill.Op == "" || i < 0 || i >= len(e.comps) || e.comps[i] == nil {
		e.m.Drop("message.unknown", "no component of that number lives here")
		return false
	}
	m, ok := e.comps[i].(Messaged)
	if !ok {
		e.m.Drop("message.unknown", "component "+e.prog.Components[i].Name+" takes no messages")
		return false
	}
	in := fill.Value
	if in == nil {
		in = value.Trigger{}
	}
	var args []value.Value
	if l, ok := in.(*value.List); ok {
		args = l.Items()
	} else {
		args = []value.Value{in}
	}
	ctx := e.enter(int32(i), nil, -1)
	err := m.Message(ctx, from, fill.Op, args)
	e.leave()
	if err != nil {
		e.m.Count("message.failed")
		e.m.Trace(dataflow.TraceError, nil, -1, e.prog.Components[i].Name+"."+fill.Op+": "+err.Error())
	}
	return true
}
