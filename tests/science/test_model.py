"""A small decoder whose every weight follows from its name, so that anyone can make it again.

    test_model.py FOLDER

writes layer.yaml, rms.yaml (the same weights, without the norms' means and biases) and model.safetensors
in FOLDER. Of a tensor, element k of its row-major order is (2 (z >> 11) 2^-53 - 1) * scale with
z = splitmix64's finaliser(FNV-1a(name) + (k + 1) 0x9E3779B97F4A7C15); gains are 1 + that. Names and
shapes are TransformerLens's: matrices have a row for each input, and are turned here.
"""
import array
import json
import os
import struct
import sys

WIDTH, HEADS, DIM, HIDDEN, VOCAB, LAYERS, CONTEXT = 8, 2, 4, 16, 10, 2, 16
MASK = (1 << 64) - 1
WEIGHT, BIAS, GAIN = 0.5, 0.1, 0.2


def values(name, count, scale):
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 & MASK
    out = []
    for k in range(count):
        z = seed + (k + 1) * 0x9E3779B97F4A7C15 & MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        z ^= z >> 31
        out.append((2 * (z >> 11) * 2.0**-53 - 1) * scale)
    return out


def turned(numbers, parts, rows, columns):
    """[parts, rows, columns] with each part's rows and columns exchanged: [parts, columns, rows]."""
    return [numbers[(p * rows + r) * columns + c]
            for p in range(parts) for c in range(columns) for r in range(rows)]


def norm(name, to):
    gain = [1 + v for v in values(name + ".w", WIDTH, GAIN)]
    return {to + ".gain": ([WIDTH], gain), to + ".bias": ([WIDTH], values(name + ".b", WIDTH, BIAS))}


def attention(name, to):
    tensors = {}
    for part in "QKV":
        weight = values(f"{name}.W_{part}", HEADS * WIDTH * DIM, WEIGHT)
        tensors[f"{to}.{part.lower()}.weight"] = [HEADS * DIM, WIDTH], turned(weight, HEADS, WIDTH, DIM)
        tensors[f"{to}.{part.lower()}.bias"] = [HEADS * DIM], values(f"{name}.b_{part}", HEADS * DIM, BIAS)
    weight = values(f"{name}.W_O", HEADS * DIM * WIDTH, WEIGHT)
    tensors[f"{to}.o.weight"] = [WIDTH, HEADS * DIM], turned(weight, 1, HEADS * DIM, WIDTH)
    tensors[f"{to}.o.bias"] = [WIDTH], values(f"{name}.b_O", WIDTH, BIAS)
    return tensors


def product(weight, bias, to, inputs, outputs):
    matrix = turned(values(weight, inputs * outputs, WEIGHT), 1, inputs, outputs)
    return {to + ".weight": ([outputs, inputs], matrix),
            to + ".bias": ([outputs], values(bias, outputs, BIAS))}


def all_tensors():
    tensors = {"embed.tokens": ([VOCAB, WIDTH], values("embed.W_E", VOCAB * WIDTH, WEIGHT)),
               "embed.positions": ([CONTEXT, WIDTH], values("pos_embed.W_pos", CONTEXT * WIDTH, WEIGHT))}
    for layer in range(LAYERS):
        name, to = f"blocks.{layer}", f"blocks.{layer}"
        tensors |= norm(name + ".ln1", to + ".attention.norm")
        tensors |= attention(name + ".attn", to + ".attention")
        tensors |= norm(name + ".ln2", to + ".mlp.norm")
        tensors |= product(name + ".mlp.W_in", name + ".mlp.b_in", to + ".mlp.up", WIDTH, HIDDEN)
        tensors |= product(name + ".mlp.W_out", name + ".mlp.b_out", to + ".mlp.down", HIDDEN, WIDTH)
    tensors |= norm("ln_final", "head.norm")
    return tensors | product("unembed.W_U", "unembed.b_U", "head", WIDTH, VOCAB)


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, (shape, numbers) in tensors.items():
        stored = array.array("f", numbers).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(stored)]}
        data += stored
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def description(kind):
    norm = f"{{kind: {kind}, eps: 1e-5, gain: true, bias: {'true' if kind == 'layer' else 'false'}}}"
    return f"""thalweg: 1
name: test-{kind}
vocab: {VOCAB}
context: {CONTEXT}
stream: {{width: {WIDTH}}}
embed: {{positions: learned}}
defaults:
  norm: {norm}
blocks:
  - repeat: {LAYERS}
    branches:
      - attention: {{heads: {HEADS}, bias: {{q: true, k: true, v: true, o: true}}}}
      - mlp: {{hidden: {HIDDEN}, activation: gelu_tanh, bias: {{in: true, out: true}}}}
head:
  norm: {norm}
  tied: false
  bias: true
weights: {{file: model.safetensors}}
"""


def write(folder):
    os.makedirs(folder, exist_ok=True)
    for kind in "layer", "rms":
        with open(os.path.join(folder, kind + ".yaml"), "w") as file:
            file.write(description(kind))
    write_safetensors(os.path.join(folder, "model.safetensors"), all_tensors())


if __name__ == "__main__":
    write(sys.argv[1])
