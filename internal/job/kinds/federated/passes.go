package federated

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/forward"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/model/cell"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// A model that a user brought has up to three forward passes: that of a step, in which BatchNormalization goes by the
// batch and Dropout drops; that of a client's metrics; and that of the server's test. What they read is the
// parameters: those that are trained, the running statistics that are averaged, and those that the client keeps.

// trainee is the network that a choreography trains.
type trainee interface {
	// Shapes returns the shape of each parameter, of which the first Trained are trained.
	Shapes() [][]int
	Trained() int
	// Local returns what each client keeps: of what is trained the first Personal, and running statistics.
	Local() []model.Param
	Personal() int
	// output records the forward pass over a batch, of the parameters and what is personal, and returns what it gives
	// for each number of a label: scores of classes, or quantities.
	output(b *graph.Graph, of batch, params []graph.Value) graph.Value
	// own is output at a client, whose own values stand behind the parameters.
	own(b *graph.Graph, of batch, values []graph.Value) graph.Value
	// train is own in a step, and returns what the statistics become as well. It asks chance for what is drawn.
	train(b *graph.Graph, of batch, values []graph.Value, chance func(place int, shape []int) graph.Value) (
		out graph.Value, renewed []graph.Value)
	// training is the pass of train, inputs what it is given of a batch, by name, and flat what is made of its output.
	training() model.Pass
	inputs(b *graph.Graph, of batch) map[string]graph.Value
	flat(b *graph.Graph, out graph.Value) graph.Value
}

func (p perceptron) training() model.Pass { return p.Inference() }

func (p perceptron) flat(b *graph.Graph, out graph.Value) graph.Value { return p.elements.flat(b, out) }

func (i imported) training() model.Pass { return i.Training() }

func (i imported) flat(b *graph.Graph, out graph.Value) graph.Value { return i.elements.flat(b, out) }

func (i imported) inputs(b *graph.Graph, of batch) map[string]graph.Value {
	return i.fit.Record(b, of.x, of.y)
}

func (p perceptron) own(b *graph.Graph, of batch, values []graph.Value) graph.Value {
	return p.output(b, of, values)
}

func (p perceptron) train(b *graph.Graph, of batch, values []graph.Value,
	_ func(int, []int) graph.Value) (graph.Value, []graph.Value) {
	return p.output(b, of, values), nil
}

func (i imported) output(b *graph.Graph, of batch, params []graph.Value) graph.Value {
	return i.elements.flat(b, forward.Scores(b, i.Inference(), i.fit.Record(b, of.x, of.y), params))
}

func (i imported) own(b *graph.Graph, of batch, values []graph.Value) graph.Value {
	return i.elements.flat(b, forward.Scores(b, i.Own(), i.fit.Record(b, of.x, of.y), values))
}

func (i imported) train(b *graph.Graph, of batch, values []graph.Value,
	chance func(int, []int) graph.Value) (graph.Value, []graph.Value) {
	out, renewed := forward.Train(b, i.Training(), i.fit.Record(b, of.x, of.y), values, chance)
	return i.elements.flat(b, out), renewed
}

// passes is what a choreography knows of the network's values.
func (j *fedavg) passes() {
	j.trained = j.net.Trained()
	j.values = slices.Clone(j.params.Items)
	for _, p := range j.net.Local() {
		j.values = append(j.values, types.Tensors(tensor.Float32, p.Shape...))
	}
	j.personal = j.net.Personal()
	j.learns = slices.Concat(j.params.Items[:j.trained], j.values[len(j.params.Items):][:j.personal])
}

// What of an exporter's doing a job can undo.
const (
	undoShared = "split-shared"
	undoBias   = "add-bias"
)

// options are those by which the model's file is read. What clients train has its statistics averaged, and drops what
// its file drops, unless the job says otherwise: so it was trained where it came from.
func (c Config) options() importer.Options {
	return importer.Options{Output: c.Output, Train: words(c.Trainable), Freeze: words(c.Freeze),
		SplitShared: slices.Contains(words(c.Undo), undoShared), AddBias: slices.Contains(words(c.Undo), undoBias),
		Buffers: cmp.Or(c.Buffers, c.statistics()), Dropout: c.Dropout != "off"}
}

// statistics is what becomes of running statistics where the job does not say it.
func (c Config) statistics() string {
	if s, err := c.chosen(); err == nil && s.Statistics {
		return importer.BuffersLocal
	}
	return importer.BuffersAverage
}

// checkModes holds what the job says of running statistics and of Dropout against what the model has.
func (c Config) checkModes(m *importer.Model) error {
	bad := func(key, value, want string) error { return &job.ConfigError{Key: key, Value: value, Want: want} }
	if o := m.Options(); c.Buffers != "" && c.Buffers != importer.BuffersFrozen && o.Buffers == "" {
		why := "none: " + c.Model + " has no running statistics that training changes"
		for _, x := range m.Report().Changes {
			if x.What == "folded" {
				why += "; " + x.Text + "; export it with optimize=False"
			}
		}
		return bad("buffers", strconv.Quote(c.Buffers), why)
	} else if c.Dropout == "on" && !o.Dropout {
		return bad("dropout", c.Dropout, "none: nothing drops in "+c.Model)
	}
	return nil
}

// variances are the places of the parameters that are running variances.
func (c Config) variances() []int {
	n := c.net()
	if n == nil {
		return nil
	}
	g, err := c.apart(n.model, nil)
	if err != nil {
		return nil // Validate says so
	}
	return g.Variances()
}

// validateModes checks what says how a model is trained that the job brings.
func (c Config) validateModes() error {
	for _, w := range words(c.Undo) {
		if w != undoShared && w != undoBias {
			return &job.ConfigError{Key: "undo", Value: strconv.Quote(w), Want: undoShared + " or " + undoBias}
		}
	}
	known := []string{"", importer.BuffersFrozen, importer.BuffersAverage, importer.BuffersLocal}
	if !slices.Contains(known, c.Buffers) {
		return &job.ConfigError{Key: "buffers", Value: strconv.Quote(c.Buffers),
			Want: "average, local, or frozen: running statistics stay as they are in the file"}
	}
	if by := c.statistics(); by == importer.BuffersLocal && c.Buffers != "" && c.Buffers != by {
		return &job.ConfigError{Key: "buffers", Value: strconv.Quote(c.Buffers),
			Want: "local, or nothing, beside a strategy by which running statistics stay at each client"}
	}
	if c.Dropout != "" && c.Dropout != "on" && c.Dropout != "off" {
		return &job.ConfigError{Key: "dropout", Value: strconv.Quote(c.Dropout), Want: "on or off"}
	}
	return nil
}

// chance returns what gives a step its chance: numbers that follow from the job's seed, the client, the round, the
// step, and the place in the network where they are wanted.
func (j *fedavg) chance(b *graph.Graph, step, round graph.Value) func(int, []int) graph.Value {
	var key []graph.Value
	return func(place int, shape []int) graph.Value {
		if key == nil {
			key = b.Invoke(j.slots.data, "Key", round, step)
		}
		return b.Tensor(onnxop.Uniform, graph.Attrs{"shape": shape, "place": place}, key[0])
	}
}

// ownStatistics is the component that holds a client's own parameters and running statistics.
func (j *fedavg) ownStatistics(of []model.Param) graph.Component {
	var c cell.Config
	for _, p := range of {
		c.Shapes = append(c.Shapes, p.Shape)
	}
	return graph.Component{Name: ownSlot, Role: cell.Role, Kind: cell.Kind, Version: cell.Version,
		At: []graph.Place{j.clients}, Methods: cell.Methods(), Config: c}
}

// readOwn records what a client kept before a round of what is its own: where there was none, the statistics of the
// file, and the parameters that the server told.
func (j *fedavg) readOwn(b *graph.Graph, round graph.Value) []graph.Value {
	var first []value.Value
	for _, p := range j.net.Local()[j.personal:] {
		first = append(first, value.Tensor{Tensor: p.Given})
	}
	own := j.values[len(j.params.Items):]
	kept := b.Invoke(j.slots.own, "Read", round, j.begins(b, first))[0]
	return b.Unbundle(b.Typed(kept, types.ListOf(own...)), len(own))
}

// modes says what the model does in training alone, as far as it does something.
func (b *beginning) modes(line func(string, ...any)) {
	o := b.c.net().Options
	if o.Buffers != "" {
		line("  # buffers: local    # running statistics of BatchNormalization, at each client, or frozen; without it %s",
			o.Buffers)
	}
	if o.Dropout {
		line("  dropout: on    # while clients train; or off")
	}
}
