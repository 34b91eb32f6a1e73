package synthetic

import (
	"math"

	"github.com/rhizome-ml/rhizome/component/draw"
)

// Scale is what a feature of a row is divided by: features are whole 64ths from -2 to below 2, so that a row takes a byte
// for each and is exact in float32.
const Scale = 64

// Rows are samples. A sample's features and its label stand side by side, because they are read together.
type Rows struct {
	n, stride int
	rows      []int8
}

// Len returns the number of samples.
func (r *Rows) Len() int { return r.n }

// Row returns the features of sample i in 64ths and its label, 0 or 1; the features must not be changed.
func (r *Rows) Row(i int) (x []int8, y int8) {
	row := r.rows[i*r.stride : (i+1)*r.stride]
	return row[:r.stride-1], row[r.stride-1]
}

// Own returns the samples of the node that is known by the name.
func (c Config) Own(seed uint64, name string) *Rows {
	return c.rows(seed, "data/synthetic/own/"+name, c.Samples)
}

// Held returns the samples that no node holds: those of the test.
func (c Config) Held(seed uint64) *Rows { return c.rows(seed, "data/synthetic/test", c.Test) }

// rows draws n samples: uniform features, the label on which side of the hidden plane they lie, and then some labels the
// wrong way round. The plane goes through 0 and is the same for all nodes.
func (c Config) rows(seed uint64, purpose string, n int) *Rows {
	plane := draw.New(seed, "data/synthetic/plane")
	normal := make([]float64, c.Features)
	for i := range normal {
		normal[i] = plane.Normal()
	}
	s := draw.New(seed, purpose)
	r := &Rows{n: n, stride: c.Features + 1, rows: make([]int8, n*(c.Features+1))}
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
