package sim

import (
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Line is one thing that happened, for people.
type Line struct {
	At   time.Duration
	Node string
	Verb string
	Text string
}

// String returns the line as it is printed.
func (l Line) String() string {
	return fmt.Sprintf("%12.6f  %-12s %-8s %s", l.At.Seconds(), l.Node, l.Verb, l.Text)
}

func (l *lane) trace(n *Node, verb, text string) {
	l.w.opt.OnTrace(Line{time.Duration(l.now), n.Name, verb, text})
}

// tracePacket tells of a packet that arrives.
func (l *lane) tracePacket(from, to *Node, raw []byte) {
	text := fmt.Sprintf("%d bytes from %s", len(raw), from.Name)
	cfg := to.nd.Config()
	e, _, err := wire.DecodeHeader(raw, cfg.Limits.Wire)
	if err != nil {
		l.trace(to, "gets", text+": "+err.Error())
		return
	}
	if e.Edge >= 0 && int(e.Edge) < len(cfg.Program.Edges) { // a lie may name one that does not exist
		text += fmt.Sprintf(", edge %s", cfg.Program.Edges[e.Edge].Name)
	}
	if e.Number != 0 {
		text += fmt.Sprintf(", number %d.%d", e.Epoch, e.Number)
	}
	if e.Redelivered {
		text += ", again"
	}
	if e.Ack != 0 {
		text += fmt.Sprintf(", has %d.%d", e.AckEpoch, e.Ack)
	}
	l.trace(to, "gets", text)
}

func (l *lane) traceEngine(n *Node, events []engine.TraceEvent) {
	for _, t := range events {
		text := t.Op
		if t.Exec != 0 {
			text = fmt.Sprintf("#%d %s", t.Exec, t.Op)
		}
		if t.Text != "" {
			text += " " + t.Text
		}
		l.trace(n, t.Kind, text)
	}
}

func (l *lane) traceApp(n *Node, ev engine.AppEvent) {
	l.trace(n, "tells", fmt.Sprintf("%d %s", ev.Number, ev.Name))
}
