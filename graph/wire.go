package graph

import (
	"time"

	"github.com/rhizome-ml/rhizome/codec"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/types"
)

// Edge is the policy of a crossing.
type Edge struct {
	To       Place         // where the peers are; of a Reply it is known and left out
	Name     string        // how people know the edge; by default the op's name
	Deadline time.Duration // from the send to the end of what it starts; 0 means none
	// what makes the values smaller on their way, such as "int8" or "topk:5"; see package codec
	Codec      string
	BestEffort bool // sent once and not acknowledged; else applied once
	// Latest is for a Request: a newer question to a peer withdraws those that it has not answered yet, so that one
	// that is away holds up nobody, and does not work through all that it missed when it is back.
	Latest bool
	// Chunk is how many bytes a value may have to travel in the envelope. A larger one is lent: the receiver takes it
	// in chunks of so many bytes, at its own pace, and what reads it runs when it is whole. 0 leaves it to the nodes: 1
	// MiB, in chunks that fit how many receivers there are.
	Chunk int
}

// Arrival is what a crossing starts at the other place, for each peer that it reaches. Ops that read its values run
// there, in an activation of their own.
type Arrival struct {
	values   []Value
	sent     Value
	sender   Value
	context  Value
	name     string // of the op
	line     string
	request  bool
	answered bool
	asker    string     // where the answer goes
	asked    types.Type // type of the request's context
}

// Value returns value i of the envelope, at the other place.
func (a *Arrival) Value(i int) Value {
	if i < 0 || i >= len(a.values) {
		return Value{}
	}
	return a.values[i]
}

// Values returns all values of the envelope, at the other place.
func (a *Arrival) Values() []Value { return a.values }

// Sent returns a trigger, at the place of the sender, that fires when the envelopes are on their way.
func (a *Arrival) Sent() Value { return a.sent }

// Sender returns the peer that sent, at the other place.
func (a *Arrival) Sender() Value { return a.sender }

// Context returns, at the asker's place, the context that the request was sent with. Only an answer has one.
func (a *Arrival) Context() Value { return a.context }

// Send sends values to peers of a place. Each envelope starts an activation there, with all its values.
func (g *Graph) Send(e Edge, peers Value, values ...Value) *Arrival {
	return g.cross("Send", e, e.To.name, append([]Value{peers}, values...), len(values), nil)
}

// Request sends values to peers of a place and expects one answer of each: see Reply. The context stays here; each
// answer brings it back.
func (g *Graph) Request(e Edge, peers, context Value, values ...Value) *Arrival {
	a := g.cross("Request", e, e.To.name, append([]Value{peers, context}, values...), len(values), nil)
	a.request, a.asked = true, context.typ.Forget()
	if !a.sent.bad {
		a.asker = a.sent.place
		g.s.st.open = append(g.s.st.open, a)
	}
	return a
}

// Reply answers a request; it is recorded once for each request, in the activation that the request started or in a
// body of it. Each answer starts an activation at the asker's place.
func (g *Graph) Reply(to *Arrival, e Edge, values ...Value) *Arrival {
	line := caller()
	refuse := func(reason string) *Arrival {
		if reason != "" {
			g.s.st.fail(line, "Reply", "%s", reason)
		}
		return refusedArrival(g, len(values))
	}
	switch {
	case to == nil || !to.request && !to.sent.bad:
		return refuse("answers what is no Request")
	case to.sent.bad:
		return refuse("")
	case to.answered:
		return refuse("answers " + to.name + ", which has a Reply already; bring the values together before it")
	}
	to.answered = true
	return g.cross("Reply", e, to.asker, values, len(values), to)
}

func refusedArrival(g *Graph, n int) *Arrival {
	bad := Value{s: g.s, bad: true}
	a := &Arrival{sent: bad, sender: bad, context: bad}
	for range n {
		a.values = append(a.values, bad)
	}
	return a
}

// cross records one of the wire's ops with n values.
func (g *Graph) cross(name string, e Edge, to string, in []Value, n int, answers *Arrival) *Arrival {
	u := use{decl: g.s.st.catalogue.Lookup(op.Wire, name), line: caller(), in: in, outs: n + 2, to: to}
	attrs := Attrs{}
	if answers != nil {
		attrs["request"] = answers.name
		u.outs++
	} else {
		attrs["to"] = to
	}
	if e.Name != "" {
		attrs["name"] = g.s.module + e.Name
	}
	if e.Deadline != 0 {
		attrs["deadline"] = e.Deadline
	}
	if e.Codec != "" {
		if _, _, err := codec.Open(codec.Ref{Name: e.Codec}); err != nil {
			g.s.st.fail(u.line, name, "%v", err)
			return refusedArrival(g, n)
		}
		attrs["codec"] = e.Codec
	}
	if e.BestEffort {
		attrs["best"] = true
	}
	if e.Chunk != 0 {
		if e.Chunk < 64 || e.Chunk > 1<<20 || e.Chunk%8 != 0 {
			g.s.st.fail(u.line, name, "chunks of %d bytes; want a multiple of 8 from 64 to 1,048,576, or 0", e.Chunk)
			return refusedArrival(g, n)
		}
		attrs["chunk"] = int64(e.Chunk)
	}
	if e.Latest {
		if name != "Request" {
			g.s.st.fail(u.line, name, "only a Request can be Latest: there is nothing else to withdraw")
			return refusedArrival(g, n)
		}
		attrs["latest"] = true
	}
	u.attrs, _ = attrs.protos() // of types that are always sound
	if e.Name != "" && !goodName(e.Name) {
		g.s.st.fail(u.line, name, "%q is no name of an edge; want letters, digits, '.', '_' and '-'", e.Name)
		return refusedArrival(g, n)
	}
	out := g.record(u)
	a := &Arrival{sent: out[0], values: out[1 : n+1], sender: out[n+1], line: u.line}
	if out[0].bad {
		return refusedArrival(g, n)
	}
	a.name = out[0].node.GetName()
	if answers != nil {
		a.context = out[n+2]
		if answers.asked.ID != "" {
			a.context.typ = answers.asked
			onnx.SetAttr(out[0].node, onnx.AttrStrings("types", contextType(n, answers.asked)...))
		}
	}
	return a
}

// contextType declares the type of the context among the outputs of a Reply with n values.
func contextType(n int, t types.Type) []string {
	texts := make([]string, n+3)
	for i := range texts {
		texts[i] = types.Any().String()
	}
	texts[n+2] = t.String()
	return texts
}
