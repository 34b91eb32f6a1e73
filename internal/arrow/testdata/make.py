"""Makes the files of this folder, and expected.json: what is in them, from the numbers that were written, not from a reader.

pyarrow 26.0.1, pandas 3.1.1, polars 2.1.0, numpy 2.4.6, flatbuffers 25.12.19. Run in this folder.

A value is its stored form: a whole number in decimals (of float16, its bits), "f" or "d" and the bits of a float32 or
float64 in hex, "b" and the bytes in hex, and null where nothing is. Of lists, all values stand one behind the other.
"""
import decimal
import glob
import json
import os
import struct

import flatbuffers
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc

for old in glob.glob("*.arrow"):
    os.remove(old)
expected = {}
N = 41


def single(x):
    return None if x is None else "f" + struct.pack(">f", x).hex()


def double(x):
    return None if x is None else "d" + struct.pack(">d", x).hex()


def raw(x):
    if x is None:
        return None
    return "b" + (x.encode() if isinstance(x, str) else x).hex()


def whole(x):
    return None if x is None else str(int(x))


def holes(xs):
    return [None if i % 5 == 3 else x for i, x in enumerate(xs)]


def cycle(xs):
    return [xs[i % len(xs)] for i in range(N)]


COLUMNS = []


def column(name, typ, values, stored, nulls=True):
    values = cycle(values)
    if nulls:
        values = holes(values)
    COLUMNS.append((name, pa.field(name, typ, nullable=nulls), values, [stored(v) for v in values]))


column("bool", pa.bool_(), [True, False, False, True, True], whole)
for bits in (8, 16, 32, 64):
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    column(f"int{bits}", getattr(pa, f"int{bits}")(), [low, high, 0, -1, 7, low + 1], whole)
    column(f"uint{bits}", getattr(pa, f"uint{bits}")(), [0, (1 << bits) - 1, 1 << bits - 1, 5],
           lambda v: whole(v if v is None or v < 1 << 63 else v - (1 << 64)))
column("float16", pa.float16(), [np.float16(v) for v in (1.5, -0.0, 65504.0, 2.0 ** -24, float("inf"))],
       lambda v: None if v is None else str(struct.unpack("<H", struct.pack("<e", float(v)))[0]))
column("float32", pa.float32(), [1.5, -0.0, 3.4028234663852886e38, 1e-45, float("inf"), float("nan")], single)
column("float64", pa.float64(), [0.1, -0.0, 5e-324, 1.7976931348623157e308, float("-inf"), float("nan")], double)
column("string", pa.string(), ["", "a", "Łódź", "a longer text with a\nline end", "a"], raw)
column("large", pa.large_string(), ["x", "yy", ""], raw)
column("view", pa.string_view(), ["short", "exactly12byt", "thirteen byte", "a text that is longer than a view"], raw)
column("binary", pa.binary(), [b"", b"\x00\xff", b"abc"], raw)
column("large_binary", pa.large_binary(), [b"", b"\x00\xff", b"abc"], raw)
column("binary_view", pa.binary_view(), [b"\xff" * 20, b"", b"abc"], raw)
column("fixed", pa.binary(3), [b"abc", b"\x00\x00\x00", b"\xff\xfe\xfd"], raw)
column("dict8", pa.dictionary(pa.int8(), pa.string()), ["lo", "hi", "lo", "mid"], raw)
column("dict_u16", pa.dictionary(pa.uint16(), pa.large_string()), ["lo", "hi", "lo", "mid"], raw)
column("dict_view", pa.dictionary(pa.int32(), pa.string_view()), ["lo", "hi", "a text that is longer than a view"], raw)
column("dict_int", pa.dictionary(pa.int32(), pa.int64()), [10, -20, 30], whole)
D = decimal.Decimal
column("decimal", pa.decimal128(7, 2), [D("12345.67"), D("-0.01"), D("0.00")],
       lambda v: None if v is None else str(int(v.scaleb(2))))
column("decimal64", pa.decimal64(7, 2), [D("12345.67"), D("-0.01"), D("0.00")],
       lambda v: None if v is None else str(int(v.scaleb(2))))
column("duration", pa.duration("us"), [1, -1, 86400000000], whole)
column("required", pa.int64(), [3, 1, 4, 1, 5, 9, 2, 6], whole, nulls=False)
column("nothing", pa.null(), [None], whole)
column("all_null", pa.float32(), [None], single)
column("list", pa.list_(pa.float32()), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
       lambda v: [single(x) for x in v], nulls=False)
column("large_list", pa.large_list(pa.int16()), [[1, 2, 3], [4, 5, None]], lambda v: [whole(x) for x in v], nulls=False)
column("fsl", pa.list_(pa.int32(), 3), [[1, 2, 3], None, [7, 8, None]],
       lambda v: [None] * 3 if v is None else [whole(x) for x in v])
column("deep", pa.list_(pa.list_(pa.int8(), 2)), [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
       lambda v: [whole(x) for y in v for x in y], nulls=False)
column("struct", pa.struct([("a", pa.int32()), ("b", pa.string())]), [{"a": 1, "b": "x"}, {"a": None, "b": "z"}],
       lambda v: v)


def flat(name, values):
    if name == "struct":
        return {"struct.a": [None if v is None else whole(v["a"]) for v in values],
                "struct.b": [None if v is None else raw(v["b"]) for v in values]}
    out = []
    for v in values:
        out += v if isinstance(v, list) else [v]
    return {name: out}


def array(values, typ):
    if pa.types.is_dictionary(typ) and pa.types.is_string_view(typ.value_type):
        of = sorted({v for v in values if v is not None})
        return pa.DictionaryArray.from_arrays(pa.array([None if v is None else of.index(v) for v in values], typ.index_type),
                                              pa.array(of, typ.value_type))
    return pa.array(values, type=typ)


def arrow(*names):
    chosen = [c for c in COLUMNS if not names or c[0] in names]
    want = {}
    for c in chosen:
        want.update(flat(c[0], c[3]))
    arrays = [array(c[2], c[1].type) for c in chosen]
    return pa.table(arrays, schema=pa.schema([c[1] for c in chosen])), want


table, want = arrow()


def write(name, table, want, stream=False, rows=None, **options):
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(name + ".arrow", table.schema, options=pa.ipc.IpcWriteOptions(**options)) as w:
        w.write_table(table, max_chunksize=rows)
    expected[name + ".arrow"] = want


for codec in (None, "lz4", "zstd"):
    write(f"pyarrow_file_{codec}".lower(), table, want, compression=codec)
    write(f"pyarrow_stream_{codec}".lower(), table, want, stream=True, compression=codec, rows=7)
write("pyarrow_batches", table, want, rows=7)
write("pyarrow_v4", arrow("int8", "string", "float32", "dict8")[0], arrow("int8", "string", "float32", "dict8")[1],
      metadata_version=pa.ipc.MetadataVersion.V4)
sliced = pa.concat_tables([table.slice(0, 3), table.slice(3, 0), table.slice(3, 14), table.slice(17)])
write("pyarrow_slices", sliced, want)

# a column of which the other kinds are not read
others = pa.table({
    "x": pa.array([1, 2], pa.int64()),
    "union": pa.UnionArray.from_dense(pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()),
                                      [pa.array([5], pa.int64()), pa.array(["a"])]),
    "sparse": pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([5, 6], pa.int64()), pa.array(["a", "b"])]),
    "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array(["v"])),
    "map": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int32())),
    "list_view": pa.array([[1], [2, 3]], pa.list_view(pa.int32())),
    "records": pa.array([[{"a": 1}], []], pa.list_(pa.struct([("a", pa.int32())]))),
    "ragged": pa.array([[1], [2, 3]], pa.list_(pa.int32())),
    "decimal38": pa.array([D("1.234"), None], pa.decimal128(38, 3)),
    "date": pa.array([0, 1], pa.date32()),
    "time": pa.array([0, 1], pa.time64("ns")),
    "timestamp": pa.array([0, 1], pa.timestamp("s", tz="UTC")),
    "y": pa.array(["last", "one"]),
})
write("others", others, {"x": ["1", "2"], "y": [raw("last"), raw("one")]})

# dictionaries that grow, and that are replaced
schema = pa.schema([("k", pa.dictionary(pa.int32(), pa.string()))])
parts = [pa.DictionaryArray.from_arrays(pa.array(i, pa.int32()), pa.array(d)) for i, d in (
    ([0, 1, 0], ["a", "b"]), ([2, 1, None], ["a", "b", "c"]), ([3, 0], ["a", "b", "c", "d"]))]
grown = [raw(x) for x in ["a", "b", "a", "c", "b", None, "d", "a"]]
for name, new in (("deltas_file", pa.ipc.new_file), ("deltas_stream", pa.ipc.new_stream)):
    with new(name + ".arrow", schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)) as w:
        for p in parts:
            w.write_batch(pa.record_batch([p], schema=schema))
    expected[name + ".arrow"] = {"k": grown}
parts[1] = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int32()), pa.array(["c", "b"]))
with pa.ipc.new_stream("replaced_stream.arrow", schema) as w:
    for p in parts:
        w.write_batch(pa.record_batch([p], schema=schema))
expected["replaced_stream.arrow"] = {"k": grown}

# a tensor in each row
tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(24, dtype=np.float32).reshape(4, 2, 3))
write("tensors", pa.table({"x": tensor, "y": ["a", "b", "a", "b"]}), {
    "x": [single(float(v)) for v in range(24)], "y": [raw(v) for v in "abab"]})

# nothing in it
write("no_rows", table.slice(0, 0), {k: [] for k in want})
with pa.ipc.new_file("no_batches.arrow", table.schema):
    pass
expected["no_batches.arrow"] = {k: [] for k in want}
with pa.ipc.new_stream("no_batches_stream.arrow", table.schema):
    pass
expected["no_batches_stream.arrow"] = {k: [] for k in want}

# other writers
frame = {"i": holes(cycle([3, -1, 1 << 40])), "f": holes(cycle([0.5, -0.0, 1e300])),
         "s": holes(cycle(["a", "", "żż", "a text that is longer than a view"])), "b": holes(cycle([True, False, True]))}
of = {"i": [whole(x) for x in frame["i"]], "f": [double(x) for x in frame["f"]], "s": [raw(x) for x in frame["s"]],
      "b": [whole(x) for x in frame["b"]]}
for codec in ("uncompressed", "lz4", "zstd"):
    df = pl.DataFrame(frame).with_columns(c=pl.Series(cycle(["lo", "hi"]), dtype=pl.Categorical),
                                          e=pl.Series(cycle(["lo", "hi"]), dtype=pl.Enum(["lo", "hi"])),
                                          a=pl.Series([[i, i + 1] for i in range(N)], dtype=pl.Array(pl.Int32, 2)))
    more = {"c": [raw(x) for x in cycle(["lo", "hi"])], "e": [raw(x) for x in cycle(["lo", "hi"])],
            "a": [str(i + k) for i in range(N) for k in (0, 1)]}
    df.write_ipc(f"polars_{codec}.arrow", compression=codec)
    expected[f"polars_{codec}.arrow"] = {**of, **more}
    df.write_ipc_stream(f"polars_{codec}_stream.arrow", compression=codec)
    expected[f"polars_{codec}_stream.arrow"] = {**of, **more}
df = pd.DataFrame({"i": pd.array(frame["i"], dtype="Int64"), "f": pd.array(frame["f"], dtype="Float64"),
                   "s": frame["s"], "b": pd.array(frame["b"], dtype="boolean"), "c": pd.Categorical(cycle(["lo", "hi"]))})
of_pandas = {**of, "c": [raw(x) for x in cycle(["lo", "hi"])]}
for codec in ("uncompressed", "lz4", "zstd"):
    df.to_feather(f"pandas_{codec}.arrow", compression=codec)
    expected[f"pandas_{codec}.arrow"] = of_pandas

# refused
pyarrow.feather.write_feather(pd.DataFrame({"x": [1, 2]}), "feather_v1.arrow", version=1)
expected["feather_v1.arrow"] = {}
b = flatbuffers.Builder(0)
b.StartVector(4, 0, 4)
fields = b.EndVector()
b.StartObject(4)
b.PrependInt16Slot(0, 1, 0)  # big endian
b.PrependUOffsetTRelativeSlot(1, fields, 0)
schema = b.EndObject()
b.StartObject(5)
b.PrependInt16Slot(0, 4, 0)
b.PrependUint8Slot(1, 1, 0)
b.PrependUOffsetTRelativeSlot(2, schema, 0)
b.Finish(b.EndObject())
meta = bytes(b.Output())
meta += bytes(-len(meta) % 8)
with open("big_endian.arrow", "wb") as f:
    f.write(struct.pack("<II", 0xFFFFFFFF, len(meta)) + meta + struct.pack("<II", 0xFFFFFFFF, 0))
expected["big_endian.arrow"] = {}

with open("expected.json", "w") as f:
    f.write("{\n" + ",\n".join(json.dumps(k) + ": {\n" + ",\n".join(
        " " + json.dumps(c) + ": " + json.dumps(v, separators=(",", ":")) for c, v in cols.items()) + "}"
        for k, cols in sorted(expected.items())) + "}\n")
