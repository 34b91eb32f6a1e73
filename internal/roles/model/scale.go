package model

import (
	"encoding/json"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// ScaleKey is the key of the metadata of an exported file that names what features are shifted and divided by before
// the model sees them, as {"shift": […], "divide": […]}. A perceptron has that in its graph, and no such key.
const ScaleKey = "rhizome.normalize"

// Scale is what features are shifted by and then divided by, before a model sees them.
type Scale struct {
	Shift  []float64 `json:"shift"`
	Divide []float64 `json:"divide"`
}

// loadScale takes what inputs are shifted and divided by.
func (c *Component) loadScale(in []value.Value) ([]value.Value, error) {
	if c.cfg.Scaled == "" || len(in) != 2 {
		return nil, c.fail(value.CodeError, "LoadScale of %d values; want two tensors, where the settings say scaled",
			len(in))
	}
	scale := []value.Value{in[0], in[1]}
	if f := c.checkScale(scale); f != nil {
		return nil, f
	}
	c.st.Scale = scale
	return []value.Value{value.Trigger{}}, nil
}

// checkScale says what is wrong with what is to be the scale; none is right.
func (c *Component) checkScale(scale []value.Value) *value.Failure {
	if len(scale) == 0 {
		return nil
	}
	n := 0
	for i, v := range scale {
		t, ok := v.(value.Tensor)
		if !ok || len(scale) != 2 || t.DType() != tensor.Float64 || t.Rank() != 1 || i > 0 && t.Len() != n {
			return c.fail(value.CodeType, "a scale is two lists of float64, as long as each other")
		}
		n = t.Len()
		for k, x := range t.Float64() {
			if math.IsNaN(x) || math.IsInf(x, 0) || i == 1 && x == 0 {
				return c.fail(value.CodeError, "number %d of the scale is %v", k, x)
			}
		}
	}
	if c.cfg.Scaled == ScaledGraph && n != c.cfg.MLP[0] {
		return c.fail(value.CodeError, "a scale of %d numbers, for %d inputs", n, c.cfg.MLP[0])
	}
	return nil
}

// scale returns what inputs are shifted and divided by, nil where that is not known, or nothing.
func (c *Component) scale() *Scale {
	if len(c.st.Scale) == 0 {
		return nil
	}
	return &Scale{c.st.Scale[0].(value.Tensor).Float64(), c.st.Scale[1].(value.Tensor).Float64()}
}

// scaled returns the perceptron with what it does to its inputs.
func (c *Component) scaled() (*Graph, error) {
	s := c.scale()
	single := func(list []float64) []float32 {
		out := make([]float32, len(list))
		for i, x := range list {
			out[i] = float32(x)
		}
		return out
	}
	return scaledMLP(single(s.Shift), single(s.Divide), c.cfg.MLP...)
}

// note returns what is added to an exported file: nothing, or the metadata that names the scale. Fields of a message
// may stand in any order, and lists in several places.
func (c *Component) note() (*onnx.ModelProto, error) {
	if c.scale() == nil || c.cfg.Scaled != ScaledMetadata {
		return &onnx.ModelProto{}, nil
	}
	text, err := json.Marshal(c.scale())
	return &onnx.ModelProto{MetadataProps: []*onnx.StringStringEntryProto{{Key: ScaleKey, Value: string(text)}}}, err
}

// noted adds the note to a file in pieces.
func (c *Component) noted(f *File) error {
	n, err := c.note()
	if err != nil {
		return err
	}
	return f.message(n)
}

// notedIn adds it to a file in memory.
func (c *Component) notedIn(file []byte) ([]byte, error) {
	n, err := c.note()
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.MarshalAppend(file, n)
}
