#!/usr/bin/env bash
# onnxruntime 1.31.1, CPU: ReduceMax and ReduceMin pass over NaN, while Relu gives NaN, as the reference of onnx
# 1.23.2 does for all three. So a check such as "the largest weight is finite" in a graph does not see that training
# diverged. The two largest of 1, NaN, 3, 2 by TopK are 1 and NaN, where the reference has NaN and 3; ReduceMean of
# nothing is 0, where the reference has NaN. One would guess that NaN goes through a reduction as it does through the
# other operators.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6
cat >"$dir/see.py" <<'PY'
import warnings
import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

warnings.simplefilter("ignore")
nan = np.array([1, np.nan, 3, 2], np.float32)

def both(op, x, outs=(("y", TensorProto.FLOAT, []),), init=(), **attributes):
    m = helper.make_model(helper.make_graph(
        [helper.make_node(op, ["x"] + [t.name for t in init], [o[0] for o in outs], **attributes)], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(x.shape))],
        [helper.make_tensor_value_info(*o) for o in outs], list(init)),
        opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    session = ort.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"])
    seen = [session.run(None, {"x": x}), ReferenceEvaluator(m).run(None, {"x": x})]
    print(f"{op:10} of {x.tolist()}:", *(f"{name} {[o.tolist() for o in outputs]}"
                                         for name, outputs in zip(("onnxruntime", "reference"), seen)))
    return seen

for op, finite in (("ReduceMax", 3), ("ReduceMin", 1)):
    runtime, reference = both(op, nan, keepdims=0)
    assert runtime[0] == finite and np.isnan(reference[0])
runtime, reference = both("Relu", nan, (("y", TensorProto.FLOAT, [4]),))
assert np.isnan(runtime[0][1]) and np.isnan(reference[0][1])
k = numpy_helper.from_array(np.array([2], np.int64), "k")
runtime, reference = both("TopK", nan, (("y", TensorProto.FLOAT, [2]), ("i", TensorProto.INT64, [2])), [k])
assert runtime[1].tolist() == [0, 1] and reference[1].tolist() == [1, 2]
runtime, reference = both("ReduceMean", np.zeros(0, np.float32), keepdims=0)
assert runtime[0] == 0 and np.isnan(reference[0])
PY
"$dir/venv/bin/python" "$dir/see.py"
