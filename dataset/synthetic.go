package dataset

import (
	"fmt"
	"math"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Synthetic is the kind of samples that every node draws for itself out of the job's seed: two classes and any number
// of features, for simulations of many nodes.
//
// Features are uniform, a plane through 0 that the seed decides says the class, and a share of the labels is turned
// round. A node draws its own samples without holding those of others: they are a function of the seed and of the
// node's name. The test's samples are a function of the seed alone. Samples are drawn when they are first read, so that
// a node that does nothing holds none.
const Synthetic = "synthetic"

// SyntheticScale is what a feature of a row is divided by: features are whole 64ths from -2 to below 2, so that a row
// takes a byte for each and is exact in float32.
const SyntheticScale = 64

const (
	syntheticFeatures    = 57
	syntheticFeaturesMax = 1 << 12
	syntheticSamplesMax  = 1 << 16
)

// SyntheticConfig is the settings of the kind.
type SyntheticConfig struct {
	// Features is the number of features, 1 to 4,096. 0 means 57.
	Features int `json:"features,omitempty"`
	// Samples is the number of samples of each node, 1 to 65,536. 0 means 16.
	Samples int `json:"samples,omitempty"`
	// Test is the number of samples held out, 1 to 65,536. 0 means 1,000.
	Test int `json:"test,omitempty"`
	// Noise is the share of labels that are turned round, 0 to 0.5.
	Noise float64 `json:"noise,omitempty"`
}

func init() {
	kinds.add(Synthetic, Kind{Name: Synthetic, Each: true, Open: func(env Env) (Source, error) {
		var c SyntheticConfig
		if err := config.Decode("synthetic settings", env.Settings, &c); err != nil {
			return nil, err
		}
		return c.Open(env.Seed, env.Node)
	}})
}

// Most returns the greatest settings that there may be.
func (SyntheticConfig) Most() SyntheticConfig {
	return SyntheticConfig{syntheticFeaturesMax, syntheticSamplesMax, syntheticSamplesMax, 0.5}
}

// WithDefaults returns the settings with their defaults filled in, or an error for the first one out of its range.
func (c SyntheticConfig) WithDefaults() (SyntheticConfig, error) {
	const of = "synthetic config"
	if !(c.Noise >= 0 && c.Noise <= 0.5) {
		return c, config.Errorf(of, "noise is %v; want 0 to 0.5", c.Noise)
	}
	for _, k := range []struct {
		key     string
		v       *int
		def, hi int
	}{
		{"features", &c.Features, syntheticFeatures, syntheticFeaturesMax},
		{"samples", &c.Samples, 16, syntheticSamplesMax},
		{"test", &c.Test, 1000, syntheticSamplesMax},
	} {
		if *k.v == 0 {
			*k.v = k.def
		}
		if err := config.Within(of, k.key, int64(*k.v), 1, int64(k.hi)); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Open returns the samples of the node that is known by the name.
func (c SyntheticConfig) Open(seed uint64, node string) (*SyntheticSource, error) {
	c, err := c.WithDefaults()
	return &SyntheticSource{cfg: c, seed: seed, node: node}, err
}

// SyntheticSource is the samples of one node, or those of the test.
type SyntheticSource struct {
	cfg  SyntheticConfig
	seed uint64
	node string
	test bool
	rows *SyntheticRows // nil until they are asked for
}

// Schema says what a sample is.
func (s *SyntheticSource) Schema() Schema {
	return Schema{Shape: []int{s.cfg.Features}, Features: tensor.Float32, Label: tensor.Int64,
		Classes: []string{"0", "1"}}
}

// Len returns how many samples there are.
func (s *SyntheticSource) Len() int {
	if s.test {
		return s.cfg.Test
	}
	return s.cfg.Samples
}

// Test returns the samples that no node holds: those of the test. They are drawn anew each time.
func (s *SyntheticSource) Test() Source {
	return &SyntheticSource{cfg: s.cfg, seed: s.seed, test: true}
}

// Rows returns the samples, which must not be changed.
func (s *SyntheticSource) Rows() *SyntheticRows {
	if s.rows == nil {
		purpose := "data/synthetic/own/" + s.node
		if s.test {
			purpose = "data/synthetic/test"
		}
		s.rows = s.cfg.rows(s.seed, purpose, s.Len())
	}
	return s.rows
}

// Read puts samples into a batch.
func (s *SyntheticSource) Read(rows []int, into Batch) error {
	all, w := s.Rows(), s.cfg.Features
	for i, r := range rows {
		if r < 0 || r >= all.n {
			return fmt.Errorf("dataset: no sample %d; there are %d", r, all.n)
		}
		x, y := all.Row(r)
		if into.Features.Float32 != nil {
			for j, v := range x {
				into.Features.Float32[i*w+j] = float32(v) / SyntheticScale
			}
		}
		if into.Labels.Int64 != nil {
			into.Labels.Int64[i] = int64(y)
		}
	}
	return nil
}

// SyntheticRows are drawn samples. A sample's features and its label stand side by side, because they are read
// together.
type SyntheticRows struct {
	n, stride int
	rows      []int8
}

// Len returns the number of samples.
func (r *SyntheticRows) Len() int { return r.n }

// Row returns the features of sample i in 64ths and its label, 0 or 1; the features must not be changed.
func (r *SyntheticRows) Row(i int) (x []int8, y int8) {
	row := r.rows[i*r.stride : (i+1)*r.stride]
	return row[:r.stride-1], row[r.stride-1]
}

// rows draws n samples: uniform features, the label on which side of the hidden plane they lie, and then some labels
// the wrong way round. The plane goes through 0 and is the same for all nodes.
func (c SyntheticConfig) rows(seed uint64, purpose string, n int) *SyntheticRows {
	plane := draw.New(seed, "data/synthetic/plane")
	normal := make([]float64, c.Features)
	for i := range normal {
		normal[i] = plane.Normal()
	}
	s := draw.New(seed, purpose)
	r := &SyntheticRows{n: n, stride: c.Features + 1, rows: make([]int8, n*(c.Features+1))}
	wrong := uint64(c.Noise * float64(1<<32))
	for i := range n {
		x, side := r.rows[i*r.stride:(i+1)*r.stride-1], 0.0
		for j := 0; j < len(x); j += 8 {
			bits := s.Uint64() // eight features
			for k := j; k < min(j+8, len(x)); k++ {
				x[k] = int8(bits)
				bits >>= 8
				side += float64(normal[k] * float64(x[k]))
			}
		}
		if math.Signbit(side) == (s.Uint64()>>32 < wrong) {
			r.rows[(i+1)*r.stride-1] = 1
		}
	}
	return r
}
