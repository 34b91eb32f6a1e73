package federated

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/job/loss"
	"github.com/rhizome-ml/rhizome/internal/job/samples"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/tensor"
)

var _ job.Filed = Config{}

// brought is what the setting samples says: how the data of a job is read, and where it is.
type brought struct {
	Settings json.RawMessage       `json:"settings"` // of the reader, with all that was found
	Schema   data.Form             `json:"schema"`
	Rows     int                   `json:"rows"`              // of the file to train on
	Bad      int                   `json:"bad,omitempty"`     // rows of it that cannot be read
	Missing  int                   `json:"missing,omitempty"` // and that have missing values, and are none of these
	Files    map[string]given.File `json:"files"`
	Scale    *scale                `json:"scale,omitempty"` // of a perceptron
	Words    *given.File           `json:"words,omitempty"` // the vocabulary of texts

	Federated *scaling `json:"federated,omitempty"` // where the clients' sums make the constants
}

// scale is what a perceptron does to each feature before its first layer: the model that comes out takes samples as
// they are measured, and whoever runs it elsewhere needs no constants beside it.
type scale struct {
	Shift  []float32 `json:"shift"`
	Divide []float32 `json:"divide"`
}

// rescaled takes the normalisation of features in one row out of the settings of their reader, for the network.
func (b *brought) rescaled() error {
	var s dataset.FileSettings
	if err := json.Unmarshal(b.Settings, &s); err != nil || len(s.Divide) == 0 || len(b.Schema.Shape) != 1 {
		return err
	}
	b.Scale = &scale{}
	for i := range b.Schema.Shape[0] {
		k := min(i, len(s.Divide)-1) // one for each, or one for all
		b.Scale.Shift = append(b.Scale.Shift, float32(s.Shift[k]))
		b.Scale.Divide = append(b.Scale.Divide, float32(s.Divide[k]))
	}
	s.Normalize, s.Shift, s.Divide = "", nil, nil
	b.Settings = s.JSON()
	return nil
}

// perceptron is the network that the job describes.
func (c Config) perceptron() model.Config {
	m := model.Config{MLP: c.widths(), Scaled: c.scaled()}
	if b := c.data(); b != nil && b.Scale != nil {
		m.Shift, m.Divide = b.Scale.Shift, b.Scale.Divide
	}
	return m
}

// label is the name of what is learned, as it was found in the data; empty where it has none.
func (b *brought) label() string { return b.reader().Label }

// reader is what the reader of the data is told, with all that was found.
func (b *brought) reader() (s dataset.FileSettings) {
	_ = json.Unmarshal(b.Settings, &s) // it was marshaled here
	return s
}

// brings says whether the job's data is a file, and not a set that is built in.
func (c Config) brings() bool { return isPath(c.Data) || given.IsReady(c.Data) }

// isPath tells a file or folder from the name of a built-in set.
func isPath(name string) bool {
	return strings.ContainsAny(name, `/\.`)
}

// Rooted returns the job with the names of its files as they are found from elsewhere: those of a job file are beside
// it.
func (c Config) Rooted(dir string) job.Job {
	for _, p := range c.paths() {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, filepath.FromSlash(*p))
			if filepath.Dir(*p) == "." { // a name without a folder must not become that of a set
				*p = "." + string(filepath.Separator) + *p
			}
		}
	}
	return c
}

// paths are the settings that name files.
func (c *Config) paths() []*string {
	out := []*string{&c.Model}
	if isPath(c.Data) {
		out = append(out, &c.Data)
	}
	if _, share := c.share(); !share && c.Test != "" {
		out = append(out, &c.Test)
	}
	if _, share := c.rootOf(); !share {
		out = append(out, &c.RootData)
	}
	return out
}

// share returns the share of the data that is held out for the test, and whether the job says one.
func (c Config) share() (float64, bool) {
	if c.Test == "" {
		return 0.2, true
	}
	x, err := strconv.ParseFloat(c.Test, 64)
	return x, err == nil
}

// Brings says whether the job names files that Bring reads.
func (c Config) Brings() bool { return c.Model != "" || c.brings() }

// Bring reads the files that the job names, and returns the job with what its program is made of: the model, and what
// the samples are. Errors are *job.ConfigError.
func (c Config) Bring() (job.Job, error) {
	if !c.Brings() {
		return c, nil
	}
	if err := c.ready(); err != nil {
		return nil, err
	}
	for _, p := range c.paths() {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return nil, err
		}
		*p = abs
	}
	if c.Model != "" { // first: it says what its inputs are
		if err := c.bringModel(); err != nil {
			return nil, err
		}
	}
	var whole dataset.Source
	if c.brings() {
		var err error
		if whole, err = c.bringData(); err != nil {
			return nil, err
		}
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, c.dealsFile(whole)
}

// bringData looks at the data, and returns that on which the job trains.
func (c *Config) bringData() (dataset.Source, error) {
	settings, err := c.readerSettings()
	if err == nil {
		settings, err = c.withInputs(settings)
	}
	if err != nil {
		return nil, err
	}
	b := brought{Files: map[string]given.File{}}
	s, filled, err := c.openData("data", c.Data, data.FileTrain, settings, &b)
	if err != nil {
		return nil, err
	}
	if err := c.learnable(s); err != nil {
		return nil, err
	}
	b.Schema, b.Settings, b.Rows = data.FormOf(s.Schema()), filled, s.Len()
	if of, ok := s.(interface{ Left() (bad, missing int) }); ok {
		b.Bad, b.Missing = of.Left()
	}
	if err := c.bringWords(&b); err != nil {
		return nil, err
	}
	if c.federates() {
		if b.Federated, err = c.scalingOf(s, filled); err != nil {
			return nil, err
		}
	} else if c.Model == "" {
		if err := b.rescaled(); err != nil {
			return nil, err
		}
	}
	if _, share := c.share(); !share {
		t, _, err := c.openData("test", c.Test, data.FileTest, b.Settings, &b)
		if err == nil {
			err = t.Schema().Against(s.Schema())
		}
		if err != nil {
			return nil, &job.ConfigError{Key: "test", Value: c.Test, Want: "a file of samples like those of the job: " +
				err.Error()}
		}
	}
	if err := c.bringRoot(&b); err != nil {
		return nil, err
	}
	text, err := json.Marshal(b)
	c.Samples = string(text)
	return s, err
}

// learnable says why nothing can be learned of samples, as a *job.ConfigError.
func (c *Config) learnable(s dataset.Source) error {
	schema := s.Schema()
	switch share, held := c.share(); {
	case slices.ContainsFunc(schema.Parts, func(p dataset.Part) bool { return p.Label }) && !c.given():
		return &job.ConfigError{Key: "reader", Value: "inputs",
			Want: "no input that is the label, unless loss is given: the model would be told what it is to find"}
	case c.Model == "" && schema.Features == tensor.Int64 && strings.Contains(c.Reader, `"text"`):
		return &job.ConfigError{Key: "reader", Value: "text",
			Want: "a model that takes tokens: a perceptron would take their numbers for quantities"}
	case schema.Label == 0 && !c.given():
		return &job.ConfigError{Key: "label", Value: strconv.Quote(c.Label),
			Want: "what the model is to learn: samples of " +
				c.Data + " have no label"}
	case len(schema.Classes) == 1 && !c.given():
		return &job.ConfigError{Key: "label", Value: strconv.Quote(c.Label),
			Want: "at least two classes; all samples are of the class " + strconv.Quote(schema.Classes[0])}
	case c.Loss == loss.BCE && !c.answers(s):
		return &job.ConfigError{Key: "loss", Value: c.Loss, Want: "labels of 0 to 1 beside bce; those of " + c.Data +
			" are quantities"}
	case held && float64(s.Len())*share < 1:
		return &job.ConfigError{Key: "test", Value: strconv.FormatFloat(share, 'g', -1, 64),
			Want: "a share of at least one of " + strconv.Itoa(s.Len()) + " samples"}
	}
	return nil
}

// openData opens a file of samples, and notes it.
func (c *Config) openData(key, path, name string, settings []byte, b *brought) (dataset.Source, []byte, error) {
	wrong := func(err error) error {
		return &job.ConfigError{Key: key, Value: path, Want: "a file or folder of samples: " + reason(err)}
	}
	f, err := given.Read(path)
	if err != nil {
		return nil, nil, wrong(err)
	}
	s, filled, err := data.OpenFile(f.Given(), settings)
	if err != nil {
		return nil, nil, wrong(err)
	}
	b.Files[name] = f
	return s, filled, nil
}

// reason is an error without the name of the file, which stands before it.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// readerSettings returns the settings of the reader, as the job says them.
func (c Config) readerSettings() ([]byte, error) {
	if !slices.Contains([]string{"", "none", "standard", "minmax", normalizeFederated}, c.Normalize) {
		return nil, &job.ConfigError{Key: "normalize", Value: strconv.Quote(c.Normalize),
			Want: "none, standard, minmax or federated"}
	}
	all := map[string]json.RawMessage{}
	if c.Reader != "" {
		if err := config.Strict([]byte(c.Reader), &all); err != nil {
			return nil, &job.ConfigError{Key: "reader", Value: c.Reader, Want: "a JSON object: " + err.Error()}
		}
	}
	for key, text := range map[string]string{"label": c.Label, "normalize": c.Normalize} {
		if _, twice := all[key]; twice {
			return nil, &job.ConfigError{Key: "reader", Value: c.Reader, Want: "no " + key +
				", which is a setting of the job"}
		}
		if text != "" && text != normalizeFederated {
			all[key], _ = json.Marshal(text)
		}
	}
	return json.Marshal(all)
}

// data returns what the setting samples says, nil where the job's data is built in or was not looked at yet.
func (c Config) data() *brought {
	if c.Samples == "" {
		return nil
	}
	if b, ok := parsed.Load(c.Samples); ok {
		return b.(*brought)
	}
	b := &brought{}
	if err := json.Unmarshal([]byte(c.Samples), b); err != nil {
		return nil // Validate says so
	}
	parsed.Store(c.Samples, b)
	return b
}

// parsed keeps what settings come to, which is asked for often: there are few in a process.
var parsed sync.Map

// Shared returns the file that the clients of a run on one machine are dealt.
func (c Config) Shared() string {
	if !c.brings() {
		return ""
	}
	return c.Data
}

// Give gives a node of a run on one machine, or the server of a job, the files that the job names. Part is that of a
// client, -1 for a server.
func (c Config) Give(cfg *node.Config, part int) error { return c.give(cfg, part, false) }

// give is Give; a node that is whole has what a server has, beside its part of the data.
func (c Config) give(cfg *node.Config, part int, whole bool) error {
	if n := c.net(); n != nil && (part < 0 || whole) {
		if err := giveFile(cfg, modelSlot, model.FileSource, n.File); err != nil {
			return err
		}
	}
	b := c.data()
	if b == nil {
		return nil
	}
	o := data.SamplesOptions{Files: map[string]string{}}
	for name, f := range b.Files {
		if part >= 0 && name != data.FileTrain && !whole || name == fileRoot {
			continue
		}
		if err := giveFile(cfg, dataSlot, name, f); err != nil {
			return err
		}
		o.Files[name] = f.SHA256
	}
	if part >= 0 {
		o.Partition = &part
	}
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	options := maps.Clone(cfg.Options)
	if options == nil {
		options = map[string][]byte{}
	}
	options[dataSlot] = text
	cfg.Options = options
	if c.rooted() && part < 0 {
		return c.giveRoot(cfg, b)
	}
	return nil
}

// giveFile gives a slot of a node a file that is what it was when the job was brought.
func giveFile(cfg *node.Config, slot, name string, f given.File) error {
	g, err := given.Open(f)
	if err != nil {
		return err
	}
	all := maps.Clone(cfg.Files)
	if all == nil {
		all = map[string]map[string]node.Given{}
	}
	own := maps.Clone(all[slot])
	if own == nil {
		own = map[string]node.Given{}
	}
	own[name], all[slot] = g, own
	cfg.Files = all
	return nil
}

// Unchanged reads the files that the job names, and refuses one that is not what it was. Errors are
// *given.ChangedError and those of reading.
func (c Config) Unchanged() error {
	if n := c.net(); n != nil {
		if _, err := given.Open(n.File); err != nil {
			return err
		}
	}
	b := c.data()
	if b == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(b.Files)) {
		if _, err := given.Open(b.Files[name]); err != nil {
			return err
		}
	}
	if b.Words == nil {
		return nil
	}
	_, err := given.Open(*b.Words)
	return err
}

// leastBrought is the number of samples that each client has at least, where a file is dealt.
const leastBrought = 1

// samplesConfig is the settings of the component that holds the data, as Validate has seen them.
func (c Config) samplesConfig() data.SamplesConfig {
	b := c.data()
	name, settings, _ := samples.Partition(c.Partition, c.Alpha, b.Schema.Classed())
	return data.SamplesConfig{Settings: b.Settings, Schema: b.Schema, Batch: c.Batch, Epochs: c.Epochs,
		Partitions: c.parts(), Least: leastBrought, Partitioner: name, Partition: settings,
		Held: c.heldByServer(), Each: c.heldByClients(), Root: c.root()}
}

// validateBrought checks what says which files the job reads, and how.
func (c Config) validateBrought() error {
	bad := func(key, value, want string) error { return &job.ConfigError{Key: key, Value: value, Want: want} }
	if !c.brings() {
		for _, k := range []struct{ key, value string }{{"label", c.Label}, {"test", c.Test},
			{"partition", c.Partition},
			{"normalize", c.Normalize}, {"reader", c.Reader}, {"samples", c.Samples}} {
			if k.value != "" {
				return bad(k.key, strconv.Quote(k.value), "nothing beside data "+c.Data+", which is built in")
			}
		}
	}
	if share, ok := c.share(); ok && !(share > 0 && share < 1) {
		return bad("test", c.Test, "a share of the data above 0 and below 1, or the name of a file")
	}
	if err := c.validateModes(); err != nil {
		return err
	}
	if c.Network != "" && c.net() == nil {
		return bad("network", "of this form", "a model as it was read")
	}
	if c.Model == "" {
		for _, k := range []struct{ key, value string }{{"output", c.Output}, {"trainable", c.Trainable},
			{"freeze", c.Freeze}, {"undo", c.Undo}, {"buffers", c.Buffers},
			{"dropout", c.Dropout}, {"network", c.Network}} {
			if k.value != "" {
				return bad(k.key, strconv.Quote(k.value), "nothing where the job brings no model")
			}
		}
	} else if c.MLP != "" {
		return bad("mlp", c.MLP, "nothing beside model: the file is the network")
	}
	if c.Samples != "" {
		b := c.data()
		if b == nil {
			return bad("samples", "of this form", "what was found in the data")
		}
		if _, err := b.Schema.Schema(); err != nil {
			return bad("samples", "of this form", err.Error())
		}
		if _, _, err := samples.Partition(c.Partition, c.Alpha, b.Schema.Classed()); err != nil {
			return err
		}
	}
	_, err := c.readerSettings()
	return err
}
