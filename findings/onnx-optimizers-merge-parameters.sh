#!/usr/bin/env bash
# onnxslim 0.1.98 and onnxoptimizer 0.4.2 by their defaults: parameters of equal values become one. Two
# LayerNormalizations of an untrained model share scale and bias afterwards, so whoever trains the file trains another
# model. One would guess that a tool that makes a graph smaller keeps what its caller may train, or tells. Seen: five
# initializers become three, and both nodes read those of the first.
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
from onnx import TensorProto, helper, numpy_helper

def model():
    def init(name, value):
        return numpy_helper.from_array(np.asarray(value, np.float32), name)
    norm = lambda n, x, y: helper.make_node("LayerNormalization", [x, n + ".weight", n + ".bias"], [y], axis=-1)
    values = [init(f"{n}.{k}", np.full(8, v)) for n in ("n1", "n2") for k, v in (("weight", 1), ("bias", 0.5))]
    values.append(init("l.weight", np.random.default_rng(0).normal(size=(8, 8))))
    io = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 8]) for n in ("x", "y")]
    nodes = [norm("n1", "x", "a"), helper.make_node("MatMul", ["a", "l.weight"], ["b"]), norm("n2", "b", "y")]
    graph = helper.make_graph(nodes, "g", io[:1], io[1:], values)
    out = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(out, full_check=True)
    return out

def scales(m):
    return [n.input[1] for n in m.graph.node if n.op_type == "LayerNormalization"]

assert scales(model()) == ["n1.weight", "n2.weight"]
for name, slim in (("onnxslim", onnxslim.slim), ("onnxoptimizer", onnxoptimizer.optimize)):
    m = slim(model())
    print(name, "initializers", sorted(i.name for i in m.graph.initializer), "scales", scales(m))
    assert scales(m) == ["n1.weight", "n1.weight"] and len(m.graph.initializer) == 3
PY
"$dir/venv/bin/python" "$dir/see.py"
