"""Makes the files of this folder, and expected.json: what is in them, from the numbers that were written, not from a reader.

pyarrow 26.0.1, pandas 3.1.1, polars 2.1.0, fastparquet 2026.9.0, duckdb 2.0.1, numpy 2.4.6. Run in this folder.

A value is its stored form: a whole number in decimals, "f" or "d" and the bits of a float32 or float64 in hex, "b" and the
bytes in hex, and null where nothing is. Of lists, all values stand one behind the other, with null for an empty list.
"""
import decimal
import glob
import json
import os
import struct

import duckdb
import fastparquet
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

for old in glob.glob("*.parquet"):
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


def unscaled(x, size):
    return None if x is None else "b" + int(x).to_bytes(size, "big", signed=True).hex()


# Every type: the column, its type for pyarrow, the values for pyarrow, and the stored form.
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
    column(f"uint{bits}", getattr(pa, f"uint{bits}")(), [0, (1 << bits) - 1, 1 << bits - 1, 5], lambda v: whole(
        v if v is None or v < 1 << 63 else v - (1 << 64)) if bits == 64 else whole(
        v if v is None or v < 1 << 31 or bits < 32 else v - (1 << 32)))
HALVES = [1.5, -0.0, 65504.0, 2.0 ** -24, float("inf"), 1.0]
column("float16", pa.float16(), [np.float16(v) for v in HALVES],
       lambda v: None if v is None else "b" + struct.pack("<e", float(v)).hex())
SINGLES = [1.5, -0.0, 3.4028234663852886e38, 1e-45, float("inf"), float("nan"), 0.10000000149011612]
column("float32", pa.float32(), SINGLES, single)
column("float64", pa.float64(), [0.1, -0.0, 5e-324, 1.7976931348623157e308, float("-inf"), float("nan")], double)
column("string", pa.string(), ["", "a", "Łódź", "a longer text with a\nline end", "a"], raw)
column("large", pa.large_string(), ["x", "yy", ""], raw)
column("dictionary", pa.dictionary(pa.int8(), pa.string()), ["lo", "hi", "lo", "mid"], raw)
column("binary", pa.binary(), [b"", b"\x00\xff", b"abc"], raw)
column("fixed", pa.binary(3), [b"abc", b"\x00\x00\x00", b"\xff\xfe\xfd"], raw)
D = decimal.Decimal
column("decimal9", pa.decimal128(7, 2), [D("12345.67"), D("-0.01"), D("0.00")],
       lambda v: unscaled(None if v is None else v.scaleb(2), 4))
column("decimal38", pa.decimal128(38, 3), [D("1.234"), D("-99999999999999999999999999999999999.999")],
       lambda v: unscaled(None if v is None else v.scaleb(3, decimal.Context(prec=60)), 16))
column("date", pa.date32(), [0, -1, 19724], whole)
column("time_ms", pa.time32("ms"), [0, 86399999], whole)
column("time_us", pa.time64("us"), [0, 1, 86399999999], whole)
column("ts_s", pa.timestamp("s"), [0, -1, 1704164645], lambda v: None if v is None else str(1000 * v))
column("ts_us", pa.timestamp("us", tz="UTC"), [0, -1, 1704164645000006], whole)
column("ts_ns", pa.timestamp("ns"), [0, -1, 1704164645000000006], whole)
column("duration", pa.duration("us"), [1, -1, 86400000000], whole)
column("required_i", pa.int64(), [3, 1, 4, 1, 5, 9, 2, 6], whole, nulls=False)
column("required_s", pa.string(), ["p", "qq", ""], raw, nulls=False)
column("nothing", pa.null(), [None], whole)
column("all_null", pa.float32(), [None], single)
column("no_null", pa.float32(), [0.25, 0.5], single, nulls=False)


def arrow(*names):
    chosen = [c for c in COLUMNS if not names or c[0] in names]
    arrays = [pa.array([None if v is None else v for v in c[2]], type=c[1].type) for c in chosen]
    return pa.table(arrays, schema=pa.schema([c[1] for c in chosen])), {c[0]: c[3] for c in chosen}


def write(name, names=(), **how):
    table, want = arrow(*names)
    pq.write_table(table, name + ".parquet", store_schema=name == "pyarrow_types", **how)
    expected[name + ".parquet"] = want


write("pyarrow_types")
write("pyarrow_v2_pages", data_page_version="2.0", compression="zstd", write_page_index=True,
      write_page_checksum=True)
write("pyarrow_old", version="1.0", use_dictionary=False, compression="none",
      names=[c[0] for c in COLUMNS if c[0] not in ("float16", "ts_ns")])
expected["pyarrow_old.parquet"]["uint32"] = [whole(v) for v in holes(cycle([0, (1 << 32) - 1, 1 << 31, 5]))]
SOME = ["bool", "int8", "int32", "uint32", "int64", "uint64", "float32", "float64", "string", "binary", "fixed",
        "float16", "required_i", "required_s", "all_null"]
for codec in ("none", "snappy", "gzip", "zstd", "lz4", "brotli"):
    write("pyarrow_" + codec, SOME, compression=codec)
    write("pyarrow_" + codec + "_v2", SOME, compression=codec, data_page_version="2.0", use_dictionary=False)
# pages of a few values, row groups of a few rows
write("pyarrow_pages", SOME, data_page_size=16, write_batch_size=3, max_rows_per_page=3, row_group_size=10,
      compression="snappy")
write("pyarrow_pages_v2", SOME, data_page_size=16, write_batch_size=3, max_rows_per_page=3, row_group_size=10,
      data_page_version="2.0", dictionary_pagesize_limit=8, compression="none")
ENCODINGS = {
    "PLAIN": ["bool", "int32", "int64", "float32", "float64", "string", "fixed"],
    "RLE": ["bool"],
    "DELTA_BINARY_PACKED": ["int8", "int32", "uint32", "int64", "uint64", "required_i", "ts_ns"],
    "DELTA_LENGTH_BYTE_ARRAY": ["string", "binary", "required_s"],
    "DELTA_BYTE_ARRAY": ["string", "binary", "fixed", "required_s"],
    "BYTE_STREAM_SPLIT": ["int32", "int64", "float32", "float64", "float16", "fixed", "decimal9"],
}
for encoding, names in ENCODINGS.items():
    for v in ("1.0", "2.0"):
        write(f"encoding_{encoding.lower()}_v{v[0]}", names, use_dictionary=False, data_page_version=v,
              column_encoding={n: encoding for n in names})

# long runs of differences, of every width
walk = [0]
for i in range(1, 700):
    walk.append(walk[-1] + (-1) ** i * (1 << (i // 11)))
walk = [((x + (1 << 63)) % (1 << 64)) - (1 << 63) for x in walk]
pq.write_table(pa.table({"walk": pa.array(walk, pa.int64())}), "delta_widths.parquet", use_dictionary=False,
               column_encoding={"walk": "DELTA_BINARY_PACKED"}, compression="zstd")
expected["delta_widths.parquet"] = {"walk": [str(x) for x in walk]}

# runs and packed numbers of every width of a dictionary
many = [i * i % (1 << (1 + i // 90)) for i in range(1000)] + [77] * 200
pq.write_table(pa.table({"many": pa.array(many, pa.int32())}), "dictionary_widths.parquet", compression="zstd",
               max_rows_per_page=100, write_batch_size=50)
expected["dictionary_widths.parquet"] = {"many": [str(x) for x in many]}

# nested: levels, as they are
lists = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]
nested = pa.table({
    "list": pa.array(lists, pa.list_(pa.float32())),
    "fsl": pa.array(lists, pa.list_(pa.float32(), 3)),
    "ragged": pa.array([[1], [], None], pa.list_(pa.int32())),
    "deep": pa.array([[[1, 2], [3]], [], [[4], None]], pa.list_(pa.list_(pa.int64()))),
    "skewed": pa.array([[[1, 2], [3]], [[1], [2, 3]], [[1, 2], [3]]], pa.list_(pa.list_(pa.int64()))),
    "even": pa.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 10], [11, 12]]], pa.list_(pa.list_(pa.int64()))),
    "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": "z"}], pa.struct(
        [("a", pa.int32()), ("b", pa.string())])),
    "map": pa.array([[("k", 1)], [], [("l", 2), ("m", None)]], pa.map_(pa.string(), pa.int32())),
})
flat = {
    "list.list.element": [single(float(v)) for v in range(1, 10)],
    "fsl.list.element": [single(float(v)) for v in range(1, 10)],
    "ragged.list.element": ["1", None, None],
    "deep.list.element.list.element": ["1", "2", "3", None, "4", None],
    "skewed.list.element.list.element": ["1", "2", "3"] * 3,
    "even.list.element.list.element": [str(x) for x in range(1, 13)],
    "struct.a": ["1", None, None],
    "struct.b": [raw("x"), None, raw("z")],
    "map.key_value.key": [raw("k"), None, raw("l"), raw("m")],
    "map.key_value.value": ["1", None, "2", None],
}
for v in ("1.0", "2.0"):
    pq.write_table(nested, f"nested_v{v[0]}.parquet", data_page_version=v)
    expected[f"nested_v{v[0]}.parquet"] = flat

# no rows, no row groups; no columns
empty, _ = arrow("int32", "string")
pq.write_table(empty.slice(0, 0), "no_rows.parquet")
expected["no_rows.parquet"] = {"int32": [], "string": []}
pq.ParquetWriter("no_groups.parquet", empty.schema).close()
expected["no_groups.parquet"] = {"int32": [], "string": []}
w = pq.ParquetWriter("empty_group.parquet", empty.schema)
w.write_table(empty.slice(0, 4))
w.write_table(empty.slice(0, 0))
w.write_table(empty.slice(4, 3))
w.close()
_, want = arrow("int32", "string")
expected["empty_group.parquet"] = {k: v[:7] for k, v in want.items()}

# other writers
frame = {"i": holes(cycle([3, -1, 1 << 40])), "f": holes(cycle([0.5, -0.0, 1e300])), "s": holes(cycle(["a", "", "żż"])),
         "b": holes(cycle([True, False, True]))}
want = {"i": [whole(x) for x in frame["i"]], "f": [double(x) for x in frame["f"]], "s": [raw(x) for x in frame["s"]],
        "b": [whole(x) for x in frame["b"]]}
for codec in ("uncompressed", "snappy", "gzip", "zstd", "lz4", "brotli"):
    pl.DataFrame(frame).write_parquet(f"polars_{codec}.parquet", compression=codec, row_group_size=16)
    expected[f"polars_{codec}.parquet"] = want
duckdb.register("frame", pa.table(frame))
for codec in ("uncompressed", "snappy", "gzip", "zstd", "lz4_raw", "brotli"):
    for v in ("V1", "V2"):
        duckdb.sql(f"COPY (FROM frame) TO 'duckdb_{codec}_{v.lower()}.parquet' (FORMAT parquet, CODEC '{codec}', "
                   f"PARQUET_VERSION {v})")
        expected[f"duckdb_{codec}_{v.lower()}.parquet"] = want
df = pd.DataFrame({"i": pd.array(frame["i"], dtype="Int64"), "f": pd.array(frame["f"], dtype="Float64"),
                   "s": pd.Series(frame["s"], dtype=object), "b": pd.array(frame["b"], dtype="boolean"),
                   "c": pd.Categorical(cycle(["lo", "hi"]))})
for codec in ("UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "LZ4", "LZ4_RAW", "BROTLI"):
    try:
        fastparquet.write(f"fastparquet_{codec.lower()}.parquet", df, compression=codec, row_group_offsets=[0, 20])
        expected[f"fastparquet_{codec.lower()}.parquet"] = {**want, "c": [raw(x) for x in cycle(["lo", "hi"])]}
    except Exception as e:
        print("fastparquet", codec, repr(e))
pq.write_table(pa.table({"t": pa.array([1704164645000000006, -1, None], pa.timestamp("ns"))}), "int96.parquet",
               use_deprecated_int96_timestamps=True)
expected["int96.parquet"] = {"t": [
    "b" + struct.pack("<qi", (3 * 3600 + 4 * 60 + 5) * 10 ** 9 + 6, 2440588 + 19724).hex(),
    "b" + struct.pack("<qi", 86400 * 10 ** 9 - 1, 2440588 - 1).hex(), None]}

# files of which the values stand in others
pq.write_metadata(empty.schema, "schema_alone.parquet")
expected["schema_alone.parquet"] = {"int32": [], "string": []}
meta = []
pq.write_table(empty, "beside.tmp", metadata_collector=meta)
meta[0].set_file_path("beside.tmp")
meta[0].write_metadata_file("elsewhere.parquet")
os.remove("beside.tmp")
expected["elsewhere.parquet"] = {}

# encrypted: all of it, and one column alone
import pyarrow.parquet.encryption as pe


class Keys(pe.KmsClient):
    def __init__(self, _):
        super().__init__()

    def wrap_key(self, key, _):
        return key.hex().encode()

    def unwrap_key(self, key, _):
        return bytes.fromhex(key.decode())


factory = pe.CryptoFactory(lambda c: Keys(c))
for name, plaintext in (("encrypted", False), ("encrypted_column", True)):
    props = factory.file_encryption_properties(pe.KmsConnectionConfig(), pe.EncryptionConfiguration(
        footer_key="f", column_keys={"c": ["int32"]}, plaintext_footer=plaintext))
    with pq.ParquetWriter(name + ".parquet", empty.schema, encryption_properties=props) as w:
        w.write_table(empty)
    expected[name + ".parquet"] = {}

with open("expected.json", "w") as f:
    f.write("{\n" + ",\n".join(json.dumps(k) + ": {\n" + ",\n".join(
        " " + json.dumps(c) + ": " + json.dumps(v, separators=(",", ":")) for c, v in cols.items()) + "}"
        for k, cols in sorted(expected.items())) + "}\n")
