"""Makes flowers.parquet, flowers.feather, pictures.parquet and hf_images.arrow: pandas 3.1.1, pyarrow 26.0.1, numpy 2.4.6.

Run in this folder. The numbers are drawn here, from the seed.
"""
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

rng = np.random.default_rng(7)

kind = np.arange(240) % 3
flowers = pd.DataFrame({
    "long": (3 * kind + rng.normal(size=240)).round(2).astype(np.float32),
    "wide": (kind * kind + 0.5 * rng.normal(size=240)).round(2).astype(np.float32),
    "stems": rng.integers(1, 9, size=240).astype(np.uint8),
    "species": pd.Categorical(np.array(["ash", "elm", "rose"])[kind]),
})
flowers.to_parquet("flowers.parquet")

pixels = rng.integers(4, 16, size=(60, 10, 10))
kind = np.arange(60) % 3
pixels[kind == 0, :3] += 30
pixels[kind == 1, :, :3] += 30
pictures = pd.DataFrame({
    "y": np.array(["top", "left", "none"])[kind],
    "x": list((pixels.reshape(60, 100) / 51).astype(np.float32)),
})
pictures.to_parquet("pictures.parquet", index=False)

# the same as Arrow: a file of pandas; and a stream as Hugging Face keeps its data sets, of the same images as in Parquet
flowers.to_feather("flowers.feather")
images = pq.read_table("hf_images.parquet")
with pa.ipc.new_stream("hf_images.arrow", images.schema) as w:
    w.write_table(images)

# columns of one name; and dictionaries of several types, whose numbers a slip makes one
twice = pa.table([pa.array(np.arange(12) % 7, pa.float32()), pa.array(np.arange(12) % 5, pa.float32()),
                  pa.array(np.arange(12) % 3)], names=["a", "a", "y"])
with pa.ipc.new_stream("twice.arrow", twice.schema) as w:
    w.write_table(twice)
coded = pa.table({"n": pa.array([1, 2, 1, 3] * 2).dictionary_encode(),
                  "f": pa.array([1.5, 2.5, 1.5, 3.5] * 2).dictionary_encode(),
                  "s": pa.array(["a", "b", "a", "c"] * 2).dictionary_encode()})
with pa.ipc.new_stream("coded.arrow", coded.schema) as w:
    w.write_table(coded)
