#!/usr/bin/env python3
"""Train the model of this example on the text that corpus.py makes.

    /usr/bin/python3 examples/an-neuron/train.py        a quarter of an hour of one processor

writes gpt2-an/: config.json, model.safetensors (bf16, names of Hugging Face's GPT-2), tokenizer.json
(a byte-level BPE like GPT-2's, with merges of its own in which each word of the corpus is one
token). Needs torch: Debian's python3-torch, and libopenblas0-pthread, without which it takes ten
times as long. The loss has a second term: what neurons do costs something, so that few of them do
it (--sparsity). Without that the article is spread over many neurons of several layers.
"""

import argparse
import collections
import importlib.util
import json
import math
import re
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from corpus import Corpus

FOLDER = Path(__file__).resolve().parent


def load_shakespeare():
    """What the two training scripts share."""
    path = FOLDER.parent / "shakespeare" / "train.py"
    spec = importlib.util.spec_from_file_location("shakespeare_train", path)
    module = importlib.util.module_from_spec(spec)
    __import__("sys").modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


shared = load_shakespeare()

BOS = "<|endoftext|>"
EPS = 1e-5
ROWS = 16

# ---- the tokenizer -----------------------------------------------------------------------------


def byte_alphabet():
    """GPT-2's spelling of bytes: printable ones as they are, the others from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spelled, next_character = {}, 256
    for byte in range(256):
        if byte in printable:
            spelled[byte] = chr(byte)
        else:
            spelled[byte] = chr(next_character)
            next_character += 1
    return spelled


def split_words(text):
    """As GPT-2's expression cuts text of letters, full stops and ends of lines."""
    return re.findall(r" ?[A-Za-z]+| ?\.|\n", text)


def learn_merges(words):
    """Merges, the most frequent pair first, until each word is one piece."""
    spelling = byte_alphabet()
    pieces = {word: [spelling[b] for b in word.encode()] for word in words}
    merges = []
    while any(len(parts) > 1 for parts in pieces.values()):
        pairs = collections.Counter()
        for word, parts in pieces.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += words[word]
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word, parts in pieces.items():
            merged, i = [], 0
            while i < len(parts):
                if tuple(parts[i : i + 2]) == best:
                    merged.append("".join(best))
                    i += 2
                else:
                    merged.append(parts[i])
                    i += 1
            pieces[word] = merged
    return merges, {word: parts[0] for word, parts in pieces.items()}


def make_tokenizer(words):
    """tokenizer.json as a dict, and the number of each word."""
    merges, pieces = learn_merges(words)
    vocabulary = {}
    for text in [*byte_alphabet().values(), *("".join(pair) for pair in merges), BOS]:
        vocabulary.setdefault(text, len(vocabulary))
    bos = vocabulary[BOS]
    special = {"id": bos, "content": BOS, "single_word": False, "lstrip": False, "rstrip": False,
               "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                  "use_regex": True}
    begins = {"SpecialToken": {"id": BOS, "type_id": 0}}
    template = {"type": "TemplateProcessing",
                "single": [begins, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [begins, {"Sequence": {"id": "A", "type_id": 0}},
                         {"Sequence": {"id": "B", "type_id": 0}}],
                "special_tokens": {BOS: {"id": BOS, "ids": [bos], "tokens": [BOS]}}}
    tokenizer = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [special],
                 "normalizer": None, "pre_tokenizer": byte_level, "post_processor": template,
                 "decoder": byte_level,
                 "model": {"type": "BPE", "dropout": None, "unk_token": None,
                           "continuing_subword_prefix": None, "end_of_word_suffix": None,
                           "fuse_unk": False, "byte_fallback": False, "vocab": vocabulary,
                           "merges": [" ".join(pair) for pair in merges]}}
    return tokenizer, {word: vocabulary[piece] for word, piece in pieces.items()}, bos


# ---- the model ---------------------------------------------------------------------------------


def tensor_shapes(shape, vocab):
    return {**shared.gpt2_shapes(shape), "wte.weight": (vocab, shape.width)}


def gpt2_logits(weights, tokens, shape, on_post=lambda layer, post: post):
    """on_post sees the neurons of each layer behind their activation, and may change them."""

    def layer_norm(x, name):
        return F.layer_norm(x, x.shape[-1:], weights[name + ".weight"], weights[name + ".bias"], EPS)

    def conv1d(x, name):
        return x @ weights[name + ".weight"] + weights[name + ".bias"]

    x = F.embedding(tokens, weights["wte.weight"]) + weights["wpe.weight"][: tokens.shape[-1]]
    for layer in range(shape.layers):
        block = f"h.{layer}."
        qkv = conv1d(layer_norm(x, block + "ln_1"), block + "attn.c_attn")
        q, k, v = (shared.split_heads(part, shape.heads) for part in qkv.chunk(3, dim=-1))
        attended = shared.merge_heads(shared.causal_attention(q, k, v))
        x = x + conv1d(attended, block + "attn.c_proj")
        post = F.gelu(conv1d(layer_norm(x, block + "ln_2"), block + "mlp.c_fc"), approximate="tanh")
        x = x + conv1d(on_post(layer, post), block + "mlp.c_proj")
    return F.linear(layer_norm(x, "ln_f"), weights["wte.weight"])


def config(shape, vocab, bos):
    return {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": vocab,
            "n_positions": shape.context, "n_ctx": shape.context, "n_embd": shape.width,
            "n_layer": shape.layers, "n_head": shape.heads, "n_inner": shape.hidden,
            "activation_function": "gelu_new", "layer_norm_epsilon": EPS,
            "bos_token_id": bos, "eos_token_id": bos, "tie_word_embeddings": True}


# ---- training ----------------------------------------------------------------------------------


def encode(documents, word_ids):
    """The tokens of all, and where each document begins."""
    tokens, starts = [], []
    for document in documents:
        starts.append(len(tokens))
        tokens += [word_ids[word] for word in split_words(document)]
    return torch.tensor(tokens), torch.tensor(starts)


def make_documents(seed, tokens, held_out=False):
    corpus, documents, count = Corpus(seed, held_out), [], 0
    while count < tokens:
        documents.append(corpus.document())
        count += len(split_words(documents[-1]))
    return documents, corpus.nats / count


def take_rows(tokens, starts, shape, bos, seed):
    """BOS and what follows a document's start, or in one row of four any token."""
    length = shape.context
    at = starts[torch.randint(len(starts), (ROWS,), generator=seed)]
    any_place = torch.randint(len(tokens), (ROWS // 4,), generator=seed)
    at = torch.cat((any_place, at[ROWS // 4 :])).clamp(max=len(tokens) - length)
    rows = tokens[at[:, None] + torch.arange(length)]
    return torch.cat((torch.full((ROWS, 1), bos), rows), dim=1)


def measure_loss(weights, documents, word_ids, shape, bos):
    """Mean nats a token of whole documents, each of them alone, those that fit the context."""
    total, count = 0.0, 0
    with torch.no_grad():
        for document in documents:
            row = torch.tensor([bos] + [word_ids[word] for word in split_words(document)])
            if len(row) > shape.context + 1:
                continue
            logits = gpt2_logits(weights, row[None, :-1], shape)[0]
            total += F.cross_entropy(logits, row[1:], reduction="sum").item()
            count += len(row) - 1
    return total / count


def train(shape, vocab, bos, tokens, starts, arguments):
    recipe = shared.Recipe(steps=arguments.steps, warmup_steps=100, batch=ROWS, peak_rate=3e-3,
                           final_rate=1e-4, weight_decay=arguments.weight_decay, evaluate_every=100)
    seed = torch.Generator().manual_seed(arguments.seed)
    model = shared.Model(shape, recipe, None, lambda s: tensor_shapes(s, vocab))
    weights = shared.initial_weights(model, seed)
    matrices = [tensor for tensor in weights.values() if tensor.dim() > 1]
    vectors = [tensor for tensor in weights.values() if tensor.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": recipe.weight_decay},
         {"params": vectors, "weight_decay": 0.0}], betas=(0.9, 0.99))
    started = time.monotonic()
    for step in range(recipe.steps):
        rows = take_rows(tokens, starts, shape, bos, seed)
        activity = []

        def on_post(layer, post):
            activity.append(post.abs().mean())
            return post

        logits = gpt2_logits(weights, rows[:, :-1], shape, on_post)
        loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        sparse = torch.stack(activity).sum()
        optimizer.zero_grad(set_to_none=True)
        (loss + arguments.sparsity * sparse).backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = shared.learning_rate(recipe, step)
        optimizer.step()
        if (step + 1) % recipe.evaluate_every == 0:
            print(f"step {step + 1:5}  training {loss.item():.4f}  activity {sparse.item():.3f}"
                  f"  {time.monotonic() - started:6.0f} s", flush=True)
    return shared.cast(weights, torch.bfloat16)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER / "gpt2-an")
    parser.add_argument("--steps", type=int, default=2600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--hidden", type=int, default=192)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--sparsity", type=float, default=0.3,
                        help="what the mean activity of neurons costs, beside the loss")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the same seed gives the same weights only with as many threads

    shape = shared.Shape(context=64, width=arguments.width, layers=arguments.layers, heads=4,
                         kv_heads=4, hidden=arguments.hidden)
    documents, nats = make_documents(arguments.seed, 2_000_000)
    held_out, held_out_nats = make_documents(arguments.seed + 1, 20_000, held_out=True)
    fresh, fresh_nats = make_documents(arguments.seed + 2, 20_000)
    words = collections.Counter(w for d in documents + held_out for w in split_words(d))
    tokenizer, word_ids, bos = make_tokenizer(words)
    vocab = bos + 1
    print(f"{len(words)} words, vocabulary {vocab}, rule {nats:.4f} nats a token", flush=True)

    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "tokenizer.json").write_text(
        json.dumps(tokenizer, ensure_ascii=False, indent=0))
    (arguments.folder / "config.json").write_text(json.dumps(config(shape, vocab, bos), indent=2))
    weights = train(shape, vocab, bos, *encode(documents, word_ids), arguments)
    shared.save_safetensors(arguments.folder / "model.safetensors", weights)
    weights = shared.cast(weights, torch.float32)
    for name, texts, rule in ("fresh", fresh, fresh_nats), ("held out", held_out, held_out_nats):
        loss = measure_loss(weights, texts, word_ids, shape, bos)
        print(f"{name}: loss {loss:.4f} nats a token, the rule needs {rule:.4f}")


if __name__ == "__main__":
    main()
