#!/usr/bin/env bash
# onnx 1.22.0, version_converter: the metadata of the graph and of its nodes is gone afterwards, that of the model
# stays. PyTorch keeps in the metadata of the graph which initializers are parameters and which are buffers, so a
# converted file no longer says so. One would guess that conversion of operators leaves descriptions alone. onnxslim
# 0.1.98 and onnxoptimizer 0.4.2 lose both likewise.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q onnx==1.22.0 onnxslim==0.1.98 onnxoptimizer==0.4.2 numpy==2.4.6
cat >"$dir/see.py" <<'PY'
import numpy as np
import onnx
import onnxoptimizer
import onnxslim
from onnx import TensorProto, helper, numpy_helper, version_converter

def model():
    io = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 2]) for n in ("x", "y")]
    weight = numpy_helper.from_array(np.eye(2, dtype=np.float32) * 3, "l.weight")
    m = helper.make_model(helper.make_graph([helper.make_node("MatMul", ["x", "l.weight"], ["y"])], "g", io[:1], io[1:],
                                            [weight]), opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    m.metadata_props.add(key="of", value="the model")
    m.graph.metadata_props.add(key="of", value="the graph")
    m.graph.node[0].metadata_props.add(key="of", value="the node")
    onnx.checker.check_model(m, full_check=True)
    return m

def counts(m):
    return len(m.metadata_props), len(m.graph.metadata_props), sum(len(n.metadata_props) for n in m.graph.node)

print("as made          ", counts(model()))
assert counts(model()) == (1, 1, 1)
for name, through in (("version_converter", lambda m: version_converter.convert_version(m, 20)),
                      ("onnxslim", onnxslim.slim), ("onnxoptimizer", onnxoptimizer.optimize)):
    seen = counts(through(model()))
    print(f"{name:17} {seen} entries of model, graph and nodes")
    assert seen == (1, 0, 0)
PY
"$dir/venv/bin/python" "$dir/see.py"
