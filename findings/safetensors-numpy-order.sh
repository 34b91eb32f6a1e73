#!/usr/bin/env bash
# safetensors 0.8.0, safetensors.numpy.save: an array that is not in C order (a transpose, a Fortran-ordered array) is
# written with its own shape and the numbers in the order of its memory: other numbers at other places, and no error.
# One would guess an error or a copy, as in numpy.save. Seen: save, then load, of [[0,1,2],[3,4,5]].T. What is right:
# numpy.ascontiguousarray first.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cat >"$dir/see.py" <<'PY'
import numpy as np
import safetensors
import safetensors.numpy as st

a = np.arange(6, dtype=np.float32).reshape(2, 3)
seen = {}
for name, x in {"C": a, "transpose": a.T, "Fortran": np.asfortranarray(a), "copied": np.ascontiguousarray(a.T)}.items():
    y = st.load(st.save({"x": x}))["x"]
    assert y.shape == x.shape and y.dtype == x.dtype
    seen[name] = y.tolist()
    print(f"{name:10} wrote {x.tolist()}  read {y.tolist()}  {'same' if np.array_equal(x, y) else 'OTHER'}")
print("safetensors", safetensors.__version__)
assert seen["C"] == a.tolist() and seen["copied"] == a.T.tolist()
assert seen["transpose"] == [[0, 1], [2, 3], [4, 5]] != a.T.tolist()
assert seen["Fortran"] == [[0, 3, 1], [4, 2, 5]] != a.tolist()
PY
"$dir/venv/bin/python" "$dir/see.py"
