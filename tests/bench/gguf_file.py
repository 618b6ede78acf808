"""gguf_file.py - a model with made-up weights as a GGUF file, the format of llama.cpp.

    python3 gguf_file.py SHAPE TYPE PATH

The layout is that of version 3 of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""
import os
import struct
import sys

import numpy

from shapes import SHAPES, matrices, vectors

ALIGNMENT = 32
TENSOR_TYPE = {"f32": 0, "q4": 2, "q8": 8, "bf16": 30}
FILE_TYPE = {"f32": 0, "q4": 2, "q8": 7, "bf16": 32}
U32, I32, F32, STRING, ARRAY = 4, 5, 6, 8, 9
UNKNOWN, NORMAL, CONTROL, BYTE = 2, 1, 3, 6  # kinds of tokens


def text(value):
    return struct.pack("<Q", len(value)) + value


def entry(key, kind, payload):
    return text(key.encode()) + struct.pack("<I", kind) + payload


def array(key, kind, items):
    return entry(key, ARRAY, struct.pack("<IQ", kind, len(items)) + b"".join(items))


def tokens(vocab):
    """Token texts of the right number; their spelling does not matter to a measurement."""
    special = [b"<unk>", b"<s>", b"</s>"] + [b"<0x%02X>" % i for i in range(256)]
    words = (special + [b"t%d" % i for i in range(vocab)])[:vocab]
    kinds = ([UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * vocab)[:vocab]
    return words, kinds


def metadata(name, shape, weight_type):
    family = shape.family
    numbers = {
        "context_length": shape.context,
        "embedding_length": shape.width,
        "block_count": shape.layers,
        "feed_forward_length": shape.hidden,
        "attention.head_count": shape.heads,
        "attention.head_count_kv": shape.kv_heads,
    }
    epsilon = "attention.layer_norm_epsilon"
    if family == "llama":
        numbers["rope.dimension_count"] = shape.head_dim
        numbers["vocab_size"] = shape.vocab
        epsilon = "attention.layer_norm_rms_epsilon"
    words, kinds = tokens(shape.vocab)
    entries = [
        entry("general.architecture", STRING, text(family.encode())),
        entry("general.name", STRING, text(name.encode())),
        entry("general.file_type", U32, struct.pack("<I", FILE_TYPE[weight_type])),
        entry(f"{family}.{epsilon}", F32, struct.pack("<f", 1e-5)),
        entry("tokenizer.ggml.model", STRING, text(b"llama")),
        array("tokenizer.ggml.tokens", STRING, [text(word) for word in words]),
        array("tokenizer.ggml.scores", F32, [struct.pack("<f", 0)] * len(words)),
        array("tokenizer.ggml.token_type", I32, [struct.pack("<i", kind) for kind in kinds]),
        entry("tokenizer.ggml.bos_token_id", U32, struct.pack("<I", 1)),
        entry("tokenizer.ggml.eos_token_id", U32, struct.pack("<I", 2)),
    ]
    entries += [entry(f"{family}.{key}", U32, struct.pack("<I", n)) for key, n in numbers.items()]
    return entries


def encode(rows, weight_type):
    if weight_type == "f32":
        return rows.tobytes()
    if weight_type == "bf16":
        bits = rows.view(numpy.uint32)
        return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(numpy.uint16).tobytes()
    blocks = rows.reshape(-1, 32)
    if weight_type == "q8":
        scale = numpy.abs(blocks).max(axis=1, keepdims=True) / 127
        values = numpy.round(blocks / scale).astype(numpy.int8).view(numpy.uint8)
    else:
        largest = numpy.take_along_axis(blocks, numpy.abs(blocks).argmax(axis=1)[:, None], axis=1)
        scale = largest / -8
        nibbles = numpy.minimum(15, (blocks / scale + 8.5).astype(numpy.uint8))
        values = nibbles[:, :16] | nibbles[:, 16:] << 4
    halves = scale.astype(numpy.float16).view(numpy.uint8).reshape(len(blocks), 2)
    return numpy.concatenate([halves, values], axis=1).tobytes()


def byte_count(rows, columns, weight_type):
    bits = {"f32": 32, "bf16": 16, "q8": 8.5, "q4": 4.5}[weight_type]
    return int(rows * columns * bits / 8)


def padding(position):
    return b"\0" * (-position % ALIGNMENT)


def type_of(columns, weight_type):
    """Blocks of 32 do not fit every shape."""
    return "f32" if weight_type in ("q8", "q4") and columns % 32 else weight_type


def write(name, weight_type, path):
    shape = SHAPES[name]
    tensors = [(n, rows, columns, "f32" if n.startswith("position") else type_of(columns, weight_type))
               for n, rows, columns in matrices(shape)]
    tensors += [(n, 1, length, "f32") for n, length, _ in vectors(shape)]
    value = {n: v for n, _, v in vectors(shape)}
    entries = metadata(name, shape, weight_type)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries)
    offset = 0
    for n, rows, columns, kind in tensors:
        dims = (columns,) if n in value else (columns, rows)
        head += text(n.encode()) + struct.pack("<I", len(dims))
        head += b"".join(struct.pack("<Q", d) for d in dims)
        head += struct.pack("<IQ", TENSOR_TYPE[kind], offset)
        offset += byte_count(rows, columns, kind) + len(padding(byte_count(rows, columns, kind)))
    random = numpy.random.default_rng(1)
    with open(path + ".part", "wb") as file:
        file.write(head + padding(len(head)))
        for n, rows, columns, kind in tensors:
            if n in value:
                data = numpy.full(columns, value[n], numpy.float32).tobytes()
            else:
                made = random.standard_normal((rows, columns), dtype=numpy.float32)
                data = encode(made * numpy.float32(0.02), kind)
            file.write(data + padding(len(data)))
    os.replace(path + ".part", path)


if __name__ == "__main__":
    write(*sys.argv[1:4])
