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
    shape = SHAPES[model]
    kv = shape.kv_heads * shape.head_dim
    up = shape.hidden if shape.family == "gpt2" else 2 * shape.hidden
    return {(shape.width + 2 * kv, shape.width), (shape.width, shape.width), (up, shape.width),
            (shape.width, shape.hidden)}


def print_projections(args):
    print("\nSingle products, GFLOP/s (int8: GOP/s), the best of several runs:\n")
    print("| N x K | M | library | type | GFLOP/s |\n|---|---|---|---|---|")
    program = os.path.join(args.work, "projections")
    shapes = set().union(*(projection_shapes(m) for m in args.models.split(",")))
    for n, k in sorted(shapes):
        for m in (1, 128, 512):
            done = subprocess.run([program, str(m), str(n), str(k), str(args.threads)],
                                  capture_output=True, text=True)
            for line in done.stdout.splitlines():
                library, kind, rate = line.split()
                print(f"| {n} x {k} | {m} | {library} | {kind} | {rate} |")


def main():
    args = arguments()
    print(f"Machine: {machine()}; {args.threads} threads, {args.rounds} rounds; tokens a second,",
          "median (quartiles).\n")
    print_models(*Bench(args).measure())
    if args.projections:
        print_projections(args)


if __name__ == "__main__":
    main()
