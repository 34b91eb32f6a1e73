package main

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// whatMax bounds the lines that one message is told in.
const whatMax = 8

// tally counts things of equal description.
type tally map[string]int

func (t tally) add(format string, args ...any) { t[fmt.Sprintf(format, args...)]++ }

// message returns what was counted, sorted, the rest in one line.
func (t tally) message(name string) messageReport {
	m := messageReport{Message: name, What: []string{}}
	for i, what := range slices.Sorted(maps.Keys(t)) {
		n := t[what]
		m.Count += n
		switch {
		case i < whatMax && n > 1:
			m.What = append(m.What, fmt.Sprintf("%s (%d)", what, n))
		case i < whatMax:
			m.What = append(m.What, what)
		case i == whatMax:
			m.What = append(m.What, fmt.Sprintf("and %d more kinds", len(t)-whatMax))
		}
	}
	return m
}

// report describes a snapshot.
func report(name string, s *snapshot.NodeSnapshot, n names) (nodeReport, error) {
	f := &s.Transient.Framework
	r := nodeReport{
		Node: name, Place: s.Config.Place, Peer: s.Config.Peer, Seed: s.Config.Seed,
		Artifact:    hex.EncodeToString(s.Artifact.Digest),
		SpecVersion: s.SpecVersion, Incarnation: s.Incarnation, Epoch: f.Epoch, NowNs: f.Now,
		Components: []componentReport{}, Counters: map[string]uint64{},
	}
	for _, c := range s.Components {
		state, err := c.State.Bytes(value.NewRegistry())
		if err != nil {
			return r, err
		}
		r.Components = append(r.Components, componentReport{c.Slot, c.Kind, c.Version, len(state)})
	}
	for _, c := range f.Counters {
		r.Counters[c.Name] = c.Count
	}
	r.Messages = append(work(&s.Transient, n), tables(&s.Transient, n)...)
	return r, nil
}

// names calls ops, functions and peers by their names where program and peers are known, and by number and id
// elsewhere.
type names struct {
	p     *program.Program
	peers map[string]string
}

func (n names) peer(id string) string {
	if name := n.peers[id]; name != "" {
		return name
	}
	return id
}

func (n names) slot(i int32) string {
	if n.p != nil && i >= 0 && int(i) < len(n.p.Components) {
		return n.p.Components[i].Name
	}
	return fmt.Sprintf("component %d", i)
}

// timer says what waits for a timer.
func (n names) timer(t *snapshot.TimerSnapshot) string {
	switch {
	case t.Peer != "":
		return "an answer of " + n.peer(t.Peer)
	case t.Exec != 0:
		return n.op(t.Op)
	case t.Func > 0:
		return n.fn(t.Func)
	}
	return n.slot(t.Component)
}

func (n names) op(ref uint32) string {
	if n.p != nil {
		if f, i, ok := n.p.FuncOfOp(program.OpRef(ref)); ok {
			return n.p.Funcs[f].Ops[i].Name
		}
	}
	return fmt.Sprintf("op %d", ref)
}

func (n names) fn(id int32) string {
	if n.p != nil && id >= 0 && int(id) < len(n.p.Funcs) {
		return n.p.Funcs[id].Name
	}
	return fmt.Sprintf("function %d", id)
}

func (n names) edge(id int32) string {
	if n.p != nil && id >= 0 && int(id) < len(n.p.Edges) {
		return n.p.Edges[id].Name
	}
	return fmt.Sprint(id)
}

// fill names where a value of an envelope lands, and its type.
func (n names) fill(f *wire.Fill) string {
	what := "trigger"
	if f.Value != nil {
		what = string(f.Value.Type())
	}
	if f.Op != "" {
		return fmt.Sprintf("%s.%s %s", n.slot(f.Component), f.Op, what)
	}
	return fmt.Sprintf("/site/%d %s", f.Site, what)
}

// work describes what runs and what waits.
func work(t *snapshot.TransientSnapshot, n names) []messageReport {
	frontier, slots, pending, frames := tally{}, tally{}, tally{}, tally{}
	ingress, bus, completions, events, parked := tally{}, tally{}, tally{}, tally{}, tally{}
	for _, e := range t.Frontier {
		frontier.add("%s", n.op(e.Op))
	}
	for _, e := range t.SlotTable {
		slots.add("%s", e.Value.Type())
	}
	for _, e := range t.PendingAsync {
		pending.add("%s: %s, try %d", n.op(e.Op), e.Method, e.Attempt)
	}
	for _, e := range t.ExecutionState {
		what := n.fn(e.Func)
		if e.Count > 0 {
			what += fmt.Sprintf(", run %d of %d", e.Index+1, e.Count)
		}
		frames.add("%s", what)
	}
	for i := range t.Ingress {
		ingress.add("%s", record.Kind(&t.Ingress[i]))
	}
	for _, e := range t.Bus.Queue {
		bus.add("%s", e.Kind)
	}
	for _, e := range t.PendingCompletions {
		completions.add("command %d", e.Command)
	}
	for _, e := range t.AppEvents {
		events.add("%s", e.Name)
	}
	for _, e := range t.Parked {
		parked.add("%s", n.op(e.Op))
	}
	return []messageReport{
		frames.message("execution_state"), frontier.message("frontier"), parked.message("parked"),
		pending.message("pending_async"),
		slots.message("slot_table"), ingress.message("ingress"), completions.message("pending_completions"),
		bus.message("bus"),
		events.message("app_events"),
	}
}

// tables describes what is on its way to others, and what the engine remembers.
func tables(t *snapshot.TransientSnapshot, n names) []messageReport {
	f := &t.Framework
	outbound, requests, inbound, wires, timers := tally{}, tally{}, tally{}, tally{}, tally{}
	for _, e := range f.PendingOutbound {
		what := "to " + n.peer(e.Peer)
		if e.Redelivered {
			what += ", sent again"
		}
		outbound.add("%s", what)
	}
	for _, e := range f.Requests {
		requests.add("asked %s", n.peer(e.Peer))
	}
	for _, e := range f.Inbound {
		if e.Exec != 0 {
			inbound.add("from %s, under way", n.peer(e.Peer))
		} else {
			inbound.add("from %s, answered", n.peer(e.Peer))
		}
	}
	for _, e := range t.WireStates {
		wires.add("%s: taken up to %d, acknowledged up to %d", n.peer(e.Peer), e.RecvUpTo, e.AckedUpTo)
	}
	for i := range f.Timers {
		timers.add("%s, due in %s", n.timer(&f.Timers[i]), time.Duration(f.Timers[i].At-f.Now).Round(time.Millisecond))
	}
	kept := tally{}
	for _, e := range f.Records {
		kept[fmt.Sprintf("ring %s", e.Name)] = len(e.Entries)
	}
	for _, e := range f.Queues {
		kept[fmt.Sprintf("queue %s", e.Name)] = len(e.Values)
	}
	for _, e := range f.Holds {
		kept.add("hold %s", e.Name)
	}
	for _, e := range f.Gates {
		kept.add("permits %s: %d taken", e.Name, e.Taken)
	}
	for _, e := range f.Latches {
		kept.add("latch %s", e.Name)
	}
	return []messageReport{
		outbound.message("pending_outbound"), requests.message("requests"), inbound.message("inbound"),
		timers.message("timers"),
		wires.message("wire_states"), kept.message("kept"),
	}
}
