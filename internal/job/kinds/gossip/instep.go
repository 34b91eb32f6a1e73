package gossip

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/mix"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// The strategies of nodes in step.
const (
	dpsgd = "d-psgd"
	choco = "choco-sgd"
)

// EventMixed is what a node tells at the end of a round of a job whose nodes go in step: an Int, the round from 0.
const EventMixed = "mixed"

// deadlineMost bounds how long a round waits for neighbours.
const deadlineMost = 30 * 24 * time.Hour

// steps says whether nodes go in step with their neighbours, round by round, and not each in periods of its own.
func (c Config) steps() bool {
	s, err := strategy.Parse(c.Strategy)
	return err == nil && (s.Name == dpsgd || s.Name == choco)
}

// validateStrategy checks what says how the nodes learn from each other.
func (c Config) validateStrategy() error {
	bad := func(key, got, want string) error { return &job.ConfigError{Key: key, Value: got, Want: want} }
	s, err := strategy.Parse(c.Strategy)
	const others = "gossip-learning, d-psgd or choco-sgd: a job without a server has no other"
	var wrong *strategy.ParseError
	if errors.As(err, &wrong) && slices.Contains(serverless(), nameOf(c.Strategy)) {
		return bad("strategy", fmt.Sprintf("%q", wrong.Got), wrong.Want)
	}
	switch {
	case err != nil || s.Family != "decentralised":
		return bad("strategy", fmt.Sprintf("%q", c.Strategy), others)
	case c.Deadline < 0 || c.Deadline > deadlineMost || c.Deadline%time.Millisecond != 0:
		return bad("deadline", c.Deadline.String(), "whole milliseconds, up to 720h, or 0s: a round waits as long as "+
			"it takes")
	case !c.steps() && c.Deadline > 0:
		return bad("deadline", c.Deadline.String(), "0s beside strategy gossip-learning, where nobody waits for anybody")
	case s.Name == choco && c.Deadline > 0:
		return bad("deadline", c.Deadline.String(),
			"0s beside strategy choco-sgd: a difference that is missed is missing for ever")
	case s.Name == choco && s.Get("bits") != wholeBits && s.Get("bits") != byteBits:
		return bad("strategy", fmt.Sprintf("%q", c.Strategy), "bits=32 or bits=8 of choco-sgd")
	case s.Name == choco && s.Get("bits") == byteBits && s.Get("share") < 1:
		return bad("strategy", fmt.Sprintf("%q", c.Strategy),
			"share=1 beside bits=8 of choco-sgd: what it keeps of the elements, it keeps to the bit")
	case c.steps() && !c.learns():
		return bad("strategy", fmt.Sprintf("%q", c.Strategy),
			"gossip-learning beside the logistic regression on samples that are drawn: with mlp, such as [32], "+
				"or model, or another data set, a node trains a network")
	case c.steps() && c.Discovery == DiscoveryExchange:
		return bad("discovery", c.Discovery, "given beside strategy "+s.Name+": nodes in step know whom they wait for")
	case c.steps() && c.Exchange != ExchangePush:
		return bad("exchange", c.Exchange, "push beside strategy "+s.Name+
			": nodes in step send to all their neighbours")
	case c.steps() && c.Alone:
		return bad("alone", "true", "false beside strategy "+s.Name+": nodes go in step with neighbours")
	}
	return nil
}

// serverless are the names of the strategies that jobs without a server have.
func serverless() []string { return []string{"gossip-learning", dpsgd, choco} }

// nameOf is the name of a strategy, before its settings.
func nameOf(text string) string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// What an element of a difference takes.
const (
	wholeBits = 32
	byteBits  = 8
)

// mixing is how nodes in step mix.
func (c Config) mixing() mix.Config {
	out := mix.Config{Place: PeersPlace, DeadlineMS: c.Deadline.Milliseconds()}
	s, err := strategy.Parse(c.Strategy)
	if err != nil || s.Name != choco {
		return out
	}
	out.Step = s.Get("step")
	share := math.Round(100_000*s.Get("share")) / 1000 // in percent, as the codec takes it
	switch {
	case s.Get("bits") == byteBits:
		out.Codec = "int8"
	case share < 100:
		out.Codec = "topk:" + strconv.FormatFloat(share, 'f', -1, 64)
	}
	if s.Get("random") == 1 && share < 100 {
		out.Random = int64(math.Round(10_000 * share))
	}
	return out
}

// inStep records decentralised parallel stochastic gradient descent (Lian and others, "Can Decentralized Algorithms
// Outperform Centralized Algorithms?", 2017): in each round a node trains on its own samples, sends its model to its
// neighbours, and goes on with the mean of its own and theirs. Or, by CHOCO-SGD, it sends differences.
func (c Config) inStep() (*onnx.ModelProto, error) {
	g := graph.New(c.Name)
	peers := g.Place(PeersPlace)
	l, err := c.learn().Learner(g, peers)
	if err != nil {
		return nil, here(err)
	}
	mixer := g.Component(graph.Component{Name: "mix", Role: mix.Role, Kind: mix.Kind, Version: mix.Version,
		At: []graph.Place{peers}, Methods: mix.Methods(), Deps: []*graph.Slot{l.Model},
		Config: c.mixing()})
	offer, take, sends := "Offer", "Take", l.Params
	if c.mixing().Step > 0 {
		offer, take, sends = "Differ", "Hear", types.ListsOf(types.Any())
	}
	at := g.At(peers)
	at.Named("rounds").Loop(at.Constant(value.Int(c.Rounds)), []graph.Value{at.Constant(value.Int(0))},
		func(b *graph.Graph, round graph.Value, carried []graph.Value) []graph.Value {
			now := b.Invoke(mixer, "Share", carried[0])
			made := l.Train(b, b.Typed(now[0], l.Params), round)
			offered := b.Invoke(mixer, offer, round, made)
			edge := graph.Edge{To: peers, Name: "model", Deadline: 4 * c.Deadline}
			sent := b.Named("model").Send(edge, offered[2], round, offered[0], offered[1])
			b.Invoke(mixer, take, sent.Sender(), sent.Value(0), b.Typed(sent.Value(1), sends), sent.Value(2))
			mixed := b.Invoke(mixer, "Await", round, offered[1])[0]
			told := b.Gate(round, b.Count(CountMerges, mixed))
			return []graph.Value{b.Gate(round, b.AppEmit(EventMixed, told))}
		})
	c.evaluated(g, peers, mixer, l)
	if l.Err() != nil {
		return nil, here(l.Err())
	}
	return g.Model()
}

// mixedRound reads the round that a node told.
func mixedRound(ev engine.AppEvent) (round int, ok bool) {
	n, ok := ev.Value.(value.Int)
	return int(n), ok && ev.Name == EventMixed
}
