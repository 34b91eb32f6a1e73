package federated

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/strategy"
)

// ClientsMax bounds the clients of a local run: each is a node with a journal of its own. DealtMax bounds those of a
// simulation among whom files are dealt, SimulatedMax those who draw their data each for itself.
const (
	ClientsMax   = 64
	DealtMax     = 1 << 12
	SimulatedMax = 1 << 17
)

// Config is the description of a job: plain data, without defaults filled in by anybody but Default. Two runs with
// equal Configs give the same model to the bit where Exact says so.
type Config struct {
	// Name is what people call the job, and the directory that it runs in by default: up to 64 of a-z, 0-9, '-' and
	// '_'.
	Name string
	// Data is the data set, by the name of its kind in package dataset: "digits", the UCI optical digits that every
	// binary carries, or "synthetic", 57 features and two classes, of which each client draws 64 samples from the seed
	// and its number.
	Data string
	// Model is the path of an ONNX file to train; empty: a multi-layer perceptron of MLP, or of Hidden and Layers.
	Model string
	// MLP is the widths of the perceptron's hidden layers, with commas between them; empty: Layers of the width Hidden.
	MLP string
	// Output names the model's output that the loss reads, where there are several, and Loss what is made smaller;
	// empty: cross-entropy for classes, mse for quantities.
	Output, Loss string
	// Trainable and Freeze are patterns of parameter names, with commas between them: those that are trained (empty:
	// all), and those of them that are not.
	Trainable, Freeze string
	// Personal is patterns of parameter names, with commas between them: those that stay at each client, which trains
	// its own and never sends them. Empty: what the strategy says, as a rule none.
	Personal string
	// Buffers says what becomes of the running statistics of a model that is a file: "average" (empty), or "frozen".
	// Dropout says whether the model drops while it is trained, "on" (empty) or "off".
	Buffers, Dropout string
	// Undo names, with commas between them, what of the exporter's doing is undone before the model is trained:
	// "split-shared", "add-bias".
	Undo string
	// Label names what the model is to learn, in a file of data. Test is a share of it that is held out, or a file of
	// its own; empty: a fifth. Partition says how it is dealt, Normalize how features are scaled, and Reader, a JSON
	// object, what else the reader of the file is told.
	Label, Test, Partition, Normalize, Reader string
	// RootData is what the server trains on by a strategy with Root: a share of the data, which no client is dealt, or
	// a file of its own; empty: a twentieth.
	RootData string
	// Optimizer says how a client steps, and Schedule how its rate changes over the rounds; empty: gradient descent by
	// LearningRate and Momentum, at one rate. ClipGradient bounds the L2 norm of the gradients of a step; 0: nothing.
	Optimizer, Schedule string
	ClipGradient        float64
	// Precision is the float type in which what is trained is kept by the server and sent, "f32" (empty), "bf16" or
	// "f16". All arithmetic is in float32, and each client has the parameters in float32 from the first step of a round
	// to the last.
	Precision string
	// Network and Samples are what Bring read from the files that the job names: the model's graph without its values,
	// and what the samples are.
	Network, Samples string
	// Rounds is how many times the server asks for updates, 1 to 100,000.
	Rounds int
	// Clients is the number of clients, each with a private part of the data, 1 to ClientsMax; in a simulation of a
	// file 1 to DealtMax, of data that each client draws 1 to SimulatedMax. 0 is for servers: whoever is let in may
	// take part, at any time.
	Clients int
	// Edges is the number of nodes between the server and the clients, up to Clients: each adds up the updates of its
	// share of the clients, exactly, and the server adds up the sums. The model is the same to the bit. 0: none.
	Edges int
	// Seed decides the split of the data, its partition, initial values, cohorts and the order of batches. Any number.
	Seed uint64
	// Alpha is the concentration of the Dirichlet distribution that the classes are dealt by, above 0 and up to 1e6: at
	// 0.1 most clients know few digits, at 100 all know nearly the same share.
	Alpha float64
	// Hidden is the width of a hidden layer, 1 to 8,192. With one layer the digits' model has 64·h + h + 10·h + 10
	// parameters.
	Hidden int
	// Epochs is how often a client goes over its data in a round, 1 to 100. More work, fewer rounds, more drift.
	Epochs int
	// Batch is the number of samples of one step, 1 to 1,024.
	Batch int
	// LearningRate is the step of gradient descent, above 0 and up to 10.
	LearningRate float64
	// Momentum is the share of the last step that is added to the next, 0 (plain descent) to below 1. It starts anew in
	// each round, so that clients keep nothing between rounds.
	Momentum float64
	// Cohort is the number of clients that a round waits for, up to Clients; 0 means all.
	Cohort int
	// Fraction is in place of Cohort: the share of the clients that are there, above 0 and up to 1, rounded up; 0 means
	// none.
	Fraction float64
	// MinAvailable is how many clients have to be there for a round to begin, up to Clients and not below Quorum. A
	// round begins with those who are there; who comes later takes part from the next round on. 0 means what a round
	// needs and no more: all clients where every round waits for its whole cohort, else Quorum, else 1 with a Deadline,
	// else Cohort. Where the strategy needs several updates, it is not below that, and with a Fraction not below as
	// many as that is the share of.
	MinAvailable int
	// Selection says who is of the cohort: "uniform" (or empty), each client as likely as any other; "samples", in
	// proportion to its samples; "power-of-choice candidates=20", those of so many candidates, which are drawn by their
	// samples, that told the highest losses, with twice as many as are asked where candidates is not said.
	Selection string
	// Over is how many more than Cohort are asked, so that the slowest do not hold up the round; needs a Cohort. Which
	// ones are late then depends on timing, and so does the model.
	Over int
	// Quorum is the number of updates that close a round, up to Cohort; 0 means Cohort. Below Cohort the model depends
	// on timing.
	Quorum int
	// Grace is how long a round that has its quorum waits for the others, up to 30 days; 0 closes it at once.
	Grace time.Duration
	// Deadline is the time after which a round closes with as many updates as it has, at least one, or as many as the
	// strategy needs; 0 means never, up to 30 days. With a deadline the model depends on timing.
	Deadline time.Duration
	// OnFailedRound says what happens when so many answers of a round were refused that it cannot be completed: "stop"
	// ends the job, "retry" asks others, up to Retries times in a round, and then ends it, "skip" goes on with the
	// parameters of before.
	OnFailedRound string
	Retries       int // 1 to 100
	// Strategy is how the job learns: the name of a strategy of package strategy and, behind it, its settings, such as
	// "fedavgm momentum=0.9".
	Strategy string
	// Compatible is "flwr" where settings of the strategy that are not said are those by which it does what flwr 1.42.0
	// does; empty: those of here.
	Compatible string
	// Weighting is what an update weighs in the mean: "samples", as many as its client trained on, or "uniform", one
	// each.
	Weighting string
	// MaxSamples is what an update weighs at most, up to 16,777,215; 0 means as much as it has samples.
	MaxSamples int
	// Clip is the L2 norm to which what an update changes of the parameters is scaled down, up to 1e6; 0 means that it
	// is not. It needs parameters that travel whole.
	Clip float64
	// ClientMetrics has each client say, beside its update, its loss on a batch of its data before its training and
	// after it.
	ClientMetrics bool
	// EvaluateEvery is how many rounds are between two tests of the model at the server, 1 to 100,000; the last round
	// is tested in any case. 0 means 1.
	EvaluateEvery int
	// Evaluate is where a round's model is tested: "server" (or empty), "clients", those that the round counts, each on
	// the share Test of its own samples, which it does not train on, or "both".
	Evaluate string
	// Stop ends the job early: "loss patience=5 min_delta=0.001" when in five tests in a row the loss was not by so
	// much less than when it last was; or "accuracy …". Empty: all rounds are trained.
	Stop string
	// Best is by what the best model of all rounds is kept beside the last one: "loss" or "accuracy"; empty: none is.
	Best string
	// Heartbeat is how often a client tells the server that it is there, 10 ms to 1 h; one that was silent for three of
	// them is no member any more. 0 means 1 s.
	Heartbeat time.Duration
	// Layers is the number of hidden layers, 1 to 16; each one more has h·h + h parameters. Two layers of 4,962 make a
	// model of 100 MB; all together may have up to 2^26 parameters.
	Layers int
	// Chunk is in how many KiB at a time parameters travel, 1 to 1,024; 0 means whole where they have up to 1 MiB, and
	// else in chunks of a size that fits the cohort. The model is the same to the bit. It is no part of what the job
	// computes.
	Chunk int
}

// Validate returns nil when the job can run, or a *ConfigError for the first setting that is not possible.
func (c Config) Validate() error {
	if !job.GoodName(c.Name) {
		return &job.ConfigError{Key: "name", Value: fmt.Sprintf("%q", c.Name),
			Want: "1 to 64 of a-z, 0-9, '-' and '_', the first a letter"}
	}
	if err := c.validateBrought(); err != nil {
		return err
	}
	if _, err := c.hidden(); err != nil {
		return err
	}
	known := !c.brings() || c.Samples != "" // what the samples are
	if known {
		if _, err := c.Schema(); err != nil {
			return err
		}
	}
	if c.Over > 0 && c.Cohort == 0 {
		return &job.ConfigError{Key: "over", Value: fmt.Sprint(c.Over),
			Want: "0 without a cohort, of which it says how many more are asked: set cohort too, below the clients there are"}
	}
	for _, k := range []struct {
		key     string
		v, l, h int
	}{
		{"rounds", c.Rounds, 1, 100_000}, {"clients", c.Clients, 0, c.clientsMax()},
		{"edges", c.Edges, 0, c.Clients}, {"hidden", c.Hidden, 1, 8192},
		{"epochs", c.Epochs, 1, 100}, {"batch", c.Batch, 1, 1024},
		{"cohort", c.Cohort, 0, c.clients()}, {"over", c.Over, 0, c.overMax()}, {"quorum", c.Quorum, 0, c.quorumMax()},
		{"min_available", c.MinAvailable, 0, c.clients()}, {"retries", c.Retries, 1, 100},
		{"max_samples", c.MaxSamples, 0, 1<<24 - 1},
		{"layers", c.Layers, 1, 16}, {"chunk", c.Chunk, 0, 1024},
	} {
		if k.v < k.l || k.v > k.h {
			return &job.ConfigError{Key: k.key, Value: fmt.Sprint(k.v), Want: fmt.Sprintf("%d to %d", k.l, k.h)}
		}
	}
	for _, k := range []struct {
		key  string
		ok   bool
		v    float64
		want string
	}{
		{"alpha", c.Alpha > 0 && c.Alpha <= 1e6, c.Alpha, "above 0 and at most 1e6"},
		{"learning_rate", c.LearningRate > 0 && c.LearningRate <= 10, c.LearningRate, "above 0 and at most 10"},
		{"fraction", c.Fraction >= 0 && c.Fraction <= 1, c.Fraction, "a share above 0 and up to 1, or 0 for none"},
		{"clip", c.Clip >= 0 && c.Clip <= 1e6, c.Clip, "0 to 1e6"},
		{"momentum", c.Momentum >= 0 && c.Momentum < 1, c.Momentum, "0 to below 1"},
	} {
		if !k.ok {
			return &job.ConfigError{Key: k.key, Value: fmt.Sprint(k.v), Want: k.want}
		}
	}
	if n := c.parameters(); known && n > parametersMax {
		return &job.ConfigError{Key: "layers", Value: fmt.Sprintf("%d of %d", c.Layers, c.Hidden),
			Want: fmt.Sprintf("a model of at most %d parameters, not %d", parametersMax, n)}
	}
	if err := c.validatePrecision(); err != nil {
		return err
	}
	if err := c.validateTraining(); err != nil {
		return err
	}
	if err := c.validateRounds(); err != nil {
		return err
	}
	if err := c.validateProgress(); err != nil {
		return err
	}
	if _, err := c.personal(); err != nil {
		return err
	}
	if err := c.validateEvaluate(); err != nil {
		return err
	}
	return c.validateTimes()
}

// validateRounds checks what says how a round goes, as a whole.
func (c Config) validateRounds() error {
	if c.Compatible != "" {
		if c.Compatible != "flwr" {
			return &job.ConfigError{Key: "compatible", Value: strconv.Quote(c.Compatible), Want: "flwr, or nothing"}
		}
		_, err := strategy.Parse(c.Strategy)
		_, err2 := c.chosen()
		if e := (*strategy.ParseError)(nil); err == nil && errors.As(err2, &e) {
			return &job.ConfigError{Key: "compatible", Value: strconv.Quote(c.Compatible),
				Want: "nothing beside strategy " + e.Got + ", or " + e.Want}
		}
	}
	chosen, err := c.chosen()
	if e := (*strategy.ParseError)(nil); errors.As(err, &e) {
		want := e.Want
		if e.Got == splitNN {
			want = "another: split learning is a kind of job, which says kind: split (rhizome job show split)"
		}
		return &job.ConfigError{Key: "strategy", Value: fmt.Sprintf("%q", e.Got), Want: want}
	}
	if chosen.Family == "decentralised" {
		return &job.ConfigError{Key: "strategy", Value: strconv.Quote(chosen.String()),
			Want: "one of a job with a server: this one is of jobs that say kind: gossip"}
	}
	if err := c.validateStrategy(chosen); err != nil {
		return err
	}
	if err := c.validateAsynchronous(chosen); err != nil {
		return err
	}
	if err := c.validateRoot(chosen); err != nil {
		return err
	}
	switch {
	case c.serverStep() && c.OnFailedRound == rounds.Skip:
		return &job.ConfigError{Key: "on_failed_round", Value: c.OnFailedRound,
			Want: "stop or retry beside strategy " + chosen.Name +
				", whose server steps by the mean of a round: one that is skipped has none"}
	case c.badSelection() != "":
		return &job.ConfigError{Key: "selection", Value: fmt.Sprintf("%q", c.Selection), Want: c.badSelection()}
	case c.Fraction > 0 && c.Cohort > 0:
		return &job.ConfigError{Key: "fraction", Value: fmt.Sprint(c.Fraction),
			Want: fmt.Sprintf("0 beside cohort %d: they say the same", c.Cohort)}
	case c.MinAvailable > 0 && c.MinAvailable < c.Quorum:
		return &job.ConfigError{Key: "min_available", Value: fmt.Sprint(c.MinAvailable),
			Want: fmt.Sprintf("at least the quorum, %d: fewer clients cannot close a round", c.Quorum)}
	case c.OnFailedRound != rounds.Stop && c.OnFailedRound != rounds.Retry && c.OnFailedRound != rounds.Skip:
		return &job.ConfigError{Key: "on_failed_round", Value: fmt.Sprintf("%q", c.OnFailedRound),
			Want: "stop, retry or skip"}
	case c.Weighting != aggregator.Samples && c.Weighting != aggregator.Uniform:
		return &job.ConfigError{Key: "weighting", Value: fmt.Sprintf("%q", c.Weighting), Want: "samples or uniform"}
	case c.Clip > 0 && c.chunked():
		return &job.ConfigError{Key: "clip", Value: fmt.Sprint(c.Clip),
			Want: "0 where parameters travel in chunks: their norm is known when they have been summed"}
	case c.Grace > 0 && c.Quorum == 0 && c.Over == 0:
		return &job.ConfigError{Key: "grace", Value: c.Grace.String(),
			Want: "0s without a quorum: there is nothing after which to wait on"}
	}
	if err := c.validateEdges(chosen); err != nil {
		return err
	}
	return c.validateJudged(chosen)
}

// splitNN is what people call jobs of another kind, which train a model that is cut.
const splitNN = "splitnn"

// chosen is the strategy with its settings, as the platform has them that the job is to be compatible with.
func (c Config) chosen() (strategy.Chosen, error) {
	s, err := strategy.Parse(c.Strategy)
	if err != nil || c.Compatible == "" {
		return s, err
	}
	return s.As(c.Compatible)
}

// serverStep says whether the strategy makes the new parameters of the mean and of those that the round began with.
func (c Config) serverStep() bool {
	s, err := c.chosen()
	return err == nil && s.Server != nil
}

// combine is the strategy where it says how updates become one, else "".
func (c Config) combine() string {
	if s, err := c.chosen(); err == nil && (s.Combine != nil || s.Judge != nil) {
		return s.String()
	}
	return ""
}

// judges says whether the strategy judges updates as wholes.
func (c Config) judges() bool {
	s, err := c.chosen()
	return err == nil && s.Judge != nil
}

// judgedLeast is how many updates the strategy needs that judges them, 0 where it does with one.
func (c Config) judgedLeast() int {
	s, err := c.chosen()
	if err != nil || s.Judge == nil || s.Least() == 1 {
		return 0
	}
	return s.Least()
}

// askedFor returns how many clients have to be there for so many of them to be asked.
func (c Config) askedFor(updates int) int {
	if ppm := c.ppm(); ppm > 0 && updates > 0 {
		return (updates-1)*million/ppm + 1
	}
	return updates
}

// validateJudged holds how many updates a round can have against how many a strategy that judges them takes.
func (c Config) validateJudged(s strategy.Chosen) error {
	if s.Judge == nil {
		return nil
	}
	least, most, of := s.Least(), c.cohort(), s.String()
	there := c.askedFor(max(c.Quorum, c.judgedLeast()))
	switch {
	case most < least:
		return &job.ConfigError{Key: "strategy", Value: strconv.Quote(of),
			Want: fmt.Sprintf("one for rounds of up to %d updates: it needs %d", most, least)}
	case c.Quorum > 0 && c.Quorum < least:
		return &job.ConfigError{Key: "quorum", Value: strconv.Itoa(c.Quorum),
			Want: fmt.Sprintf("at least %d beside strategy %s, which needs as many updates", least, of)}
	case c.MinAvailable > 0 && c.MinAvailable < there:
		return &job.ConfigError{Key: "min_available", Value: strconv.Itoa(c.MinAvailable),
			Want: fmt.Sprintf("at least %d beside strategy %s, of which a round needs %d updates", there, of,
				max(c.Quorum, least))}
	case c.Needs() > aggregator.JudgedMost:
		return &job.ConfigError{Key: "cohort", Value: strconv.Itoa(c.cohort()),
			Want: fmt.Sprintf("at most %d beside strategy %s, which judges each update by all others",
				aggregator.JudgedMost, of)}
	}
	return nil
}

func (c Config) validateTimes() error {
	if c.Deadline < 0 || c.Deadline > 30*24*time.Hour || c.Deadline%time.Millisecond != 0 {
		return &job.ConfigError{Key: "deadline", Value: c.Deadline.String(), Want: "whole milliseconds, 0s to 720h"}
	}
	if c.Grace < 0 || c.Grace > 30*24*time.Hour || c.Grace%time.Millisecond != 0 {
		return &job.ConfigError{Key: "grace", Value: c.Grace.String(), Want: "whole milliseconds, 0s to 720h"}
	}
	if c.Heartbeat < 10*time.Millisecond || c.Heartbeat > time.Hour || c.Heartbeat%time.Millisecond != 0 {
		return &job.ConfigError{Key: "heartbeat", Value: c.Heartbeat.String(), Want: "whole milliseconds, 10ms to 1h"}
	}
	return nil
}

// openMax bounds the clients of a job whose membership is open.
const openMax = 1 << 14

// clients returns how many clients there can be.
func (c Config) clients() int {
	if c.Clients == 0 {
		return openMax
	}
	return c.Clients
}

// Places returns how many clients can take part.
func (c Config) Places() int { return c.clients() }

// Part returns the part of the built-in data that the client of that number holds where it brings none of its own.
func (c Config) Part(client int) int {
	if c.Clients == 0 && !c.drawn() {
		return client % ClientsMax
	}
	return client
}

// noClients refuses open membership where nobody could join.
func noClients(why string) error {
	return &job.ConfigError{Key: "clients", Value: "0",
		Want: fmt.Sprintf("a number, 1 to %d: %s; open membership is for rhizome server", ClientsMax, why)}
}

// cohort returns the number of clients that a round waits for, as far as that is known before it begins.
func (c Config) cohort() int {
	switch {
	case c.Cohort > 0:
		return c.Cohort
	case c.Fraction > 0:
		return (c.clients()*c.ppm() + million - 1) / million
	}
	return c.clients()
}

const million = 1_000_000

// ppm returns the fraction in millionths, at least one where there is a fraction.
func (c Config) ppm() int {
	if c.Fraction == 0 {
		return 0
	}
	return max(1, int(math.Round(c.Fraction*million)))
}

func (c Config) overMax() int {
	if c.Cohort == 0 {
		return 0
	}
	return c.clients() - c.Cohort
}

func (c Config) quorumMax() int { return c.cohort() }

// Needs returns how many updates close a round when nothing goes wrong, as far as that is known before it begins: at
// least.
func (c Config) Needs() int {
	switch {
	case c.Quorum > 0:
		return c.Quorum
	case c.asynchronous() && !c.closes():
		return c.bufferNeeds()
	case c.Deadline > 0, c.Fraction > 0 && !c.Exact():
		return max(1, c.judgedLeast())
	case c.Cohort > 0:
		return c.Cohort
	case c.Clients == 0:
		return max(1, c.judgedLeast())
	}
	return c.cohort()
}

// Least returns how many clients have to be there for a round to begin.
func (c Config) Least() int {
	switch {
	case c.MinAvailable > 0:
		return c.MinAvailable
	case c.asynchronous() && !c.closes():
		return 1
	case c.Exact():
		return c.Clients
	case c.judgedLeast() > 0:
		return max(c.Needs(), c.askedFor(c.Needs()))
	}
	return c.Needs()
}

// Exact says whether every round waits for its whole cohort, and is drawn from all clients, so that the model depends
// on the Config alone.
func (c Config) Exact() bool {
	return !c.asynchronous() && c.Clients > 0 && c.Over == 0 && c.Deadline == 0 &&
		(c.Quorum == 0 || c.Quorum == c.cohort()) && (c.MinAvailable == 0 || c.MinAvailable == c.Clients)
}
