package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// probe is a component that uses everything a Context offers.
type probe struct{ state probeState }

type probeState struct {
	Sum     int64         `snap:"1"`
	Waiting []uint64      `snap:"2"` // calls that it parked
	Heard   []string      `snap:"3"`
	Started bool          `snap:"4"`
	Lent    []value.Value `snap:"5"` // loans that it has
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
	case "borrow":
		l, ok := in[0].(*value.Loan)
		if !ok {
			return []value.Value{value.Trigger{}}, nil
		}
		if f := ctx.Borrow(l); f != nil {
			return nil, f
		}
		p.state.Lent = append(p.state.Lent, l)
		ctx.Fetch(l, l.Layout().Chunks()-1)
		return []value.Value{value.Trigger{}}, nil
	case "refuse":
		return nil, value.Fail(value.CodeLate, "", "the probe refuses")
	case "panicky":
		ctx.Command("bad", in)
		return nil, nil
	}
	return nil, errors.New("no method " + method)
}

func (p *probe) Borrows(method string, _ int) bool { return method == "borrow" }

// Lent fetches from the last chunk to the first, and gives the loan back.
func (p *probe) Lent(ctx *Context, l *value.Loan, chunk int, v value.Value) {
	p.state.Heard = append(p.state.Heard, fmt.Sprintf("chunk %d of %d bytes", chunk, v.Bytes()))
	if chunk > 0 {
		ctx.Fetch(l, chunk-1)
		return
	}
	ctx.Return(l)
	p.over(l)
}

func (p *probe) Gone(ctx *Context, l *value.Loan, why *value.Failure) {
	ctx.Count("gone")
	p.state.Heard = append(p.state.Heard, "gone: "+why.Code)
	p.over(l)
}

func (p *probe) over(l *value.Loan) {
	p.state.Lent = slices.DeleteFunc(p.state.Lent, func(v value.Value) bool {
		x := v.(*value.Loan)
		return x.Epoch == l.Epoch && x.Number == l.Number && x.Lender == l.Lender
	})
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
