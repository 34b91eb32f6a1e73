"""How well plain PyTorch loops learn: the other side of `rhizome bench learn`, which writes their data and runs them.

In DIR/seed1, DIR/seed2, … are train.npz (samples x, labels y, and whose they are), test.npz, root.npz (what the
server has for itself) and first.npz, the first parameters. One line of JSON comes for each strategy and seed. The loops
follow the papers that docs/strategies names; where a job weighs clients by samples, so do they. Each draws the order of
its batches itself.
"""

import argparse
import json
import math
import os

import numpy
import torch
from torch.nn import functional as F


def settings(text):
    name, *rest = text.split()
    return name, {k: float(v) for k, v in (word.split("=") for word in rest)}


def load(folder, name):
    """Returns arrays as tensors, by their names."""
    with numpy.load(os.path.join(folder, name + ".npz")) as f:
        return {k: torch.from_numpy(f[k]) for k in f}


def network(w, x):
    """Returns the logits of a network whose parameters are w, in the order of the layers."""
    if len(w) == 4:  # two dense layers
        return torch.relu(x @ w[0] + w[1]) @ w[2] + w[3]
    for weight, bias in (w[0:2], w[2:4]):
        x = F.max_pool2d(torch.relu(F.conv2d(x, weight, bias, padding=1)), 2)
    return F.linear(torch.relu(F.linear(x.flatten(1), w[4], w[5])), w[6], w[7])


networks = torch.func.vmap(network)  # of many clients at once, each with parameters of its own


class Clients:
    """All clients, which train side by side: each parameter has a first axis of clients."""

    def __init__(self, o, parts, seed):
        self.o, self.parts, self.draw = o, parts, torch.Generator().manual_seed(1000 + seed)
        self.n = torch.tensor([float(len(y)) for _, y in parts])
        self.steps = [o.epochs * math.ceil(len(y) / self.o.batch) for _, y in parts]

    def batches(self):
        """Returns, for each client, the rows of its steps: each epoch in an order of its own, filled up at its end."""
        out = []
        for _, y in self.parts:
            rows = []
            for _ in range(self.o.epochs):
                order = torch.randperm(len(y), generator=self.draw)
                full = math.ceil(len(y) / self.o.batch) * self.o.batch
                rows.append(order.repeat(math.ceil(full / len(y)))[:full].reshape(-1, self.o.batch))
            out.append(torch.cat(rows))
        return out

    def train(self, w, change):
        """Trains all from w; change(gradients, parameters) is what the algorithm makes of the gradients of a step."""
        at = [p.expand(len(self.parts), *p.shape).clone() for p in w]
        rows = self.batches()
        for k in range(max(self.steps)):
            going = torch.tensor([k < s for s in self.steps])
            x = torch.stack([self.parts[i][0][r[min(k, len(r) - 1)]] for i, r in enumerate(rows)])
            y = torch.stack([self.parts[i][1][r[min(k, len(r) - 1)]] for i, r in enumerate(rows)])
            at = [p.detach().requires_grad_() for p in at]
            loss = F.cross_entropy(networks(at, x).reshape(-1, 10), y.reshape(-1), reduction="sum")
            gradients = torch.autograd.grad(loss / self.o.batch, at)
            with torch.no_grad():
                gradients = change(gradients, at)
                at = [torch.where(going.reshape(-1, *[1] * (p.dim() - 1)), p - self.o.rate * g, p)
                      for p, g in zip(at, gradients)]
        return [p.detach() for p in at]

    def losses(self, w):
        return torch.stack([F.cross_entropy(network(w, x), y) for x, y in self.parts])


def mean(values, weights):
    """Returns the weighted mean over the first axis."""
    weights = weights / weights.sum()
    return [(v * weights.reshape(-1, *[1] * (v.dim() - 1))).sum(0) for v in values]


def flat(values):
    return torch.cat([v.reshape(len(v), -1) for v in values], 1)


def like(vector, w):
    out, at = [], 0
    for p in w:
        out.append(vector[at:at + p.numel()].reshape(p.shape))
        at += p.numel()
    return out


def robust(name, s, updates, n, before):
    """Returns what a robust rule makes of updates, rows of a matrix."""
    count = len(updates)
    f = int(s.get("f", 1))
    if name == "median":
        return updates.quantile(0.5, dim=0)
    if name == "trimmed-mean":
        k = int(s["share"] * count)
        return updates.sort(0).values[k:count - k].mean(0)
    if name == "geometric-median":
        at = (updates * (n / n.sum()).unsqueeze(1)).sum(0)
        for _ in range(1000):  # until it rests, from another beginning
            by = n / (updates - at).norm(dim=1).clamp(min=1e-6)
            at = (updates * (by / by.sum()).unsqueeze(1)).sum(0)
        return at
    if name == "norm-clipping":
        changes = updates - before
        short = changes * (s["norm"] / changes.norm(dim=1)).clamp(max=1).unsqueeze(1)
        return before + (short * (n / n.sum()).unsqueeze(1)).sum(0)
    if name == "centred-clipping":
        at = before
        for _ in range(3):
            ways = updates - at
            at = at + (ways * (s["radius"] / ways.norm(dim=1)).clamp(max=1).unsqueeze(1)).mean(0)
        return at
    squares = torch.cdist(updates.double(), updates.double()) ** 2

    def score(i, among, near):
        return sum(sorted(squares[i][j].item() for j in among if j != i)[:near])

    everyone = list(range(count))
    if name in ("krum", "multi-krum"):
        order = sorted(everyone, key=lambda i: score(i, everyone, count - f - 2))
        return updates[order[:1 if name == "krum" else count - f - 2]].mean(0)
    if name == "bulyan":
        left, taken = list(everyone), []
        while len(taken) < count - 2 * f:
            best = min(left, key=lambda i: score(i, left, max(1, len(left) - f - 2)))
            taken.append(best)
            left.remove(best)
        chosen = updates[taken]
        middle = chosen.quantile(0.5, dim=0)
        near = (chosen - middle).abs().argsort(0)[:max(1, len(taken) - 2 * f)]
        return chosen.gather(0, near).mean(0)
    raise SystemExit(f"there is no loop for {name}")


def learn(o, text, parts, root, test, first, seed):
    """Returns the accuracy, in percent, that a loop comes to."""
    name, s = settings(text)
    all_ = Clients(o, parts + [root] if name == "fltrust" else parts, seed)
    n, w = all_.n, [p.clone() for p in first]
    zeros = lambda: [torch.zeros_like(p) for p in w]
    each = lambda: [torch.zeros(len(parts), *p.shape) for p in w]
    velocity, m, h, control = zeros(), zeros(), zeros(), zeros()
    v = [torch.full_like(p, 1e-6) for p in w]  # tau², as the paper begins
    own = each()
    for _ in range(o.rounds):
        change = lambda g, at: g
        if name == "fedprox":
            change = lambda g, at: [a + s["mu"] * (p - q) for a, p, q in zip(g, at, w)]
        if name == "scaffold":
            change = lambda g, at: [a - c + d for a, c, d in zip(g, own, control)]
        if name == "feddyn":
            change = lambda g, at: [a - c + s["alpha"] * (p - q) for a, c, p, q in zip(g, own, at, w)]
        before = w
        came = all_.train(w, change)
        for p in came:
            p[len(parts) - o.liars:len(parts)] *= o.times
        steps = torch.tensor([float(k) for k in all_.steps])
        average = mean(came, n)
        delta = [a - b for a, b in zip(average, before)]
        if name in ("fedavg", "fedprox"):
            w = average
        elif name == "fedavgm":
            velocity = [s["momentum"] * a + d for a, d in zip(velocity, delta)]
            w = [b + s["rate"] * a for a, b in zip(velocity, before)]
        elif name == "diloco":
            velocity = [s["momentum"] * a + d for a, d in zip(velocity, delta)]
            w = [b + s["rate"] * (d + s["momentum"] * a) for a, b, d in zip(velocity, before, delta)]
        elif name == "fednova":
            tau = (n / n.sum() * steps).sum()
            unit = [(c - b) / steps.reshape(-1, *[1] * b.dim()) for c, b in zip(came, before)]
            w = [b + tau * d for b, d in zip(before, mean(unit, n))]
        elif name == "scaffold":
            by = steps * o.rate
            now = [c - d + (b - y) / by.reshape(-1, *[1] * b.dim())
                   for c, d, b, y in zip(own, control, before, came)]
            control = [d + k for d, k in zip(control, mean([a - c for a, c in zip(now, own)], n))]
            own = now
            w = [b + s["rate"] * d for b, d in zip(before, delta)]
        elif name == "feddyn":
            own = [c - s["alpha"] * (y - b) for c, y, b in zip(own, came, before)]
            h = [a - s["alpha"] * d for a, d in zip(h, delta)]
            w = [a - b / s["alpha"] for a, b in zip(average, h)]
        elif name == "qfedavg":
            f, q = all_.losses(before).clamp(min=1e-10), s["q"]
            up = [(b - y) / o.rate for b, y in zip(before, came)]
            squares = sum((u ** 2).reshape(len(u), -1).sum(1) for u in up)
            hs = q * f ** (q - 1) * squares + f ** q / o.rate
            top = mean([u * (f ** q).reshape(-1, *[1] * (u.dim() - 1)) for u in up], n)
            w = [b - t / mean([hs], n)[0] for b, t in zip(before, top)]
        elif name in ("fedadam", "fedyogi", "fedadagrad"):
            b1 = 0.0 if name == "fedadagrad" else 0.9
            m = [b1 * a + (1 - b1) * d for a, d in zip(m, delta)]
            if name == "fedadam":
                v = [0.99 * a + 0.01 * d * d for a, d in zip(v, delta)]
            elif name == "fedyogi":
                v = [a - 0.01 * d * d * torch.sign(a - d * d) for a, d in zip(v, delta)]
            else:
                v = [a + d * d for a, d in zip(v, delta)]
            w = [b + s["rate"] * a / (c.sqrt() + 1e-3) for b, a, c in zip(before, m, v)]
        elif name == "fltrust":
            joined = torch.cat([b.reshape(-1) for b in before])
            changes = flat(came) - joined
            changes, own_change = changes[:-1], changes[-1]
            trust = F.cosine_similarity(changes, own_change.unsqueeze(0)).clamp(min=0)
            if trust.sum() > 0:
                long = changes * (own_change.norm() / changes.norm(dim=1).clamp(min=1e-30)).unsqueeze(1)
                w = like(joined + (long * trust.unsqueeze(1)).sum(0) / trust.sum(), before)
        else:
            joined = torch.cat([b.reshape(-1) for b in before])
            w = like(robust(name, s, flat(came), n, joined), before)
    x, y = test
    return 100 * (network(w, x).argmax(1) == y).float().mean().item()


def dealt(o, seed):
    """Returns the parts of the clients, the server's own, the test, and the first parameters."""
    folder = os.path.join(o.dir, f"seed{seed}")
    a = load(folder, "train")
    parts = [(a["x"][a["client"] == i], a["y"][a["client"] == i]) for i in range(int(a["client"].max()) + 1)]
    root, test = ((b["x"], b["y"]) for b in (load(folder, "root"), load(folder, "test")))
    return parts, root, test, list(load(folder, "first").values())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--dir", required=True, help="what rhizome bench learn has written")
    p.add_argument("--seeds", type=int, required=True, help="from 1 on")
    p.add_argument("--rounds", type=int, required=True)
    p.add_argument("--epochs", type=int, required=True, help="passes of a client over its data in a round")
    p.add_argument("--batch", type=int, required=True)
    p.add_argument("--rate", type=float, required=True, help="the clients' rate")
    p.add_argument("--liars", type=int, default=0, help="so many clients send what they learned, times --times")
    p.add_argument("--times", type=float, default=1)
    p.add_argument("strategies", nargs="+", help="each with its settings, as in a job file")
    o = p.parse_args()
    torch.set_num_threads(1)
    for text in o.strategies:
        for seed in range(1, o.seeds + 1):
            accuracy = learn(o, text, *dealt(o, seed), seed)
            print(json.dumps({"strategy": text, "seed": seed, "accuracy": accuracy}), flush=True)


if __name__ == "__main__":
    main()
