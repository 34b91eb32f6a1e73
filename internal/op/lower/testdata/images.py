# Writes nodes on images and what onnxruntime 1.31.1 gives for them to a file: python images.py images.json (numpy, onnx
# 1.23.2).
import base64, json, sys
import numpy as np
import onnxruntime as ort
from onnx import helper, numpy_helper

rng = np.random.default_rng(9)
cases = []


def f(*s):
    return rng.uniform(-1, 1, s).astype(np.float32)


def case(name, op, ins, outs=1, consts=(), opset=21, **attrs):
    names, feed, infos = [], {}, []
    for i, v in enumerate(ins):
        names.append("" if v is None else f"x{i}")
        if v is not None:
            feed[f"x{i}"] = v = np.asarray(v)
            infos.append(helper.make_tensor_value_info(f"x{i}", helper.np_dtype_to_tensor_dtype(v.dtype), v.shape))
    results = [f"z{i}" for i in range(outs)]
    node = helper.make_node(op, names, results, **attrs)
    dtype = 6 if op == "ConvInteger" else helper.np_dtype_to_tensor_dtype(ins[0].dtype)
    graph = helper.make_graph([node], "g", infos, [helper.make_tensor_value_info(o, dtype, None) for o in results])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    got = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feed)
    text = lambda b: base64.b64encode(b).decode()
    tensors = lambda m: {k: text(numpy_helper.from_array(np.asarray(v)).SerializeToString()) for k, v in m.items()}
    cases.append(dict(name=name, node=text(node.SerializeToString()), constants=[f"x{i}" for i in consts],
                      given=tensors(feed), want=tensors(dict(zip(results, got)))))


i64 = lambda *v: np.array(v, np.int64)
pos = lambda *s: np.abs(f(*s)) + 0.5
case("BatchNormalization", "BatchNormalization", [f(2, 3, 2, 2), f(3), f(3), f(3), pos(3)], opset=15, epsilon=1e-3)
case("BatchNormalization training", "BatchNormalization", [f(2, 3, 4), pos(3), f(3), f(3), pos(3)], 3, opset=15,
     training_mode=1, momentum=0.8)
case("LayerNormalization", "LayerNormalization", [f(2, 3, 4), f(4), f(4)], 1, epsilon=1e-2)
case("LayerNormalization statistics", "LayerNormalization", [f(2, 3, 4), f(3, 4)], 3, axis=1)
case("GroupNormalization", "GroupNormalization", [f(2, 4, 3), f(4), f(4)], num_groups=2)
case("InstanceNormalization", "InstanceNormalization", [f(2, 3, 2, 3), f(3), f(3)], opset=17)
case("LRN", "LRN", [f(1, 5, 2, 2)], size=3, alpha=0.5, bias=2.0, beta=0.6)
case("LpNormalization", "LpNormalization", [f(2, 3)], axis=0, p=1)
case("MeanVarianceNormalization", "MeanVarianceNormalization", [f(2, 2, 3, 2)], axes=[0, 3])
case("GlobalAveragePool", "GlobalAveragePool", [f(1, 2, 3, 2)])
case("GlobalMaxPool", "GlobalMaxPool", [f(1, 2, 3)])
case("GlobalLpPool", "GlobalLpPool", [f(1, 2, 3, 2)], p=3)
for p in (1, 2, 3):
    case(f"LpPool {p}", "LpPool", [f(1, 2, 5, 4)], kernel_shape=[2, 3], strides=[2, 1], pads=[1, 0, 0, 1], p=p)
case("DepthToSpace", "DepthToSpace", [f(1, 8, 2, 3)], blocksize=2)
case("DepthToSpace CRD", "DepthToSpace", [f(1, 8, 2, 3)], blocksize=2, mode="CRD")
case("SpaceToDepth", "SpaceToDepth", [f(1, 2, 4, 6)], blocksize=2)
for mode in ("constant", "reflect", "edge", "wrap"):
    case("Pad " + mode, "Pad", [f(2, 3, 4), i64(0, 1, 2, 0, 2, 3)], consts=[1], mode=mode)
    case("Pad less " + mode, "Pad", [f(2, 3, 4), i64(0, -1, 2, 0, 1, -1)], consts=[1], mode=mode)
case("Pad value", "Pad", [f(2, 3), i64(1, 2), np.array(0.25, np.float32), i64(-1)], consts=[1, 3])
case("CenterCropPad", "CenterCropPad", [f(5, 4, 3), i64(2, 7)], consts=[1], axes=[0, 1])
case("Col2Im", "Col2Im", [f(1, 12, 4), i64(5, 4), i64(3, 2)], consts=[1, 2], strides=[2, 2], pads=[1, 0, 0, 1])
case("MaxUnpool", "MaxUnpool", [f(1, 1, 2, 2), i64(0, 3, 8, 15).reshape(1, 1, 2, 2)], kernel_shape=[2, 2], strides=[2, 2])
case("ConvInteger", "ConvInteger", [rng.integers(0, 255, (1, 2, 4, 4)).astype(np.uint8),
                                    rng.integers(0, 255, (2, 2, 3, 3)).astype(np.uint8), np.array(7, np.uint8), np.array(9, np.uint8)],
     opset=10, pads=[1, 1, 1, 1])
modes = dict(half_pixel="half_pixel", pytorch="pytorch_half_pixel", corners="align_corners", asymmetric="asymmetric",
             symmetric="half_pixel_symmetric")
for short, mode in modes.items():
    for sizes in ((1, 2, 7, 3), (1, 2, 2, 9)):
        size = [None, None, i64(*sizes)]
        for near in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
            if (short, near) == ("symmetric", "floor"):  # a place of exactly 2 is 1.9999999 there
                continue
            case(f"Resize {short} {near} {sizes}", "Resize", [f(1, 2, 4, 5)] + size, consts=[3],
                 coordinate_transformation_mode=mode, nearest_mode=near)
        case(f"Resize linear {short} {sizes}", "Resize", [f(1, 2, 4, 5)] + size, consts=[3], mode="linear",
             coordinate_transformation_mode=mode)
        case(f"Resize cubic {short} {sizes}", "Resize", [f(1, 2, 4, 5)] + size, consts=[3], mode="cubic",
             coordinate_transformation_mode=mode, cubic_coeff_a=-0.5)
case("Resize scales", "Resize", [f(1, 1, 3, 4), None, np.array([1, 1, 2, 1.5], np.float32)], consts=[2], mode="linear")
case("Resize cubic exclude", "Resize", [f(1, 1, 4, 4), None, np.array([1, 1, 0.6, 1.5], np.float32)], consts=[2],
     mode="cubic", exclude_outside=1)
for mode in ("linear", "nearest", "cubic"):
    for padding in ("zeros", "border", "reflection"):
        for align in (0, 1):
            case(f"GridSample {mode} {padding} {align}", "GridSample", [f(2, 3, 4, 5), 2 * f(2, 3, 2, 2)], mode=mode,
                 padding_mode=padding, align_corners=align)
for mode in ("linear", "nearest"):
    case(f"GridSample volume {mode}", "GridSample", [f(1, 2, 3, 4, 5), 1.5 * f(1, 2, 2, 3, 3)], mode=mode)
boxes = np.array([[0.5, 1, 7.2, 5.1], [-3, 2, 4, 9.5], [2, 2, 2.1, 2.2]], np.float32)
for mode in ("avg", "max"):
    for half in ("half_pixel", "output_half_pixel"):
        case(f"RoiAlign {mode} {half}", "RoiAlign", [f(2, 3, 6, 7), boxes, i64(1, 0, 1)], opset=16, mode=mode,
             coordinate_transformation_mode=half, sampling_ratio=2 if mode == "avg" else 1, output_height=2, output_width=3, spatial_scale=0.75)
case("AffineGrid", "AffineGrid", [f(2, 2, 3), i64(2, 3, 4, 5)], consts=[1])
case("AffineGrid volume", "AffineGrid", [f(1, 3, 4), i64(1, 2, 3, 4, 2)], consts=[1], align_corners=1)
case("DeformConv", "DeformConv", [f(2, 4, 5, 6), f(6, 2, 3, 2), 2 * f(2, 24, 3, 3), f(6), f(2, 12, 3, 3)], opset=19,
     group=2, offset_group=2, strides=[2, 2], pads=[1, 0, 1, 1], dilations=[1, 1])
q = lambda lo, hi, *s: rng.integers(lo, hi, s)
case("QLinearConv", "QLinearConv", [q(0, 255, 1, 4, 5, 5).astype(np.uint8), np.float32(0.02), np.uint8(120),
                                    q(-128, 127, 6, 2, 3, 3).astype(np.int8), (pos(6) * 0.01).astype(np.float32),
                                    np.zeros(6, np.int8), np.float32(0.1), np.uint8(130), q(-900, 900, 6).astype(np.int32)],
     opset=10, group=2, pads=[1, 0, 1, 2], strides=[2, 1])
for axis in (None, 0, 1):
    extra = {} if axis is None else dict(axis=axis)
    case(f"Unique {axis}", "Unique", [q(0, 2, 4, 3).astype(np.float32)], consts=[0], **extra)
json.dump(cases, open(sys.argv[1], "w"), indent=0)
