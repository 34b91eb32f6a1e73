package data

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/exact"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// KindSamples names the component in an artifact where the nodes' samples are in files that their hosts give: one for
// all nodes of a run on one machine, of which each node has a part, or a file of each node's own.
const KindSamples = "samples"

// SamplesMost bounds what a node trains on: a mean of updates is exact for samples up to that.
const SamplesMost = exact.SamplesMax - 1

// The files that a host gives to the component, by name.
const (
	FileTrain = "train"
	FileTest  = "test" // of the test alone; without it, a share of FileTrain is held out
)

// SamplesConfig is the settings of the kind "samples" that all nodes of a job share.
type SamplesConfig struct {
	// Settings say how a file is read, with all that was found in the job's own: classes, and what features are scaled
	// by. So every node reads its file as the job does, or refuses it.
	Settings json.RawMessage `json:"settings"`
	// Schema is what a sample is.
	Schema Form `json:"schema"`
	// Batch is the number of samples in each batch, 1 to 1024, and Epochs how often a round goes over the node's
	// samples, 1 to 1000.
	Batch  int `json:"batch"`
	Epochs int `json:"epochs"`
	// Partitions is the number of parts that FileTrain is dealt to where it is not a node's own, each with at least
	// Least samples, by Partitioner with the settings Partition.
	Partitions  int             `json:"partitions"`
	Least       int             `json:"least"`
	Partitioner string          `json:"partitioner"`
	Partition   json.RawMessage `json:"partition,omitempty"`
	// Held is the share of FileTrain that is held out where there is no FileTest, in millionths.
	Held int `json:"held"`
	// Each is the share that each node holds back of what it would train on, for a test of its own, in millionths; 0:
	// nothing.
	Each int `json:"each,omitempty"`
	Root
}

// Form is a dataset.Schema, as artifacts and records of jobs have it.
type Form struct {
	Shape    []int    `json:"shape"`
	Features string   `json:"features"`
	Label    string   `json:"label,omitempty"` // empty: none
	Classes  []string `json:"classes,omitempty"`
	Names    []string `json:"names,omitempty"`
	Parts    []Part   `json:"parts,omitempty"`
	Each     []int    `json:"label_shape,omitempty"`
	Labels   []string `json:"labels,omitempty"`
}

// Part is a dataset.Part.
type Part struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape,omitempty"`
	Type  string `json:"type"`
	Label bool   `json:"label,omitempty"`
}

// FormOf writes down a schema.
func FormOf(s dataset.Schema) Form {
	f := Form{Shape: s.Shape, Features: s.Features.String(), Classes: s.Classes, Names: s.Names, Each: s.LabelShape,
		Labels: s.Labels}
	for _, p := range s.Parts {
		f.Parts = append(f.Parts, Part{p.Name, p.Shape, p.Type.String(), p.Label})
	}
	if s.Label != 0 {
		f.Label = s.Label.String()
	}
	return f
}

// Classed says whether each sample is of one class.
func (f Form) Classed() bool { return len(f.Classes) > 0 && len(f.Each) == 0 }

// Schema returns what was written down, checked.
func (f Form) Schema() (dataset.Schema, error) {
	s := dataset.Schema{Shape: f.Shape, Classes: f.Classes, Names: f.Names, LabelShape: f.Each, Labels: f.Labels}
	var ok bool
	for _, p := range f.Parts {
		t, ok := tensor.ParseDType(p.Type)
		if !ok {
			return s, config.Errorf("schema", "the part %.40q is %.40q; want the name of an element type",
				p.Name, p.Type)
		}
		s.Parts = append(s.Parts, dataset.Part{Name: p.Name, Shape: p.Shape, Type: t, Label: p.Label})
	}
	if s.Features, ok = tensor.ParseDType(f.Features); !ok {
		return s, config.Errorf("schema", "features are %.40q; want the name of an element type", f.Features)
	}
	if s.Label, ok = tensor.ParseDType(f.Label); !ok && f.Label != "" {
		return s, config.Errorf("schema", "labels are %.40q; want the name of an element type", f.Label)
	}
	return s, s.Check()
}

// SamplesOptions is the node's own settings of the kind "samples".
type SamplesOptions struct {
	// Partition is the part of FileTrain that the node trains on, from 0; or, where Own says that the file is the
	// node's own, the name of the order in which it is read. Absent: the node trains on nothing.
	Partition *int `json:"partition,omitempty"`
	Own       bool `json:"own,omitempty"`
	// Hold says that of a file of the node's own the share SamplesConfig.Held is held out for the node's test.
	Hold bool `json:"hold,omitempty"`
	// Files are the SHA-256 of the files that the host gives, by name.
	Files map[string]string `json:"files,omitempty"`
}

// JSON returns the settings as the artifact holds them.
func (c SamplesConfig) JSON() []byte { return config.JSON(c) }

// ParseSamplesConfig reads a SamplesConfig from JSON; an unknown key is refused by name, as are values out of their
// range.
func ParseSamplesConfig(b []byte) (SamplesConfig, error) {
	const of = "samples config"
	var c SamplesConfig
	if err := config.Decode(of, b, &c); err != nil {
		return c, err
	}
	if err := steps(of, c.Batch, c.Epochs); err != nil {
		return c, err
	}
	for _, k := range []struct {
		key  string
		v, l int
		h    int64
	}{{"partitions", c.Partitions, 1, partsMax}, {"least", c.Least, 1, partsMax}, {"held", c.Held, 0, 999_999},
		{"each", c.Each, 0, 999_999}} {
		if err := config.Within(of, k.key, int64(k.v), int64(k.l), k.h); err != nil {
			return c, err
		}
	}
	if err := c.Root.check(of); err != nil {
		return c, err
	}
	_, err := c.Schema.Schema()
	return c, err
}

// ParseSamplesOptions reads SamplesOptions from JSON; an unknown key is refused by name.
func ParseSamplesOptions(b []byte) (SamplesOptions, error) {
	var o SamplesOptions
	err := config.Decode("samples options", b, &o)
	return o, err
}

// SamplesFactory builds the component of a slot, as KindSamples.
func SamplesFactory(env node.Env) (engine.Component, error) { return SharedSamples()(env) }

func openSamples(env node.Env, shared *sharing) (*Component, error) {
	c, err := ParseSamplesConfig(env.Config)
	if err != nil {
		return nil, err
	}
	o, err := ParseSamplesOptions(env.Options)
	if err != nil {
		return nil, err
	}
	return c.open(env, o, shared)
}

// open opens the files that the host gives, and takes what the node has of them.
func (c SamplesConfig) open(env node.Env, o SamplesOptions, shared *sharing) (*Component, error) {
	const of = "samples options"
	partitioner, err := dataset.OpenPartitioner(c.Partitioner, c.Partition)
	if err != nil {
		return nil, err
	}
	p := &plan{batch: c.Batch, epochs: c.Epochs, cursor: true, orders: "data/order", partitions: c.Partitions,
		least: c.Least, partitioner: partitioner}
	s := &Component{slot: env.Slot, plan: p, seed: env.Seed, part: none, name: string(env.Self)}
	if o.Partition != nil {
		s.part = *o.Partition
		high := int64(math.MaxInt32)
		if !o.Own {
			high = int64(c.Partitions) - 1
		}
		if err := config.Within(of, "partition", int64(s.part), 0, high); err != nil {
			return nil, err
		}
		s.name = strconv.Itoa(s.part)
	}
	if c.Rooted {
		s.name = rootName
	}
	sources := map[string]dataset.Source{}
	for name, sum := range o.Files {
		g, ok := env.Files[name]
		if name != FileTrain && name != FileTest || !ok || g.SHA256 != sum {
			return nil, config.Errorf(of, "the file %.20q has the SHA-256 %.64q, and the host gives %.64q", name, sum,
				g.SHA256)
		}
		if name == FileTrain && !o.Own {
			sources[name], err = shared.source(string(env.Config), g, c.source)
		} else {
			sources[name], err = c.source(g)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.Name, err)
		}
	}
	s.test.source = sources[FileTest]
	train := sources[FileTrain]
	if train == nil {
		return s, nil
	}
	s.sums = &summing{file: env.Files[FileTrain], of: c}
	if o.Own {
		if err := c.own(s, train, o.Hold); err != nil {
			return nil, err
		}
	} else if err := c.take(s, train, shared, dealOf{string(env.Config), o.Files[FileTrain], env.Seed,
		s.test.source == nil}); err != nil {
		return nil, err
	}
	if !c.Rooted {
		s.holdBack(c.Each)
	}
	if n := s.train.len(); n > SamplesMost {
		return nil, config.Errorf(of, "the node would train on %d samples of %s; want at most %d, what an update can "+
			"weigh: a part of the file", n, env.Files[FileTrain].Name, SamplesMost)
	}
	return s, nil
}

// own takes a file of the node's own: all of it, or what is not held out of it for the node's test.
func (c SamplesConfig) own(s *Component, whole dataset.Source, holdsOut bool) error {
	s.train.source = whole
	if !holdsOut || c.Held == 0 {
		return nil
	}
	all, err := dataset.SamplesOf(whole)
	if err != nil {
		return err
	}
	train, test := hold(all, c.Held, s.seed)
	if len(train) == 0 || len(test) == 0 {
		return config.Errorf("samples options", "of %d samples %d are held out for the test; want at least one of both",
			len(train)+len(test), len(test))
	}
	s.train, s.test, s.sums.rows = holds{whole, train}, holds{whole, test}, train
	return nil
}

// source opens a file, whose samples have to be those of the job.
func (c SamplesConfig) source(g node.Given) (dataset.Source, error) {
	s, _, err := OpenFile(g, c.Settings)
	if err != nil {
		return nil, err
	}
	want, err := c.Schema.Schema()
	if err != nil {
		return nil, err
	}
	return s, s.Schema().Against(want)
}

// take takes the node's part of a file that all nodes have, and what is held out of it for the test.
func (c SamplesConfig) take(s *Component, whole dataset.Source, shared *sharing, of dealOf) error {
	of.tests = of.tests && c.Held > 0
	if s.part == none && !of.tests && !c.Rooted {
		return nil
	}
	d, err := shared.deal(of, func() (dealt, error) { return c.deal(whole, of) })
	if err != nil {
		return err
	}
	if len(d.held) > 0 {
		s.test = holds{whole, d.held}
	}
	if s.part != none {
		s.train = holds{whole, slices.Clone(d.parts[s.part])} // not the memory of all
		s.sums.rows = s.train.rows
	}
	if c.Rooted {
		s.train = holds{whole, d.root}
		s.sums.rows = s.train.rows
	}
	return nil
}

// deal deals a file that all nodes have, but for what is held out of it for the test.
func (c SamplesConfig) deal(whole dataset.Source, of dealOf) (d dealt, err error) {
	all, err := dataset.SamplesOf(whole)
	if err != nil {
		return d, err
	}
	if of.tests {
		all.Rows, d.held = hold(all, c.Held, of.seed)
	}
	if all.Rows, d.root, err = c.split(all, of.seed); err != nil || c.Rooted {
		return d, err
	}
	partitioner, err := dataset.OpenPartitioner(c.Partitioner, c.Partition)
	if err != nil {
		return d, err
	}
	d.parts, err = dataset.Deal(partitioner, all, c.Partitions, c.Least, of.seed)
	return d, err
}

// Deals says why the samples of a file cannot be dealt by these settings; nil where they can. Tests says that a part of
// it is held out for the test.
func (c SamplesConfig) Deals(whole dataset.Source, seed uint64, tests bool) error {
	_, err := c.deal(whole, dealOf{seed: seed, tests: tests && c.Held > 0})
	return err
}

// hold divides samples into those that train and those that test, both ascending: a share of each class in millionths,
// rounded to nearest, is held out, drawn from the seed. Samples without classes are one class.
func hold(s dataset.Samples, share int, seed uint64) (train, test []int) {
	return holdBy(s, share, seed, "data/held")
}

// holdBy is hold for a purpose.
func holdBy(s dataset.Samples, share int, seed uint64, purpose string) (train, test []int) {
	classes := [][]int{slices.Clone(s.Rows)}
	if s.Classes > 0 {
		classes = make([][]int, s.Classes)
		for _, r := range s.Rows {
			classes[s.Labels[r]] = append(classes[s.Labels[r]], r)
		}
	}
	d := draw.New(seed, purpose)
	for _, rows := range classes {
		n := int((int64(len(rows))*int64(share) + 500_000) / 1_000_000)
		d.Shuffle(rows, n)
		test, train = append(test, rows[:n]...), append(train, rows[n:]...)
	}
	if len(test) == 0 && s.Classes > 0 && len(s.Rows) > 1 { // classes of too few samples, each for itself
		return holdBy(dataset.Samples{Rows: s.Rows}, share, seed, purpose)
	}
	slices.Sort(train)
	slices.Sort(test)
	return train, test
}

// testBatch reads a batch of the test. The last one goes on with the first samples, which weigh nothing.
func (c *Component) testBatch(in []value.Value) ([]value.Value, error) {
	step, ok := intAt(in, 0)
	held := c.held()
	n, batch := held.len(), c.plan.batch
	if !ok || n == 0 || step < 0 || step >= int64((n+batch-1)/batch) {
		return nil, c.fail(value.CodeError, "TestBatch takes a step of the test as an Int; it has %d samples in "+
			"batches of %d", n, batch)
	}
	at := int(step) * batch
	out, err := c.batch(held.source, held.from(at, batch))
	if err != nil {
		return nil, err
	}
	weights := make([]float32, batch)
	for i := range min(batch, n-at) {
		weights[i] = 1
	}
	w, err := tensor.FromFloat32([]int{batch}, weights)
	return append(out, value.Tensor{Tensor: w}), err
}

// SamplesMethods returns what a choreography may invoke on the component of the kind "samples": the Methods of all
// kinds, and more, which the others have as well.
func SamplesMethods() []graph.Method {
	return append(Methods(), graph.Method{
		Name: "Tests", Doc: "Gives how many samples the test has, and in how many batches they come.",
		In:  []graph.Port{{Name: "trigger", Type: types.Trigger()}},
		Out: []graph.Port{{Name: "samples", Type: types.Int()}, {Name: "steps", Type: types.Int()}},
	}, graph.Method{
		Name: "Turn", Doc: "Gives a round as a tensor, for what changes with the rounds.",
		In:  []graph.Port{{Name: "round", Type: types.Int()}},
		Out: []graph.Port{{Name: "turn", Type: types.Tensors(tensor.Int64)}},
	}, graph.Method{
		Name: "Pass", Doc: "Gives how many batches of a round are one pass over the samples: its first ones.",
		In:  []graph.Port{{Name: "round", Type: types.Int()}},
		Out: []graph.Port{{Name: "batches", Type: types.Int()}},
	}, graph.Method{
		Name: "Key",
		Doc: "Gives the key of what is drawn in a step: a number that follows from the job's seed, the node, the " +
			"round and the step.",
		In:  []graph.Port{{Name: "round", Type: types.Int()}, {Name: "step", Type: types.Int()}},
		Out: []graph.Port{{Name: "key", Type: types.Tensors(tensor.Int64)}},
	}, graph.Method{
		Name: "TestBatch",
		Doc: "Gives a batch of the test, its labels, and what each sample weighs: 1, or 0 where the last batch was " +
			"filled up.",
		In: []graph.Port{{Name: "step", Type: types.Int()}},
		Out: []graph.Port{{Name: "batch", Type: types.Tensor()}, {Name: "labels", Type: types.Tensor()},
			{Name: "weights", Type: types.Tensor()}},
	}, graph.Method{
		Name: "Moments", Deferred: true,
		Doc: "Gives of each feature of the node's own samples how many numbers there are, their sum, and that of " +
			"their squares, both exact.",
		In: []graph.Port{{Name: "trigger", Type: types.Trigger()}},
		Out: []graph.Port{{Name: "counts", Type: types.Tensors(tensor.Int64, -1)},
			{Name: "sums", Type: types.Tensors(tensor.Float64, -1, -1)},
			{Name: "squares", Type: types.Tensors(tensor.Float64, -1, -1)}},
	})
}
