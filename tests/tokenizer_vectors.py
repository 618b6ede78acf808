"""tokenizer_vectors.py TEXT_LINES SHARED - tokens that others make of texts, where their vectors are at hand.

SHARED/vocabs: vocabularies of GGUF files; texts, each ended by a line of __ggml_vocab_test__; the tokens that
llama.cpp makes of them. SHARED/tokenizers: definitions, and vectors of kitoken for three inputs.
"""
import os
import re
import subprocess
import sys

program, shared = sys.argv[1:]
failed = 0


def unescape(line):
    named = {b"n": b"\n", b"s": b" ", b"r": b"\r", b"t": b"\t", b"\\": b"\\"}
    return re.sub(rb"\\(n|s|r|t|\\|x(..))", lambda m: named.get(m[1]) or bytes([int(m[2], 16)]), line)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def compare(definition, what, texts, expected, *options):
    """`expected` has a line of numbers for each text."""
    global failed
    lines = "".join(text.hex() + "\n" for text in texts)
    run = subprocess.run([program, definition, *options], input=lines, capture_output=True, text=True)
    found = [line.split("|")[0].split() for line in run.stdout.splitlines()]
    wrong = [i for i, line in enumerate(expected) if found[i : i + 1] != [line.replace(",", " ").split()]]
    if run.returncode or wrong or len(expected) != len(texts):
        print(f"{definition}: {what}: {len(wrong)} of {len(texts)} differ: {wrong[:5]} {run.stderr}")
        failed = 1


def compare_vocabularies(folder):
    for name in sorted(os.listdir(folder)):
        inputs = os.path.join(folder, name + ".inp")
        if not name.endswith(".gguf") or not os.path.exists(inputs):
            continue
        texts = read(inputs).split(b"\n__ggml_vocab_test__\n")[:-1]
        expected = read(os.path.join(folder, name + ".out")).decode().splitlines()
        definitions = [os.path.join(folder, name)]
        if "llama-spm" in name:
            definitions.append(os.path.join(shared, "tokenizers", "llama2.model"))
        for definition in definitions:
            compare(definition, name, texts, expected)


def compare_tokenizers(folder):
    vectors = os.path.join(folder, "vectors")
    for name in sorted(os.listdir(folder)):
        stem = name.split(".")[0]
        for kind in ("small", "mixed", "utf8"):
            expected = os.path.join(vectors, f"{kind}_tokens_{stem}.txt")
            if not os.path.exists(expected):
                continue
            text = read(os.path.join(vectors, f"{kind}_input.txt"))
            texts = [text] if kind == "utf8" else text.rstrip(b"\n").split(b"\n")
            if kind == "small":
                texts = [unescape(text) for text in texts]
            lines = read(expected).decode().rstrip("\n").split("\n")
            compare(os.path.join(folder, name), kind, texts, lines, "--special")


if not os.path.isdir(os.path.join(shared, "vocabs")):
    print(f"skipped: no vectors in {shared}")
    sys.exit(77)
compare_vocabularies(os.path.join(shared, "vocabs"))
compare_tokenizers(os.path.join(shared, "tokenizers"))
sys.exit(failed)
