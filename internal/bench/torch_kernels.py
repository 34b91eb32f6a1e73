"""The metrics of `rhizome bench kernels` by PyTorch, beside Rhizome on the same machine, in turn.

    python internal/bench/torch_kernels.py --rhizome ./rhizome

Wants PyTorch. The models are those of kernels_model.go, as a user of PyTorch writes them. A ratio above 1 means that
Rhizome is faster, and of memory that it takes more. Figures are steps a second, GFLOP/s and MB; each is the median of
`--repeat` turns, and so is each ratio by itself. "of the clock" and "of the processor" are the two ways to count
seconds: on a machine that others use, the second says more.
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time

MODELS = [
    "mlp_64_32_10_b32",
    "mlp_784_128_10_b64",
    "mlp_64_4962_4962_10_b256",
    "cnn_32x32x3_b50",
    "cnn_28x28x1_b32",
    "transformer_d64_t32_b16",
]
PRODUCTS = [512, 2048]


def model(name):
    """Returns a model and its batch: samples and labels."""
    import torch
    from torch import nn

    torch.manual_seed(1)
    kind, *rest = name.split("_")
    batch = int(rest[-1][1:])
    if kind == "mlp":
        widths = [int(w) for w in rest[:-1]]
        layers = []
        for a, b in zip(widths, widths[1:]):
            layers += [nn.Linear(a, b), nn.ReLU()]
        return nn.Sequential(*layers[:-1]), torch.randn(batch, widths[0]), torch.randint(widths[-1], (batch,))
    if kind == "cnn":
        side, _, channels = (int(n) for n in rest[0].split("x"))
        net = nn.Sequential(
            nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64 * (side // 4) ** 2, 512), nn.ReLU(), nn.Linear(512, 10))
        return net, torch.randn(batch, channels, side, side), torch.randint(10, (batch,))
    width, tokens, words = int(rest[0][1:]), int(rest[1][1:]), 128

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(words, width)
            self.places = nn.Parameter(torch.randn(tokens, width))
            self.layers = nn.TransformerEncoder(
                nn.TransformerEncoderLayer(width, 4, 256, dropout=0.0, activation="relu", batch_first=True), 2)
            self.head = nn.Linear(width, words)

        def forward(self, x):
            return self.head(self.layers(self.words(x) + self.places)).flatten(0, 1)

    return Transformer(), torch.randint(words, (batch, tokens)), torch.randint(words, (batch * tokens,))


def work(name):
    """Returns what is measured under a name, as a function, and how much of the unit one call is."""
    import torch

    if name.startswith("gemm_"):
        n = int(name.split("_")[1])
        a, b = torch.randn(n, n), torch.randn(n, n)
        return lambda: torch.mm(a, b), 2 * n**3 / 1e9
    net, x, labels = model(name)
    net.train()
    loss, sgd = torch.nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=0.001)

    def step():
        sgd.zero_grad()
        loss(net(x), labels).backward()
        sgd.step()

    return step, 1


def pace(f, each):
    """Returns how much is done in a second of the clock, and of the processor: medians of seven windows of 50 ms."""
    n = 1
    while True:
        start = time.perf_counter()
        for _ in range(n):
            f()
        took = time.perf_counter() - start
        if took > 0.05:
            break
        n = max(2 * n, math.floor(n * 0.05 / max(took, 1e-9)))
    wall, cpu = [], []
    for _ in range(7):
        start, used = time.perf_counter(), time.process_time()
        for _ in range(n):
            f()
        cpu.append((time.process_time() - used) / n)
        wall.append((time.perf_counter() - start) / n)
    return each / statistics.median(wall), each / statistics.median(cpu)


def child(name, threads):
    """Is the process that measures one thing, and nothing else."""
    import torch

    torch.set_num_threads(threads)
    f, each = work(name)
    start, steps = time.perf_counter(), 0
    while steps < 5 or time.perf_counter() - start < 1:
        f()
        steps += 1
    peak = None
    try:
        with open("/proc/self/status") as status:
            peak = next(int(s.split()[1]) * 1024 / 1e6 for s in status if s.startswith("VmHWM:"))
    except OSError:
        pass
    wall, cpu = pace(f, each)
    print(json.dumps({"wall": wall, "cpu": cpu, "peak": peak}))


def torch_figures(name, threads):
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    out = subprocess.run([sys.executable, __file__, "--child", name, "--threads", str(threads)], env=env,
                         check=True, stdout=subprocess.PIPE)
    return json.loads(out.stdout)


def rhizome_figures(o, parts, models):
    args = [o.rhizome, "bench", "kernels", "--json", "--threads", str(o.threads), "--parts", parts]
    if o.version:
        args += ["--version", str(o.version)]
    if models:
        args += ["--models", models]
    out = subprocess.run(args, check=True, stdout=subprocess.PIPE)
    metrics = [json.loads(line) for line in out.stdout.splitlines()]
    return {m["metric"]: m["value"] for m in metrics}


def turn(name, o):
    """Measures one thing with both, and returns (metric, Rhizome's figure, PyTorch's) for each metric."""
    if name.startswith("gemm_"):
        ours, theirs = rhizome_figures(o, "gemm", None), torch_figures(name, o.threads)
        return [(f"{name}_gflops", ours[f"{name}_gflops"], theirs["wall"]),
                (f"{name}_gflop_per_cpu_s", ours[f"{name}_gflop_per_cpu_s"], theirs["cpu"])]
    ours, theirs = rhizome_figures(o, "steps,peak", name), torch_figures(name, o.threads)
    rows = [(f"train_steps_per_s_{name}", ours[f"train_steps_per_s_{name}"], theirs["wall"]),
            (f"train_steps_per_cpu_s_{name}", ours[f"train_steps_per_cpu_s_{name}"], theirs["cpu"])]
    if theirs["peak"]:
        rows.append((f"peak_mb_{name}", ours[f"peak_mb_{name}"], theirs["peak"]))
    return rows


def processor():
    try:
        with open("/proc/cpuinfo") as info:
            lines = info.read().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    name = next((s.split(":")[1].strip() for s in lines if s.startswith("model name")), platform.machine())
    flags = next((s.split() for s in lines if s.startswith("flags")), [])
    return name + " with " + ("AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "neither AVX2")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rhizome", default="rhizome", help="the command")
    p.add_argument("--threads", type=int, default=1, help="threads of both")
    p.add_argument("--version", type=int, help="version of Rhizome's backend")
    p.add_argument("--repeat", type=int, default=3, help="turns, of which the medians count")
    p.add_argument("--only", default="", help="what to measure, parted by commas: gemm_512, …, names of models")
    p.add_argument("--json", action="store_true", help="write one JSON object per metric and nothing else")
    p.add_argument("--child", help=argparse.SUPPRESS)
    o = p.parse_args()
    if o.child:
        return child(o.child, o.threads)

    import torch

    names = o.only.split(",") if o.only else [f"gemm_{n}" for n in PRODUCTS] + MODELS
    if not o.json:
        version = subprocess.run([o.rhizome, "version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        version = version.splitlines()[0]
        print(f"{processor()}, {os.cpu_count()} processors, {o.threads} threads, load {os.getloadavg()[0]:.0f}")
        print(f"{version}; PyTorch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()}), "
              f"Python {platform.python_version()}; medians of {o.repeat} turns\n")
        print("| metric | Rhizome | PyTorch | ratio |\n|---|---|---|---|", flush=True)
    for name in names:
        turns = [turn(name, o) for _ in range(o.repeat)]
        for rows in zip(*turns):
            ours, theirs = (statistics.median(r[i] for r in rows) for i in (1, 2))
            ratio = statistics.median(r[1] / r[2] for r in rows)
            if o.json:
                print(json.dumps({"metric": rows[0][0], "rhizome": ours, "pytorch": theirs, "ratio": ratio}),
                      flush=True)
            else:
                print(f"| {rows[0][0]} | {ours:.4g} | {theirs:.4g} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
