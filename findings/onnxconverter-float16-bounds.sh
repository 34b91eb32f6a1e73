#!/usr/bin/env bash
# onnxconverter-common 1.16.0, float16.convert_float_to_float16 by its defaults: weights beyond 10,000 become 10,000
# although a half holds 65,504, and weights below 1e-7 become 1.19e-7 although a half holds 6e-8 and 0; only
# infinities and NaN pass. One would guess rounding to the nearest half. A tiny weight grows by any factor: 1e-9
# becomes 119 times as large.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.22.0 onnxconverter-common==1.16.0 numpy==2.4.6
cat >"$dir/see.py" <<'PY'
import warnings
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnxconverter_common import float16

warnings.simplefilter("ignore")
given = np.array([0, 1e-9, -1e-9, 5e-8, 2e-7, 9000, 60000, -60000, np.inf], np.float32)
io = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", given.size]),
      helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1])]
graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", io[:1], io[1:],
                          [numpy_helper.from_array(given.reshape(-1, 1), "w")])
m = float16.convert_float_to_float16(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]))
got = numpy_helper.to_array(m.graph.initializer[0]).ravel()
rounded = given.astype(np.float16)
for a, b, c in zip(given, got, rounded):
    print(f"{a:12g} became {float(b):12g}, rounded {float(c):12g}")
least = np.float16(1e-7)
assert got.dtype == np.float16
assert got.tolist() == [0, least, -least, least, rounded[4], 9000, 10000, -10000, np.inf]
assert rounded[1] == 0 and rounded[6] == 60000
PY
"$dir/venv/bin/python" "$dir/see.py"
