package peer

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Snapshot returns the own questions by (peer, epoch, number), and those of others in the order of their last change.
// Envelopes are shared and encoded with the snapshot.
func (r *Requests) Snapshot() ([]snapshot.OutboundRequest, []snapshot.InboundRequest) {
	return r.Capture()()
}

// Capture takes the questions as they are, and returns what describes them, which may run beside the engine.
func (r *Requests) Capture() func() ([]snapshot.OutboundRequest, []snapshot.InboundRequest) {
	own := make([]asked, 0, len(r.outbound))
	for k, q := range r.outbound { // sorted before anybody sees it; nobody changes a question
		own = append(own, asked{k, q})
	}
	of := make([]inbound, 0, len(r.inbound))
	for _, e := range r.inbound { // likewise
		of = append(of, *e)
	}
	return func() ([]snapshot.OutboundRequest, []snapshot.InboundRequest) { return describeRequests(own, of) }
}

// asked is a question with its key.
type asked struct {
	key requestKey
	q   *Question
}

func describeRequests(own []asked, of []inbound) ([]snapshot.OutboundRequest, []snapshot.InboundRequest) {
	var out []snapshot.OutboundRequest
	var in []snapshot.InboundRequest
	own, of = slices.Clone(own), slices.Clone(of) // several may describe them at once
	slices.SortFunc(own, func(a, b asked) int { return compareKeys(a.key, b.key) })
	slices.SortFunc(of, func(a, b inbound) int { return cmp.Compare(a.order, b.order) })
	for _, a := range own {
		k, q := a.key, a.q
		out = append(out, snapshot.OutboundRequest{Peer: string(k.peer), Epoch: k.req.Epoch, Request: k.req.ID,
			Edge:    q.Edge,
			Context: q.Context, Deadline: q.Deadline, Envelope: wire.Stored(q.Envelope)})
	}
	for i := range of {
		e := &of[i]
		k := e.key
		x := snapshot.InboundRequest{Peer: string(k.peer), Epoch: k.req.Epoch, Request: k.req.ID, Exec: e.exec}
		if e.answer != nil {
			x.Answer = wire.Stored(e.answer)
		}
		in = append(in, x)
	}
	return out, in
}

// RestoreRequests returns the tables that the messages describe.
func RestoreRequests(out []snapshot.OutboundRequest, in []snapshot.InboundRequest, reg *value.Registry,
	lim RequestLimits) (*Requests, error) {
	r := NewRequests(lim)
	h := &sharing{reg: reg}
	var last requestKey
	for i := range out {
		x := &out[i]
		k := requestKey{wire.PeerID(x.Peer), wire.Request{Epoch: x.Epoch, ID: x.Request}}
		bad := func(why string) error { return &RestoreError{"own questions", k.text(), why} }
		if compareKeys(k, last) <= 0 || !k.req.IsSet() || x.Peer == "" || x.Deadline < 0 {
			return nil, bad("it is out of order, or lacks peer, number or a sound deadline")
		}
		last = k
		env, err := readOwn(reg, x.Envelope)
		if err == nil {
			err = h.share(env)
		}
		if err != nil {
			return nil, bad(err.Error())
		}
		if env.To != k.peer || env.Request != k.req {
			return nil, bad("its envelope asks another question")
		}
		if err := r.Ask(k.peer, k.req, Question{Edge: x.Edge, Context: x.Context, Deadline: x.Deadline,
			Envelope: env}); err != nil {
			return nil, bad(err.Error())
		}
	}
	for i := range in {
		if err := r.restoreInbound(&in[i], reg); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// restoreInbound adds one question of another.
func (r *Requests) restoreInbound(x *snapshot.InboundRequest, reg *value.Registry) error {
	k := requestKey{wire.PeerID(x.Peer), wire.Request{Epoch: x.Epoch, ID: x.Request}}
	bad := func(why string) error { return &RestoreError{"questions of others", k.text(), why} }
	if x.Peer == "" || !k.req.IsSet() || (x.Exec != 0) == (!x.Answer.IsZero()) {
		return bad("it lacks peer or number, or is not exactly one of under way and answered")
	}
	if r.inbound[k] != nil {
		return bad("it stands there twice")
	}
	r.order++
	e := &inbound{key: k, exec: x.Exec, order: r.order}
	put(&r.inbound, k, e)
	if x.Exec != 0 {
		if r.underWay++; r.underWay > r.lim.Inbound {
			return &FullError{"questions under way", r.lim.Inbound}
		}
		return nil
	}
	env, err := readOwn(reg, x.Answer)
	if err != nil {
		return bad(err.Error())
	}
	if env.To != k.peer || env.Answer != k.req {
		return bad("its envelope answers another question")
	}
	e.answer = env
	r.keep(e)
	if len(r.answers[k.peer]) > max(r.lim.Answers, r.lim.Lending) || r.answerBytes > r.lim.AnswerBytes {
		return bad("there are more or larger answers than are kept")
	}
	return nil
}

func (k requestKey) text() string {
	return fmt.Sprintf("%s request %d of epoch %d", k.peer, k.req.ID, k.req.Epoch)
}
