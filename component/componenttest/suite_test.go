package componenttest

import (
	"errors"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// planted is a component in which each flaw that the kit must find can be switched on.
type planted struct {
	flaw   string
	st     plantedState
	hidden int            // a flaw: changes and is not in the state
	mapped map[string]int // a flaw: a state that is no plain data
	cache  int            // derived
}

type plantedState struct {
	Sum     int64    `snap:"1"`
	Waiting []uint64 `snap:"2"`
	Armed   bool     `snap:"3"`
	Text    string   `snap:"4"`
	cache   int64    `snap:"-"`
}

type untagged struct{ Sum int64 }

func (p *planted) State() any {
	switch p.flaw {
	case "untagged":
		return &untagged{}
	case "map":
		return &struct {
			M map[string]int `snap:"1"`
		}{}
	case "another pointer":
		st := p.st
		return &st
	case "nil":
		return nil
	}
	return &p.st
}

func (p *planted) Restored() error {
	switch p.flaw {
	case "refuses":
		if p.st.Sum > 0 {
			return errors.New("refused")
		}
	case "changes when restored":
		p.st.Sum++
	case "narrow":
		if p.st.Sum > 1<<40 {
			return errors.New("a sum beyond what is taken")
		}
	}
	return nil
}

func (p *planted) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	switch method {
	case "Wait":
		p.st.Waiting = append(p.st.Waiting, uint64(ctx.Park()))
		p.st.Armed = ctx.Arm(1000, 1)
		return nil, nil
	case "Work":
		ctx.Command("Double", in)
		return nil, nil
	}
	n := int64(in[0].(value.Int))
	if p.flaw == "takes no negative" {
		_ = make([]byte, min(n, 1))
	}
	if p.flaw == "remembers texts" && n < 0 {
		p.st.Text = "\xff"
	}
	p.st.Sum += n
	p.cache++
	switch p.flaw {
	case "hidden":
		p.hidden++
	case "hidden map":
		if p.mapped == nil {
			p.mapped = map[string]int{}
		}
		p.mapped["x"]++
	case "derived decides":
		p.st.cache++
		return []value.Value{value.Int(p.st.cache)}, nil
	}
	return []value.Value{value.Int(p.st.Sum)}, nil
}

func (p *planted) Alarm(ctx *engine.Context, _ uint64) error {
	p.st.Armed = false
	for _, id := range p.st.Waiting {
		ctx.Resolve(engine.CallID(id), value.Int(p.st.Sum))
	}
	p.st.Waiting = nil
	return nil
}

func (p *planted) Message(ctx *engine.Context, from wire.PeerID, op string, in []value.Value) error {
	return ctx.Send(from, "echo."+op, in...)
}

func (p *planted) Work(_ string, in []value.Value) ([]value.Value, error) {
	n := in[0].(value.Int)
	if n < 0 {
		return nil, errors.New("negative")
	}
	return []value.Value{2 * n}, nil
}

func (p *planted) Recorded(string) bool { return true }

func suite(flaw string, derived ...string) Suite {
	add := func(n int) Step {
		return Step{"add", func(b *Bench) { b.Invoke("planted", "Add", value.Int(n)) }}
	}
	return Suite{
		Setup: Setup{Slots: []Slot{{
			Name: "planted", Factory: func(node.Env) (engine.Component, error) { return &planted{flaw: flaw}, nil },
			Derived: derived,
			Ops:     []Op{{"Add", 1, 1}, {"Wait", 1, 1}, {"Work", 1, 1}},
		}}},
		Steps: []Step{
			add(1),
			{"wait", func(b *Bench) { b.Invoke("planted", "Wait", value.Trigger{}) }},
			{"half the time", func(b *Bench) { b.Advance(500) }},
			add(2),
			{"all the time", func(b *Bench) { b.Advance(500) }},
			{"message", func(b *Bench) { b.Message("planted", Peer(1), "hello", value.Int(3)) }},
			{"work", func(b *Bench) { b.Invoke("planted", "Work", value.Int(4)) }},
			{"failed work", func(b *Bench) { b.Invoke("planted", "Work", value.Int(-4)) }},
			add(3),
		},
	}
}

func TestASoundComponentPasses(t *testing.T) { Run(t, suite("", "cache")) }

// The harness is tested: each planted flaw must be found, and be named.
func TestPlantedFlawsAreFound(t *testing.T) {
	for flaw, says := range map[string]string{
		"untagged":              "snap tag",
		"map":                   "no stored form",
		"another pointer":       "another pointer",
		"nil":                   "want a pointer",
		"refuses":               "refused",
		"changes when restored": "other bytes",
		"hidden":                `"hidden"`,
		"hidden map":            `"mapped"`,
		"derived decides":       "differs",
	} {
		if err := Check(suite(flaw, "cache")); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want an error that says %s", flaw, err, says)
		}
	}
	if err := Check(suite("")); err == nil || !strings.Contains(err.Error(), `"cache"`) {
		t.Errorf("a cache that was not declared: %v", err)
	}
	if err := Check(suite("", "cache", "cash")); err == nil || !strings.Contains(err.Error(), `"cash"`) {
		t.Errorf("a derived field that does not exist: %v", err)
	}
}

func TestBench(t *testing.T) {
	s := suite("").Setup
	b, err := New(&s)
	if err != nil {
		t.Fatal(err)
	}
	if out, ok := b.Invoke("planted", "Add", value.Int(5)).Outputs(); !ok || out[0] != value.Int(5) {
		t.Errorf("Add: %v, %v", out, ok)
	}
	if out, ok := b.Invoke("planted", "Work", value.Int(5)).Outputs(); !ok || out[0] != value.Int(10) {
		t.Errorf("Work: %v, %v", out, ok)
	}
	if c := b.Invoke("planted", "Work", value.Int(-5)); c.Failure == nil || !strings.Contains(c.Failure.Message,
		"negative") {
		t.Errorf("failed work: %v", c.Failure)
	}
	if f := b.Failures(); len(f) != 1 {
		t.Errorf("failures %v", f)
	}
	wait := b.Invoke("planted", "Wait", value.Trigger{})
	r, err := b.Restored()
	if err != nil {
		t.Fatal(err)
	}
	b.Advance(999)
	if _, done := wait.Outputs(); done {
		t.Error("the call came back early")
	}
	b.Advance(1)
	r.Advance(1000)
	for _, c := range []Call{wait, wait.Again(r)} {
		if out, done := c.Outputs(); !done || out[0] != value.Int(5) {
			t.Errorf("the call came back with %v, %v", out, done)
		}
	}
	b.Message("planted", Peer(3), "hello", value.Int(1))
	if sent := b.Sent(); len(sent) != 1 || sent[0].To != Peer(3) || sent[0].Op != "echo.hello" || !sent[0].Numbered ||
		sent[0].Values[0] != value.Int(1) {
		t.Errorf("sent %+v", sent)
	}
}

// TestPlantedBoundsAreFound: a state that a script comes to at the bounds of its inputs alone is found where Restored
// refuses it (U4), where it has no stored form, and where the component panics of an input.
func TestPlantedBoundsAreFound(t *testing.T) {
	for flaw, says := range map[string]string{
		"narrow":            "cannot be restored",
		"remembers texts":   "cannot be stored",
		"takes no negative": "panic",
	} {
		s := suite(flaw, "cache")
		if err := Check(s); err != nil {
			t.Errorf("%s is found within the bounds already: %v", flaw, err)
		}
		if err := Bounds(s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want an error that says %s", flaw, err, says)
		}
	}
	if err := Bounds(suite("", "cache")); err != nil {
		t.Error(err)
	}
}
