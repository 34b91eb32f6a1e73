package federated

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/forward"
	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/tensor"
)

// network is what the setting network says: a model that a user brought.
type network struct {
	Graph   string           `json:"graph"` // importer.Model.Bare, packed
	Options importer.Options `json:"options"`
	File    given.File       `json:"file"` // as it was read

	bare  []byte
	model *model.Graph
}

// networkMax bounds what a user's model has beside the values of its parameters, in bytes: it travels with the program.
const networkMax = 32 << 20

// networks keeps what settings come to, which is asked for often: there are few in a process.
var networks sync.Map

// net returns the model that the job brought, nil where it brings none or has not read it yet.
func (c Config) net() *network {
	if c.Network == "" {
		return nil
	}
	if n, ok := networks.Load(c.Network); ok {
		return n.(*network)
	}
	n := &network{}
	err := config.Strict([]byte(c.Network), n)
	if err == nil {
		n.bare, err = unpacked(n.Graph)
	}
	if err == nil {
		n.model, err = model.Load(n.bare)
	}
	if err != nil {
		return nil // Validate says so
	}
	networks.Store(c.Network, n)
	return n
}

// words returns the entries of a list.
func words(text string) (out []string) {
	for w := range strings.SplitSeq(text, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// bringModel reads the model, and holds it against the data.
func (c *Config) bringModel() error {
	wrong := func(err error) error {
		return &job.ConfigError{Key: "model", Value: c.Model, Want: "a model that can be trained: " + reason(err)}
	}
	f, err := given.Read(c.Model)
	if err != nil {
		return wrong(err)
	}
	n := network{Options: c.options(), File: f}
	m, err := model.ReadSource(f.Given(), n.Options)
	if err != nil {
		return wrong(err)
	}
	if err := c.checkHolds(m); err != nil {
		return err
	}
	if err := c.checkModes(m.Imported()); err != nil {
		return err
	}
	n.Options = m.Imported().Options()
	bare, err := m.Imported().Bare()
	if err != nil {
		return wrong(err)
	}
	if len(bare) > networkMax {
		return wrong(fmt.Errorf("what of it is not trained has %d bytes; want at most %d", len(bare), networkMax))
	}
	n.Graph = packed(bare)
	text, err := json.Marshal(n)
	c.Network = string(text)
	return err
}

// packed is bytes as a setting: short, and one word.
func packed(b []byte) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic("federated: " + err.Error()) // there are no options that could be wrong
	}
	defer w.Close()
	return base64.StdEncoding.EncodeToString(w.EncodeAll(b, nil))
}

// unpacked returns what packed took.
func unpacked(text string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	r, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(networkMax), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.DecodeAll(b, nil)
}

// perceptron is a network that a job describes.
type perceptron struct {
	*model.Graph
	form     dataset.Schema
	batch    int
	elements elements
}

func (p perceptron) output(b *graph.Graph, of batch, params []graph.Value) graph.Value {
	return p.elements.flat(b, forward.Of(b, p.Inference(), p.inputs(b, of), params))
}

func (p perceptron) inputs(b *graph.Graph, of batch) map[string]graph.Value {
	x := of.x
	if p.form.Features != tensor.Float32 {
		x = b.Tensor("Cast", graph.Attrs{"to": int(tensor.Float32)}, x)
	}
	if len(p.form.Shape) != 1 { // it wants numbers in a row
		x = b.Tensor("Reshape", nil, x, b.Constant(integers(int64(p.batch), int64(p.form.Width()))))
	}
	return map[string]graph.Value{p.Inference().Input: x}
}

// imported is a network that a user brought, for one size of batches.
type imported struct {
	*model.Graph
	fit      forward.Fit
	elements elements
}

// trainee returns the network that the job trains, or a *job.ConfigError where it does not fit the data.
func (c Config) trainee() (trainee, error) {
	if c.Model == "" {
		net, err := c.apart(c.Net())
		return perceptron{net, c.form(), c.Batch, c.elements()}, err
	}
	bad := func(format string, args ...any) (trainee, error) {
		return nil, &job.ConfigError{Key: "model", Value: c.Model, Want: fmt.Sprintf(format, args...)}
	}
	n := c.net()
	if n == nil {
		return bad("a model that was read")
	}
	g, err := c.apart(n.model, nil)
	if err != nil {
		return nil, err
	}
	if g, err = g.At(c.Batch); err != nil {
		return bad("a model that can be trained in batches of %d: %v", c.Batch, err)
	}
	f, err := forward.FitOf(c.form(), g.Inputs(), c.Batch)
	if err != nil {
		return bad("%v", err)
	}
	e, err := c.laidOut(g)
	if err != nil {
		return bad("%v", err)
	}
	return imported{g, f, e}, nil
}
