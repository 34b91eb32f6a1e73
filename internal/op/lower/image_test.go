package lower_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/lower"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Trap hostile-length: operators on images with attributes that make no sense are refused, and nothing is made first
// that is as large as they say.
func TestHostileImages(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	in := given{"x": drawn(r, 1, 4, 2, 2), "v": drawn(r, 4), "w": drawn(r, 3), "e": drawn(r, 1, 4, 0, 2),
		"c": drawn(r, 1, 4, 4), "s": f32([]int{4}, 1, 1, -1, 2), "g": f32([]int{4}, 1, 1, 1e30, 2),
		"d": drawn(r, 1, 2, 2, 2), "t": drawn(r, 1, 2, 3), "r": drawn(r, 1, 4), "h": i64([]int{1}, 0),
		"f": drawn(r, 1, 4, 1, 1),
		"n": i64([]int{4}, 1, 4, 1<<40, 2), "p": i64([]int{8}, 0, 0, 0, 0, 0, 0, 0, 1<<40),
		"q": i64([]int{8}, 0, 0, -3, 0, 0, 0, 0, 0), "k": i64([]int{2}, 3, 3), "b": i64([]int{2}, 1<<26, 1<<26),
		"o": i64([]int{2}, -1, 0), "i": i64([]int{1, 4, 2, 2}, make([]int64, 16)...), "u": i64([]int{4}, 1, 4, 2, 2)}
	in["y"] = must(tensor.FromUint8([]int{1, 1, 2, 2}, make([]uint8, 4)))
	in["m"], in["j"] = must(tensor.FromUint8([]int{}, []uint8{1})), f32([]int{}, 1)
	a, l, s := onnx.AttrInt, onnx.AttrInts, onnx.AttrString
	for _, n := range []*onnx.NodeProto{
		node("z = BatchNormalization x v v v w"),
		node("z y = BatchNormalization x v v v v"),
		node("z = GroupNormalization x v v", a("num_groups", 0)),
		node("z = GroupNormalization x v v", a("num_groups", 3)),
		node("z = GroupNormalization x w v", a("num_groups", 2)),
		node("z = InstanceNormalization v v v"),
		node("z = LayerNormalization x v", a("axis", 4)),
		node("z = LayerNormalization v x"),
		node("z = RMSNormalization x v", a("axis", -5)),
		node("z = LpNormalization x", a("p", 3)),
		node("z = LRN x", a("size", 0)),
		node("z = LRN x", a("size", 1<<40)),
		node("z = MeanVarianceNormalization v"),
		node("z = GlobalAveragePool v"),
		node("z = GlobalLpPool x", a("p", 0)),
		node("z = LpPool x", l("kernel_shape", 0, 1)),
		node("z = LpPool x", l("kernel_shape", 1, 1), a("p", -1)),
		node("z = MaxUnpool x i", l("kernel_shape", 1<<40, 1)),
		node("z = MaxUnpool x i", l("kernel_shape", 1, 1), l("strides", 1<<27, 1<<27)),
		node("z = MaxUnpool x v", l("kernel_shape", 1, 1)),
		node("z = MaxUnpool x i o", l("kernel_shape", 1, 1)),
		node("z = Col2Im c k b"),
		node("z = Col2Im c k k"),
		node("z = Col2Im c o k"),
		node("z = Col2Im x k k"),
		node("z = DepthToSpace x", a("blocksize", 0)),
		node("z = DepthToSpace x", a("blocksize", 1<<40)),
		node("z = DepthToSpace x", a("blocksize", 2), s("mode", "RGB")),
		node("z = SpaceToDepth x", a("blocksize", 3)),
		node("z = Pad x p"),
		node("z = Pad x p", s("mode", "edge")),
		node("z = Pad x q"),
		node("z = Pad x k"),
		node("z = Pad e p", s("mode", "reflect")),
		node("z = Pad x u u", s("mode", "constant")),
		node("z = CenterCropPad x k"),
		node("z = CenterCropPad x o", l("axes", 0, 1)),
		node("z = CenterCropPad x k", l("axes", 1, 1)),
		node("z = Resize x _ s"),
		node("z = Resize x _ g"),
		node("z = Resize x _ _ n"),
		node("z = Resize x _ _ k"),
		node("z = Resize e _ _ u"),
		node("z = Resize x", s("mode", "linear")),
		node("z = Resize x _ _ k", l("axes", 4, 0)),
		node("z = Resize x _ _ k", l("axes", 2, 3), s("mode", "sharp")),
		node("z = Resize x _ _ k", l("axes", 2, 3), s("nearest_mode", "none")),
		node("z = Resize x _ _ k", l("axes", 2, 3), s("coordinate_transformation_mode", "none")),
		node("z = Resize x _ _ k", l("axes", 2, 3), s("keep_aspect_ratio_policy", "none")),
		node("z = Upsample x g"),
		node("z = QLinearConv y o m y o m o m"),
		node("z = QLinearConv y j m y j m j m", a("group", 3)),
		node("z = QLinearConv y j m y j m j m o"),
		node("z = QLinearConv y j m m j m j m"),
		node("z = GridSample x v"),
		node("z = GridSample e d"),
		node("z = GridSample x d", s("mode", "sharp")),
		node("z = GridSample x d", s("padding_mode", "wrap")),
		node("z = AffineGrid t n"),
		node("z = AffineGrid v k"),
		node("z = RoiAlign x r h"),
		node("z = RoiAlign x r h", a("sampling_ratio", 1<<40)),
		node("z = RoiAlign x r h", a("sampling_ratio", 1), a("output_height", 1<<40)),
		node("z = RoiAlign x r h", a("sampling_ratio", 1), s("mode", "sum")),
		node("z = RoiAlign x r h", a("sampling_ratio", 1), s("coordinate_transformation_mode", "none")),
		node("z = RoiAlign x r k", a("sampling_ratio", 1)),
		node("z = RoiAlign e r h", a("sampling_ratio", 1)),
		node("z = DeformConv x x x"),
		node("z = DeformConv x f x", a("group", 0)),
		node("z = DeformConv x f d", a("offset_group", 3)),
		node("z = DeformConv x f d", l("pads", 1<<40, 0, 0, 0)),
		node("z = DeformConv x f d", l("dilations", 1<<40, 1)),
		node("z = DeformConv x f d", l("kernel_shape", 2, 2)),
		node("z = DeformConv x f d v"),
	} {
		_, err := lower.Graph([]*onnx.NodeProto{n}, typesOf(in, "s", "g", "n", "p", "q", "k", "b", "o", "u"), "low")
		var own *lower.Error
		var rule *onnxop.RuleError
		if !errors.As(err, &own) && !errors.As(err, &rule) {
			t.Errorf("%s %v %v: got %v; want an error that names it", n.GetOpType(), n.GetInput(), n.GetAttribute(),
				err)
		}
	}
}
