"""shapes.py - the models that are compared: the shapes of examples/shapes, for the peers' files."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    family: str  # gpt2: norms of kind layer, learned positions, gelu; llama: rms, rope, gated silu
    width: int
    layers: int
    heads: int
    kv_heads: int
    hidden: int
    vocab: int
    context: int
    tied: bool

    @property
    def head_dim(self):
        return self.width // self.heads


SHAPES = {
    "stories-260k": Shape("llama", 64, 5, 8, 4, 172, 512, 512, True),
    "stories-15m": Shape("llama", 288, 6, 6, 6, 768, 32000, 256, True),
    "gpt2-124m": Shape("gpt2", 768, 12, 12, 12, 3072, 50257, 1024, True),
    "smollm-135m": Shape("llama", 576, 30, 9, 3, 1536, 49152, 2048, True),
    "tinyllama-1.1b": Shape("llama", 2048, 22, 32, 4, 5632, 32000, 2048, False),
}
TYPES = ("f32", "bf16", "q8", "q4")


def matrices(shape):
    """(name in GGUF, rows, columns) of every matrix, in the order of the model."""
    width, hidden, kv = shape.width, shape.hidden, shape.kv_heads * shape.head_dim
    yield "token_embd.weight", shape.vocab, width
    if shape.family == "gpt2":
        yield "position_embd.weight", shape.context, width
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        if shape.family == "gpt2":
            yield block + "attn_qkv.weight", 3 * width, width
        else:
            yield block + "attn_q.weight", width, width
            yield block + "attn_k.weight", kv, width
            yield block + "attn_v.weight", kv, width
            yield block + "ffn_gate.weight", hidden, width
        yield block + "attn_output.weight", width, width
        yield block + "ffn_up.weight", hidden, width
        yield block + "ffn_down.weight", width, hidden
    if shape.family == "gpt2" or not shape.tied:
        yield "output.weight", shape.vocab, width


def vectors(shape):
    """(name in GGUF, length, value) of gains and biases."""
    layer_norm = shape.family == "gpt2"

    def norm(stem):
        yield stem + ".weight", shape.width, 1.0
        if layer_norm:
            yield stem + ".bias", shape.width, 0.0

    yield from norm("output_norm")
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        yield from norm(block + "attn_norm")
        yield from norm(block + "ffn_norm")
        if layer_norm:
            yield block + "attn_qkv.bias", 3 * shape.width, 0.0
            yield block + "attn_output.bias", shape.width, 0.0
            yield block + "ffn_up.bias", shape.hidden, 0.0
            yield block + "ffn_down.bias", shape.width, 0.0
