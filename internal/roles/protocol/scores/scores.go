// Package scores makes one figure of what clients find of a model on samples of their own, as the component kind
// "scores" version 1: means, weighted by how many samples each was found on.
//
// Sums go in the order of the peers, so they do not depend on who was first. A contribution is checked as a whole
// before anything changes: what is no figure, or is said of more samples than the peer can hold back, is refused.
//
// Ops of the component:
//
//	Contribute(round Int, who Peer, accuracy, loss Tensor, samples Int) → trigger
//	Refuse(round Int, who Peer, failure List)          → trigger
//	Total(round Int, members List)                     → accuracy, loss Tensor, clients List
//
// Contribute asks the rounds beside it whether the peer may still contribute, and settles it. Total gives the means
// over the members of a round that has closed, NaN where it has none, and of each a list of peer, accuracy, loss and
// samples.
package scores

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "protocol"
	Kind    = "scores"
	Version = 1
)

// The bounds of what is kept: rounds that are open, rounds that are over, peers of one, and samples of a peer.
const (
	openMax    = 4
	pastMax    = 8
	peersMax   = 1 << 16
	pastPeers  = 1024 // of all rounds that are over but the newest
	samplesMax = 1<<24 - 1
	million    = 1_000_000
)

// Config is the settings of the component.
type Config struct {
	// Rounds and Registry are the slots that say who may contribute, and how many samples a peer joined with.
	Rounds   string `json:"rounds"`
	Registry string `json:"registry"`
	// Held is the share of its samples that a peer holds back, in millionths, 1 to 999,999.
	Held int `json:"held"`
	// Quantity says that there are no classes, and no accuracy.
	Quantity bool `json:"quantity,omitempty"`
	// Beside says that the server tests the model too, and that these figures stand beside its own.
	Beside bool `json:"beside,omitempty"`
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte { return config.JSON(c) }

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	return config.Parse("scores config", b, func(c Config) (Config, error) {
		if c.Rounds == "" || c.Registry == "" {
			return c, config.Errorf("scores config", "rounds is %q and registry %q; want the names of slots", c.Rounds,
				c.Registry)
		}
		return c, config.Within("scores config", "held", int64(c.Held), 1, million-1)
	})
}

// Component is the scores of one job. It is thread-unsafe, like every component.
type Component struct {
	slot string
	cfg  Config
	st   State
}

// State is what was found in rounds.
type State struct {
	Rounds []Round `snap:"1"` // that are open, ascending by number
	Past   []Round `snap:"2"` // the last that are over, in order, for whoever tells of them
}

// Round is what was found in one.
type Round struct {
	Number int64   `snap:"1"`
	Found  []Found `snap:"2"` // ascending by peer
}

// Found is what a peer found.
type Found struct {
	Peer     string  `snap:"1"`
	Accuracy float64 `snap:"2"`
	Loss     float64 `snap:"3"`
	Samples  int64   `snap:"4"`
}

// Factory builds the component of a slot.
func Factory(env node.Env) (engine.Component, error) {
	c, err := ParseConfig(env.Config)
	if err != nil {
		return nil, err
	}
	return &Component{slot: env.Slot, cfg: c}, nil
}

// Methods returns what a choreography may invoke on the component.
func Methods() []graph.Method {
	scalar, round := types.Tensors(tensor.Float32), graph.Port{Name: "round", Type: types.Int()}
	who := graph.Port{Name: "who", Type: types.Peer()}
	return []graph.Method{{
		Name: "Contribute", Doc: "Takes what a peer found in a round, once, and on how many samples.",
		In: []graph.Port{round, who, {Name: "accuracy", Type: types.Any()}, {Name: "loss", Type: types.Any()},
			{Name: "samples", Type: types.Int()}},
		Out: []graph.Port{{Name: "settled", Type: types.Trigger()}},
	}, {
		Name: "Refuse", Doc: "Notes that a peer's answer to a round does not count, and why.",
		In:  []graph.Port{round, who, {Name: "failure", Type: types.ListsOf(types.String())}},
		Out: []graph.Port{{Name: "noted", Type: types.Trigger()}},
	}, {
		Name: "Total", Doc: "Gives the means of a round over its members, and what each of them found.",
		In: []graph.Port{round, {Name: "members", Type: types.ListsOf(types.Peer())}},
		Out: []graph.Port{{Name: "accuracy", Type: scalar}, {Name: "loss", Type: scalar},
			{Name: "clients", Type: types.ListsOf(types.Any())}},
	}}
}

// State returns what was found.
func (c *Component) State() any { return &c.st }

// Restored checks what was found.
func (c *Component) Restored() error {
	if len(c.st.Rounds) > openMax || len(c.st.Past) > pastMax {
		return fmt.Errorf("%s: %d rounds are open and %d over", c.slot, len(c.st.Rounds), len(c.st.Past))
	}
	for i, r := range slices.Concat(c.st.Rounds, c.st.Past) {
		if len(r.Found) > peersMax || i > 0 && i < len(c.st.Rounds) && r.Number <= c.st.Rounds[i-1].Number {
			return fmt.Errorf("%s: round %d has %d peers, or is out of order", c.slot, r.Number, len(r.Found))
		}
		for k, f := range r.Found {
			if k > 0 && f.Peer <= r.Found[k-1].Peer || c.wrong(f) != "" {
				return fmt.Errorf("%s: round %d has an impossible answer of %q", c.slot, r.Number, f.Peer)
			}
		}
	}
	return nil
}

// wrong says why what was found is none, "" where it is.
func (c *Component) wrong(f Found) string {
	switch {
	case f.Samples < 1 || f.Samples > samplesMax:
		return fmt.Sprintf("%d samples; want 1 to %d", f.Samples, samplesMax)
	case math.IsNaN(f.Loss) || math.IsInf(f.Loss, 0):
		return fmt.Sprintf("a loss of %v: the model does not fit its data", f.Loss)
	case !(f.Accuracy >= 0 && f.Accuracy <= 1) || c.cfg.Quantity && f.Accuracy != 0:
		return fmt.Sprintf("an accuracy of %v", f.Accuracy)
	}
	return ""
}

// judges is what the scores ask of the slot Config.Rounds, and joined of the slot Config.Registry.
type judges interface {
	Accept(round int64, who wire.PeerID) *value.Failure
	Settle(ctx *engine.Context, round int64, who wire.PeerID)
	Refuse(ctx *engine.Context, round int64, who wire.PeerID, why *value.Failure)
}

type joined interface {
	Samples(who wire.PeerID) (int64, bool)
}

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	takes := map[string]int{"Contribute": 5, "Refuse": 3, "Total": 2}[method]
	if takes == 0 {
		return nil, c.fail(value.CodeError, "no op %q; want Contribute, Refuse or Total", method)
	}
	if len(in) != takes {
		return nil, c.fail(value.CodeType, "%s takes %d values, not %d", method, takes, len(in))
	}
	round, ok := in[0].(value.Int)
	if !ok || round < 0 {
		return nil, c.fail(value.CodeType, "%s takes a round as an Int of 0 or more", method)
	}
	if method == "Total" {
		return c.total(int64(round), in[1])
	}
	who, ok := in[1].(value.Peer)
	rounds, ok2 := ctx.Dep(c.cfg.Rounds).(judges)
	registry, ok3 := ctx.Dep(c.cfg.Registry).(joined)
	if !ok || !ok2 || !ok3 {
		return nil, c.fail(value.CodeType, "%s takes a Peer, beside slots that know who may contribute", method)
	}
	var f *value.Failure
	if method == "Refuse" {
		f = c.refuse(ctx, rounds, int64(round), wire.PeerID(who), in[2])
	} else if f = c.contribute(rounds, registry, int64(round), wire.PeerID(who), in[2:]); f == nil {
		rounds.Settle(ctx, int64(round), wire.PeerID(who))
	} else {
		ctx.Count("refused." + f.Code)
	}
	if f != nil {
		return nil, f
	}
	return []value.Value{value.Trigger{}}, nil
}

// contribute does all checks before the first change.
func (c *Component) contribute(rounds judges, registry joined, round int64, who wire.PeerID,
	in []value.Value) *value.Failure {
	accuracy, ok1 := figure(in[0])
	loss, ok2 := figure(in[1])
	samples, ok3 := in[2].(value.Int)
	if !ok1 || !ok2 || !ok3 {
		return c.fail(value.CodeType, "what is found is two scalars of float32 and an Int")
	}
	if f := rounds.Accept(round, who); f != nil {
		return f
	}
	if c.cfg.Quantity {
		accuracy = 0
	}
	x := Found{string(who), accuracy, loss, int64(samples)}
	if why := c.wrong(x); why != "" {
		return c.fail(value.CodeError, "%s found %s", who, why)
	}
	trains, ok := registry.Samples(who)
	if !ok {
		return c.fail(value.CodeStranger, "%s never joined", who)
	}
	if most := c.most(trains); x.Samples > most {
		return c.fail(value.CodeOverflow, "%s weighs what it found with %d samples, and holds back %d at most", who,
			x.Samples, most)
	}
	at, open := find(c.st.Rounds, round)
	if !open && len(c.st.Rounds) >= openMax {
		return c.fail(value.CodeOverflow, "%d rounds are open, which is the limit", openMax)
	}
	if !open {
		c.st.Rounds = slices.Insert(c.st.Rounds, at, Round{Number: round})
	}
	r := &c.st.Rounds[at]
	i, there := slices.BinarySearchFunc(r.Found, x.Peer,
		func(f Found, p string) int { return strings.Compare(f.Peer, p) })
	if there || len(r.Found) >= peersMax {
		return c.fail(value.CodeDuplicate, "%s answered round %d before, or %d others did", who, round, len(r.Found))
	}
	r.Found = slices.Insert(r.Found, i, x)
	return nil
}

// most is how many samples a peer can hold back that trains on so many: the share of all of them, rounded, or one.
func (c *Component) most(trains int64) int64 {
	trains = min(trains, 1<<40)
	return (trains*int64(c.cfg.Held)+million/2)/int64(million-c.cfg.Held) + 1
}

func find(rounds []Round, number int64) (int, bool) {
	return slices.BinarySearchFunc(rounds, number,
		func(r Round, n int64) int { return int(min(max(r.Number-n, -1), 1)) })
}

// refuse tells the rounds why an answer does not count.
func (c *Component) refuse(ctx *engine.Context, rounds judges, round int64, who wire.PeerID,
	failure value.Value) *value.Failure {
	why, ok := engine.Caught(failure)
	if !ok {
		return c.fail(value.CodeType, "a refusal is what Catch gives: a List of code, place and message")
	}
	rounds.Refuse(ctx, round, who, why)
	return nil
}

// total closes a round.
func (c *Component) total(round int64, members value.Value) ([]value.Value, error) {
	list, ok := members.(*value.List)
	at, open := find(c.st.Rounds, round)
	r := Round{Number: round}
	if open {
		r = c.st.Rounds[at]
	}
	if !ok || list.Len() > 0 && list.Len() != len(r.Found) {
		return nil, c.fail(value.CodeError, "the members of round %d are others than those who answered", round)
	}
	if list.Len() == 0 {
		r.Found = nil // it was skipped
	}
	if open {
		c.st.Rounds = slices.Delete(c.st.Rounds, at, at+1)
	}
	c.keep(r)
	accuracy, loss := c.Means(r)
	clients := make([]value.Value, len(r.Found))
	for i, f := range r.Found {
		clients[i] = value.NewList(value.Peer(f.Peer), value.Float(f.Accuracy), value.Float(f.Loss),
			value.Int(f.Samples))
	}
	out := []value.Value{nil, nil, value.NewList(clients...)}
	for i, x := range []float64{accuracy, loss} {
		t, err := tensor.FromFloat32(nil, []float32{float32(x)})
		if err != nil {
			return nil, err
		}
		out[i] = value.Tensor{Tensor: t}
	}
	return out, nil
}

// keep keeps a round that is over, and forgets old ones.
func (c *Component) keep(r Round) {
	from, peers := len(c.st.Past), 0
	for from > 0 && len(c.st.Past)-from < pastMax-1 && peers+len(c.st.Past[from-1].Found) <= pastPeers {
		from--
		peers += len(c.st.Past[from].Found)
	}
	c.st.Past = append(slices.Clone(c.st.Past[from:]), r)
}

// Settings returns the settings of the component.
func (c *Component) Settings() Config { return c.cfg }

// Means returns the means of what was found in a round, weighted by samples; NaN where nothing was.
func (c *Component) Means(r Round) (accuracy, loss float64) {
	var samples int64
	if c.cfg.Quantity {
		accuracy = math.NaN()
	}
	for _, f := range r.Found {
		accuracy += float64(f.Accuracy * float64(f.Samples))
		loss += float64(f.Loss * float64(f.Samples))
		samples += f.Samples
	}
	return accuracy / float64(samples), loss / float64(samples)
}

// Past returns what was found in a round that is over, and whether that is kept; it must not be changed.
func (c *Component) Past(round int64) (Round, bool) {
	for _, r := range c.st.Past {
		if r.Number == round {
			return r, true
		}
	}
	return Round{}, false
}

// figure returns the number in a scalar of float32.
func figure(v value.Value) (float64, bool) {
	t, ok := v.(value.Tensor)
	if !ok || t.DType() != tensor.Float32 || t.Len() != 1 || len(t.Shape()) > 0 {
		return 0, false
	}
	return float64(t.Float32()[0]), true
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
