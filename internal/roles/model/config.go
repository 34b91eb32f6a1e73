package model

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Role, Kind and Version name the component in an artifact.
const (
	Role    = "model"
	Kind    = "onnx"
	Version = 1
)

// Where an export has what inputs are scaled by.
const (
	ScaledGraph    = "graph"
	ScaledMetadata = "metadata"
)

// Config is the settings of the component: the model, given in one of three ways, and how it begins.
type Config struct {
	MLP []int `json:"mlp,omitempty"` // widths as for the function MLP
	// Shift and Divide are what is taken from each input of an MLP, and what it is divided by then; none: nothing.
	Shift  []float32 `json:"shift,omitempty"`
	Divide []float32 `json:"divide,omitempty"`
	// Scaled says that such constants come later, by LoadScale, and where an export has them: ScaledGraph for an MLP,
	// or ScaledMetadata. Whoever trains the model applies them himself.
	Scaled string `json:"scaled,omitempty"`
	ONNX   []byte `json:"onnx,omitempty"` // an ONNX file; base64 in JSON
	// Bare is the bare form of a model (importer.Model.Bare) whose file the host gives to the slot as FileSource:
	// SHA256 is the file's, in hex, and Read is how it is read.
	Bare   []byte            `json:"graph,omitempty"`
	SHA256 string            `json:"sha256,omitempty"`
	Read   *importer.Options `json:"read,omitempty"`
	// Away are the places at which nobody has that file: there the parameters begin as zeros, until others are loaded,
	// and nothing is exported.
	Away []string `json:"away,omitempty"`
	away bool     // the component is at one of them
	// Personal are the names of what is trained and stays with whoever trains it, in the model's order (Graph.Apart).
	Personal []string `json:"personal,omitempty"`
	// Init is how the first parameters are made: "he", "glorot" or "file"; "" means "he" for an MLP, "file" for a file.
	Init string `json:"init,omitempty"`
	// Storage is the float type that what is trained is kept and given in, "bf16" or "f16" (half.NameBF16,
	// half.NameF16); "" means float32. Running statistics stay float32 in any case, and so does what is exported.
	Storage string `json:"storage,omitempty"`
}

// ParseConfig reads a Config from JSON; an unknown key is refused by name, as are values out of their range.
func ParseConfig(b []byte) (Config, error) {
	return config.Parse("onnx config", b, Config.withDefaults)
}

// JSON returns the settings as the artifact holds them.
func (c Config) JSON() []byte { return config.JSON(c) }

func (c Config) withDefaults() (Config, error) {
	ways := 0
	for _, given := range []bool{len(c.MLP) > 0, len(c.ONNX) > 0, len(c.Bare) > 0} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1:
		return c, config.Errorf("onnx config", "want either mlp, onnx or graph to say which model it is")
	case len(c.MLP) == 0 && len(c.Shift)+len(c.Divide) > 0:
		return c, config.Errorf("onnx config", "shift and divide are of an mlp; want none beside onnx or graph")
	case c.Scaled != "" && (len(c.Shift) > 0 || c.Scaled != ScaledMetadata && (c.Scaled != ScaledGraph ||
		len(c.MLP) == 0)):
		return c, config.Errorf("onnx config", "scaled is %.20q; want %q for an mlp without shift and divide, or %q",
			c.Scaled, ScaledGraph, ScaledMetadata)
	case len(c.Bare) == 0 && len(c.Away) > 0:
		return c, config.Errorf("onnx config", "away says where a file is not; want none without graph")
	case (len(c.Bare) > 0) != (c.SHA256 != ""):
		return c, config.Errorf("onnx config", "want graph and sha256, of the file that it is from, together")
	}
	if d, ok := half.Of(c.Storage); c.Storage != "" && !(ok && half.Is(d)) {
		return c, config.Errorf("onnx config", "storage is %.20q; want %q, %q, or nothing for float32", c.Storage,
			half.NameBF16, half.NameF16)
	}
	if c.Init == "" {
		c.Init = InitHe
		if len(c.MLP) == 0 {
			c.Init = InitFile
		}
	}
	if !slices.Contains([]string{InitHe, InitGlorot, InitFile}, c.Init) {
		return c, config.Errorf("onnx config", "init is %q; want %q, %q or %q", c.Init, InitHe, InitGlorot, InitFile)
	}
	return c, nil
}

// First returns the first parameters of the settings' graph, in float32, drawn from the seed and the slot's name.
func (c Config) First(g *Graph, seed uint64, slot string) ([]*tensor.Tensor, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return g.initial(seed, slot, c.Init, nil)
}

// Graph returns the model that the settings name.
func (c Config) Graph() (*Graph, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	switch {
	case len(c.MLP) > 0:
		return scaledMLP(c.Shift, c.Divide, c.MLP...)
	case len(c.Bare) > 0:
		return Load(c.Bare)
	}
	return Load(c.ONNX)
}
