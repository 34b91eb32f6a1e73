package gossip

import (
	"fmt"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
)

// degreeMost bounds the neighbours of a node.
const degreeMost = 1024

// NodesMax bounds the nodes of a gossip job.
const NodesMax = 1 << 20

// How a gossip job sends models.
const (
	DeliveryBest = "best-effort" // once, and what is lost is lost: the next model comes soon
	DeliveryOnce = "once"        // applied once, whatever is lost or doubled
)

// How a node of a gossip job learns of its neighbours.
const (
	DiscoveryGiven    = "given"    // it knows them from the start
	DiscoveryExchange = "exchange" // it knows one node, and they tell each other whom they know
)

// Config is the description of a job without a server: each node sends its model to a neighbour in each period, and
// merges what it gets. Plain data; Default has the defaults.
type Config struct {
	// Name is what people call the job: up to 64 of a-z, 0-9, '-' and '_'.
	Name string
	// Data is the data set: "synthetic", drawn from the seed, or any that a federated job can have: another built-in
	// one, or a file, which is dealt among the nodes of a simulation.
	Data string
	// Learn is what a node trains, and how, where that is more than the logistic regression of Features: the words of
	// a federated job for its model, data and training. What both kinds say, such as Batch, stands here beside it.
	Learn federated.Config
	// Nodes is the number of nodes, 2 to NodesMax.
	Nodes int
	// Rounds is how many periods a run lasts, 1 to 1,000,000: about as many models each node sends.
	Rounds int
	// Seed decides the data, the neighbours, and who is sent to when. Any number.
	Seed uint64
	// Period is the time between two models that a node sends, 1 ms to 24 h, in whole milliseconds. Each node begins at
	// a time of its own within the first one.
	Period time.Duration
	// Degree is how many neighbours a node sends to, drawn from the seed, 1 to 1,024; never more than there are others.
	Degree int
	// Strategy is how the nodes learn from each other: "gossip-learning", or "d-psgd" or "choco-sgd", by which they go
	// in step.
	Strategy string
	// Deadline is how long a round of nodes in step waits for neighbours, up to 30 days; 0 means as long as it takes.
	Deadline time.Duration
	// Topology says who are the neighbours of whom: one of Random to Given; a small world with which share of it is
	// drawn anew, "small-world share=0.1". Edges are those of "given", such as "0-1, 1-2".
	Topology, Edges string
	// Discovery says how a node learns of its neighbours: DiscoveryGiven, or DiscoveryExchange, and then Degree is the
	// size of its view.
	Discovery string
	// Delivery is DeliveryBest or DeliveryOnce.
	Delivery string
	// Exchange is ExchangePush, ExchangePull or ExchangePushPull.
	Exchange string
	// Alone lets a node that knows of no other one train alone in the meantime; else it waits for the first neighbour,
	// and its periods count from then on. It matters where nodes find each other: with DiscoveryExchange.
	Alone bool
	// Features is the number of features, 1 to 4,096; the model has one weight for each, and a bias.
	Features int
	// Samples is the number of samples that a node holds, 1 to 65,536.
	Samples int
	// Noise is the share of labels that are turned round, 0 to 0.5.
	Noise float64
	// Batch is the number of samples of a step, 1 to 1,024.
	Batch int
	// LearningRate is the step of gradient descent, above 0 and up to 10.
	LearningRate float64
}

// fields are all settings: those of the kind, and behind them those that it shares with federated jobs.
var fields = append(ownFields, sharedFields()...)

var ownFields = []job.Field[Config]{
	{Key: "name", At: func(c *Config) any { return &c.Name },
		Of: job.Key{Doc: "What people call the job: 1 to 64 of a-z, 0-9, '-' and '_', the first a letter."}},
	{Key: "data", At: func(c *Config) any { return &c.Data }, Of: job.Key{In: "data.train", Path: true,
		Doc: "The data set: synthetic, drawn from the seed, another one that is built in, or a file or folder beside " +
			"the job file, which a simulation deals among its nodes; a node of rhizome peer has its own by --data."}},
	{Key: "nodes", At: func(c *Config) any { return &c.Nodes },
		Of: job.Key{Doc: "Nodes of a simulation; rhizome peer runs one."}},
	{Key: "rounds", At: func(c *Config) any { return &c.Rounds },
		Of: job.Key{Doc: "Periods of a node, about as many models it sends, 1 to 1,000,000."}},
	{Key: "seed", At: func(c *Config) any { return &c.Seed },
		Of: job.Key{Doc: "What the data, the neighbours, and who is sent to when are drawn from."}},
	{Key: "period", At: func(c *Config) any { return &c.Period },
		Of: job.Key{Doc: "Time between two models that a node sends, 1ms to 24h."}},
	{Key: "degree", At: func(c *Config) any { return &c.Degree },
		Of: job.Key{Doc: "Neighbours that a node sends to, 1 to 1,024."}},
	{Key: "strategy", At: func(c *Config) any { return &c.Strategy }, Of: job.Key{Choice: true,
		Doc: "How the nodes learn from each other: gossip-learning, each in periods of its own; or d-psgd or " +
			"choco-sgd, in step with its neighbours. The command strategies tells of all."}},
	{Key: "deadline", At: func(c *Config) any { return &c.Deadline },
		Of: job.Key{Doc: "How long a round of d-psgd waits for neighbours, up to 720h; 0s means as long as it takes, " +
			"and that the models depend on the settings alone."}},
	{Key: "topology", At: func(c *Config) any { return &c.Topology }, Of: job.Key{Choice: true,
		Doc: "Who are the neighbours of whom in a simulation: random (each draws so many as degree says), ring, torus, " +
			"regular (of that degree), exponential, small-world share=0.1 (a ring of that degree, of which a share is drawn " +
			"anew), or given."}},
	{Key: "edges", At: func(c *Config) any { return &c.Edges }, Of: job.Key{List: true,
		Doc: "The edges of topology given, such as [0-1, 1-2, 2-0]: a graph in one piece, without directions."}},
	{Key: "discovery", At: func(c *Config) any { return &c.Discovery },
		Of: job.Key{Doc: "How a node learns of its neighbours: given, it knows them from the start, or exchange, " +
			"they tell each other."}},
	{Key: "delivery", At: func(c *Config) any { return &c.Delivery },
		Of: job.Key{Doc: "best-effort, where what is lost is lost, or once, where each model is applied once, " +
			"whatever is lost or doubled."}},
	{Key: "exchange", At: func(c *Config) any { return &c.Exchange }, Of: job.Key{
		Doc: "Which models go between a node and the neighbour that it chose: push, the node's, which the neighbour " +
			"merges; pull, the neighbour's, which the node asks for; or push-pull, both, and both merge."}},
	{Key: "alone", At: func(c *Config) any { return &c.Alone },
		Of: job.Key{Doc: "Whether a node without neighbours trains meanwhile, so that its periods count."}},
	{Key: "features", At: func(c *Config) any { return &c.Features },
		Of: job.Key{Doc: "Features of a sample, 1 to 4,096."}},
	{Key: "samples", At: func(c *Config) any { return &c.Samples },
		Of: job.Key{Doc: "Samples of a node, 1 to 65,536."}},
	{Key: "noise", At: func(c *Config) any { return &c.Noise },
		Of: job.Key{Doc: "Share of labels that are turned round, 0 to 0.5."}},
	{Key: "batch", At: func(c *Config) any { return &c.Batch },
		Of: job.Key{In: "train.batch", Doc: "Samples of one step, 1 to 1,024."}},
	{Key: "learning_rate", At: func(c *Config) any { return &c.LearningRate },
		Of: job.Key{In: "train.learning_rate", Doc: "The step of gradient descent, above 0 and up to 10."}},
}

// Default returns the settings that a job file need not say.
func Default() Config {
	rows, _ := dataset.SyntheticConfig{}.WithDefaults() // zeros are in range
	return Config{
		Name: "gossip", Data: job.DataSynthetic, Nodes: 100, Rounds: 50, Seed: 1, Period: time.Second, Degree: 20,
		Strategy: "gossip-learning", Topology: Random,
		Discovery: DiscoveryGiven, Delivery: DeliveryBest, Exchange: ExchangePush, Features: rows.Features, Samples: 16,
		Noise: 0.05, Batch: 1, LearningRate: 0.05, Learn: defaultLearn(),
	}
}

// Change returns the job with another setting, of which only the type is checked. Errors are *job.ConfigError.
func (c Config) Change(key, text string) (job.Job, error) {
	if inside, ok := strings.CutPrefix(strings.TrimSpace(text), "["); ok && key == "edges" {
		if inside, ok = strings.CutSuffix(inside, "]"); ok { // as a job file has them
			text = strings.TrimSpace(inside)
		}
	}
	err := job.Set(fields, &c, key, text)
	return c, err
}

// Get returns the setting of that name as text that Change takes back, or "" where there is no such setting.
func (c Config) Get(key string) string { return job.Get(fields, &c, key) }

// Validate returns nil when the job can run, or a *ConfigError for the first setting that is not possible.
func (c Config) Validate() error {
	switch {
	case !job.GoodName(c.Name):
		return &job.ConfigError{Key: "name", Value: fmt.Sprintf("%q", c.Name),
			Want: "1 to 64 of a-z, 0-9, '-' and '_', the first a letter"}
	case c.Discovery != DiscoveryGiven && c.Discovery != DiscoveryExchange:
		return &job.ConfigError{Key: "discovery", Value: fmt.Sprintf("%q", c.Discovery),
			Want: DiscoveryGiven + " or " + DiscoveryExchange}
	case c.Delivery != DeliveryBest && c.Delivery != DeliveryOnce:
		return &job.ConfigError{Key: "delivery", Value: fmt.Sprintf("%q", c.Delivery),
			Want: DeliveryBest + " or " + DeliveryOnce}
	case c.Exchange != ExchangePush && c.Exchange != ExchangePull && c.Exchange != ExchangePushPull:
		return &job.ConfigError{Key: "exchange", Value: fmt.Sprintf("%q", c.Exchange),
			Want: ExchangePush + ", " + ExchangePull + " or " + ExchangePushPull}
	case c.Period < time.Millisecond || c.Period > 24*time.Hour || c.Period%time.Millisecond != 0:
		return &job.ConfigError{Key: "period", Value: c.Period.String(), Want: "whole milliseconds, 1ms to 24h"}
	case !(c.Noise >= 0 && c.Noise <= 0.5):
		return &job.ConfigError{Key: "noise", Value: fmt.Sprint(c.Noise), Want: "0 to 0.5"}
	case !(c.LearningRate > 0 && c.LearningRate <= 10):
		return &job.ConfigError{Key: "learning_rate", Value: fmt.Sprint(c.LearningRate), Want: "above 0 and at most 10"}
	}
	most := dataset.SyntheticConfig{}.Most()
	for _, k := range []struct {
		key     string
		v, l, h int
	}{
		{"nodes", c.Nodes, 2, NodesMax}, {"rounds", c.Rounds, 1, 1_000_000}, {"degree", c.Degree, 1, degreeMost},
		{"features", c.Features, 1, most.Features},
		{"samples", c.Samples, 1, most.Samples}, {"batch", c.Batch, 1, 1024},
	} {
		if k.v < k.l || k.v > k.h {
			return &job.ConfigError{Key: k.key, Value: fmt.Sprint(k.v), Want: fmt.Sprintf("%d to %d", k.l, k.h)}
		}
	}
	if _, err := c.topology(); err != nil {
		return err
	}
	if err := c.validateStrategy(); err != nil {
		return err
	}
	return c.validateLearn()
}

// Settings returns every setting of the job as text.
func (c Config) Settings() map[string]string { return job.Settings(c) }

// With returns the job with some settings changed, validated. Errors are *job.ConfigError.
func (c Config) With(set map[string]string) (Config, error) { return job.With(c, set) }
