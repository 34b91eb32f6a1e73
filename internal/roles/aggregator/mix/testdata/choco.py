"""Writes choco.json: what CHOCO-SGD (Koloskova, Stich and Jaggi, 2019, Algorithm 2) makes of the models of three nodes
on a path, in numpy. A training adds given numbers to a model. Numbers are the bits of float32, in hexadecimal.

    python choco.py > choco.json
"""

import json

import numpy as np

SHAPES = [(7, 4), (4,)]
AROUND = [[1], [0, 2], [1]]
ROUNDS = 5
f32, f64 = np.float32, np.float64


def top(percent):
    def q(d):
        flat = d.ravel()
        k = -(-flat.size * int(round(percent * 10_000)) // 1_000_000)
        keep = np.argsort(-np.abs(flat), kind="stable")[:k]
        out = np.zeros_like(flat)
        out[keep] = flat[keep]
        return out.reshape(d.shape)

    return q


def int8(d):
    most = np.abs(d).max()
    scale = f32(most / f32(127))
    if f64(scale) * 127 < f64(most):
        scale = np.nextafter(scale, f32(np.inf))
    if scale == 0:
        return np.zeros_like(d)
    return (np.rint(d.astype(f64) / f64(scale)) * f64(scale)).astype(f32)


def play(q, step, begin, trained):
    x = [[p.copy() for p in begin] for _ in AROUND]
    known = [[p.copy() for p in begin] for _ in AROUND]
    rounds = []
    for of in trained:
        half = [[p + d for p, d in zip(x[i], of[i])] for i in range(len(AROUND))]
        for i in range(len(AROUND)):
            known[i] = [k + q(h - k) for h, k in zip(half[i], known[i])]
        for i, near in enumerate(AROUND):
            for t in range(len(SHAPES)):
                total = np.zeros(SHAPES[t], f64)
                for j in near:
                    w = 1 / f64(1 + max(len(near), len(AROUND[j])))
                    total = total + w * (known[j][t].astype(f64) - known[i][t].astype(f64))
                x[i][t] = (half[i][t].astype(f64) + f64(step) * total).astype(f32)
        rounds.append([bits(m) for m in x])
    return rounds


def bits(model):
    return ["%08x" % b for p in model for b in p.ravel().view(np.uint32)]


def main():
    draw = np.random.default_rng(7)
    tensors = lambda size: [draw.normal(0, size, s).astype(f32) for s in SHAPES]
    begin = tensors(1)
    trained = [[tensors(0.3) for _ in AROUND] for _ in range(ROUNDS)]
    cases = [("", None, 0.7), ("topk:20", top(20), 0.4), ("int8", int8, 1.0)]
    print(json.dumps({
        "begin": bits(begin),
        "trained": [[bits(m) for m in of] for of in trained],
        "cases": [{"codec": name, "step": step, "models": play(q or (lambda d: d), step, begin, trained)}
                  for name, q, step in cases],
    }, indent=None, separators=(",", ":")))


main()
