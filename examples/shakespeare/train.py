#!/usr/bin/env python3
"""Train the two example models on tiny Shakespeare and write their reference outputs.

    train.py tinyshakespeare.txt                      shakespeare, into this folder
    train.py tinyshakespeare.txt --model gpt2-mini    gpt2-mini, into its folder
    train.py --reference-only [--model NAME]          logits.npy and greedy.txt from the saved weights

A model is a dict of named tensors and one function from (weights, tokens) to logits. Training
calls it in float32, the reference in float64 with the bfloat16 weights that were saved, so both
mean the same model. The tensor names are those of HuggingFace's Llama and GPT-2.
"""

import argparse
import json
import math
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict

import numpy
import torch
import torch.nn.functional as F

Weights = Dict[str, torch.Tensor]

VOCAB = 256  # a token is a byte
EPS = 1e-5
ROPE_BASE = 10000.0
SEED = 1
GREEDY_BYTES = 200
EXAMPLES = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Shape:
    """The numbers of model.yaml."""

    context: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    hidden: int

    @property
    def head_dim(self) -> int:
        return self.width // self.heads


@dataclass(frozen=True)
class Recipe:
    steps: int
    warmup_steps: int
    batch: int
    peak_rate: float
    final_rate: float
    weight_decay: float
    evaluate_every: int


# ---- parts both models use ---------------------------------------------------------------------


def split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """[batch, T, heads * head_dim] -> [batch, heads, T, head_dim]"""
    batch, length, columns = x.shape
    return x.view(batch, length, heads, columns // heads).transpose(1, 2)


def merge_heads(x: torch.Tensor) -> torch.Tensor:
    """[batch, heads, T, head_dim] -> [batch, T, heads * head_dim]"""
    return x.transpose(1, 2).flatten(start_dim=2)


def causal_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """q: [batch, heads, T, head_dim]; k, v: [batch, kv_heads, T, head_dim]"""
    batch, heads, length, head_dim = q.shape
    kv_heads = k.shape[1]
    # Query heads g * heads / kv_heads and following share key-value head g: stack them as rows.
    rows = (q * head_dim**-0.5).reshape(batch, kv_heads, -1, head_dim)
    scores = (rows @ k.transpose(-2, -1)).view(batch, heads, length, length)
    future = torch.full((length, length), -math.inf, dtype=q.dtype).triu(diagonal=1)
    probabilities = (scores + future).softmax(dim=-1)
    mixed = probabilities.view(batch, kv_heads, -1, length) @ v
    return mixed.view(batch, heads, length, head_dim)


# ---- shakespeare: a Llama-shaped decoder -------------------------------------------------------


def rms_norm(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + EPS) * gain


def rope_tables(length: int, head_dim: int, dtype: torch.dtype):
    """cos and sin of every (position, pair) angle, [T, head_dim / 2] each."""
    frequency = ROPE_BASE ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * frequency
    return angle.cos().to(dtype), angle.sin().to(dtype)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """RoPE, style half: column i turns together with column i + head_dim / 2."""
    low, high = x.chunk(2, dim=-1)
    return torch.cat((low * cos - high * sin, high * cos + low * sin), dim=-1)


def llama_logits(weights: Weights, tokens: torch.Tensor, shape: Shape) -> torch.Tensor:
    embedding = weights["model.embed_tokens.weight"]
    cos, sin = rope_tables(tokens.shape[-1], shape.head_dim, embedding.dtype)

    x = F.embedding(tokens, embedding)
    for layer in range(shape.layers):

        def weight(name: str) -> torch.Tensor:
            return weights[f"model.layers.{layer}.{name}.weight"]

        h = rms_norm(x, weight("input_layernorm"))
        q = rotate(split_heads(F.linear(h, weight("self_attn.q_proj")), shape.heads), cos, sin)
        k = rotate(split_heads(F.linear(h, weight("self_attn.k_proj")), shape.kv_heads), cos, sin)
        v = split_heads(F.linear(h, weight("self_attn.v_proj")), shape.kv_heads)
        attended = merge_heads(causal_attention(q, k, v))
        x = x + F.linear(attended, weight("self_attn.o_proj"))

        h = rms_norm(x, weight("post_attention_layernorm"))
        gate = F.silu(F.linear(h, weight("mlp.gate_proj")))
        x = x + F.linear(gate * F.linear(h, weight("mlp.up_proj")), weight("mlp.down_proj"))

    return F.linear(rms_norm(x, weights["model.norm.weight"]), embedding)


def llama_shapes(shape: Shape) -> Dict[str, tuple]:
    kv_width = shape.kv_heads * shape.head_dim
    shapes = {"model.embed_tokens.weight": (VOCAB, shape.width)}
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        shapes[prefix + "input_layernorm.weight"] = (shape.width,)
        shapes[prefix + "self_attn.q_proj.weight"] = (shape.width, shape.width)
        shapes[prefix + "self_attn.k_proj.weight"] = (kv_width, shape.width)
        shapes[prefix + "self_attn.v_proj.weight"] = (kv_width, shape.width)
        shapes[prefix + "self_attn.o_proj.weight"] = (shape.width, shape.width)
        shapes[prefix + "post_attention_layernorm.weight"] = (shape.width,)
        shapes[prefix + "mlp.gate_proj.weight"] = (shape.hidden, shape.width)
        shapes[prefix + "mlp.up_proj.weight"] = (shape.hidden, shape.width)
        shapes[prefix + "mlp.down_proj.weight"] = (shape.width, shape.hidden)
    shapes["model.norm.weight"] = (shape.width,)
    return shapes


# ---- gpt2-mini: a GPT-2-shaped decoder ---------------------------------------------------------


def gpt2_logits(weights: Weights, tokens: torch.Tensor, shape: Shape) -> torch.Tensor:
    def layer_norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], weights[name + ".weight"], weights[name + ".bias"], EPS)

    def conv1d(x: torch.Tensor, name: str) -> torch.Tensor:
        # GPT-2's Conv1D keeps its matrix as [in, out], the transpose of a Linear layer's.
        return x @ weights[name + ".weight"] + weights[name + ".bias"]

    length = tokens.shape[-1]
    x = F.embedding(tokens, weights["wte.weight"]) + weights["wpe.weight"][:length]
    for layer in range(shape.layers):
        block = f"h.{layer}."
        qkv = conv1d(layer_norm(x, block + "ln_1"), block + "attn.c_attn")
        q, k, v = (split_heads(part, shape.heads) for part in qkv.chunk(3, dim=-1))
        x = x + conv1d(merge_heads(causal_attention(q, k, v)), block + "attn.c_proj")

        h = conv1d(layer_norm(x, block + "ln_2"), block + "mlp.c_fc")
        x = x + conv1d(F.gelu(h, approximate="tanh"), block + "mlp.c_proj")

    return F.linear(layer_norm(x, "ln_f"), weights["wte.weight"])


def gpt2_shapes(shape: Shape) -> Dict[str, tuple]:
    shapes = {"wte.weight": (VOCAB, shape.width), "wpe.weight": (shape.context, shape.width)}

    def add_norm(name: str) -> None:
        shapes[name + ".weight"] = (shape.width,)
        shapes[name + ".bias"] = (shape.width,)

    def add_conv1d(name: str, columns_in: int, columns_out: int) -> None:
        shapes[name + ".weight"] = (columns_in, columns_out)
        shapes[name + ".bias"] = (columns_out,)

    for layer in range(shape.layers):
        block = f"h.{layer}."
        add_norm(block + "ln_1")
        add_conv1d(block + "attn.c_attn", shape.width, 3 * shape.width)
        add_conv1d(block + "attn.c_proj", shape.width, shape.width)
        add_norm(block + "ln_2")
        add_conv1d(block + "mlp.c_fc", shape.width, shape.hidden)
        add_conv1d(block + "mlp.c_proj", shape.hidden, shape.width)
    add_norm("ln_f")
    return shapes


# ---- the two models ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    shape: Shape
    recipe: Recipe
    logits: Callable[[Weights, torch.Tensor, Shape], torch.Tensor]
    tensor_shapes: Callable[[Shape], Dict[str, tuple]]


MODELS = {
    "shakespeare": Model(
        Shape(context=256, width=128, layers=5, heads=4, kv_heads=2, hidden=344),
        Recipe(steps=1000, warmup_steps=100, batch=16, peak_rate=3e-3, final_rate=1e-4,
               weight_decay=0.1, evaluate_every=200),
        llama_logits,
        llama_shapes,
    ),
    "gpt2-mini": Model(
        Shape(context=128, width=96, layers=3, heads=4, kv_heads=4, hidden=384),
        Recipe(steps=800, warmup_steps=100, batch=32, peak_rate=4e-3, final_rate=1e-4,
               weight_decay=0.1, evaluate_every=200),
        gpt2_logits,
        gpt2_shapes,
    ),
}


# ---- weights: start, save, load ----------------------------------------------------------------


def initial_weights(model: Model, seed: torch.Generator) -> Weights:
    """Normal matrices, gains of one, biases of zero."""
    # 2 * layers branches add to the stream: their sum's variance must not grow with the depth.
    writer_scale = (2 * model.shape.layers) ** -0.5
    writers = ("o_proj.weight", "down_proj.weight", "c_proj.weight")
    weights = {}
    for name, shape in model.tensor_shapes(model.shape).items():
        if len(shape) == 1:
            weights[name] = torch.zeros(shape) if name.endswith(".bias") else torch.ones(shape)
        else:
            deviation = 0.04 * (writer_scale if name.endswith(writers) else 1.0)
            weights[name] = torch.randn(shape, generator=seed) * deviation
        weights[name].requires_grad_()
    return weights


def cast(weights: Weights, dtype: torch.dtype) -> Weights:
    return {name: tensor.detach().to(dtype) for name, tensor in weights.items()}


def save_safetensors(path: Path, weights: Weights) -> None:
    """Header length (8 bytes, little-endian), JSON header, then the tensors without holes."""
    header, data = {}, []
    end = 0
    for name, tensor in weights.items():
        content = tensor.contiguous().view(torch.int16).numpy().astype("<i2").tobytes()
        begin, end = end, end + len(content)
        header[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [begin, end]}
        data.append(content)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data starts on a multiple of 8
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))


def load_safetensors(path: Path) -> Weights:
    content = path.read_bytes()
    (header_length,) = struct.unpack_from("<Q", content)
    data = 8 + header_length
    weights = {}
    for name, entry in json.loads(content[8:data]).items():
        begin, end = entry["data_offsets"]
        bits = numpy.frombuffer(content[data + begin : data + end], dtype="<i2").copy()
        weights[name] = torch.from_numpy(bits).view(torch.bfloat16).view(entry["shape"])
    return weights


# ---- training ----------------------------------------------------------------------------------


def read_split(path: Path):
    """The text's bytes as (first nine tenths, last tenth)."""
    text = torch.from_numpy(numpy.frombuffer(path.read_bytes(), dtype=numpy.uint8).astype("int64"))
    cut = len(text) * 9 // 10
    return text[:cut], text[cut:]


def validation_loss(model: Model, weights: Weights, held_out: torch.Tensor) -> float:
    """Mean nats a byte over the whole held-out text, in windows of the model's context."""
    context = model.shape.context
    inputs, targets = held_out[:-1], held_out[1:]
    whole = len(inputs) // context * context
    batches = list(zip(inputs[:whole].view(-1, context).split(32),
                       targets[:whole].view(-1, context).split(32)))
    if whole < len(inputs):  # the last window is shorter
        batches.append((inputs[None, whole:], targets[None, whole:]))
    total = 0.0
    with torch.no_grad():
        for window, expected in batches:
            logits = model.logits(weights, window, model.shape)
            total += F.cross_entropy(logits.flatten(0, 1), expected.flatten(), reduction="sum").item()
    return total / len(targets)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then half a cosine from the peak to the final rate."""
    if step < recipe.warmup_steps:
        return recipe.peak_rate * (step + 1) / recipe.warmup_steps
    progress = (step - recipe.warmup_steps) / (recipe.steps - recipe.warmup_steps)
    span = recipe.peak_rate - recipe.final_rate
    return recipe.final_rate + span * 0.5 * (1.0 + math.cos(math.pi * progress))


def train(model: Model, training: torch.Tensor, held_out: torch.Tensor) -> Weights:
    """The bfloat16 weights with the best validation loss seen."""
    recipe, context = model.recipe, model.shape.context
    seed = torch.Generator().manual_seed(SEED)
    weights = initial_weights(model, seed)
    matrices = [tensor for tensor in weights.values() if tensor.dim() > 1]
    vectors = [tensor for tensor in weights.values() if tensor.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": recipe.weight_decay},
         {"params": vectors, "weight_decay": 0.0}],
        betas=(0.9, 0.99))

    best, best_loss = None, math.inf
    started = time.monotonic()
    for step in range(recipe.steps):
        starts = torch.randint(len(training) - context, (recipe.batch,), generator=seed)
        windows = training[starts[:, None] + torch.arange(context + 1)]
        logits = model.logits(weights, windows[:, :-1], model.shape)
        loss = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())

        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, step)
        optimizer.step()

        if (step + 1) % recipe.evaluate_every == 0 or step + 1 == recipe.steps:
            rounded = cast(weights, torch.bfloat16)
            held_out_loss = validation_loss(model, cast(rounded, torch.float32), held_out)
            print(f"step {step + 1:5}  training {loss.item():.4f}  validation {held_out_loss:.4f}"
                  f"  {time.monotonic() - started:6.0f} s", flush=True)
            if held_out_loss < best_loss:
                best, best_loss = rounded, held_out_loss
    return best


# ---- reference ---------------------------------------------------------------------------------


def write_reference(model: Model, weights: Weights, folder: Path) -> None:
    """logits.npy and greedy.txt for prompt.txt, computed in float64."""
    weights = cast(weights, torch.float64)
    prompt = list((folder / "prompt.txt").read_bytes())

    def logits_of(tokens: list) -> torch.Tensor:
        with torch.no_grad():
            return model.logits(weights, torch.tensor([tokens]), model.shape)[0]

    numpy.save(folder / "logits.npy", logits_of(prompt).to(torch.float32).numpy())

    tokens = list(prompt)
    smallest_margin = math.inf
    # A model has no positions beyond its context, so a short context ends the text earlier.
    while len(tokens) < min(len(prompt) + GREEDY_BYTES, model.shape.context):
        values, candidates = logits_of(tokens)[-1].topk(2)
        smallest_margin = min(smallest_margin, float(values[0] - values[1]))
        tokens.append(int(candidates[0]))
    (folder / "greedy.txt").write_bytes(bytes(tokens[len(prompt) :]))
    print(f"greedy: {len(tokens) - len(prompt)} bytes, "
          f"smallest margin over the second-best byte {smallest_margin:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train an example model and write its reference.")
    parser.add_argument("text", nargs="?", type=Path, help="the text; its last tenth is held out")
    parser.add_argument("--model", choices=MODELS, default="shakespeare")
    parser.add_argument("--reference-only", action="store_true",
                        help="do not train; use the saved weights")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.text is None and not arguments.reference_only:
        parser.error("training needs the path of the text")

    # Sums are split by thread: the same seed gives the same weights only with as many threads.
    torch.set_num_threads(arguments.threads)
    model, folder = MODELS[arguments.model], EXAMPLES / arguments.model
    weights_file = folder / "model.safetensors"

    if not arguments.reference_only:
        save_safetensors(weights_file, train(model, *read_split(arguments.text)))
    weights = load_safetensors(weights_file)
    print(f"{arguments.model}: {sum(tensor.numel() for tensor in weights.values())} parameters, "
          f"{weights_file.stat().st_size} bytes")
    if arguments.text is not None:
        _, held_out = read_split(arguments.text)
        loss = validation_loss(model, cast(weights, torch.float32), held_out)
        print(f"validation loss {loss:.4f} nats a byte")
    write_reference(model, weights, folder)


if __name__ == "__main__":
    main()
