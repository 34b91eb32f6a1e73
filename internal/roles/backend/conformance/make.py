#!/usr/bin/env python3
"""Writes the backend node tests of the ONNX project, compactly.

    python3 -m venv VENV && VENV/bin/pip install onnx==1.23.2
    VENV/bin/python make.py | zstd --ultra -22 --long=24 -o testdata/node.zst

The wheel of onnx makes these tests and no longer ships them as files. The archive is one stream of numbers and byte
strings (numbers are unsigned LEB128, a string is its length and its bytes), in which each tensor stands once:

    count, then so many TensorProto messages, raw_data alone
    count, then so many tests: name; ModelProto; relative and absolute tolerance, as decimal text; number of data sets,
      each of them: count, then for each input a number; count, then for each output a number

A number of a value is 0 for one that is not given or is no tensor (a sequence, a map, an optional value), and else
the place of its TensorProto, from 1.
"""
import sys

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

WANT = "1.23.2"


def number(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def string(b):
    return number(len(b)) + b


class Pool:
    """The tensors, each one once."""

    def __init__(self):
        self.places, self.all = {}, []

    def add(self, value):
        if value is None or isinstance(value, (list, dict)):
            return 0
        if not isinstance(value, onnx.TensorProto):
            if not hasattr(value, "dtype"):
                return 0
            value = numpy_helper.from_array(np.asarray(value))
        elif not value.HasField("raw_data") and value.data_type != onnx.TensorProto.STRING:
            copy = numpy_helper.from_array(numpy_helper.to_array(value))
            if copy.data_type == value.data_type:
                value = copy
        value = onnx.TensorProto.FromString(value.SerializeToString())
        value.ClearField("name")
        b = value.SerializeToString(deterministic=True)
        if b not in self.places:
            self.all.append(b)
            self.places[b] = len(self.all)
        return self.places[b]


def main():
    if onnx.__version__ != WANT:
        sys.exit(f"onnx is {onnx.__version__}; want {WANT}")
    pool, tests = Pool(), []
    for case in sorted(collect_testcases(None), key=lambda c: c.name):
        for node in case.model.graph.node:
            node.doc_string = ""
        out = [string(case.name.encode()), string(case.model.SerializeToString(deterministic=True)),
               string(repr(float(case.rtol)).encode()), string(repr(float(case.atol)).encode()),
               number(len(case.data_sets))]
        for data in case.data_sets:
            for values in data:
                out.append(number(len(values)))
                out += [number(pool.add(v)) for v in values]
        tests.append(b"".join(out))
    body = number(len(pool.all)) + b"".join(map(string, pool.all)) + number(len(tests)) + b"".join(tests)
    sys.stdout.buffer.write(body)
    print(len(tests), "tests,", len(pool.all), "tensors,", len(body), "bytes", file=sys.stderr)


main()
