package lower_test

import (
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// TestActivations: the activations give what onnx's reference evaluator gives (1.23.2), also for what is infinite and
// for what is no number, and their gradients are those of finite differences.
func TestActivations(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	x := []float32{-3, -0.5, 0, 1, 4, float32(inf), float32(-inf), float32(nan)}
	for _, c := range []struct {
		name  string
		n     *onnx.NodeProto
		want  []float64
		kinks bool
	}{
		{"Elu", node("z = Elu x", onnx.AttrFloat("alpha", 2)), []float64{-1.9004259, -0.7869387, 0, 1, 4, inf, -2, nan},
			false},
		{"Gelu tanh", node("z = Gelu x", onnx.AttrString("approximate", "tanh")), []float64{-0.00363740, -0.15428599, 0,
			0.84119199, 3.99993001, inf, nan, nan}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := given{"x": f32([]int{len(x)}, x...)}
			nodes := []*onnx.NodeProto{c.n}
			near(t, c.name, run(t, lowered(t, nodes, in), in, "z")[0], c.want)
			differentiable(t, nodes, given{"x": f64([]int{4}, -3, -0.5, 0.7, 2)})
		})
	}
}
