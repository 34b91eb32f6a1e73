#!/usr/bin/env bash
# flwr 1.42.0: the mean of FedAvg in flwr.server.strategy multiplies each array by its number of samples in the
# precision of the array, so half-precision models of clients with many samples become NaN, although every weight and
# their mean are small; the strategies of flwr.serverapp multiply by the share first, and do not. Both turn integer
# arrays (a counter such as num_batches_tracked) into float64, and the bits of the mean follow the order in which
# clients answered.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check flwr==1.42.0
cat >"$dir/see.py" <<'PY'
import warnings
import numpy as np
from flwr.app import ArrayRecord, MetricRecord, RecordDict
from flwr.server.strategy.aggregate import aggregate
from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords

warnings.simplefilter("ignore")

def older(pairs):
    return aggregate([([x], n) for x, n in pairs])[0]

def newer(pairs):
    records = [RecordDict({"arrays": ArrayRecord([x]), "metrics": MetricRecord({"num-examples": n})}) for x, n in pairs]
    return aggregate_arrayrecords(records, "num-examples").to_numpy_ndarrays()[0]

half = lambda v: np.full(2, v, np.float16)
for n in (3_000, 70_000):
    pairs = [(half(1.5), n), (half(2.5), n)]
    print(f"float16, {n} samples each: flwr.server {older(pairs)}, flwr.serverapp {newer(pairs)}; right is 2")
    assert np.isnan(older(pairs)).all() == (n == 70_000) and newer(pairs).tolist() == [2, 2]
count = [(np.array([3]), 1), (np.array([4]), 1)]
for name, mean in (("flwr.server", older), ("flwr.serverapp", newer)):
    print(name, "int64 3 and 4:", mean(count), mean(count).dtype)
    assert mean(count).dtype == np.float64
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=1000).astype(np.float32), int(n)) for n in rng.integers(10, 1000, 10)]
    assert not np.array_equal(mean(pairs), mean(pairs[::-1])), "the order of answers left no trace"
PY
"$dir/venv/bin/python" "$dir/see.py"
