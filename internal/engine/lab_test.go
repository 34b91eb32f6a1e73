package engine

import (
	"fmt"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// lab is one engine whose host is the test: what left it is written down, commands wait until the test completes them.
type lab struct {
	t       tb
	cfg     Config
	e       *Engine
	now     int64
	app     []string // "name value"
	packets []Packet
	trace   []TraceEvent
}

// scripted is a component whose methods the test writes.
type scripted struct {
	state struct {
		Calls []uint64 `snap:"1"`
	}
	invoke   func(s *scripted, ctx *Context, method string, in []value.Value) ([]value.Value, error)
	message  func(from wire.PeerID, op string, in []value.Value) error
	alarm    func(s *scripted, ctx *Context, token uint64) error
	complete func(results []value.Value) ([]value.Value, error)
	start    func(ctx *Context) error
}

func (s *scripted) State() any      { return &s.state }
func (s *scripted) Restored() error { return nil }
func (s *scripted) Invoke(ctx *Context, method string, in []value.Value) ([]value.Value, error) {
	return s.invoke(s, ctx, method, in)
}
func (s *scripted) Message(_ *Context, from wire.PeerID, op string, in []value.Value) error {
	return s.message(from, op, in)
}
func (s *scripted) Alarm(ctx *Context, token uint64) error { return s.alarm(s, ctx, token) }
func (s *scripted) Start(ctx *Context) error {
	if s.start == nil {
		return nil
	}
	return s.start(ctx)
}
func (s *scripted) Complete(_ *Context, _ string, results []value.Value) ([]value.Value, error) {
	if s.complete == nil {
		return results, nil
	}
	return s.complete(results)
}

// newLab runs an engine until it rests, so that its bootstrap is behind it.
func newLab(t tb, b *builder, limits func(*Limits), comps ...Component) *lab {
	t.Helper()
	cfg := testConfig(b.link(t), comps...)
	cfg.Trace = true
	if limits != nil {
		limits(&cfg.Limits)
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, cfg: cfg, e: e}
	l.rest()
	return l
}

// tell delivers an input that must be accepted.
func (l *lab) tell(ev *Event) {
	l.t.Helper()
	if err := l.e.Deliver(ev); err != nil {
		l.t.Fatal(err)
	}
}

// call has the host call an input with one value.
func (l *lab) call(name string, v value.Value) {
	l.t.Helper()
	l.tell(&Event{Invoke: &snapshot.InvokeEvent{Name: name, Inputs: []value.Value{v}}})
}

// poll polls once.
func (l *lab) poll() *Output {
	out := l.e.Poll(l.now)
	for _, ev := range out.AppEvents {
		l.app = append(l.app, strings.TrimSpace(ev.Name+" "+show(ev.Value)))
	}
	l.packets = append(l.packets, out.Envelopes...)
	l.trace = append(l.trace, out.Trace...)
	return out
}

// rest polls until the engine has nothing more to do now.
func (l *lab) rest() {
	l.t.Helper()
	for range 1000 {
		if !l.poll().More {
			return
		}
	}
	l.t.Fatal("the engine does not come to rest")
}

// wait lets time pass and rests.
func (l *lab) wait(ns int64) {
	l.t.Helper()
	l.now += ns
	l.rest()
}

// done completes a command.
func (l *lab) done(id uint64, results ...value.Value) {
	l.t.Helper()
	ev := &snapshot.PendingCompletionSnapshot{Command: id}
	for i, v := range results {
		ev.Results = append(ev.Results, snapshot.NamedResult{Port: fmt.Sprint(i), Value: v})
	}
	l.tell(&Event{Completion: ev})
}

// from is an envelope of a peer, as the transport hands it over.
func (l *lab) from(p wire.PeerID, env wire.Envelope) *Event {
	l.t.Helper()
	env.Version, env.To, env.Digest = wire.PlainVersion, "self", l.cfg.Program.Digest
	if env.From == "" {
		env.From = p
	}
	if env.Epoch == 0 {
		env.Incarnation, env.Epoch = 1, 1
	}
	raw, err := wire.Append(nil, l.cfg.Registry, &env)
	if err != nil {
		l.t.Fatal(err)
	}
	return &Event{Envelope: &snapshot.EnvelopeEvent{From: string(p), Raw: raw}}
}

func (l *lab) snap() *snapshot.TransientSnapshot {
	l.t.Helper()
	t, err := l.e.Snapshot()
	if err != nil {
		l.t.Fatal(err)
	}
	return t
}

// reborn returns a lab whose engine was restored from the snapshot of l's, by way of bytes, with components of its own.
func (l *lab) reborn(comps ...Component) *lab {
	l.t.Helper()
	b, err := snapshot.Marshal(l.cfg.Registry, l.snap())
	if err != nil {
		l.t.Fatal(err)
	}
	var s snapshot.TransientSnapshot
	if err := snapshot.Unmarshal(b, &s, l.cfg.Registry, snapshot.DefaultLimits()); err != nil {
		l.t.Fatal(err)
	}
	for i, c := range comps {
		state, err := snapshot.Marshal(l.cfg.Registry, l.cfg.Components[i].State())
		if err != nil {
			l.t.Fatal(err)
		}
		if err := snapshot.Unmarshal(state, c.State(), l.cfg.Registry, snapshot.DefaultLimits()); err != nil {
			l.t.Fatal(err)
		}
	}
	cfg := l.cfg
	cfg.Components = comps
	e, err := Restore(cfg, l.e.Incarnation(), &s)
	if err != nil {
		l.t.Fatal(err)
	}
	return &lab{t: l.t, cfg: cfg, e: e, now: l.now}
}

// counter returns a counter of the engine, as the host reads it.
func (l *lab) counter(name string) uint64 {
	for _, c := range l.e.Counters() {
		if c.Name == name {
			return c.Count
		}
	}
	return 0
}

// one is a part at place "one" with a component slot "tool" and edges to and from "other".
func one() *builder {
	b := newBuilder("one")
	b.p.Components = []program.Component{{Name: "tool", Places: []string{"one"}}}
	b.p.Edges = []program.Edge{
		{ID: 0, Name: "tell", From: "one", To: "other", Sites: []program.SiteID{90000}, Trigger: []bool{false},
			Reply: program.None},
		{ID: 1, Name: "ask", From: "one", To: "other", Sites: []program.SiteID{90001}, Trigger: []bool{false},
			Reply: 2},
		{ID: 2, Name: "answer", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Answer: true, Reply: program.None},
	}
	return b
}

// emit ends a function with an app event.
func (f *fn) emit(name string, s program.Slot) program.Slot {
	return f.add(program.Op{Code: program.OpAppEmit, Name: "emit." + name, Label: name}, 1, s)[0]
}

// use calls a method of the component "tool".
func (f *fn) use(method string, outs int, in ...program.Slot) []program.Slot {
	return f.add(program.Op{Code: program.OpComponent, Name: method, Method: method}, outs, in...)
}

// peer is the constant of the other node.
func (f *fn) peer() program.Slot { return f.constant(value.Peer("other")) }
