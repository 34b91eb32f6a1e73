package split

import (
	"fmt"
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// The component by which the server asks one client at a time, and takes its answer: what is asked, what came, and what
// an answer has to be. Whom to ask, and when that is answered, is a matter of the rounds beside it, of which each edge
// has its own.
const (
	deskSlot = "desk"
	deskRole = "aggregator"
	deskKind = "desk"
)

// The bounds of a desk.
const (
	edgesMax   = 8
	valuesMax  = partTensorsMax
	samplesMax = 1<<24 - 1

	parameterMost = 1 << 20
	clientsMost   = 1 << 14 // of whom figures are kept
)

// What a value of an answer is.
const (
	isTensor  = ""        // a tensor of numbers
	isSamples = "samples" // how many the client has
	isSteps   = "steps"   // how many batches that is in a turn
)

// answerSpec is what a value of an answer has to be.
type answerSpec struct {
	Name string `json:"name"` // what errors call it
	Is   string `json:"is,omitempty"`
	port
	Classes int `json:"classes,omitempty"` // each element is a number from 0 to below it
}

// edgeSpec is an edge along which a client is asked.
type edgeSpec struct {
	Rounds string       `json:"rounds"` // the slot that says whom to ask
	Answer []answerSpec `json:"answer"`
}

// deskConfig is the settings of the component.
type deskConfig struct {
	Edges  []edgeSpec `json:"edges"`
	Batch  int        `json:"batch"`
	Epochs int        `json:"epochs"`
}

// JSON returns the settings as the artifact holds them.
func (c deskConfig) JSON() []byte { return config.JSON(c) }

func (c deskConfig) check() (deskConfig, error) {
	const of = "desk config"
	for _, k := range []struct {
		key      string
		v, least int
		most     int
	}{{"edges", len(c.Edges), 1, edgesMax}, {"batch", c.Batch, 1, 1 << 16}, {"epochs", c.Epochs, 1, 1 << 16}} {
		if err := config.Within(of, k.key, int64(k.v), int64(k.least), int64(k.most)); err != nil {
			return c, err
		}
	}
	for i, e := range c.Edges {
		if e.Rounds == "" || len(e.Answer) < 1 || len(e.Answer) > valuesMax {
			return c, config.Errorf(of, "edge %d has rounds %q and %d values; want a slot, and 1 to %d", i, e.Rounds,
				len(e.Answer), valuesMax)
		}
		for _, a := range e.Answer {
			if !slices.Contains([]string{isTensor, isSamples, isSteps}, a.Is) || a.Classes < 0 {
				return c, config.Errorf(of, "edge %d: %s is %q of %d classes", i, a.Name, a.Is, a.Classes)
			}
		}
	}
	return c, nil
}

func newDesk(env node.Env) (engine.Component, error) {
	c, err := config.Parse("desk config", env.Config, deskConfig.check)
	if err != nil {
		return nil, err
	}
	return &desk{slot: env.Slot, cfg: c}, nil
}

// deskMethods returns what a choreography may invoke on the component.
func deskMethods() []graph.Method {
	number := graph.Port{Name: "number", Type: types.Int()}
	list, peers := types.ListsOf(types.Any()), types.ListsOf(types.Peer())
	return []graph.Method{{
		Name: "Pick", Doc: "Gives the peer of a place in a list, as a list.",
		In:  []graph.Port{{Name: "peers", Type: peers}, {Name: "place", Type: types.Int()}},
		Out: []graph.Port{{Name: "peer", Type: peers}},
	}, {
		Name: "Ask", Doc: "Takes what is to be asked along an edge in a round, and numbers it.",
		In: []graph.Port{{Name: "edge", Type: types.Int()}, {Name: "round", Type: types.Int()},
			{Name: "question", Type: list}},
		Out: []graph.Port{number},
	}, {
		Name: "Question", Doc: "Gives what is asked under a number.",
		In:  []graph.Port{number},
		Out: []graph.Port{{Name: "question", Type: list}},
	}, {
		Name: "Contribute", Doc: "Takes the answer of a peer to a question, once.",
		In:  []graph.Port{number, {Name: "who", Type: types.Peer()}, {Name: "answer", Type: list}},
		Out: []graph.Port{{Name: "settled", Type: types.Trigger()}},
	}, {
		Name: "Refuse", Doc: "Notes that a peer's answer does not count, and why.",
		In: []graph.Port{number, {Name: "who", Type: types.Peer()},
			{Name: "failure", Type: types.ListsOf(types.String())}},
		Out: []graph.Port{{Name: "noted", Type: types.Trigger()}},
	}, {
		Name: "Answer", Doc: "Gives the answer to a question that is settled, which is forgotten.",
		In:  []graph.Port{number, {Name: "members", Type: peers}},
		Out: []graph.Port{{Name: "answer", Type: list}},
	}, {
		Name: "Sound", Doc: "Gives what a turn has made of the model, where all of it is numbers in a range; else it fails.",
		In:  []graph.Port{{Name: "made", Type: types.ListsOf(types.Tensor())}, {Name: "peer", Type: peers}},
		Out: []graph.Port{{Name: "made", Type: types.ListsOf(types.Tensor())}},
	}, {
		Name: "Failed", Doc: "Says what a job tells that cannot go on: round, reason, and at whom.",
		In:  []graph.Port{{Name: "failure", Type: types.ListsOf(types.String())}},
		Out: []graph.Port{{Name: "failed", Type: types.List()}},
	}}
}

// desk is the component of one node. It is thread-unsafe, like every component.
type desk struct {
	slot string
	cfg  deskConfig
	st   deskState
}

// deskState is the one question that is open, and where the job is.
type deskState struct {
	Number   int64         `snap:"1"` // of the last question; they count from 1, over all edges
	Edge     int64         `snap:"2"` // along which it was asked
	Round    int64         `snap:"3"` // in which it was asked
	Open     bool          `snap:"4"` // it has no answer yet
	Question []value.Value `snap:"5"` // what is asked
	Answer   []value.Value `snap:"6"` // none before it came, and when it was taken

	Clients aggregator.Clients `snap:"7"` // who had turns, for people: how many, of how much, and what was refused
}

// State returns the question that is open.
func (d *desk) State() any { return &d.st }

// Clients returns the figures of all peers that had a turn, sorted by peer; they must not be changed.
func (d *desk) Clients() []aggregator.Client { return d.st.Clients }

// Asking returns the slot of the rounds of the question that is open, and the round of the job.
func (d *desk) Asking() (slot string, round int64, open bool) {
	return d.cfg.Edges[d.st.Edge].Rounds, d.st.Round, d.st.Open
}

// Restored checks the question that is open.
func (d *desk) Restored() error {
	s := &d.st
	if err := s.Clients.Check(clientsMost); err != nil {
		return fmt.Errorf("%s: %w", d.slot, err)
	}
	switch {
	case s.Number < 0 || s.Round < 0 || s.Edge < 0 || s.Edge >= int64(len(d.cfg.Edges)),
		s.Number == 0 && (s.Open || len(s.Question)+len(s.Answer) > 0), s.Number > 0 && len(s.Question) == 0,
		len(s.Question) > valuesMax, s.Open && len(s.Answer) > 0:
		return fmt.Errorf("%s: question %d along edge %d of round %d, with %d and %d values", d.slot, s.Number, s.Edge,
			s.Round, len(s.Question), len(s.Answer))
	}
	if len(s.Answer) == 0 {
		return nil
	}
	if f := d.check(s.Answer, -1); f != nil {
		return f
	}
	return nil
}

// joined is what the desk asks of the registry, and asker of the rounds.
type joined interface {
	Samples(who wire.PeerID) (int64, bool)
}

type asker interface {
	engine.Component
	Accept(round int64, who wire.PeerID) *value.Failure
	Settle(ctx *engine.Context, round int64, who wire.PeerID)
	Refuse(ctx *engine.Context, round int64, who wire.PeerID, why *value.Failure)
}

// asks returns the rounds of the edge of the last question.
func (d *desk) asks(ctx *engine.Context) (asker, *value.Failure) {
	name := d.cfg.Edges[d.st.Edge].Rounds
	if a, ok := ctx.Dep(name).(asker); ok {
		return a, nil
	}
	return nil, d.fail(value.CodeError, "slot %q holds no rounds", name)
}

// Invoke runs one op; deskMethods lists them.
func (d *desk) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	takes := map[string]int{"Pick": 2, "Ask": 3, "Question": 1, "Contribute": 3, "Refuse": 3, "Answer": 2,
		"Sound": 2, "Failed": 1}[method]
	if takes == 0 || len(in) != takes {
		return nil, d.fail(value.CodeError, "no op %q of %d values", method, len(in))
	}
	switch method {
	case "Pick":
		return d.pick(in)
	case "Ask":
		return d.ask(in)
	case "Sound":
		return d.sound(in)
	case "Failed":
		return d.failed(ctx, in)
	}
	number, ok := in[0].(value.Int)
	if !ok {
		return nil, d.fail(value.CodeType, "%s takes a number as an Int", method)
	}
	switch method {
	case "Question":
		if int64(number) != d.st.Number || number < 1 {
			return nil, d.fail(value.CodeLate, "question %d is over", number)
		}
		return []value.Value{value.NewList(d.st.Question...)}, nil
	case "Answer":
		if int64(number) != d.st.Number || len(d.st.Answer) == 0 {
			return nil, d.fail(value.CodeError, "question %d has no answer", number)
		}
		out := value.NewList(d.st.Answer...)
		d.st.Answer = nil
		return []value.Value{out}, nil
	}
	who, ok := in[1].(value.Peer)
	list, listed := in[2].(*value.List)
	if !ok || !listed {
		return nil, d.fail(value.CodeType, "%s takes a Peer and a List", method)
	}
	var f *value.Failure
	if method == "Contribute" {
		if f = d.contribute(ctx, int64(number), wire.PeerID(who), list.Items()); f != nil {
			ctx.Count("refused." + f.Code)
		}
	} else {
		f = d.refuse(ctx, int64(number), wire.PeerID(who), in[2])
	}
	if f != nil {
		return nil, f
	}
	return []value.Value{value.Trigger{}}, nil
}

func (d *desk) pick(in []value.Value) ([]value.Value, error) {
	peers, ok := in[0].(*value.List)
	at, ok2 := in[1].(value.Int)
	if !ok || !ok2 || at < 0 || int(at) >= peers.Len() {
		return nil, d.fail(value.CodeError, "Pick takes a list of peers, and a place in it")
	}
	return []value.Value{value.NewList(peers.At(int(at)))}, nil
}

// ask takes a question. Numbers that are none are not sent: the server's own part has diverged.
func (d *desk) ask(in []value.Value) ([]value.Value, error) {
	edge, ok1 := in[0].(value.Int)
	round, ok2 := in[1].(value.Int)
	list, ok3 := in[2].(*value.List)
	switch {
	case !ok1 || !ok2 || !ok3 || edge < 0 || int(edge) >= len(d.cfg.Edges) || round < 0 || list.Len() < 1 ||
		list.Len() > valuesMax:
		return nil, d.fail(value.CodeType, "Ask takes an edge and a round as Int, and a List of 1 to %d values", valuesMax)
	case d.st.Open || len(d.st.Answer) > 0:
		return nil, d.fail(value.CodeOverflow, "question %d is open; one is at a time", d.st.Number)
	}
	for _, v := range list.Items() {
		if t, ok := v.(value.Tensor); ok && !finite(t) {
			d.st.Edge, d.st.Round = int64(edge), int64(round)
			return nil, d.fail(rounds.CodeDiverged, "training diverged at the server: what it would send to a client is no "+
				"number, or infinite")
		}
	}
	d.st = deskState{Number: d.st.Number + 1, Edge: int64(edge), Round: int64(round), Open: true,
		Question: slices.Clone(list.Items()), Clients: d.st.Clients}
	return []value.Value{value.Int(d.st.Number)}, nil
}

// contribute does all checks before the first change, so that a refused answer leaves everything as it was.
func (d *desk) contribute(ctx *engine.Context, number int64, who wire.PeerID, answer []value.Value) *value.Failure {
	if number != d.st.Number || !d.st.Open {
		return d.fail(value.CodeLate, "%s answers question %d, which is not open", who, number)
	}
	of, f := d.asks(ctx)
	if f == nil {
		f = of.Accept(number, who)
	}
	if f != nil {
		return f
	}
	registry, ok := ctx.Dep("registry").(joined)
	if !ok {
		return d.fail(value.CodeError, "there is no registry beside it")
	}
	samples, known := registry.Samples(who)
	if !known {
		return d.fail(value.CodeStranger, "%s never joined", who)
	}
	if f := d.check(answer, samples); f != nil {
		return f
	}
	d.st.Open, d.st.Answer = false, slices.Clone(answer)
	c := d.st.Clients.Of(string(who), clientsMost)
	if c.Samples, c.Round, c.Lent = samples, d.st.Round, true; int(d.st.Edge) == len(d.cfg.Edges)-1 {
		c.Contributions++ // a turn is over
	}
	of.Settle(ctx, number, who)
	return nil
}

// check says what is wrong with an answer of a client that has so many samples; below 0: they are not known here.
func (d *desk) check(answer []value.Value, samples int64) *value.Failure {
	want := d.cfg.Edges[d.st.Edge].Answer
	if len(answer) != len(want) {
		return d.fail(value.CodeType, "an answer has %d values, not %d", len(want), len(answer))
	}
	for i, a := range want {
		if a.Is != isTensor {
			if f := d.count(a, answer[i], samples); f != nil {
				return f
			}
			continue
		}
		t, ok := answer[i].(value.Tensor)
		switch {
		case !ok || !a.fits(answer[i]):
			return d.fail(value.CodeType, "%s are %v; want %v", a.Name, answer[i].Type(), a.port)
		case !finite(t):
			return d.fail(rounds.CodeDiverged, "%s are no numbers, or infinite", a.Name)
		case a.Classes > 0:
			for _, x := range t.Int64() {
				if x < 0 || x >= int64(a.Classes) {
					return d.fail(value.CodeError, "%s have the class %d; want 0 to %d", a.Name, x, a.Classes-1)
				}
			}
		}
	}
	return nil
}

// count checks a number of an answer.
func (d *desk) count(a answerSpec, v value.Value, samples int64) *value.Failure {
	n, ok := v.(value.Int)
	most := int64(samplesMax)
	if a.Is == isSteps {
		most *= int64(d.cfg.Epochs)
	}
	if !ok || n < 1 || int64(n) > most {
		return d.fail(value.CodeOverflow, "%s are %v; want 1 to %d", a.Name, v, most)
	}
	want := samples
	if a.Is == isSteps {
		want = int64(d.cfg.Epochs) * ((samples + int64(d.cfg.Batch) - 1) / int64(d.cfg.Batch))
	}
	if samples >= 0 && int64(n) != want {
		return d.fail(value.CodeError, "%s are %d; want %d of a client that joined with %d samples", a.Name, n, want,
			samples)
	}
	return nil
}

// finite says whether all elements of a tensor of floats are numbers, and finite.
func finite(t value.Tensor) bool {
	switch t.DType() {
	case tensor.Float32:
		for _, x := range t.Float32() {
			if x != x || x > math.MaxFloat32 || x < -math.MaxFloat32 {
				return false
			}
		}
	case tensor.Float64:
		for _, x := range t.Float64() {
			if x != x || x > math.MaxFloat64 || x < -math.MaxFloat64 {
				return false
			}
		}
	}
	return true
}

// sound gives parameters that are numbers, none of them beyond what updates of other kinds of job may have.
func (d *desk) sound(in []value.Value) ([]value.Value, error) {
	list, ok := in[0].(*value.List)
	peers, ok2 := in[1].(*value.List)
	if !ok || !ok2 {
		return nil, d.fail(value.CodeType, "Sound takes a List of Tensor and a List of Peer")
	}
	for i, v := range list.Items() {
		t, ok := v.(value.Tensor)
		if !ok || t.DType() != tensor.Float32 {
			return nil, d.fail(value.CodeType, "parameter %d is no tensor of float32", i)
		}
		for _, x := range t.Float32() {
			if !(x >= -parameterMost && x <= parameterMost) {
				return nil, d.fail(rounds.CodeDiverged, "training diverged: in the turn of %v a number of parameter %d became "+
					"%v; want one between -2^20 and 2^20", peers, i, x)
			}
		}
	}
	return []value.Value{list}, nil
}

// refuse tells the rounds why an answer does not count.
func (d *desk) refuse(ctx *engine.Context, number int64, who wire.PeerID, failure value.Value) *value.Failure {
	of, f := d.asks(ctx)
	if f != nil {
		return f
	}
	why, ok := engine.Caught(failure)
	if !ok {
		return d.fail(value.CodeType, "a refusal is a List of code, place and message, not %s", failure.Type())
	}
	if of.Accept(number, who) == nil { // else nothing was expected of it
		d.st.Clients.Of(string(who), clientsMost).Refused(d.st.Round, why)
	}
	of.Refuse(ctx, number, who, why)
	return nil
}

// failed is what the rounds of the last question tell, with the round of the job in the place of the number.
func (d *desk) failed(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	of, f := d.asks(ctx)
	if f != nil {
		return nil, f
	}
	out, err := of.Invoke(ctx.As(d.cfg.Edges[d.st.Edge].Rounds), "Failed", in)
	if err != nil {
		return nil, err
	}
	told, ok := out[0].(*value.List)
	if !ok || told.Len() != 3 {
		return nil, d.fail(value.CodeError, "the rounds tell no failure")
	}
	return []value.Value{value.NewList(value.Int(d.st.Round), told.At(1), told.At(2))}, nil
}

func (d *desk) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, d.slot, fmt.Sprintf(format, args...))
}
