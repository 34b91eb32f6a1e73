package engine

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

func (r *restorer) pending(t *snapshot.TransientSnapshot) error {
	for i := range t.PendingAsync {
		x := &t.PendingAsync[i]
		f, op, err := r.at(x.Exec, x.Op)
		if err != nil {
			return err
		}
		if x.Command == 0 || x.Command >= r.st.nextCommand || r.st.pending[x.Command] != nil {
			return fmt.Errorf("command %d is given out twice or not yet", x.Command)
		}
		if x.Component < 0 || int(x.Component) >= len(r.e.comps) || r.e.comps[x.Component] == nil {
			return fmt.Errorf("command %d is for component %d, which does not live here", x.Command, x.Component)
		}
		if len(x.Sites) != len(f.fn.Ops[op].Out) {
			return fmt.Errorf("command %d has %d output sites, its op has %d", x.Command, len(x.Sites), len(f.fn.Ops[op].Out))
		}
		for k, s := range f.fn.Ops[op].Out {
			if siteOf(f, s) != x.Sites[k] {
				return fmt.Errorf("output %d of command %d lands at site %d, its op says %d", k, x.Command, x.Sites[k], siteOf(f, s))
			}
		}
		if slices.Contains(x.Inputs, nil) {
			return fmt.Errorf("command %d lacks an input", x.Command)
		}
		r.st.setPending(&pending{
			id: x.Command, exec: x.Exec, op: op, component: x.Component, method: x.Method,
			inputs: x.Inputs, deadline: x.Deadline, tries: x.Attempt,
		})
	}
	return nil
}

func (r *restorer) completions(t *snapshot.TransientSnapshot) error {
	for _, x := range t.PendingCompletions {
		c := completion{command: x.Command, results: x.Results, digest: x.Digest}
		if x.Failure != nil {
			c.failure = value.Fail(x.Failure.Code, x.Failure.Where, x.Failure.Message)
		}
		r.st.completions = append(r.st.completions, c)
	}
	return nil
}

func (r *restorer) timers(t *snapshot.TransientSnapshot) error {
	var last *timer
	for i := range t.Framework.Timers {
		x := &t.Framework.Timers[i]
		n := &timer{
			at: x.At, seq: x.Seq, kind: timerKind(x.Kind), exec: x.Exec, component: x.Component, token: x.Token,
			peer: wire.PeerID(x.Peer), fn: program.FuncID(x.Func),
		}
		if n.kind < timerSleep || n.kind > timerArrival || n.seq >= r.st.nextTimer || last != nil && !last.before(n) {
			return fmt.Errorf("timer %d is of no known kind or out of order", x.Seq)
		}
		if n.onOp() {
			_, op, err := r.at(x.Exec, x.Op)
			if err != nil {
				return err
			}
			n.op = op
		}
		if n.kind == timerFrame && r.st.frames.get(n.exec) == nil {
			return fmt.Errorf("timer %d is the deadline of activation %d, which does not live", x.Seq, n.exec)
		}
		if n.kind == timerComponent && (n.component < 0 || int(n.component) >= len(r.e.comps) || r.e.comps[n.component] == nil) ||
			n.kind == timerInterval && (n.fn < 0 || int(n.fn) >= len(r.e.prog.Funcs) || r.e.prog.Funcs[n.fn].Kind != program.KindInterval) {
			return fmt.Errorf("timer %d is of a component or interval that does not live here", x.Seq)
		}
		r.st.setTimer(n)
		last = n
	}
	return nil
}

func (r *restorer) parked(t *snapshot.TransientSnapshot) error {
	last := uint64(0)
	for _, x := range t.Parked {
		f, op, err := r.atEnd(x.Exec, x.Op)
		if err != nil {
			return err
		}
		if atEnd := int(op) == len(f.fn.Ops); atEnd != (parkReason(x.Reason) == parkAnswer) {
			return fmt.Errorf("op %d of activation %d waits for what it cannot wait for", x.Op, x.Exec)
		}
		if x.Call <= last || x.Call >= r.st.nextCall || x.Reason < uint32(parkComponent) || x.Reason > uint32(parkBytes) {
			return fmt.Errorf("call %d is out of order or waits for nothing known", x.Call)
		}
		last = x.Call
		r.st.waits.add(&parked{call: x.Call, exec: x.Exec, op: op, reason: parkReason(x.Reason), label: x.Label}, f)
	}
	return nil
}
