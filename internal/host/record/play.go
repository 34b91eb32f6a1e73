package record

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// Player feeds records to a node.
type Player struct {
	Commands Commands // of the node, after the last record
	Last     Record   // the last one

	node  *node.Node
	blobs *journal.Blobs
}

// Commands are those that were given out and not completed: whether to record their results, and what to recompute.
type Commands map[uint64]engine.Command

// NewPlayer returns a player of records for a node that stands before them. blobs may be nil where nothing is to be
// played.
func NewPlayer(n *node.Node, blobs *journal.Blobs) *Player {
	p := &Player{node: n, blobs: blobs, Commands: Commands{}}
	for _, c := range n.Engine().Pending() {
		p.Commands[c.ID] = c
	}
	return p
}

// Play feeds one record to the node and holds the outputs against what they were.
func (p *Player) Play(lsn uint64, payload []byte) (*engine.Output, error) {
	reg := p.node.Config().Values
	r := &p.Last
	*r = Record{}
	if err := snapshot.Unmarshal(payload, r, reg, snapshot.DefaultLimits()); err != nil {
		return nil, fmt.Errorf("host: record %d: %w", lsn, err)
	}
	if err := r.fetch(p.blobs, reg, lsn); err != nil {
		return nil, err
	}
	if e := p.node.Engine(); lsn == 1 && r.Rules != e.Rules() && !e.Adopt(r.Rules) {
		return nil, fmt.Errorf("host: record 1 was made by rules %d of the engine, this release knows up to %d",
			r.Rules, engine.CurrentRules)
	}
	if lsn == 1 && len(r.Limits) > 0 {
		if err := p.node.Engine().AdoptLimits(r.Limits); err != nil {
			return nil, fmt.Errorf("host: record 1: %w", err)
		}
	}
	for i := range r.Events {
		ev := &r.Events[i]
		if err := p.recompute(lsn, ev); err != nil {
			return nil, err
		}
		if err := p.node.Deliver(ev); err != nil {
			return nil, &DivergenceError{Record: lsn, Kind: "refusal", Name: Kind(ev), Got: err.Error(),
				Want: "accepted"}
		}
	}
	out := p.node.Poll(r.Now)
	if got := out.Digest(reg); got != r.Digest {
		e := &DivergenceError{Record: lsn, Kind: "output", Name: r.kinds(), Got: fmt.Sprintf("%016x", got),
			Want: fmt.Sprintf("%016x", r.Digest)}
		e.Diff = new(Marker).diff(p.node, out, r.Marks)
		return nil, e
	}
	p.Commands.Track(out, r.Events)
	return out, nil
}

// recompute fills the results that the journal left out.
func (p *Player) recompute(lsn uint64, ev *engine.Event) error {
	c := ev.Completion
	if c == nil || len(c.Results) > 0 || c.Digest == 0 {
		return nil
	}
	cmd, ok := p.Commands[c.Command]
	if !ok {
		return nil // a second result: the engine will say so
	}
	out, err := p.node.Work(cmd)
	got := finish(p.node.Config().Values, p.node.Engine().Rules(), c.Command, out, err)
	if got.Completion == nil {
		return &DivergenceError{Record: lsn, Kind: "result", Name: cmd.Method,
			Got: got.CompletionFailed.Failure.Message, Want: "a result", Diff: p.resultOf(cmd)}
	}
	// a node that a later release ran by earlier rules
	if p.node.Engine().Rules() < 3 && got.Completion.Digest != c.Digest {
		got = Finish(p.node.Config().Values, c.Command, out, err)
	}
	if got.Completion.Digest != c.Digest {
		return &DivergenceError{Record: lsn, Kind: "result", Name: cmd.Method, Got: fmt.Sprintf("%016x",
			got.Completion.Digest), Want: fmt.Sprintf("%016x", c.Digest), Diff: p.resultOf(cmd)}
	}
	c.Results = got.Completion.Results
	return nil
}

// resultOf names the command whose results differ.
func (p *Player) resultOf(c engine.Command) []string {
	return []string{fmt.Sprintf("the results of command %d of %s", c.ID,
		p.node.Config().Program.Components[c.Component].Name)}
}

// Track notes what a Step or a replayed record did to the commands.
func (m Commands) Track(out *engine.Output, events []engine.Event) {
	for i := range events {
		switch ev := &events[i]; {
		case ev.Completion != nil:
			delete(m, ev.Completion.Command)
		case ev.CompletionFailed != nil:
			delete(m, ev.CompletionFailed.Command)
		}
	}
	for _, c := range out.Commands {
		m[c.ID] = c
	}
}
