package node_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// toldOf returns the values of the events of a name as text.
func (m *member) toldOf(name string) string {
	s := ""
	for _, v := range m.events[name] {
		if l, ok := v.(*value.List); ok {
			s += fmt.Sprint(l.Items()) + " "
		} else {
			s += fmt.Sprint(v) + " "
		}
	}
	return s
}

// TestSourcesInBodies (trap unseeded-body): ops without inputs fire in every kind of function: the main function, a
// bootstrap, the body of a loop at each of its iterations, a branch, a frame, the receive of a send, and an interval.
func TestSourcesInBodies(t *testing.T) {
	g := graph.New("sources")
	server, clients := g.Place("server"), g.Place("clients")
	tell := func(b *graph.Graph, name string) graph.Value {
		return b.At(server).AppEmit(name, b.At(server).Clock(b.Pulse()))
	}
	tell(g, "main")
	g.Bootstrap(server, func(b *graph.Graph) { tell(b, "bootstrap") })
	at := g.At(server)
	looped := at.Loop(g.Constant(value.Int(3)), []graph.Value{at.Clock(g.Pulse())}, func(b *graph.Graph, _ graph.Value,
		_ []graph.Value) []graph.Value {
		slept := b.At(server).Sleep(b.Pulse(), 10*time.Millisecond) // a timer that nothing but its own body starts
		return []graph.Value{b.Gate(b.Constant(value.Int(7)), b.Gate(tell(b, "loop"), slept))}
	})
	at.AppEmit("looped", looped[0])
	yes := at.Gate(g.Constant(value.Bool(true)), at.Clock(g.Pulse()))
	branch := func(b *graph.Graph) []graph.Value { return []graph.Value{tell(b, "branch")} }
	at.If(yes, branch, branch)
	at.Frame([]graph.Value{yes},
		func(b *graph.Graph, _ []graph.Value) []graph.Value { return []graph.Value{tell(b, "frame")} })
	tick := g.Interval(server, time.Second)
	at.AppEmit("tick", at.Gate(g.Constant(value.Int(5)), tick))
	sent := at.Send(graph.Edge{To: clients}, g.Constant(value.Peer("node1")), tick)
	there := g.At(clients)
	there.AppEmit("arrived", there.Gate(there.Sleep(g.Constant(value.Int(9)), time.Millisecond), sent.Value(0)))

	w := newNet(t, compiled(t, g), "server", "clients")
	w.onStep = func(*member) {
		if len(w.members[1].events["arrived"]) > 0 {
			w.members[0].events["stop"] = []value.Value{value.Trigger{}}
		}
	}
	w.run("stop")
	for name, want := range map[string]int{"main": 1, "bootstrap": 1, "loop": 3, "looped": 1, "branch": 1, "frame": 1,
		"tick": 1} {
		if got := len(w.members[0].events[name]); got < want || got > want && name != "tick" {
			t.Errorf("%s fired %d times, want %d: a source was not seeded, or fired again", name, got, want)
		}
	}
	if got := w.members[0].toldOf("looped"); got != "7 " {
		t.Errorf("the loop gave %q", got)
	}
	if w.now > 5e9 {
		t.Errorf("it took %d ns of virtual time: the interval of 1 s or a timer in a body did not start", w.now)
	}
}

// TestUnnamedCrossings (traps empty-name and untested-joints): crossings, slots and ops that the author gave no name
// are told apart all the same: of two questions and a send between the same places, each value comes out where its own
// receive reads it.
func TestUnnamedCrossings(t *testing.T) {
	g := graph.New("unnamed")
	server, clients := g.Place("server"), g.Place("clients")
	in := g.Input(server, "ask", types.Int())
	who := g.Constant(value.Peer("node1"))
	at, there := g.At(server), g.At(clients)
	for _, name := range []string{"first", "second"} {
		asked := at.Request(graph.Edge{To: clients}, who, g.Constant(value.String(name)),
			g.Constant(value.String(name)), in[0])
		answer := there.Reply(asked, graph.Edge{}, there.Bundle(asked.Value(0), asked.Value(1),
			g.Constant(value.String("by "+name))))
		at.AppEmit(name, at.Bundle(answer.Context(), answer.Value(0)))
	}
	sent := at.Send(graph.Edge{To: clients}, who, g.Constant(value.String("third")), in[0])
	there.AppEmit("third", there.Bundle(sent.Value(0), sent.Value(1), sent.Sender()))

	w := newNet(t, compiled(t, g), "server", "clients")
	for i := range 2 {
		w.members[0].inputs = append(w.members[0].inputs,
			&engine.Event{Invoke: &snapshot.InvokeEvent{Name: "ask", Inputs: []value.Value{value.Int(i)}}})
	}
	w.run("never")
	for i, m := range w.members {
		for _, name := range []string{"first", "second", "third"} {
			if (name == "third") != (i == 1) {
				continue
			}
			for k, v := range m.events[name] {
				items := v.(*value.List).Items()
				if name != "third" {
					if items[0] != value.String(name) {
						t.Errorf("event %s has the context %v", name, items[0])
					}
					items = items[1].(*value.List).Items()
				}
				last := value.Value(value.String("by " + name))
				if name == "third" {
					last = value.Peer("node0")
				}
				if items[0] != value.String(name) || items[1] != value.Int(k) || items[2] != last {
					t.Errorf("event %s, call %d: %v", name, k, items)
				}
			}
			if n := len(m.events[name]); n != 2 {
				t.Errorf("%d events %s, want 2", n, name)
			}
		}
	}
	for _, m := range w.members {
		if f := m.events[engine.FailureEvent]; f != nil {
			t.Errorf("failures: %v", f)
		}
	}
}

// TestHostReadsCounters (trap unread-counter): what the program, the components and the engine count, the host can
// read.
func TestHostReadsCounters(t *testing.T) {
	w := newNet(t, federated(t), "server", "clients", "clients")
	w.run("done")
	got := map[string]uint64{}
	for _, c := range w.members[0].n.Engine().Counters() {
		got[c.Name] = c.Count
	}
	if got["contributions"] != 4 || got["registry.joined"] != 2 {
		t.Errorf("counters of the program and of a component are %v", got)
	}
	if err := w.members[0].n.Deliver(&engine.Event{Invoke: &snapshot.InvokeEvent{Name: "nothing"}}); err == nil {
		t.Fatal("an unknown call was accepted")
	}
	if r := w.members[0].n.Engine().Refusals(); len(r) != 1 || r[0].Count != 1 {
		t.Errorf("refusals are %v", r)
	}
}
