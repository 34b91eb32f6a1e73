package lower_test

import (
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// Places that are none, or lie anywhere, take nothing beyond the image: what is read is always an element of it, and
// one that does not count changes nothing, be it infinite.
func TestSamplesBeyond(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	in := given{"x": f32([]int{1, 1, 1, 4}, inf, 1, 2, 3),
		"g": f32([]int{1, 1, 5, 2}, nan, 0, inf, 0, -1e30, 0, 0.25, 0, 0.75, 0)}
	for padding, want := range map[string][]float64{
		"zeros": {0, 0, 0, 2, 3}, "border": {0, 3, math.Inf(1), 2, 3},
	} {
		for _, mode := range []string{"nearest", "linear"} {
			low := lowered(t, []*onnx.NodeProto{node("z = GridSample x g", onnx.AttrString("mode", mode),
				onnx.AttrString("padding_mode", padding))}, in)
			got := floatsOf(run(t, low, in, "z")[0])
			for i, w := range want {
				if i > 0 && got[i] != w {
					t.Errorf("%s, %s: place %d gives %v; want %v", padding, mode, i, got[i], w)
				}
			}
			if padding == "zeros" && got[0] != 0 {
				t.Errorf("%s, %s: a place that is none gives %v; want 0", padding, mode, got[0])
			}
		}
	}
	low := lowered(t, []*onnx.NodeProto{node("z = GridSample x g", onnx.AttrString("mode", "cubic"),
		onnx.AttrString("padding_mode", "reflection"))}, in)
	if run(t, low, in, "z")[0].Len() != 5 {
		t.Error("places that are none stop a cubic sample")
	}
}
