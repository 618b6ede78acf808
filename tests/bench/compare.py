"""compare.py - Thalweg beside its peers, interleaved in one session; tables in Markdown.

Called by run.sh, which knows where everything lies. Every round runs each engine once for each
model, type and phase, so that what changes on a shared machine changes for all; ratios are made
within a round, and their median and quartiles are shown.
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys

from shapes import SHAPES, TYPES

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PHASES = (("decode", 64), ("prefill", 128), ("prefill", 512))
ONNX_LARGEST = 500_000_000  # parameters: protobuf and memory have limits


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--thalweg", required=True)
    parser.add_argument("--work", required=True, help="folder of peers and models")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", default=",".join(SHAPES))
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND",
                        help="called as COMMAND MODEL TYPE decode|prefill TOKENS GGUF, prints tokens a second")
    parser.add_argument("--projections", action="store_true", help="single products as well")
    return parser.parse_args()


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def last_number(command):
    """The number a command prints last; None when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
        return float(done.stdout.split()[-1]) if done.returncode == 0 else None
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        return None


class Bench:
    def __init__(self, args):
        self.args = args
        self.modules = os.path.join(args.work, "node_modules")

    # ---- files ----

    def made(self, name, script, *what):
        path = os.path.join(self.args.work, name)
        if not os.path.exists(path):
            say("making", name)
            subprocess.run([sys.executable, os.path.join(HERE, script), *what, path], check=True)
        return path

    def gguf(self, model, kind):
        return self.made(f"{model}-{kind}.gguf", "gguf_file.py", model, kind)

    def onnx(self, model, tokens):
        return self.made(f"{model}-{tokens}.onnx", "onnx_file.py", model, str(tokens))

    # ---- engines: tokens a second, or None where there is no such thing ----

    def thalweg(self, model, kind, phase, tokens):
        other = "prefill" if phase == "decode" else "decode"
        command = [self.args.thalweg, "bench", os.path.join(ROOT, "examples/shapes", model + ".yaml"),
                   "--weights-type", kind, "--threads", str(self.args.threads), "--repeats", "3",
                   "--" + phase, str(tokens), "--" + other, "0", "--json",
                   "--cache", os.path.join(self.args.work, "cache")]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            say(done.stderr.strip())
            return None
        return json.loads(done.stdout)[phase]["tokens_per_second"]["median"]

    def node_llama(self, model, kind, phase, tokens):
        return last_number(["node", os.path.join(HERE, "llama_peer.mjs"), self.modules,
                            self.gguf(model, kind), str(self.args.threads), phase, str(tokens)])

    def onnxruntime(self, model, kind, phase, tokens):
        shape = SHAPES[model]
        size = shape.width * (shape.vocab + shape.layers * (4 * shape.width + 3 * shape.hidden))
        if kind != "f32" or phase != "prefill" or size > ONNX_LARGEST:
            return None
        return last_number(["node", os.path.join(HERE, "onnx_peer.mjs"), self.modules,
                            self.onnx(model, tokens), str(self.args.threads), str(shape.vocab),
                            str(tokens)])

    def engines(self):
        found = {"thalweg": self.thalweg}
        if os.path.isdir(os.path.join(self.modules, "node-llama-cpp")):
            found["node-llama-cpp"] = self.node_llama
        if os.path.isdir(os.path.join(self.modules, "onnxruntime-node")):
            found["onnxruntime-node"] = self.onnxruntime
        for peer in self.args.peer:
            name, command = peer.split("=", 1)
            found[name] = lambda model, kind, phase, tokens, words=shlex.split(command): last_number(
                [*words, model, kind, phase, str(tokens), self.gguf(model, kind)])
        return found

    # ---- rounds ----

    def measure(self):
        """{(model, type, phase, tokens): {engine: [a rate for each round]}}"""
        engines, rates = self.engines(), {}
        for number in range(self.args.rounds):
            for model in self.args.models.split(","):
                for kind in self.args.types.split(","):
                    for phase, tokens in PHASES:
                        if tokens > SHAPES[model].context:
                            continue
                        row = rates.setdefault((model, kind, phase, tokens), {})
                        for name, engine in engines.items():
                            row.setdefault(name, []).append(engine(model, kind, phase, tokens))
                    say(f"round {number + 1} of {self.args.rounds}: {model} {kind}")
        return list(engines), rates


# ---- tables ----

def spread(values, form):
    if len(values) < 2:
        return form.format(values[0]) if values else ""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{form.format(middle)} ({form.format(low)}..{form.format(high)})"


def ratios(row):
    """Of each round, Thalweg against the best of the others in it."""
    others = [values for name, values in row.items() if name != "thalweg"]
    made = []
    for i, ours in enumerate(row["thalweg"]):
        theirs = [values[i] for values in others if values[i]]
        if ours and theirs:
            made.append(ours / max(theirs))
    return made


def print_models(engines, rates):
    print("| model | type | phase |", " | ".join(engines), "| thalweg / best other |")
    print("|---|---|---|" + "---|" * (len(engines) + 1))
    for (model, kind, phase, tokens), row in rates.items():
        cells = [spread([v for v in row[name] if v], "{:.1f}") for name in engines]
        print(f"| {model} | {kind} | {phase} {tokens} |", " | ".join(cells), "|",
              spread(ratios(row), "{:.2f}"), "|")


def machine():
    names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
             if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{names[0] if names else 'unknown processor'}, {len(names)} processors, {memory:.0f} GB"


def projection_shapes(model):
    """{(outputs, depth)} of a layer's products, reads of one state made together."""
    shape = SHAPES[model]
    kv = shape.kv_heads * shape.head_dim
    up = shape.hidden if shape.family == "gpt2" else 2 * shape.hidden
    return {(shape.width + 2 * kv, shape.width), (shape.width, shape.width), (up, shape.width),
            (shape.width, shape.hidden)}


KINDS = {"f32": "f32", "bf16": "bf16", "q8": "int8"}  # types of weights, and what libraries have


def our_products(args, model, kind, rows):
    """{(outputs, depth): GFLOP/s}, as `bench` times them inside of the model, epilogues and all."""
    phase, other = ("prefill", "decode") if rows > 1 else ("decode", "prefill")
    done = subprocess.run(
        [args.thalweg, "bench", os.path.join(ROOT, "examples/shapes", model + ".yaml"),
         "--weights-type", kind, "--threads", str(args.threads), "--repeats", "5", "--" + phase,
         str(rows if rows > 1 else 32), "--" + other, "0", "--json",
         "--cache", os.path.join(args.work, "cache")], capture_output=True, text=True)
    if done.returncode:
        say(done.stderr.strip())
        return {}
    found = {}
    for kernel in json.loads(done.stdout)["kernels"]:
        words = kernel["shape"].split()
        if len(words) >= 3 and words[1] == "->":
            found.setdefault((int(words[2]), int(words[0])), kernel["gigaflops"])
    return found


def library_products(args, rows, n, k):
    """{type: (GFLOP/s, library)}: the best of each."""
    program = os.path.join(args.work, "projections")
    done = subprocess.run([program, str(rows), str(n), str(k), str(args.threads)],
                          capture_output=True, text=True)
    best = {}
    for line in done.stdout.splitlines():
        library, kind, rate = line.split()
        if kind not in best or float(rate) > best[kind][0]:
            best[kind] = (float(rate), library)
    return best


def print_projections(args):
    print("\nSingle products, GFLOP/s (int8: GOP/s): Thalweg's as timed inside of the model, the",
          "libraries' alone, the best of several runs.\n")
    print("| model | N x K | M | type | thalweg | best library | thalweg / library |")
    print("|---|---|---|---|---|---|---|")
    for model in args.models.split(","):
        for rows in (1, 128, 512):
            if rows > SHAPES[model].context:
                continue
            libraries = {nk: library_products(args, rows, *nk) for nk in projection_shapes(model)}
            for kind in args.types.split(","):
                if kind not in KINDS:
                    continue
                ours = our_products(args, model, kind, rows)
                for n, k in sorted(projection_shapes(model)):
                    theirs, name = libraries[n, k].get(KINDS[kind], (0, ""))
                    rate = ours.get((n, k), 0)
                    ratio = f"{rate / theirs:.2f}" if theirs else ""
                    print(f"| {model} | {n} x {k} | {rows} | {kind} | {rate:.0f} |",
                          f"{name} {theirs:.0f} | {ratio} |", flush=True)


def main():
    args = arguments()
    unknown = [model for model in args.models.split(",") if model not in SHAPES]
    if unknown:
        sys.exit(f"no model is called {', '.join(unknown)}: there are {', '.join(SHAPES)}")
    print(f"Machine: {machine()}; {args.threads} threads, {args.rounds} rounds; tokens a second,",
          "median (quartiles).\n")
    print_models(*Bench(args).measure())
    if args.projections:
        print_projections(args)


if __name__ == "__main__":
    main()
