"""How well jobs learn, beside plain PyTorch loops of the same algorithms: the same parts of the data, the same first
parameters, everything else by itself.

    python internal/bench/torch_learn.py --rhizome ./rhizome

Wants PyTorch and NumPy, and a clone, for the held-out samples. The task is the job digits (64 pixels, a hidden layer of
32, eight clients). Rhizome's side is `rhizome sim digits --sweep strategy=…`; the parts come from `rhizome data`, the
first parameters from a job whose rate is next to nothing. The loops below follow the papers that docs/strategies names;
where a job weighs clients by samples, so do they. Each draws the order of its batches itself, so that single runs
differ: figures are means over the seeds, in points of accuracy, and beside a difference stands its standard error.
"""

import argparse
import collections
import gzip
import json
import math
import os
import platform
import statistics
import subprocess
import tempfile

BATCH = 16
HERE = os.path.dirname(os.path.abspath(__file__))

STRATEGIES = [
    "fedavg", "fedavgm momentum=0.9 rate=0.3", "fedprox mu=0.1", "fednova", "scaffold rate=1", "feddyn alpha=0.1",
    "qfedavg q=0.2", "fedadam rate=0.03", "fedyogi rate=0.03", "fedadagrad rate=0.1", "diloco rate=0.7 momentum=0.5",
    "median", "trimmed-mean share=0.2", "krum f=1", "multi-krum f=1", "bulyan f=1", "geometric-median",
    "norm-clipping norm=1", "centred-clipping radius=1",
]


def settings(text):
    name, *rest = text.split()
    return name, {k: float(v) for k, v in (word.split("=") for word in rest)}


def call(rhizome, *args):
    return subprocess.run([rhizome, *args], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True).stdout


def split(o, seed, alpha):
    """Returns the parts of the clients and the held-out samples, as Rhizome deals them, and the first parameters."""
    import numpy
    import torch

    def tensors(lines):
        rows = torch.tensor([[float(x) for x in line.split(",")] for line in lines])
        return rows[:, :64] / 16, rows[:, 64].long()

    with gzip.open(os.path.join(HERE, "..", "..", "dataset", "digits.csv.gz"), "rt") as f:
        left = collections.Counter(f.read().split())
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(o.clients):
            path = os.path.join(folder, f"{i}.csv")
            call(o.rhizome, "data", "digits", "--part", str(i), "--of", str(o.clients), "--seed", str(seed), "--alpha",
                 str(alpha), "-o", path)
            with open(path) as f:
                lines = f.read().split()
            left.subtract(lines)
            parts.append(tensors(lines))
        call(o.rhizome, "run", "digits", "--seed", str(seed), "--rounds", "1", "--clients", str(o.clients), "--set",
             f"alpha={alpha}", "--set", "learning_rate=1e-30", "--dir", os.path.join(folder, "first"))
        path = os.path.join(folder, "first.npz")
        call(o.rhizome, "export", os.path.join(folder, "first"), "--to", "npz", "-o", path)
        first = [torch.from_numpy(a) for a in numpy.load(path).values()]
    if min(left.values()) < 0:
        raise SystemExit("a part has samples that the data set has not")
    return parts, tensors(left.elements()), first


def forward(w, x):
    import torch

    return torch.relu(x @ w[0] + w[1].unsqueeze(-2)) @ w[2] + w[3].unsqueeze(-2)


class Clients:
    """All clients, which train side by side: each parameter has a first axis of clients."""

    def __init__(self, o, parts, seed):
        import torch

        self.o, self.parts, self.draw = o, parts, torch.Generator().manual_seed(1000 + seed)
        self.n = torch.tensor([float(len(y)) for _, y in parts])
        self.steps = [o.epochs * math.ceil(len(y) / BATCH) for _, y in parts]

    def batches(self):
        """Returns, for each client, the rows of its steps: each epoch in an order of its own, filled up at its end."""
        import torch

        out = []
        for _, y in self.parts:
            rows = []
            for _ in range(self.o.epochs):
                order = torch.randperm(len(y), generator=self.draw)
                full = math.ceil(len(y) / BATCH) * BATCH
                rows.append(order.repeat(math.ceil(full / len(y)))[:full].reshape(-1, BATCH))
            out.append(torch.cat(rows))
        return out

    def train(self, w, change):
        """Trains all from w; change(gradients, parameters) is what the algorithm makes of the gradients of a step."""
        import torch

        at = [p.expand(len(self.parts), *p.shape).clone() for p in w]
        rows = self.batches()
        for k in range(max(self.steps)):
            going = torch.tensor([k < s for s in self.steps])
            x = torch.stack([self.parts[i][0][r[min(k, len(r) - 1)]] for i, r in enumerate(rows)])
            y = torch.stack([self.parts[i][1][r[min(k, len(r) - 1)]] for i, r in enumerate(rows)])
            at = [p.detach().requires_grad_() for p in at]
            loss = torch.nn.functional.cross_entropy(forward(at, x).reshape(-1, 10), y.reshape(-1), reduction="sum")
            gradients = torch.autograd.grad(loss / BATCH, at)
            with torch.no_grad():
                gradients = change(gradients, at)
                at = [torch.where(going.reshape(-1, *[1] * (p.dim() - 1)), p - self.o.rate * g, p)
                      for p, g in zip(at, gradients)]
        return [p.detach() for p in at]

    def losses(self, w):
        import torch

        return torch.stack([torch.nn.functional.cross_entropy(forward(w, x), y) for x, y in self.parts])


def mean(values, weights):
    """Returns the weighted mean over the first axis."""
    weights = weights / weights.sum()
    return [(v * weights.reshape(-1, *[1] * (v.dim() - 1))).sum(0) for v in values]


def flat(values):
    import torch

    return torch.cat([v.reshape(len(v), -1) for v in values], 1)


def like(vector, w):
    out, at = [], 0
    for p in w:
        out.append(vector[at:at + p.numel()].reshape(p.shape))
        at += p.numel()
    return out


def robust(name, s, updates, n, before):
    """Returns what a robust rule makes of updates, rows of a matrix."""
    import torch

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


def learn(o, text, parts, test, first, seed):
    """Returns the accuracy that a loop comes to."""
    import torch

    name, s = settings(text)
    all_ = Clients(o, parts, seed)
    n, w = all_.n, [p.clone() for p in first]
    zeros = lambda: [torch.zeros_like(p) for p in w]
    each = lambda: [torch.zeros(len(parts), *p.shape) for p in w]
    velocity, m, h, control = zeros(), zeros(), zeros(), zeros()
    v = [torch.full_like(p, 1e-6 if name != "fedadagrad" else 1e-6) for p in w]  # tau², as the paper begins
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
            p[len(p) - o.liars:] *= -1
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
        else:
            joined = torch.cat([b.reshape(-1) for b in before])
            w = like(robust(name, s, flat(came), n, joined), before)
    x, y = test
    return 100 * (forward(w, x).argmax(1) == y).float().mean().item()


def ours(o, texts, alpha, seeds):
    """Returns the accuracies of Rhizome, by strategy and seed."""
    args = ["sim", "digits", "--json", "--seeds", str(seeds), "--nodes", str(o.clients), "--rounds", str(o.rounds),
            "--volatile", "--sweep", "strategy=" + "|".join(texts)]
    for key, value in {"alpha": alpha, "epochs": o.epochs, "batch": BATCH, "learning_rate": o.rate,
                       "evaluate_every": o.rounds}.items():
        args += ["--set", f"{key}={value}"]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as faults:
        if o.liars:
            faults.write(f"faults: [{{kind: lie, nodes: clients, share: {o.liars / o.clients}}}]\n")
            faults.flush()
            args += ["--faults", faults.name]
        out = call(o.rhizome, *args)
    got = {}
    for line in map(json.loads, out.splitlines()):
        if line["event"] == "run":
            value = line["accuracy"]
            got[line["settings"]["strategy"], line["seed"]] = math.nan if value is None else 100 * value
    return got


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rhizome", default="rhizome", help="the command")
    p.add_argument("--clients", type=int, default=8)
    p.add_argument("--liars", type=int, default=0, help="so many of them send the negative of what they learned")
    p.add_argument("--rounds", type=int, default=40)
    p.add_argument("--epochs", type=int, default=2, help="passes of a client over its data in a round")
    p.add_argument("--rate", type=float, default=0.1, help="the clients' rate")
    p.add_argument("--seeds", type=int, default=5, help="from 1 on")
    p.add_argument("--alphas", default="1e6,0.1", help="of Dirichlet's distribution: 1e6 deals all alike")
    p.add_argument("--only", default="", help="strategies with their settings, with | between them")
    p.add_argument("--json", action="store_true", help="write one JSON object per row and nothing else")
    o = p.parse_args()

    import torch

    torch.set_num_threads(1)
    texts = o.only.split("|") if o.only else STRATEGIES
    if not o.json:
        version = call(o.rhizome, "version").splitlines()[0]
        print(f"{version}; PyTorch {torch.__version__}, Python {platform.python_version()}")
        print(f"digits, {o.clients} clients, {o.rounds} rounds of {o.epochs} epochs, batches of {BATCH}, rate {o.rate}, "
              f"{o.seeds} seeds" + (f", {o.liars} liars" if o.liars else "") + "\n")
        print("| data | strategy | Rhizome | PyTorch | difference |\n|---|---|---|---|---|", flush=True)
    for alpha in o.alphas.split(","):
        dealt = {seed: split(o, seed, alpha) for seed in range(1, o.seeds + 1)}
        for text in texts:
            here = ours(o, [text], alpha, o.seeds)
            pairs = [(here[text, seed], learn(o, text, *dealt[seed], seed)) for seed in dealt]
            a, b = (statistics.mean(x[i] for x in pairs) for i in (0, 1))
            apart = [x[0] - x[1] for x in pairs]
            error = statistics.stdev(apart) / math.sqrt(len(apart)) if len(apart) > 1 else math.nan
            if o.json:
                print(json.dumps({"alpha": float(alpha), "strategy": text, "rhizome": a, "pytorch": b,
                                  "difference": a - b, "error": error, "pairs": pairs}), flush=True)
            else:
                print(f"| {alpha} | {text} | {a:.1f} % | {b:.1f} % | {a - b:+.1f} ± {error:.1f} |", flush=True)


if __name__ == "__main__":
    main()
