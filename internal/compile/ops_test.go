package compile_test

import (
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// TestEveryOp takes every op of the catalogue that authors can record through to the engine's form.
func TestEveryOp(t *testing.T) {
	p := newPair()
	g := p.At(p.server).Named("op")
	n := p.at(p.server)
	who := p.Constant(value.Peer("a"))
	list := g.Bundle(n, n)
	permit := g.Limit("permits", 3, n)
	sound, expired := g.Deadline(n, time.Second)
	cond := g.Gate(p.Constant(value.Bool(true)), n)
	req := g.Request(graph.Edge{To: p.clients, Deadline: time.Minute, BestEffort: true}, who, n, n)
	p.Reply(req, graph.Edge{}, req.Value(0))
	g.Send(graph.Edge{To: p.clients}, p.peers(), n)
	used := []graph.Value{
		g.PassThrough(n), g.Tee(n, 2)[0], p.Constant(value.String("c")), g.Sleep(n, 2), g.Threshold(2, n, n, n),
		g.Any(n, list),
		g.AnyOnce("latch", n, list), g.Release("permits", permit), g.QueuePut("queue", 4, n), g.QueueTake("queue", n),
		g.HoldPut("hold", n), g.HoldTake("hold", n), g.Unbundle(list, 2)[1], g.Random(n), g.Correlate(n),
		g.AppEmit("event", n),
		g.Publish("kind", n), g.Count("counter", n), g.Record("ring", n), g.Fail("code", n), sound, expired,
		g.Peer("Insert", who, g.Correlate(n)), g.Peer("Drop", who), g.Peer("Lookup", who), g.Peer("Block", who),
		g.Peer("Unblock", who), g.Peer("Allow", who), g.Peer("Health", who),
		g.Retry(3, time.Second).Clock(n),
		g.If(cond, func(b *graph.Graph) []graph.Value { return []graph.Value{n} },
			func(b *graph.Graph) []graph.Value { return []graph.Value{list} })[0],
		g.Loop(n, []graph.Value{n}, func(b *graph.Graph, i graph.Value, c []graph.Value) []graph.Value { return c })[0],
		g.Frame([]graph.Value{n}, func(b *graph.Graph, in []graph.Value) []graph.Value { return in })[0],
	}
	at := p.At(p.server)
	at.Record("all", at.Bundle(used...))
	at.Count("c", at.SpreadInterval(p.server, time.Hour))
	at.Count("c", at.Event(p.server, "kind"))
	at.Count("c", at.Lifecycle(p.server, "shutdown"))
	at.Count("c", at.Bundle(at.Input(p.server, "call", types.Int(), types.ListsOf(types.Peer()))...))

	a, _ := build(t, p.Graph)
	checkJoints(t, a, "server", "clients")
	codes := map[program.Code]*program.Op{}
	kinds := map[program.Kind]*program.Func{}
	for _, place := range []string{"server", "clients"} {
		prog := load(t, a, place)
		for i := range prog.Funcs {
			f := &prog.Funcs[i]
			kinds[f.Kind] = f
			for k := range f.Ops {
				codes[f.Ops[k].Code] = &f.Ops[k]
			}
		}
	}
	for c := program.OpTee; c < program.OpComponent; c++ { // a PassThrough is left out
		if codes[c] == nil {
			t.Errorf("no op became code %d", c)
		}
	}
	for _, c := range []struct {
		code  program.Code
		label string
		n     int64
		delay int64
	}{
		{program.OpSleep, "", 0, 2}, {program.OpThreshold, "", 2, 0}, {program.OpAnyOnce, "latch", 0, 0},
		{program.OpLimit, "permits", 3, 0},
		{program.OpRelease, "permits", 0, 0}, {program.OpQueuePut, "queue", 4, 0}, {program.OpQueueTake, "queue", 0, 0},
		{program.OpHoldPut, "hold", 0, 0}, {program.OpHoldTake, "hold", 0, 0},
		{program.OpDeadline, "", 0, int64(time.Second)},
		{program.OpAppEmit, "event", 0, 0}, {program.OpPublish, "kind", 0, 0}, {program.OpFail, "code", 0, 0},
	} {
		if o := codes[c.code]; o != nil && (o.Label != c.label || o.N != c.n || o.Delay != c.delay) {
			t.Errorf("%s: label %q, n %d, delay %d", o.Name, o.Label, o.N, o.Delay)
		}
	}
	if f := kinds[program.KindInterval]; f == nil || f.Period != int64(time.Hour) || !f.Spread || f.Inputs != 1 {
		t.Errorf("interval: %+v", f)
	}
	for k, label := range map[program.Kind]string{program.KindEvent: "kind", program.KindLifecycle: "shutdown",
		program.KindInvoke: "call"} {
		if f := kinds[k]; f == nil || f.Label != label {
			t.Errorf("kind %d: %+v", k, f)
		}
	}
	if e := load(t, a, "server").Edges[0]; !e.Best || e.Deadline != int64(time.Minute) {
		t.Errorf("edge: %+v", e)
	}
	retried := 0
	for _, o := range opsOf(find(t, load(t, a, "server"), "main"), program.OpClock) {
		if o.Retry == (program.Retry{Attempts: 3, Backoff: int64(time.Second)}) {
			retried++
		}
	}
	if retried != 1 {
		t.Errorf("%d clocks are tried again, want 1", retried)
	}
}
