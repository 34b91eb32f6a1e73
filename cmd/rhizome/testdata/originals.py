"""Reads what rhizome export writes by numpy alone, and runs modules of PyTorch, written out in numpy, with it.

The outputs must be those that onnxruntime gave for the files (NAME.npz of the zoo), whose names, layouts and gates are
others. Usage: originals.py FOLDER-OF-EXPORTS FOLDER-OF-THE-ZOO
"""
import json
import os
import sys

import numpy as np

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8"}


def safetensors(path):
    """The tensors of a file, and what its format wants of it."""
    with open(path, "rb") as f:
        b = f.read()
    size = int.from_bytes(b[:8], "little")
    head = json.loads(b[8:8 + size])
    meta = head.pop("__metadata__", {})
    assert meta.get("format") == "pt" and size % 8 == 0, (path, meta, size)
    out, at = {}, 0
    for name, d in sorted(head.items(), key=lambda x: x[1]["data_offsets"][0]):
        lo, hi = d["data_offsets"]
        assert lo == at, (path, name, "a hole")
        at = hi
        out[name] = np.frombuffer(b[8 + size + lo:8 + size + hi], TYPES[d["dtype"]]).reshape(d["shape"])
    assert 8 + size + at == len(b), (path, "more bytes than tensors")
    return out


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def linear(p, name, x):
    return x @ p[name + ".weight"].T + p.get(name + ".bias", 0)


def norm(p, name, x):
    m, v = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - m) / np.sqrt(v + 1e-5) * p[name + ".weight"] + p[name + ".bias"]


def lstm(p, x):
    h = c = np.zeros((x.shape[0], p["rnn.weight_hh_l0"].shape[1]), x.dtype)
    for t in range(x.shape[1]):
        a = x[:, t] @ p["rnn.weight_ih_l0"].T + p["rnn.bias_ih_l0"] + h @ p["rnn.weight_hh_l0"].T + p["rnn.bias_hh_l0"]
        i, f, g, o = np.split(a, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return linear(p, "head", h)


def gru(p, x):
    h = np.zeros((x.shape[0], p["rnn.weight_hh_l0"].shape[1]), x.dtype)
    for t in range(x.shape[1]):
        a = x[:, t] @ p["rnn.weight_ih_l0"].T + p["rnn.bias_ih_l0"]
        b = h @ p["rnn.weight_hh_l0"].T + p["rnn.bias_hh_l0"]
        (ar, az, an), (br, bz, bn) = np.split(a, 3, -1), np.split(b, 3, -1)
        r, z = sigmoid(ar + br), sigmoid(az + bz)
        h = (1 - z) * np.tanh(an + r * bn) + z * h
    return linear(p, "head", h)


def encoder(p, x, heads=2):
    b, t, d = x.shape
    q, k, v = np.split(x @ p["l.self_attn.in_proj_weight"].T + p["l.self_attn.in_proj_bias"], 3, -1)
    q, k, v = (a.reshape(b, t, heads, d // heads).transpose(0, 2, 1, 3) for a in (q, k, v))
    a = softmax(q @ k.transpose(0, 1, 3, 2) / np.sqrt(d // heads)) @ v
    x = norm(p, "l.norm1", x + linear(p, "l.self_attn.out_proj", a.transpose(0, 2, 1, 3).reshape(b, t, d)))
    x = norm(p, "l.norm2", x + linear(p, "l.linear2", np.maximum(linear(p, "l.linear1", x), 0)))
    return linear(p, "head", x.mean(1))


def folded(p, x):
    w = p["0.weight"]
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    win = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))
    y = np.einsum("bihwkl,oikl->bohw", win, w)
    s = (1, -1, 1, 1)
    y = (y - p["1.running_mean"].reshape(s)) / np.sqrt(p["1.running_var"].reshape(s) + 1e-5)
    y = np.maximum(y * p["1.weight"].reshape(s) + p["1.bias"].reshape(s), 0)
    b, c, h, v = y.shape
    y = y.reshape(b, c, h // 2, 2, v // 2, 2).max((3, 5))
    return linear(p, "5", y.reshape(b, -1))


def plain(p, x):
    return linear(p, "2", np.maximum(linear(p, "0", x), 0))


MODULES = {"lstm_last": lstm, "gru_last_dyn": gru, "transformer_fresh": encoder, "cnn_bn_folded": folded,
           "mlp_plain": plain, "mlp_opset13_torchscript": plain}

right = 0
for name, module in MODULES.items():
    of = os.path.join(sys.argv[1], name)
    a, b = safetensors(of + ".safetensors"), dict(np.load(of + ".npz"))
    assert sorted(a) == sorted(b), (name, sorted(a), sorted(b))
    for k in a:
        assert a[k].dtype == b[k].dtype and a[k].shape == b[k].shape and np.array_equal(a[k], b[k]), (name, k)
    stored = np.load(os.path.join(sys.argv[2], name + ".npz"))
    x = next(stored[k] for k in stored.files if k.startswith("in:"))
    want = next(stored[k] for k in stored.files if k.startswith("out:"))
    far = np.abs(module(a, x) - want).max()
    assert far < 1e-5, (name, far)
    right += 1
print(f"{right} modules are right")
