package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// outside is an engine as its machine sees it: the components, and the session with peers.
type outside Engine

func (o *outside) engine() *Engine { return (*Engine)(o) }

// Start starts the components of a new node.
func (o *outside) Start() {
	e := o.engine()
	for i, c := range e.comps {
		s, ok := c.(Starter)
		if !ok {
			continue
		}
		ctx := e.enter(int32(i), nil, -1)
		err := s.Start(ctx)
		e.leave()
		if err != nil {
			e.m.ReportFailure(value.AsFailure(err, e.prog.Components[i].Name))
		}
	}
}

// Lives says whether a component lives on this node.
func (o *outside) Lives(component int32) bool {
	return component >= 0 && int(component) < len(o.comps) && o.comps[component] != nil
}

// Invoke runs an op of a component.
func (o *outside) Invoke(f *dataflow.Frame, op int32, x *program.Op, in []value.Value) ([]value.Value, bool, error) {
	e := o.engine()
	ctx := e.enter(x.Component, f, op)
	out, err := e.comps[x.Component].Invoke(ctx, x.Method, in)
	waits := ctx.waits
	if err == nil && ctx.refused != nil {
		err = ctx.refused
	}
	e.leave()
	return out, waits, err
}

// Complete shows a component the results of its command.
func (o *outside) Complete(component int32, method string, results []value.Value) ([]value.Value, error) {
	e := o.engine()
	c, ok := e.comps[component].(Completer)
	if !ok {
		return results, nil
	}
	ctx := e.enter(component, nil, -1)
	out, err := c.Complete(ctx, method, results)
	e.leave()
	return out, err
}

// Alarm tells a component that its timer has matured.
func (o *outside) Alarm(component int32, token uint64) {
	e := o.engine()
	a, ok := e.comps[component].(Alarmed)
	if !ok {
		e.m.Drop("alarm.unheard", e.prog.Components[component].Name)
		return
	}
	ctx := e.enter(component, nil, -1)
	err := a.Alarm(ctx, token)
	e.leave()
	if err != nil {
		e.m.Count("alarm.failed")
		e.m.Trace(dataflow.TraceError, nil, -1, e.prog.Components[component].Name+": "+err.Error())
	}
}

// Step runs an op on what lies beyond the machine.
func (o *outside) Step(f *dataflow.Frame, op int32, x *program.Op) dataflow.Outcome {
	e := o.engine()
	switch x.Code {
	case program.OpSend, program.OpRequest, program.OpReply:
		return e.stepWire(f, op, x)
	case program.OpCorrelate:
		// A function of the state: the same after a replay, and never given out twice by this node (law applied-once).
		token := value.String(fmt.Sprintf("%s/%d/%d", e.st.self, e.asks(), e.st.nextToken))
		e.st.nextToken++
		if len(x.Out) > 0 {
			e.m.Fill(f, x.Out[0], token)
		}
		return dataflow.Done
	}
	return e.stepPeer(f, op, x)
}

// Answer answers a request whose activation ends without an answer.
func (o *outside) Answer(f *dataflow.Frame) bool { return o.engine().replyFailure(f) }

// GiveUp returns what an activation that ends has borrowed and no component has adopted.
func (o *outside) GiveUp(f *dataflow.Frame) { o.engine().giveUpLoans(f) }

// Expire gives up on a question that nobody answered in time.
func (o *outside) Expire(p wire.PeerID, r wire.Request) { o.engine().expire(p, r) }

// Lapse ends what waited for something that is lent until a time.
func (o *outside) Lapse(id uint64) {
	e := o.engine()
	e.m.Count("deadline.passed")
	e.endArrivals(func(a *arrival) bool { return a.id == id })
}
