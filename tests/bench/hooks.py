#!/usr/bin/env python3
"""hooks.py - looking into GPT-2 124M beside PyTorch with forward hooks, on the same weights.

    /usr/bin/python3 tests/bench/hooks.py --thalweg build/release/thalweg --work /tmp/hooks

Needs Debian's python3-torch, python3-numpy and a fast BLAS (libopenblas0-pthread: with the plain
libblas3 PyTorch takes ten times as long). Weights are made by numpy, 500 MB of f32 under the names
of Hugging Face's GPT-2; both sides read that file. Rounds are interleaved; a ratio is made within a
round, and the median is shown with the quartiles.

taps    a prompt is fed with resid_post of every layer kept. PyTorch: a forward hook on each, no
        gradients; Thalweg: the compiled library with a buffer for each tap, in one process as well.
sweep   patching of resid_pre, attn_out and mlp_out at all layers and positions, and of each neuron
        of layer 10: 3,792 variants of 20 tokens. PyTorch takes a forward for each (or for some at
        once, with --batch), of which a sample is timed and the rest extrapolated; Thalweg does all.
"""
import argparse
import ctypes
import json
import os
import statistics
import struct
import subprocess
import sys
import time

import numpy

VOCAB, CONTEXT, WIDTH, LAYERS, HEADS, HIDDEN = 50257, 1024, 768, 12, 12, 3072
SWEPT_LAYER = 10
OVER = ("resid_pre", "attn_out", "mlp_out")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--thalweg", required=True)
    parser.add_argument("--work", required=True, help="folder for models and caches")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5, help="forwards of one measurement")
    parser.add_argument("--sample", type=int, default=24, help="variants that PyTorch is timed with")
    parser.add_argument("--batch", type=int, default=1, help="variants of one forward of PyTorch")
    parser.add_argument("--no-sweep", action="store_true")
    parser.add_argument("--weights-type", default="f32", help="Thalweg's; PyTorch computes in f32")
    return parser.parse_args()


# ---- the model ----

def tensors():
    """(name, shape, scale) of every tensor; gains are 1 + noise."""
    yield "wte.weight", (VOCAB, WIDTH), 0.05
    yield "wpe.weight", (CONTEXT, WIDTH), 0.02
    for layer in range(LAYERS):
        block = f"h.{layer}."
        for norm in "ln_1", "ln_2":
            yield block + norm + ".weight", (WIDTH,), 0.1
            yield block + norm + ".bias", (WIDTH,), 0.1
        yield block + "attn.c_attn.weight", (WIDTH, 3 * WIDTH), 0.04
        yield block + "attn.c_attn.bias", (3 * WIDTH,), 0.04
        yield block + "attn.c_proj.weight", (WIDTH, WIDTH), 0.04
        yield block + "attn.c_proj.bias", (WIDTH,), 0.04
        yield block + "mlp.c_fc.weight", (WIDTH, HIDDEN), 0.04
        yield block + "mlp.c_fc.bias", (HIDDEN,), 0.04
        yield block + "mlp.c_proj.weight", (HIDDEN, WIDTH), 0.02
        yield block + "mlp.c_proj.bias", (WIDTH,), 0.02
    yield "ln_f.weight", (WIDTH,), 0.1
    yield "ln_f.bias", (WIDTH,), 0.1


def is_gain(name):
    return name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight"))


def make_folder(folder):
    """config.json and model.safetensors, once."""
    if os.path.exists(os.path.join(folder, "config.json")):
        return
    os.makedirs(folder, exist_ok=True)
    random, header, end = numpy.random.default_rng(1), {}, 0
    for name, shape, _ in tensors():
        begin, end = end, end + 4 * int(numpy.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape, scale in tensors():
            values = random.standard_normal(shape, dtype=numpy.float32) * numpy.float32(scale)
            file.write((values + numpy.float32(is_gain(name))).tobytes())
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": VOCAB,
              "n_positions": CONTEXT, "n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS,
              "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5}
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)


def read_tensors(folder):
    path = os.path.join(folder, "model.safetensors")
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    data = numpy.memmap(path, numpy.uint8, "r", 8 + length)
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        yield name, data[begin:end].view(numpy.float32).reshape(entry["shape"])


# ---- PyTorch ----

def torch_model(folder):
    """GPT-2 with a module at each point, whose output hooks may see and change."""
    import torch
    from torch import nn
    import torch.nn.functional as F

    values = {name: torch.from_numpy(numpy.array(array)) for name, array in read_tensors(folder)}

    class Block(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.weights = {name.split(".", 2)[2]: tensor for name, tensor in values.items()
                            if name.startswith(f"h.{layer}.")}
            self.resid_pre, self.attn_out, self.mlp_out, self.mlp_post, self.resid_post = (
                nn.Identity() for _ in range(5))

        def norm(self, x, name):
            return F.layer_norm(x, (WIDTH,), self.weights[name + ".weight"],
                                self.weights[name + ".bias"], 1e-5)

        def product(self, x, name):
            bias = self.weights[name + ".bias"]
            flat = torch.addmm(bias, x.flatten(0, 1), self.weights[name + ".weight"])
            return flat.view(*x.shape[:2], -1)

        def forward(self, x):
            x = self.resid_pre(x)
            batch, length = x.shape[:2]
            q, k, v = (part.view(batch, length, HEADS, -1).transpose(1, 2) for part in
                       self.product(self.norm(x, "ln_1"), "attn.c_attn").chunk(3, dim=-1))
            scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
            future = torch.ones(length, length, dtype=torch.bool).triu(1)
            z = scores.masked_fill(future, float("-inf")).softmax(-1) @ v
            merged = z.transpose(1, 2).reshape(batch, length, WIDTH)
            x = x + self.attn_out(self.product(merged, "attn.c_proj"))
            pre = self.product(self.norm(x, "ln_2"), "mlp.c_fc")
            post = self.mlp_post(F.gelu(pre, approximate="tanh"))
            return self.resid_post(x + self.mlp_out(self.product(post, "mlp.c_proj")))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = nn.ModuleList(Block(layer) for layer in range(LAYERS))

        def forward(self, tokens):
            x = values["wte.weight"][tokens] + values["wpe.weight"][: tokens.shape[1]]
            for block in self.block:
                x = block(x)
            x = F.layer_norm(x[:, -1:], (WIDTH,), values["ln_f.weight"], values["ln_f.bias"], 1e-5)
            return F.linear(x, values["wte.weight"])  # the last row alone, as Thalweg's prefill

    return Model()


class Torch:
    def __init__(self, args, folder, prompt, corrupt):
        import torch

        torch.set_num_threads(args.threads)
        torch.set_grad_enabled(False)
        self.args, self.model, self.torch = args, torch_model(folder), torch
        self.prompt, self.corrupt = torch.tensor([prompt]), torch.tensor([corrupt])
        self.kept = {}

    def tapped(self):
        """Seconds of a forward that keeps resid_post of every layer, and what it kept."""
        def keep(layer):
            return lambda module, inputs, output: self.kept.__setitem__(layer, output)

        handles = [block.resid_post.register_forward_hook(keep(layer))
                   for layer, block in enumerate(self.model.block)]
        self.model(self.prompt)
        begin = time.perf_counter()
        for _ in range(self.args.repeats):
            self.model(self.prompt)
        seconds = (time.perf_counter() - begin) / self.args.repeats
        for handle in handles:
            handle.remove()
        return seconds, numpy.stack([self.kept[layer][0].numpy() for layer in range(LAYERS)])

    def keep_clean(self):
        clean = {}
        handles = []
        for layer, block in enumerate(self.model.block):
            for name in (*OVER, "mlp_post"):
                def keep(module, inputs, output, key=(layer, name)):
                    clean[key] = output
                handles.append(getattr(block, name).register_forward_hook(keep))
        self.model(self.prompt)
        for handle in handles:
            handle.remove()
        return clean

    def sweep(self, count):
        """Seconds of all variants, from a sample that is spread over them; `count` in all."""
        args, clean = self.args, self.keep_clean()
        batch, length = args.batch, self.corrupt.shape[1]
        corrupt = self.corrupt.expand(batch, length)
        points = [(layer, name) for layer in range(LAYERS) for name in OVER]
        points += [(SWEPT_LAYER, "mlp_post")]
        shares = [length] * (len(points) - 1) + [HIDDEN]  # variants of each
        timed = [i * count // args.sample for i in range(args.sample)]
        begin = time.perf_counter()
        for variant in timed:
            at = variant
            for point, share in zip(points, shares):
                if at < share:
                    break
                at -= share

            def patch(module, inputs, output):
                output = output.clone()
                for row in range(batch):
                    unit = (at + row) % share
                    if point[1] == "mlp_post":
                        output[row, :, unit] = clean[point][0, :, unit]
                    else:
                        output[row, unit] = clean[point][0, unit]
                return output

            handle = getattr(self.model.block[point[0]], point[1]).register_forward_hook(patch)
            self.model(corrupt)
            handle.remove()
        return (time.perf_counter() - begin) / args.sample / batch * count


# ---- Thalweg ----

class SessionOptions(ctypes.Structure):
    """Of the header that `thalweg compile` writes; what is behind these fields is zero."""
    _fields_ = [("struct_bytes", ctypes.c_size_t), ("threads", ctypes.c_int),
                ("rest", ctypes.c_int64 * 8)]


class Thalweg:
    def __init__(self, args, folder, prompt, corrupt):
        self.args, self.folder, self.prompt, self.corrupt = args, folder, prompt, corrupt
        self.cache = ["--cache", os.path.join(args.work, "cache"), "--threads", str(args.threads),
                      "--weights-type", args.weights_type]
        self.open_library()

    def open_library(self):
        """A library of the model with a tap of each resid_post."""
        built = os.path.join(self.args.work, "library")
        subprocess.run([self.args.thalweg, "compile", self.folder, "--emit=shared", "-o", built + "/",
                        "--tap", "resid_post", *self.cache], check=True)
        name = next(file[:-2] for file in os.listdir(built) if file.endswith(".h"))
        library = ctypes.CDLL(os.path.join(built, f"lib{name}.so"))
        prefix = name.replace("-", "_")
        call = {suffix: getattr(library, f"{prefix}_{suffix}")
                for suffix in ("open", "session_new", "set_tap", "prefill", "rollback", "error_text")}
        call["error_text"].restype = ctypes.c_char_p
        self.call, self.model, self.session = call, ctypes.c_void_p(), ctypes.c_void_p()
        self.need(call["open"](os.path.join(built, f"{name}.weights").encode(),
                               ctypes.byref(self.model)))
        options = SessionOptions(threads=self.args.threads)
        self.need(call["session_new"](self.model, ctypes.byref(options),
                                      ctypes.byref(self.session)))
        self.rows = numpy.zeros((LAYERS, CONTEXT, WIDTH), numpy.float32)
        for layer in range(LAYERS):
            self.need(call["set_tap"](self.session, ctypes.c_int64(layer),
                                      self.rows[layer].ctypes.data_as(ctypes.c_void_p),
                                      ctypes.c_int64(CONTEXT)))

    def need(self, status):
        if status:
            sys.exit(self.call["error_text"](status).decode())

    def prefill(self):
        tokens = (ctypes.c_int32 * len(self.prompt))(*self.prompt)
        self.need(self.call["rollback"](self.session, ctypes.c_int64(0)))
        self.need(self.call["prefill"](self.session, tokens, ctypes.c_int64(len(self.prompt))))

    def tapped(self):
        self.prefill()
        begin = time.perf_counter()
        for _ in range(self.args.repeats):
            self.prefill()
        seconds = (time.perf_counter() - begin) / self.args.repeats
        return seconds, self.rows[:, : len(self.prompt)].copy()

    def sweep(self, count):
        """Seconds of the runs of `thalweg patch`, all that each of them does besides included."""
        begin = time.perf_counter()
        variants = 0
        for over in (*OVER, f"neuron@{SWEPT_LAYER}"):
            done = subprocess.run(
                [self.args.thalweg, "patch", self.folder, "--clean-tokens",
                 ",".join(map(str, self.prompt)), "--corrupt-tokens",
                 ",".join(map(str, self.corrupt)), "--logit-diff", "281,257", "--over", over,
                 "--json", *self.cache], check=True, capture_output=True, text=True)
            variants += sum(len(row["effect"]) for row in json.loads(done.stdout)["layers"])
        if variants != count:
            sys.exit(f"{variants} variants, and not {count}")
        return time.perf_counter() - begin


# ---- rounds ----

def spread(values, form="{:.1f}"):
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{form.format(middle)} ({form.format(low)}..{form.format(high)})"


def report(what, theirs, ours, unit, scale):
    print(f"| {what} | {spread([scale * t for t in theirs])} {unit} |"
          f" {spread([scale * t for t in ours])} {unit} |"
          f" {spread([t / o for t, o in zip(theirs, ours)])} |", flush=True)


def main():
    args = arguments()
    folder = os.path.join(args.work, "gpt2-124m")
    make_folder(folder)
    random = numpy.random.default_rng(2)
    prompt = [int(token) for token in random.integers(0, VOCAB, args.tokens)]
    corrupt = list(prompt)
    corrupt[args.tokens * 3 // 4] = int(random.integers(0, VOCAB))
    count = LAYERS * args.tokens * len(OVER) + HIDDEN

    theirs, ours = Torch(args, folder, prompt, corrupt), Thalweg(args, folder, prompt, corrupt)
    taps, sweeps = ([], []), ([], [])
    for number in range(args.rounds):
        seconds, expected = theirs.tapped()
        taps[0].append(seconds)
        seconds, found = ours.tapped()
        taps[1].append(seconds)
        off = numpy.abs(found - expected).max() / numpy.abs(expected).max()
        if not off < (1e-4 if args.weights_type == "f32" else 0.1):
            sys.exit(f"the streams differ by {off:.2e} of their range")
        if not args.no_sweep:
            sweeps[0].append(theirs.sweep(count))
            sweeps[1].append(ours.sweep(count))
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
    print(f"{args.threads} threads, {args.rounds} rounds, {args.tokens} tokens; {args.weights_type}; load"
          f" {os.getloadavg()[0]:.1f}; median (quartiles)\n")
    print("| | PyTorch with hooks | Thalweg | ratio |\n|---|---|---|---|")
    report("taps of every resid_post", *taps, "ms", 1e3)
    if not args.no_sweep:
        report(f"sweep of {count} variants", *sweeps, "s", 1)


if __name__ == "__main__":
    main()
