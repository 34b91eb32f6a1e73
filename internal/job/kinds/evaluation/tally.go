package evaluation

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// The tally in an artifact: the component that adds up what clients found. It stands behind the rounds, which say who
// may answer.
const (
	tallySlot    = "tally"
	tallyRole    = "aggregator"
	tallyKind    = "tally"
	tallyVersion = 1
)

// Bounds of the tally: rounds that are open at once, samples of a client (what a float32 counts exactly), and clients
// of a round.
const (
	openMax    = 4
	samplesMax = 1 << 24
	foundMax   = simulatedMax
	classesMax = 1024
)

// tallyConfig is the settings of the component.
type tallyConfig struct {
	Classes int `json:"classes"`
}

// JSON returns the settings as the artifact holds them.
func (c tallyConfig) JSON() []byte {
	b, _ := json.Marshal(c) // an integer: cannot fail
	return b
}

func newTally(env node.Env) (engine.Component, error) {
	const of = "evaluation tally"
	var c tallyConfig
	if err := config.Decode(of, env.Config, &c); err != nil {
		return nil, err
	}
	return &tally{slot: env.Slot, cfg: c}, config.Within(of, "classes", int64(c.Classes), 2, classesMax)
}

// tallyMethods returns what a choreography may invoke on the component.
func tallyMethods() []graph.Method {
	float := types.Tensors(tensor.Float32)
	return []graph.Method{
		{
			Name: "Contribute",
			Doc: "Takes what a peer found in a round, once: counts of [true class, class found], the sum of the " +
				"losses, and how many samples there were.",
			In: []graph.Port{{Name: "round", Type: types.Int()}, {Name: "who", Type: types.Peer()},
				{Name: "confusion", Type: types.Any()},
				{Name: "loss", Type: types.Any()}, {Name: "samples", Type: types.Int()}},
			Out: []graph.Port{{Name: "settled", Type: types.Trigger()}},
		},
		{
			Name: "Refuse", Doc: "Notes that a peer's answer to a round does not count, and why.",
			In: []graph.Port{{Name: "round", Type: types.Int()}, {Name: "who", Type: types.Peer()},
				{Name: "failure", Type: types.ListsOf(types.String())}},
			Out: []graph.Port{{Name: "noted", Type: types.Trigger()}},
		},
		{
			Name: "Total", Doc: "Gives the totals of a round over its members, and what each of them found; the " +
				"round is forgotten.",
			In: []graph.Port{{Name: "round", Type: types.Int()}, {Name: "members", Type: types.ListsOf(types.Peer())}},
			Out: []graph.Port{{Name: "accuracy", Type: float}, {Name: "loss", Type: float},
				{Name: "confusion", Type: types.Any()},
				{Name: "clients", Type: types.ListsOf(types.Any())}},
		},
	}
}

// tally is the component of one node. It is thread-unsafe, like every component.
type tally struct {
	slot string
	cfg  tallyConfig
	st   tallyState
}

// tallyState is the open rounds, and who answered.
type tallyState struct {
	Rounds  []tallyRound       `snap:"1"` // ascending by number
	Clients aggregator.Clients `snap:"2"` // who answered, for people: how often, of how much, and what was refused
}

type tallyRound struct {
	Number int64   `snap:"1"`
	Counts []int64 `snap:"2"` // by [true class, class found], over all that answered
	Found  []found `snap:"3"` // ascending by peer
}

// found is what a client found.
type found struct {
	Peer    string  `snap:"1"`
	Right   int64   `snap:"2"`
	Samples int64   `snap:"3"`
	Loss    float64 `snap:"4"` // the sum over its samples
}

// State returns the open rounds and the figures of clients.
func (t *tally) State() any { return &t.st }

// Clients returns the figures of all peers that answered, sorted by peer; they must not be changed.
func (t *tally) Clients() []aggregator.Client { return t.st.Clients }

// Restored checks them.
func (t *tally) Restored() error {
	if err := t.st.Clients.Check(foundMax); err != nil {
		return fmt.Errorf("%s: %w", t.slot, err)
	}
	before := int64(-1)
	for _, r := range t.st.Rounds {
		switch {
		case r.Number <= before || len(t.st.Rounds) > openMax:
			return fmt.Errorf("%s: %d rounds, or not in ascending order", t.slot, len(t.st.Rounds))
		case len(r.Counts) != t.cfg.Classes*t.cfg.Classes || len(r.Found) > foundMax:
			return fmt.Errorf("%s: round %d has %d counts of %d clients", t.slot, r.Number, len(r.Counts), len(r.Found))
		}
		before = r.Number
		sum, all := int64(0), int64(0)
		for _, n := range r.Counts {
			if n < 0 {
				return fmt.Errorf("%s: round %d has a negative count", t.slot, r.Number)
			}
			sum += n
		}
		last := ""
		for _, f := range r.Found {
			if f.Peer <= last || f.Samples < 1 || f.Samples > samplesMax || f.Right < 0 || f.Right > f.Samples ||
				!(f.Loss >= 0) || math.IsInf(f.Loss, 0) {
				return fmt.Errorf("%s: round %d has an impossible answer of %q", t.slot, r.Number, f.Peer)
			}
			last, all = f.Peer, all+f.Samples
		}
		if sum != all {
			return fmt.Errorf("%s: round %d counts %d samples, and its clients have %d", t.slot, r.Number, sum, all)
		}
	}
	return nil
}

// judges is what the tally asks of the rounds, and members of the registry.
type judges interface {
	Accept(round int64, who wire.PeerID) *value.Failure
	Settle(ctx *engine.Context, round int64, who wire.PeerID)
	Refuse(ctx *engine.Context, round int64, who wire.PeerID, why *value.Failure)
}

type joined interface {
	Samples(who wire.PeerID) (int64, bool)
}

// Invoke runs one op; tallyMethods lists them.
func (t *tally) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	rounds, ok1 := ctx.Dep("rounds").(judges)
	registry, ok2 := ctx.Dep("registry").(joined)
	if !ok1 || !ok2 {
		return nil, t.fail(value.CodeError, "there are no rounds or no registry beside it")
	}
	var number value.Int
	if len(in) > 0 {
		number, ok1 = in[0].(value.Int)
	}
	switch {
	case !ok1 || len(in) < 2:
		return nil, t.fail(value.CodeType, "%s takes the round as an Int, and more", method)
	case method == "Total":
		return t.total(int64(number), in)
	}
	who, ok := in[1].(value.Peer)
	if !ok {
		return nil, t.fail(value.CodeType, "%s takes a Peer, not a %s", method, in[1].Type())
	}
	var f *value.Failure
	switch method {
	case "Contribute":
		if f = t.contribute(rounds, registry, int64(number), wire.PeerID(who), in[2:]); f == nil {
			rounds.Settle(ctx, int64(number), wire.PeerID(who))
		} else {
			ctx.Count("refused." + f.Code)
		}
	case "Refuse":
		f = t.refuse(ctx, rounds, int64(number), wire.PeerID(who), in[2:])
	default:
		f = t.fail(value.CodeError, "no op %q; want Contribute, Refuse or Total", method)
	}
	if f != nil {
		return nil, f
	}
	return []value.Value{value.Trigger{}}, nil
}

// contribute does all checks before the first change, so that a refused answer leaves everything as it was.
func (t *tally) contribute(rounds judges, registry joined, number int64, who wire.PeerID,
	in []value.Value) *value.Failure {
	if len(in) != 3 {
		return t.fail(value.CodeType, "an answer is counts, loss and samples, not %d values", len(in))
	}
	counts, ok1 := in[0].(value.Tensor)
	loss, ok2 := in[1].(value.Tensor)
	samples, ok3 := in[2].(value.Int)
	n := t.cfg.Classes
	switch {
	case !ok1 || !ok2 || !ok3 || counts.DType() != tensor.Float32 || loss.DType() != tensor.Float32 ||
		loss.Len() != 1 || !slices.Equal(counts.Shape(), []int{n, n}):
		return t.fail(value.CodeType, "an answer is counts [%d, %d], a loss and an Int", n, n)
	case samples < 1 || samples > samplesMax:
		return t.fail(value.CodeOverflow, "%s has judged %d samples; want 1 to %d", who, samples, samplesMax)
	}
	if f := rounds.Accept(number, who); f != nil {
		return f
	}
	switch known, ok := registry.Samples(who); {
	case !ok:
		return t.fail(value.CodeStranger, "%s never joined", who)
	case int64(samples) != known:
		return t.fail(value.CodeError, "%s has judged %d samples, and joined with %d", who, samples, known)
	}
	x := found{Peer: string(who), Samples: int64(samples), Loss: float64(loss.Float32()[0])}
	sum := int64(0)
	for i, v := range counts.Float32() {
		if !(v >= 0 && v <= samplesMax) || v != float32(int64(v)) {
			return t.fail(value.CodeError, "%s counts %v samples of a class", who, v)
		}
		if sum += int64(v); i/n == i%n {
			x.Right += int64(v)
		}
	}
	switch {
	case sum != x.Samples:
		return t.fail(value.CodeError, "%s counts %d samples, and has judged %d", who, sum, x.Samples)
	case !(x.Loss >= 0) || math.IsInf(x.Loss, 0):
		return t.fail(value.CodeError, "%s found a loss of %v: the model does not fit its data", who, x.Loss)
	}
	at, open := t.find(number)
	if !open {
		if len(t.st.Rounds) >= openMax {
			return t.fail(value.CodeOverflow, "%d rounds are open, which is the limit", openMax)
		}
		t.st.Rounds = slices.Insert(t.st.Rounds, at, tallyRound{Number: number, Counts: make([]int64, n*n)})
	}
	r := &t.st.Rounds[at]
	i, there := slices.BinarySearchFunc(r.Found, x.Peer,
		func(f found, p string) int { return strings.Compare(f.Peer, p) })
	if there || len(r.Found) >= foundMax {
		return t.fail(value.CodeDuplicate, "%s answered round %d before, or %d others did", who, number, len(r.Found))
	}
	for k, v := range counts.Float32() {
		r.Counts[k] += int64(v)
	}
	r.Found = slices.Insert(r.Found, i, x)
	c := t.st.Clients.Of(x.Peer, foundMax)
	c.Contributions++
	c.Samples, c.Round, c.Lent = x.Samples, number, true
	return nil
}

func (t *tally) find(number int64) (int, bool) {
	return slices.BinarySearchFunc(t.st.Rounds, number,
		func(r tallyRound, n int64) int { return int(min(max(r.Number-n, -1), 1)) })
}

// refuse tells the rounds why an answer does not count.
func (t *tally) refuse(ctx *engine.Context, rounds judges, number int64, who wire.PeerID,
	in []value.Value) *value.Failure {
	if len(in) != 1 {
		return t.fail(value.CodeType, "a refusal is round, peer, and what Catch gives")
	}
	why, ok := engine.Caught(in[0])
	if !ok {
		return t.fail(value.CodeType, "a refusal is a List of code, place and message, not %s", in[0].Type())
	}
	if rounds.Accept(number, who) == nil { // else nothing was expected of it
		t.st.Clients.Of(string(who), foundMax).Refused(number, why)
	}
	rounds.Refuse(ctx, number, who, why)
	return nil
}

// total adds up a round in the order of its peers, so that the sum does not depend on who was first.
func (t *tally) total(number int64, in []value.Value) ([]value.Value, error) {
	members, ok := in[1].(*value.List)
	at, open := t.find(number)
	if !ok || !open || members.Len() != len(t.st.Rounds[at].Found) {
		return nil, t.fail(value.CodeError, "round %d is not open, or its members are others than those that answered",
			number)
	}
	r := t.st.Rounds[at]
	t.st.Rounds = slices.Delete(t.st.Rounds, at, at+1)
	var right, samples int64
	loss := 0.0
	clients := make([]value.Value, len(r.Found))
	for i, f := range r.Found {
		right, samples, loss = right+f.Right, samples+f.Samples, loss+f.Loss
		clients[i] = value.NewList(value.Peer(f.Peer), value.Int(f.Right), value.Int(f.Samples), value.Float(f.Loss))
	}
	counts := make([]float32, len(r.Counts))
	for i, v := range r.Counts {
		counts[i] = float32(v)
	}
	scalar := func(x float64) value.Value { return floats(nil, []float32{float32(x)}) }
	return []value.Value{scalar(float64(right) / float64(samples)), scalar(loss / float64(samples)),
		floats([]int{t.cfg.Classes, t.cfg.Classes}, counts), value.NewList(clients...)}, nil
}

func (t *tally) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, t.slot, fmt.Sprintf(format, args...))
}
