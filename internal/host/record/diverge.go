package record

import (
	"fmt"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// DivergenceError says that replaying a record gave other outputs than the first time: the code, the components or the
// machine are not those that wrote the journal.
type DivergenceError struct {
	Record    uint64 // its number in the journal
	Kind      string // output, result, refusal
	Name      string // what the record fed to the node, or the op whose result differs
	Got, Want string
	Diff      []string // what differs, one thing each, as far as the journal tells
}

// diffShown bounds the differences that an error tells in its text.
const diffShown = 3

// Error names the record, both sides, and the first differences.
func (e *DivergenceError) Error() string {
	s := fmt.Sprintf("host: replay of record %d (%s) diverges in its %s: got %s, the journal says %s", e.Record, e.Name,
		e.Kind, e.Got, e.Want)
	if n := len(e.Diff); n > 0 {
		s += ": " + strings.Join(e.Diff[:min(n, diffShown)], "; ")
		if n > diffShown {
			s += fmt.Sprintf("; and %d more", n-diffShown)
		}
	}
	return s
}

// diff tells what of an output differs from the marks of the first time.
func (m *Marker) diff(n *node.Node, out *engine.Output, want []byte) []string {
	cfg := n.Config()
	got, first := readMarks(m.Append(nil, out, cfg.Values)), readMarks(want)
	d := differ{program: cfg.Program, node: n, out: out}
	if len(want) == 0 && len(got) > 0 {
		d.note("the first time nothing is known to have gone out (nothing did, or an earlier release wrote the record)")
	}
	d.envelopes(ofKind(got, markEnvelope), ofKind(first, markEnvelope))
	d.events(ofKind(got, markEvent), ofKind(first, markEvent))
	d.commands(ofKind(got, markCommand), ofKind(first, markCommand))
	if len(d.found) == 0 {
		d.found = []string{"the time of the next wake-up differs, or whether more is to be done at once"}
	}
	return d.found
}

type differ struct {
	program *program.Program
	node    *node.Node
	out     *engine.Output
	found   []string
}

func (d *differ) note(format string, args ...any) {
	d.found = append(d.found, fmt.Sprintf(format, args...))
}

// count says where the numbers of things differ, and returns how many both have.
func (d *differ) count(got, want int, what string) int {
	if got != want {
		d.note("%s, the first time %d", plural(got, what), want)
	}
	return min(got, want)
}

func (d *differ) envelopes(got, want []marked) {
	for i := range d.count(len(got), len(want), "envelope") {
		g, w := &got[i], &want[i]
		p := d.out.Envelopes[i]
		name := fmt.Sprintf("envelope %d to %s", i+1, p.To)
		if len(g.fills) > 0 {
			name += " on edge " + d.edge(g.edge)
		}
		switch {
		case g.to != w.to:
			d.note("%s was for another peer", name)
		case g.edge != w.edge:
			d.note("%s was on edge %s", name, d.edge(w.edge))
		case g.number != w.number:
			d.note("%s has number %d, not %d", name, g.number, w.number)
		case g.head != w.head:
			d.note("%s: the header differs (what is acknowledged, the question, or the start of the node)", name)
		}
		if len(g.fills) != len(w.fills) {
			d.note("%s has %s, the first time %d", name, plural(len(g.fills), "value"), len(w.fills))
			continue
		}
		for k := range g.fills {
			if g.fills[k] != w.fills[k] {
				d.note("%s: the value for %s differs", name, d.fill(p.Raw, k))
			}
		}
	}
}

func (d *differ) events(got, want []marked) {
	for i := range d.count(len(got), len(want), "app event") {
		g, w, ev := &got[i], &want[i], &d.out.AppEvents[i]
		switch {
		case g.number != w.number:
			d.note("app event %s has number %d, not %d", ev.Name, g.number, w.number)
		case g.to != w.to:
			d.note("app event %d is %s, and had another name", ev.Number, ev.Name)
		case g.head != w.head:
			d.note("app event %d (%s): the value differs", ev.Number, ev.Name)
		}
	}
}

func (d *differ) commands(got, want []marked) {
	for i := range d.count(len(got), len(want), "command") {
		if c := &d.out.Commands[i]; got[i].head != want[i].head {
			d.note("command %d (%s of %s) differs in its number, its method or the sizes of its inputs", c.ID, c.Method,
				d.program.Components[c.Component].Name)
		}
	}
}

// edge names an edge by its mark.
func (d *differ) edge(mark uint64) string {
	if mark >= 1 && mark <= uint64(len(d.program.Edges)) {
		return d.program.Edges[mark-1].Name
	}
	return "none"
}

// fill names where value k of an encoded envelope lands.
func (d *differ) fill(raw []byte, k int) string {
	cfg := d.node.Config()
	env, err := wire.Decode(raw, cfg.Values, cfg.Limits.Wire)
	if err != nil || k >= len(env.Fills) {
		return fmt.Sprintf("place %d", k+1)
	}
	f := &env.Fills[k]
	if f.Op != "" {
		return fmt.Sprintf("/component/%d/op/%s", f.Component, f.Op)
	}
	return fmt.Sprintf("/site/%d", f.Site)
}
