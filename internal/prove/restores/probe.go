package restores

import (
	"errors"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// probe is the component of the random programs: it counts, parks calls until an alarm, gives work out, sends messages,
// refuses and fails.
type probe struct {
	state struct {
		Sum     int64    `snap:"1"`
		Parked  []uint64 `snap:"2"`
		Heard   []string `snap:"3"`
		Started bool     `snap:"4"`
	}
}

// forget has restored probes lose what they counted: the canary of the tests.
var forget bool

func (p *probe) State() any           { return &p.state }
func (p *probe) Recorded(string) bool { return true }

func (p *probe) Restored() error {
	if forget {
		p.state.Sum = 0
	}
	return nil
}

func (p *probe) Start(ctx *engine.Context) error {
	p.state.Started = true
	ctx.Arm(5, 1<<32)
	return nil
}

func (p *probe) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	switch method {
	case "add":
		p.state.Sum++
		return []value.Value{value.Int(p.state.Sum)}, nil
	case "later":
		id := uint64(ctx.Park())
		p.state.Parked = append(p.state.Parked, id)
		ctx.Arm(int64(ctx.Random()%7)+1, id)
		return nil, nil
	case "work", "panicky":
		ctx.Command(method, in)
		return nil, nil
	case "tell":
		for _, to := range ctx.Peers("other") {
			if err := ctx.Send(to, "hello", value.Int(ctx.Now())); err != nil {
				return nil, err
			}
			ctx.SendBest(to, "maybe", value.String("x"))
		}
		return []value.Value{value.Trigger{}}, ctx.Publish("told", value.Int(p.state.Sum))
	}
	return nil, value.Fail(value.CodeLate, "", "the probe refuses "+method)
}

func (p *probe) Alarm(ctx *engine.Context, token uint64) error {
	for i, id := range p.state.Parked {
		if id != token {
			continue
		}
		p.state.Parked = append(p.state.Parked[:i:i], p.state.Parked[i+1:]...)
		if token%5 == 0 {
			ctx.Reject(engine.CallID(token), value.Fail(value.CodeError, "probe", "every fifth fails"))
		} else {
			ctx.Resolve(engine.CallID(token), value.Int(int64(token)))
		}
		return nil
	}
	return ctx.AppEvent("alarm", value.Int(int64(token)))
}

func (p *probe) Message(ctx *engine.Context, from wire.PeerID, op string, in []value.Value) error {
	p.state.Heard = append(p.state.Heard, string(from)+" "+op)
	if len(p.state.Heard) > 16 {
		p.state.Heard = p.state.Heard[1:]
	}
	ctx.Count("heard")
	if len(in) != 1 {
		return errors.New("want one value")
	}
	return nil
}

func (p *probe) Complete(_ *engine.Context, _ string, results []value.Value) ([]value.Value, error) {
	p.state.Sum += 100
	return results, nil
}

func (p *probe) Work(method string, in []value.Value) ([]value.Value, error) {
	if method != "work" {
		return nil, errors.New("cannot")
	}
	return []value.Value{value.NewList(in[0], in[0])}, nil
}

func (p *probe) PeerChanged(_ *engine.Context, peer wire.PeerID, up bool) {
	p.state.Heard = append(p.state.Heard, "changed "+string(peer))
}
