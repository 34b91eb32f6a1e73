package engine

import (
	"errors"

	"github.com/rhizome-ml/rhizome/value"
	"github.com/rhizome-ml/rhizome/wire"
)

// probe is a component that uses everything a Context offers.
type probe struct{ state probeState }

type probeState struct {
	Sum     int64    `snap:"1"`
	Waiting []uint64 `snap:"2"` // calls that it parked
	Heard   []string `snap:"3"`
	Started bool     `snap:"4"`
}

func (p *probe) State() any      { return &p.state }
func (p *probe) Restored() error { return nil }

func (p *probe) Start(ctx *Context) error {
	p.state.Started = true
	ctx.Arm(5, 1<<32)
	return nil
}

func (p *probe) Invoke(ctx *Context, method string, in []value.Value) ([]value.Value, error) {
	switch method {
	case "add":
		p.state.Sum++
		return []value.Value{value.Int(p.state.Sum)}, nil
	case "later":
		id := ctx.Park()
		p.state.Waiting = append(p.state.Waiting, uint64(id))
		ctx.Arm(int64(ctx.Random()%7)+1, uint64(id))
		return nil, nil
	case "work":
		ctx.Command("double", in)
		return nil, nil
	case "tell":
		for _, p := range ctx.Peers("other") {
			if err := ctx.Send(p, "hello", value.Int(ctx.Now())); err != nil {
				return nil, err
			}
			ctx.SendBest(p, "maybe", value.String("x"))
		}
		return []value.Value{value.Trigger{}}, ctx.Publish("told", value.Int(p.state.Sum))
	case "refuse":
		return nil, value.Fail(value.CodeLate, "", "the probe refuses")
	case "panicky":
		ctx.Command("bad", in)
		return nil, nil
	}
	return nil, errors.New("no method " + method)
}

func (p *probe) Alarm(ctx *Context, token uint64) error {
	for i, w := range p.state.Waiting {
		if w == token {
			p.state.Waiting = append(p.state.Waiting[:i:i], p.state.Waiting[i+1:]...)
			if token%5 == 0 {
				ctx.Reject(CallID(token), value.Fail(value.CodeError, "probe", "every fifth fails"))
			} else {
				ctx.Resolve(CallID(token), value.Int(int64(token)))
			}
			return nil
		}
	}
	return ctx.AppEvent("alarm", value.Int(int64(token)))
}

func (p *probe) Message(ctx *Context, from wire.PeerID, op string, in []value.Value) error {
	p.state.Heard = append(p.state.Heard, string(from)+" "+op)
	ctx.Count("heard")
	if len(in) != 1 {
		return errors.New("want one value")
	}
	return nil
}

func (p *probe) Complete(ctx *Context, method string, results []value.Value) ([]value.Value, error) {
	p.state.Sum += 100
	return results, nil
}

func (p *probe) Work(method string, in []value.Value) ([]value.Value, error) {
	if method == "bad" {
		return nil, errors.New("cannot")
	}
	return []value.Value{value.NewList(in[0], in[0])}, nil
}

func (p *probe) Recorded(string) bool { return true }

func (p *probe) PeerChanged(ctx *Context, peer wire.PeerID, up bool) {
	p.state.Heard = append(p.state.Heard, "changed "+string(peer))
}
