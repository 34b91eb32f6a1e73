"""Reads the golden vectors, and a journal, with Python's protobuf alone, and writes messages for other readers to read.

    python check.py FOLDER-OF-FORMATS OUT [SEGMENT...]

It knows descriptors.binpb and README.md and nothing else of Rhizome. Each message is compared with its JSON; what it writes goes to OUT, in the
folders of the vectors: NAME.python.binpb as the library writes it, and for envelopes NAME.python-zeros.binpb with every zero written out and lists
unpacked, and NAME.python-later.binpb with fields that no release knows yet. The payloads of records in journal segments go there too.
"""

import base64
import json
import pathlib
import struct
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory


def messages(descriptors, twin=False):
    """Returns a function that gives the class of a message. The twin says in proto2 what the schemas say in proto3: fields keep their numbers and
    types, and the library then writes zeros that were set, and lists of numbers unpacked."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptors.file:
        f = descriptor_pb2.FileDescriptorProto()
        f.CopyFrom(file)
        if twin:
            f.syntax = "proto2"
            for m in f.message_type:
                for field in m.field:
                    field.ClearField("proto3_optional")
                    field.ClearField("oneof_index")
                m.ClearField("oneof_decl")
        pool.Add(f)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def known(m):
    """Returns a message without its unknown fields."""
    copy = type(m)()
    copy.CopyFrom(m)
    copy.DiscardUnknownFields()
    return copy


def zeros(m):
    """Sets every number, truth value, text and byte string of a message that is not set, to zero."""
    for field in m.DESCRIPTOR.fields:
        if field.is_repeated:
            if field.message_type:
                for item in getattr(m, field.name):
                    zeros(item)
        elif field.message_type:
            if m.HasField(field.name):
                zeros(getattr(m, field.name))
        elif not m.HasField(field.name):
            setattr(m, field.name, field.default_value)


def varint(b, at):
    x = shift = 0
    while True:
        c = b[at]
        at, x, shift = at + 1, x | (c & 127) << shift, shift + 7
        if c < 128:
            return x, at


def part(b, at):
    n, at = varint(b, at)
    return b[at : at + n], at + n


def value(kind, b, tensor):
    """Returns what the payload of a value means."""
    name = kind.split("/")[0]
    if name == "rhizome.Trigger":
        return None
    if name == "rhizome.Bool":
        return b == b"\1"
    if name == "rhizome.Int":
        x, _ = varint(b, 0)
        return str(x >> 1 ^ -(x & 1))
    if name == "rhizome.Float":
        return struct.unpack("<d", b)[0]
    if name in ("rhizome.String", "rhizome.Peer"):
        return b.decode()
    if name == "rhizome.Bytes":
        return base64.b64encode(b).decode()
    if name == "rhizome.Failure":
        code, at = part(b, 0)
        where, at = part(b, at)
        said, _ = part(b, at)
        return {"code": code.decode(), "where": where.decode(), "message": said.decode()}
    if name == "rhizome.Loan":
        lender, at = part(b, 0)
        epoch, at = varint(b, at)
        number, at = varint(b, at)
        chunk, at = varint(b, at)
        shape, at = form(b, at, tensor)
        ahead = 8
        if at < len(b):
            ahead, at = varint(b, at)
        return {"lender": lender.decode(), "epoch": str(epoch), "number": str(number), "chunk": chunk, "ahead": ahead, "form": shape}
    if name == "rhizome.List":
        n, at = varint(b, 0)
        items = []
        for _ in range(n):
            k, at = part(b, at)
            payload, at = part(b, at)
            items.append({"type": k.decode(), "means": value(k.decode(), payload, tensor)})
        return items
    return json_format.MessageToDict(tensor.FromString(b))


def form(b, at, tensor):
    """Returns what the form of a value that is lent says, and where it ends."""
    kind, at = varint(b, at)
    if kind == 0:
        k, at = part(b, at)
        payload, at = part(b, at)
        return {"type": k.decode(), "means": value(k.decode(), payload, tensor)}, at
    if kind == 1:
        n, at = varint(b, at)
        items = []
        for _ in range(n):
            item, at = form(b, at, tensor)
            items.append(item)
        return {"list": items}, at
    if kind == 3:
        n, at = varint(b, at)
        return {"bytes": n}, at
    dtype, at = varint(b, at)
    rank, at = varint(b, at)
    shape = []
    for _ in range(rank):
        d, at = varint(b, at)
        shape.append(d)
    return {"dtype": dtype, "shape": shape}, at


TABLE = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
    TABLE.append(i)


def crc32c(b):
    x = 0xFFFFFFFF
    for c in b:
        x = TABLE[(x ^ c) & 255] ^ x >> 8
    return x ^ 0xFFFFFFFF


def records(b):
    """Yields number and payload of each record of a journal segment."""
    magic, version, first, size, salt = struct.unpack_from("<8sI4xQQ8s", b)
    assert magic == b"rhzjrnl\n" and version in (1, 2) and crc32c(b[:508]) == struct.unpack_from("<I", b, 508)[0]
    at = 512
    while at + 24 <= len(b) and b[at : at + 24] != bytes(24):
        length, check, number, behind, head = struct.unpack_from("<IIQII", b, at)
        end = at + 24 + (length + 7) // 8 * 8
        if crc32c(salt + b[at : at + 20]) != head or crc32c(salt + struct.pack("<Q", number) + b[at + 24 : end]) != check:
            break
        yield number, b[at + 24 : at + 24 + length]
        at = end


def main(formats, out, segments):
    descriptors = descriptor_pb2.FileDescriptorSet.FromString((formats / "descriptors.binpb").read_bytes())
    plain, twins = messages(descriptors), messages(descriptors, twin=True)
    done = {"vectors": 0, "received": 0, "values": 0, "records": 0}
    for folder in sorted(f for f in (formats / "vectors").iterdir() if f.is_dir()):
        cls = plain(folder.name)
        (out / folder.name).mkdir(parents=True)
        for text in sorted(folder.glob("*.json")):
            name, b = text.stem, text.with_suffix(".binpb").read_bytes()
            want, m = json_format.Parse(text.read_text(), cls()), cls.FromString(b)
            assert m == want and m == known(m), f"{text}: the bytes and the JSON differ"
            done["vectors"] += 1

            def put(how, b):
                (out / folder.name / f"{name}.{how}.binpb").write_bytes(b)

            put("python", want.SerializeToString(deterministic=True))
            for r in sorted(folder.glob(f"{name}.*.received.binpb")):
                assert known(cls.FromString(r.read_bytes())) == want, f"{r}: read as something else"
                done["received"] += 1
            if not folder.name.endswith(".Envelope"):
                continue
            twin = twins(folder.name).FromString(b)
            zeros(twin)
            for fill in twin.fills:
                if fill.type == "onnx.TensorProto/1":
                    fill.payload = twins("rhizome.onnx.v1.TensorProto").FromString(fill.payload).SerializeToString()
            put("python-zeros", twin.SerializeToString())
            later = cls.FromString(b + b"\xa2\x38\x05later\xa8\x38\x07")  # fields 900 and 901
            later.MergeFrom(cls.FromString(b"\xa5\x38\1\2\3\4"))
            put("python-later", later.SerializeToString())
    for v in json.loads((formats / "vectors" / "values.json").read_text()):
        got = value(v["type"], base64.b64decode(v["payload"]), plain("rhizome.onnx.v1.TensorProto"))
        assert got == v["means"], f"a value of type {v['type']} is {got}, not {v['means']}"
        done["values"] += 1
    record = plain("rhizome.journal.v1.Record")
    for segment in segments:
        for number, payload in records(pathlib.Path(segment).read_bytes()):
            m = record.FromString(payload)
            assert m == known(m) and m.SerializeToString(deterministic=True) == payload, f"record {number} of {segment}"
            done["records"] += 1
    print(json.dumps(done))


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:])
