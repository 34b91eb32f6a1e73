package conformance

import (
	"fmt"
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

func tensors(all [][]byte) ([]*tensor.Tensor, error) {
	out := make([]*tensor.Tensor, len(all))
	for i, b := range all {
		if b == nil {
			continue
		}
		var err error
		if out[i], err = tensor.Parse(b, tensor.DefaultLimits()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fits says whether a shape is one that a type with open dimensions allows.
func fits(shape, want []int) bool {
	return slices.EqualFunc(shape, want, func(d, w int) bool { return d == w || w < 0 })
}

// near says where got is not within atol + rtol·|want| of want, or not equal where elements are no floats. Of floats of
// 16 bits so many units in the last place of the wanted element are near, too.
func near(got, want *tensor.Tensor, rtol, atol, units float64) error {
	if got.DType() != want.DType() || !slices.Equal(got.Shape(), want.Shape()) {
		return fmt.Errorf("is %v; want %v", onnxop.Of(got), onnxop.Of(want))
	}
	g, w := floatsOf(got), floatsOf(want)
	if g == nil {
		if !got.Equal(want) {
			return fmt.Errorf("values differ: %v; want %v", short(got), short(want))
		}
		return nil
	}
	for i := range w {
		if g[i] == w[i] || (g[i] != g[i] && w[i] != w[i]) {
			continue
		}
		if !(math.Abs(g[i]-w[i]) <= max(atol+rtol*math.Abs(w[i]), units*unit(got.DType(), w[i]))) {
			return fmt.Errorf("element %d of %v is %g; want %g", i, onnxop.Of(got), g[i], w[i])
		}
	}
	return nil
}

// unit is the size of a unit in the last place of a float of 16 bits; 0 for other types.
func unit(d tensor.DType, x float64) float64 {
	_, e := math.Frexp(x)
	switch d {
	case tensor.Float16:
		return math.Ldexp(1, e-11)
	case tensor.BFloat16:
		return math.Ldexp(1, e-8)
	}
	return 0
}

// looser are the tests whose own tolerance the right result does not meet, each with what it gets instead, and why.
var looser = map[string]struct {
	units, atol float64
	why         string
}{
	"test_attention_3d_causal_bf16":                    {1, 0, eachStep},
	"test_attention_3d_causal_bf16_expanded":           {1, 0, eachStep},
	"test_attention_4d_attn_mask_causal_bf16":          {1, 0, eachStep},
	"test_attention_4d_attn_mask_causal_bf16_expanded": {2, 0, eachStep},
	"test_attention_4d_causal_bf16":                    {2, 0, eachStep},
	"test_attention_4d_causal_bf16_expanded":           {2, 0, eachStep},
	"test_attention_4d_causal_fp16_expanded":           {2, 0, eachStep},
	"test_attention_4d_causal_padded_kv_bf16":          {2, 0, eachStep},
	"test_attention_4d_causal_padded_kv_bf16_expanded": {2, 0, eachStep},
	"test_attention_4d_padded_kv_bf16":                 {1, 0, eachStep},
	"test_attention_4d_padded_kv_bf16_expanded":        {2, 0, eachStep},
	"test_dft_inverse":                                 {0, 2e-7, cancels},
	"test_dft_inverse_opset19":                         {0, 2e-7, cancels},
}

const (
	eachStep = "the reference rounds other intermediate results to 16 bits than a node that rounds its result once"
	cancels  = "the true result is 0, and the reference's is what is left of terms of up to 10 in float32"
)

// short shows the first elements of a tensor, as bytes.
func short(t *tensor.Tensor) string {
	return fmt.Sprintf("%v %x", t, t.AppendRaw(nil, 0, min(t.RawBytes(), 64)))
}

// floatsOf returns the elements of a float tensor as float64, or nil.
func floatsOf(t *tensor.Tensor) []float64 {
	if t.DType() == tensor.Float64 {
		return t.Float64()
	}
	var out []float64
	for _, v := range t.Float32() {
		out = append(out, float64(v))
	}
	for _, v := range t.Float16() {
		out = append(out, float64(v.Float32()))
	}
	for _, v := range t.BFloat16() {
		out = append(out, float64(v.Float32()))
	}
	return out
}
