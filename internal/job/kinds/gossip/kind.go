package gossip

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/model/logistic"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Name is the name of the kind.
const Name = "gossip"

// Kind is the kind of job without a server, whose nodes send their models to neighbours.
type Kind struct{}

var _ job.Peered = Config{}

// Name returns what a job file says behind the key kind.
func (Kind) Name() string { return Name }

// Keys returns the settings, in the order in which people are told of them.
func (Kind) Keys() []job.Key { return job.FieldKeys(fields) }

// Default has the settings that a job file need not say.
func (Kind) Default() job.Job { return Default() }

// Added returns the settings that earlier releases did not have.
func (Kind) Added() map[string]string { return added }

// Hint says how a job of the kind is run.
func (Kind) Hint(name string) string {
	if !job.IsPath(name) {
		return fmt.Sprintf("rhizome peer %s runs a node of it, rhizome sim %s all of them in one process", name, name)
	}
	return fmt.Sprintf("a job without a server runs by rhizome peer %s, or rhizome sim %s", name, name)
}

// Size is the key of the number of nodes.
func (Kind) Size() string { return "nodes" }

//go:embed builtin/*.yaml
var builtinFiles embed.FS

// Builtins holds the job file that is built in.
func (Kind) Builtins() fs.FS { return builtinFiles }

// Kind is the kind of job without a server.
func (c Config) Kind() job.Kind { return Kind{} }

// About is what jobs of every kind have.
func (c Config) About() job.About {
	return job.About{Name: c.Name, Seed: c.Seed, Rounds: c.Rounds, Nodes: c.Nodes}
}

// Compile makes the artifact of the job.
func (c Config) Compile() (*compile.Artifact, error) { return job.Compile(c) }

// Pace returns the time between two models that a node sends, and whether one without a neighbour trains alone.
// Nodes in step have no periods.
func (c Config) Pace() (period time.Duration, alone bool) {
	if c.steps() {
		return 0, false
	}
	return c.Period, c.Alone
}

// Place is the one place of the job.
func (c Config) Place() string { return PeersPlace }

// Apart says that nodes in processes of their own find each other, but for those in step, which stand.
func (c Config) Apart() []job.Forced {
	if c.steps() {
		return nil
	}
	return []job.Forced{{Key: "discovery", Value: DiscoveryExchange,
		Why: "nodes of rhizome peer tell each other whom they know"}}
}

// Evaluate returns the input by which a node is asked how good its model is.
func (c Config) Evaluate(tag int) *snapshot.InvokeEvent {
	return &snapshot.InvokeEvent{Name: InputEvaluate, Inputs: []value.Value{value.Int(tag)}}
}

// Evaluation reads what a node tells of its model.
func (c Config) Evaluation(ev engine.AppEvent) (tag int, accuracy, loss float64, ok bool, err error) {
	if ev.Name != EventEvaluation {
		return 0, 0, 0, false, nil
	}
	n, accuracy, loss, err := parseEvaluation(ev.Value)
	return int(n), accuracy, loss, true, err
}

// parseEvaluation reads the value of an EventEvaluation.
func parseEvaluation(v value.Value) (tag int64, accuracy, loss float64, err error) {
	l, ok := v.(*value.List)
	if !ok || l.Len() != 3 {
		return 0, 0, 0, fmt.Errorf("job: a node told an evaluation without its three values")
	}
	n, ok1 := l.At(0).(value.Int)
	a, ok2 := number(l.At(1))
	b, ok3 := number(l.At(2))
	if !ok1 || !ok2 || !ok3 {
		return 0, 0, 0, fmt.Errorf("job: a node told an evaluation of %s, %s and %s", l.At(0).Type(), l.At(1).Type(),
			l.At(2).Type())
	}
	return int64(n), a, b, nil
}

// added are those of jobs without a server.
var added = addedKeys()

func addedKeys() map[string]string {
	d := Default()
	out := map[string]string{"alone": "false", "topology": Random, "edges": "", "strategy": "gossip-learning",
		"deadline": "0s", "exchange": ExchangePush}
	for _, f := range sharedFields() {
		out[f.Key] = job.Get(fields, &d, f.Key)
	}
	return out
}

// Merged returns how many models of others a node has merged.
func (c Config) Merged(n *node.Node) uint64 {
	for _, counter := range n.Engine().Counters() {
		if counter.Name == CountMerges {
			return counter.Count
		}
	}
	return 0
}

// Model returns the model of a node as an ONNX file.
func (c Config) Model(n *node.Node) ([]byte, error) {
	if b, ok, err := file(n); ok {
		return b, err
	}
	var params []float32
	if m, ok := n.Component("model").(*logistic.Component); ok {
		w, _ := m.Params()
		params = slices.Clone(w)
	}
	return logistic.File(params)
}

// number reads a number that a node told: a network's are tensors.
func number(v value.Value) (float64, bool) {
	switch v := v.(type) {
	case value.Float:
		return float64(v), true
	case value.Tensor:
		if v.DType() == tensor.Float32 && v.Len() == 1 {
			return float64(v.Float32()[0]), true
		}
	}
	return 0, false
}
