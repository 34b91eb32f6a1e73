#!/usr/bin/env bash
# safetensors 0.8.0: equal tensors with equal metadata need not give equal bytes. Two or more metadata entries are
# written in an order that changes from one call to the next, also within a process, so a hash of the file does not
# name the content. One would guess a sorted header, as that of the tensors is. Seen: 200 saves of one tensor with
# four entries give several files; with none or one entry they give one.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cat >"$dir/see.py" <<'PY'
import hashlib
import numpy as np
import safetensors
import safetensors.numpy as st

def files(metadata):
    x = {"x": np.zeros(3, np.float32), "w": np.ones(2, np.float32)}
    return len({hashlib.sha256(st.save(x, metadata=metadata)).hexdigest() for _ in range(200)})

counts = {n: files({f"key{i}": "value" for i in range(n)} or None) for n in (0, 1, 4)}
print("safetensors", safetensors.__version__, "distinct files of 200 saves, by entries of metadata:", counts)
assert counts[0] == counts[1] == 1 and counts[4] > 1
PY
"$dir/venv/bin/python" "$dir/see.py"
