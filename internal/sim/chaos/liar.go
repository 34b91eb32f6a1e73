package chaos

import (
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/sim"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// liars are nodes whose packets say what their engines did not: what a peer may do that runs another program.
type liars struct {
	w      *sim.World
	until  map[int]time.Duration // by node
	fault  map[int]sim.Fault
	chance sim.Chance
	values *value.Registry
	limits wire.Limits
}

func newLiars(w *sim.World, seed uint64) *liars {
	return &liars{
		w: w, until: map[int]time.Duration{}, fault: map[int]sim.Fault{}, chance: sim.NewChance(seed, 0x6c696172),
		values: value.NewRegistry(), limits: engine.DefaultLimits().Wire,
	}
}

// begin has a node lie, or equivocate, for a time.
func (l *liars) begin(n *sim.Node, f sim.Fault, d time.Duration) {
	n.Lied = true
	l.until[n.ID()], l.fault[n.ID()] = l.w.Now()+d, f
}

// mutate returns what is sent in place of a packet.
func (l *liars) mutate(n, _ *sim.Node, raw []byte) []byte {
	if l.until[n.ID()] <= l.w.Now() || l.chance.Below(2) == 0 {
		return raw
	}
	e, err := wire.Decode(raw, l.values, l.limits)
	if err != nil {
		return raw
	}
	bad := *e
	if l.fault[n.ID()] == sim.Equivocate {
		bad.Fills = nil
		for _, f := range e.Fills {
			f.Value = l.other(f.Value)
			bad.Fills = append(bad.Fills, f)
		}
	} else {
		l.lie(&bad)
	}
	out, err := wire.Append(nil, l.values, &bad)
	if err != nil {
		return raw
	}
	l.w.Note(l.fault[n.ID()], n, "a packet says what its engine did not")
	return out
}

// lie changes the header of an envelope.
func (l *liars) lie(e *wire.Envelope) {
	c := &l.chance
	switch c.Below(12) {
	case 0:
		e.From = "node-0" // somebody else
	case 1:
		e.To = "node-9"
	case 2:
		e.Digest[c.Below(32)] ^= 1
	case 3:
		e.Incarnation = c.Uint64() >> c.Below(64)
	case 4:
		e.Epoch = c.Uint64() >> c.Below(64)
	case 5:
		e.Number = c.Uint64() >> c.Below(64)
	case 6:
		e.Ack, e.AckEpoch = c.Uint64()>>c.Below(64), max(e.AckEpoch, 1)
	case 7:
		e.Base = c.Uint64() >> c.Below(64)
	case 8:
		e.Edge = int32(c.Below(8)) - 1
	case 9:
		e.Request = wire.Request{Epoch: 1 + uint64(c.Below(3)), ID: 1 + uint64(c.Below(50))}
	case 10:
		e.Answer = wire.Request{Epoch: 1 + uint64(c.Below(3)), ID: 1 + uint64(c.Below(50))}
	case 11:
		e.Fills = append(e.Fills, wire.Fill{Site: uint32(c.Below(2000)), Value: value.Int(c.Below(100))})
	}
}

// other returns another value, of the same type or not.
func (l *liars) other(v value.Value) value.Value {
	c := &l.chance
	switch x := v.(type) {
	case value.Int:
		return x + value.Int(c.Below(1000)) - 500
	case value.Tensor:
		data := append([]float32(nil), x.Float32()...)
		if len(data) == 0 {
			return v
		}
		data[c.Below(len(data))] = []float32{0, -1e30, 3e38, 1}[c.Below(4)]
		t, err := tensor.FromFloat32(x.Shape(), data)
		if err != nil {
			return v
		}
		return value.Tensor{Tensor: t}
	case nil:
		return nil
	}
	return value.Int(c.Below(1000))
}
