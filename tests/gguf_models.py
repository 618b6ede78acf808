"""The small models of import_models.py as GGUF files, with what llama.cpp's converter changes.

    gguf_models.py THALWEG FOLDER [LOGITS LIBRARIES]

makes them in FOLDER and holds what `thalweg run` says of each against what it says of the same model as
a folder of Hugging Face. With LOGITS, a program that writes what a prebuilt llama.cpp in the folder
LIBRARIES says of a GGUF (tests/llama_logits.c), also against that: the same likeliest token at every
position, values within 1e-5 of their range, or 1e-2 where llama.cpp takes gelu from a table in f16.
"""
import array
import math
import os
import re
import struct
import subprocess
import sys

import import_models
from import_models import CONTEXT, DIM, FAMILIES, GROUPS, HEADS, HIDDEN, LAYERS, TOKENS, VOCAB, WIDTH

# ---- the file ----

U32, F32, BOOL, STRING, ARRAY = 4, 6, 7, 8, 9


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def typed(value):
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return U32, struct.pack("<I", value)
    if isinstance(value, float):
        return F32, struct.pack("<f", value)
    if isinstance(value, str):
        return STRING, text(value)
    items = [typed(item) for item in value]
    return ARRAY, struct.pack("<IQ", items[0][0], len(items)) + b"".join(data for _, data in items)


def write_gguf(path, keys, tensors):
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    for key, value in keys.items():
        kind, data = typed(value)
        head += text(key) + struct.pack("<I", kind) + data
    data = b""
    for name, (shape, numbers) in tensors.items():
        head += text(name) + struct.pack("<I", len(shape))
        head += b"".join(struct.pack("<Q", size) for size in reversed(shape))
        head += struct.pack("<IQ", 0, len(data))
        data += numbers.tobytes() + b"\0" * (-4 * len(numbers) % 32)
    with open(path, "wb") as file:
        file.write(head + b"\0" * (-len(head) % 32) + data)


# ---- names ----

LLAMA = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.dense": "attn_output",
    "self_attn.qkv_proj": "attn_qkv", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "self_attn.query_layernorm": "attn_q_norm",
    "self_attn.key_layernorm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "mlp.gate_up_proj": "ffn_up", "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}
SANDWICH = {**LLAMA, "post_attention_layernorm": "post_attention_norm",
            "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm"}
GLM4 = {**LLAMA, "post_self_attn_layernorm": "post_attention_norm",
        "post_mlp_layernorm": "post_ffw_norm"}
SEED = {**LLAMA, "post_attention_layernorm": "post_attention_norm"}
GPT2 = {"attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up",
        "mlp.c_proj": "ffn_down", "ln_1": "attn_norm", "ln_2": "ffn_norm"}
FUSED = {"attention.query_key_value": "attn_qkv", "self_attention.query_key_value": "attn_qkv",
         "attn.Wqkv": "attn_qkv", "attention.dense": "attn_output",
         "self_attention.dense": "attn_output", "attn.out_proj": "attn_output",
         "attn.Wo": "attn_output", "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down",
         "ffn.up_proj": "ffn_up", "ffn.down_proj": "ffn_down", "mlp.Wi": "ffn_up",
         "mlp.Wo": "ffn_down", "input_layernorm": "attn_norm",
         "post_attention_layernorm": "ffn_norm", "norm_1": "attn_norm", "norm_2": "ffn_norm",
         "attn_norm": "attn_norm", "mlp_norm": "ffn_norm", "ln_attn": "attn_norm_2",
         "ln_mlp": "attn_norm"}
BERT = {"attention.self.query": "attn_q", "attention.self.key": "attn_k",
        "attention.self.value": "attn_v", "attention.output.dense": "attn_output",
        "attention.output.LayerNorm": "attn_output_norm", "intermediate.dense": "ffn_up",
        "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm"}
TOP = {"embed_tokens": "token_embd", "wte": "token_embd", "embed_in": "token_embd",
       "word_embeddings": "token_embd", "embeddings.tok_embeddings": "token_embd",
       "embeddings.word_embeddings": "token_embd", "wpe": "position_embd",
       "embeddings.position_embeddings": "position_embd",
       "embeddings.token_type_embeddings": "token_types",
       "word_embeddings_layernorm": "token_embd_norm", "embeddings.norm": "token_embd_norm",
       "embeddings.LayerNorm": "token_embd_norm", "norm": "output_norm", "ln_f": "output_norm",
       "final_layernorm": "output_norm", "final_layer_norm": "output_norm",
       "final_norm": "output_norm", "norm_f": "output_norm", "lm_head": "output",
       "embed_out": "output"}
PREFIX = re.compile(r"^(language_model\.)?(model|transformer|gpt_neox|bert|roberta)\.")
LAYER = re.compile(r"^(?:layers|h|blocks|encoder\.layer)\.(\d+)\.(.*)$")


def gguf_name(name, names):
    stem, kind = PREFIX.sub("", name).rsplit(".", 1)
    layer = LAYER.match(stem)
    return f"blk.{layer[1]}.{names[layer[2]]}.{kind}" if layer else f"{TOP[stem]}.{kind}"


# ---- what the converter does to values ----

def rows_in_order(tensor, order):
    """The rows of a matrix, or the elements of a vector, in another order."""
    shape, numbers = tensor
    columns = len(numbers) // shape[0]
    out = array.array("f")
    for row in order:
        out.extend(numbers[row * columns:(row + 1) * columns])
    return [len(order), *shape[1:]], out


def interleaved(heads):
    """Rows of heads whose halves turned together, so that neighbours do."""
    return [head * DIM + half * (DIM // 2) + i
            for head in range(heads) for i in range(DIM // 2) for half in (0, 1)]


def unmixed(groups):
    """Of queries, keys and values that lie group by group: all queries, all keys, all values."""
    each = HEADS // groups
    of_group = (each + 2) * DIM
    parts = [range(0, each * DIM), range(each * DIM, (each + 1) * DIM),
             range((each + 1) * DIM, of_group)]
    return [group * of_group + row for part in parts for group in range(groups) for row in part]


def transposed(tensor):
    (rows, columns), numbers = tensor
    return [columns, rows], array.array("f", [numbers[row * columns + column]
                                              for column in range(columns) for row in range(rows)])


class Converted:
    """An architecture, its keys beside those that all have, names, and changes by tensor."""

    def __init__(self, arch, keys=None, names=None, permuted=False, groups=None, first_rows=0,
                 more=None, config=None, tolerance=1e-5):
        self.arch, self.keys, self.names = arch, keys or {}, names or LLAMA
        self.permuted, self.groups, self.first_rows = permuted, groups, first_rows
        self.more, self.config, self.tolerance = more or {}, config or {}, tolerance

    def value(self, family, name, tensor):
        if self.permuted and re.search(r"attn_[qk]\.", name):
            heads = HEADS if "attn_q." in name else tensor[0][0] // DIM
            tensor = rows_in_order(tensor, interleaved(heads))
        if self.groups and "attn_qkv" in name:
            tensor = rows_in_order(tensor, unmixed(self.groups))
        if family in import_models.TRANSPOSED and len(tensor[0]) == 2 and name.startswith("blk."):
            tensor = transposed(tensor)
        if family in import_models.PLUS_ONE and name.endswith("norm.weight"):
            tensor = tensor[0], array.array("f", [number + 1 for number in tensor[1]])
        if self.first_rows and name == "position_embd.weight":
            tensor = rows_in_order(tensor, range(self.first_rows, tensor[0][0]))
        return tensor


# Where llama.cpp looks gelu up in f16, values stray further.
GELU = 1e-2
LAYER_EPS = {"attention.layer_norm_epsilon": 1e-5}
HALF_ROPE = {"rope.dimension_count": DIM // 2}
WINDOW = {"attention.sliding_window": 5}
LLAMA3 = [max(1.0, min(4.0, 1 / ((1 - s) / 4 + s)))
          for wave in [2 * math.pi * 10000.0 ** (2 * i / DIM) for i in range(DIM // 2)]
          for s in [min(1.0, max(0.0, (16 / wave - 1) / 3))]]
CONVERTED = {
    "llama": Converted("llama", permuted=True, more={"rope_freqs.weight": LLAMA3}),
    "ministral3": Converted("mistral3", {
        "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0,
        "rope.scaling.original_context_length": 8, "rope.scaling.yarn_beta_fast": 32.0,
        "rope.scaling.yarn_beta_slow": 1.0, "rope.scaling.yarn_log_multiplier": 1.0,
        "attention.temperature_scale": 0.1}, permuted=True),
    "qwen2": Converted("qwen2"),
    "qwen3": Converted("qwen3", {"rope.freq_base": 1e6}),
    "smollm3": Converted("smollm3", {"rope.freq_base": 2e6}, permuted=True),
    "arcee": Converted("arcee", permuted=True),
    "seed_oss": Converted("seed_oss", names=SEED),
    "ernie4_5": Converted("ernie4_5", {"rope.freq_base": 500000.0}),
    "granite": Converted("granite", {"embedding_scale": 3.0, "residual_scale": 0.4,
                                     "attention.scale": 0.25, "logit_scale": 2.0}, permuted=True),
    "minicpm": Converted("minicpm", {"embedding_scale": 12.0, "residual_scale": 1.4 / LAYERS**0.5,
                                     "logit_scale": WIDTH / 16}, permuted=True),
    "hunyuan_v1_dense": Converted("hunyuan-dense", {
        "rope.freq_base": 10000.0 * 100.0 ** (DIM / (DIM - 2))}),
    "phi": Converted("phi2", {**LAYER_EPS, **HALF_ROPE}, tolerance=GELU),
    "phi3": Converted("phi3", {
        "rope.scaling.original_context_length": 16,
        "rope.scaling.attn_factor": math.sqrt(1 + math.log(CONTEXT / 16) / math.log(16))},
        more={"rope_factors_short.weight": [1.0, 1.1, 1.2, 1.3],
              "rope_factors_long.weight": [1.0, 1.5, 2.0, 4.0]}),
    "gemma": Converted("gemma", tolerance=GELU),
    "gemma2": Converted("gemma2", {**WINDOW, "attn_logit_softcapping": 50.0,
                                   "final_logit_softcapping": 30.0}, SANDWICH, tolerance=GELU),
    "gemma3": Converted("gemma3", {**WINDOW, "rope.freq_base": 1e6, "rope.scaling.type": "linear",
                                   "rope.scaling.factor": 8.0}, SANDWICH, tolerance=GELU),
    "olmo": Converted("olmo", {**LAYER_EPS, "attention.clamp_kqv": 0.8}, permuted=True),
    "olmo2": Converted("olmo2", names=SANDWICH),
    "olmo3": Converted("olmo2", {**WINDOW, "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0,
                                 "rope.scaling.original_context_length": 16,
                                 "rope.freq_base": 500000.0}, SANDWICH),
    "glm": Converted("chatglm", HALF_ROPE),
    "glm4": Converted("glm4", HALF_ROPE, GLM4),
    "stablelm": Converted("stablelm", {**LAYER_EPS, **HALF_ROPE, "use_parallel_residual": False}),
    "stablelm, parallel": Converted("stablelm", {**LAYER_EPS, **HALF_ROPE,
                                                 "use_parallel_residual": True}),
    "nemotron": Converted("nemotron", {**LAYER_EPS, **HALF_ROPE}),
    "cohere": Converted("command-r", {**LAYER_EPS, "logit_scale": 0.5}),
    "cohere2": Converted("cohere2", {**LAYER_EPS, **WINDOW, "logit_scale": 0.5},
                         config={"sliding_window_pattern": 4}),
    "gpt2": Converted("gpt2", LAYER_EPS, GPT2, tolerance=GELU),
    "gpt_neox": Converted("gptneox", {**LAYER_EPS, **HALF_ROPE, "use_parallel_residual": True},
                          FUSED, groups=HEADS, tolerance=GELU),
    "gpt_neox, in turn": Converted("gptneox", {**LAYER_EPS, **HALF_ROPE,
                                               "use_parallel_residual": False},
                                   FUSED, groups=HEADS, tolerance=GELU),
    "bloom": Converted("bloom", LAYER_EPS, FUSED, groups=HEADS, tolerance=GELU),
    "falcon": Converted("falcon", LAYER_EPS, FUSED, tolerance=GELU),
    "falcon, two norms": Converted("falcon", LAYER_EPS, FUSED, groups=GROUPS, tolerance=GELU),
    "mpt": Converted("mpt", {**LAYER_EPS, "attention.max_alibi_bias": 8.0,
                             "attention.clamp_kqv": 0.8}, FUSED, tolerance=GELU),
    "bert": Converted("bert", {"attention.layer_norm_epsilon": 1e-12}, BERT, tolerance=GELU),
    "roberta": Converted("bert", LAYER_EPS, BERT, first_rows=2, tolerance=GELU),
    "modernbert": Converted("modern-bert", {**LAYER_EPS, "attention.sliding_window": 6,
                                            "rope.freq_base": 160000.0},
                            FUSED, tolerance=GELU),
}


def keys_of(family, converted, tensors):
    config = {**FAMILIES[family][0], **FAMILIES[family][0].get("text_config", {})}
    groups = config.get("num_key_value_heads", config.get("num_kv_heads", HEADS))
    if config.get("multi_query"):
        groups = 1
    keys = {"context_length": CONTEXT, "embedding_length": WIDTH, "block_count": LAYERS,
            "feed_forward_length": tensors["blk.0.ffn_down.weight"][0][1],
            "attention.head_count": HEADS, "attention.head_count_kv": groups,
            "vocab_size": VOCAB, "rope.freq_base": 10000.0}
    if "rms_norm_eps" in config or family.startswith("gemma"):
        keys["attention.layer_norm_rms_epsilon"] = config.get("rms_norm_eps", 1e-6)
    if family in import_models.ENCODERS:
        keys |= {"attention.causal": False, "pooling_type": 0}
    keys |= converted.keys
    named = {f"{converted.arch}.{key}": value for key, value in keys.items()}
    named |= {"general.architecture": converted.arch, "tokenizer.ggml.model": "no_vocab"}
    if family in ("bert", "roberta"):
        named["tokenizer.ggml.token_type_count"] = 2
    return named


def make(family, folder):
    """The folder of Hugging Face and the GGUF of a family."""
    converted = CONVERTED[family]
    model = os.path.join(folder, family)
    FAMILIES[family][0].update(converted.config)
    _, tensors = import_models.make(family, model)
    out = {}
    for name, tensor in tensors.items():
        gguf = gguf_name(name, converted.names)
        out[gguf] = converted.value(family, gguf, tensor)
    for name, numbers in converted.more.items():
        out[name] = [len(numbers)], array.array("f", numbers)
    path = os.path.join(folder, family.replace(", ", "-").replace(" ", "-") + ".gguf")
    write_gguf(path, keys_of(family, converted, out), out)
    return model, path


# ---- against others ----

def llama_rows(program, libraries, gguf, folder, is_encoder):
    """What llama.cpp says of every token; or null, and what went wrong."""
    path = os.path.join(folder, "llama.f32")
    done = subprocess.run([program, libraries, gguf, path, "hidden" if is_encoder else "logits",
                           *map(str, TOKENS)], capture_output=True, text=True)
    if done.returncode:
        return None, f"llama.cpp: exit code {done.returncode}: {done.stderr[-300:]}"
    numbers = array.array("f")
    with open(path, "rb") as file:
        numbers.frombytes(file.read())
    columns = len(numbers) // len(TOKENS)
    return [numbers[i:i + columns] for i in range(0, len(numbers), columns)], ""


def difference(found, expected, tolerance):
    """What is wrong with rows; empty: nothing."""
    if len(found) != len(expected) or len(found[0]) != len(expected[0]):
        return f"{len(found)} rows of {len(found[0])}, not {len(expected)} of {len(expected[0])}"
    values = [value for row in expected for value in row]
    reach = max(values) - min(values)
    worst = max(abs(a - b) for x, y in zip(found, expected) for a, b in zip(x, y))
    if not worst <= tolerance * reach:
        return f"values differ by {worst / reach:.2g} of their range"
    for t, (a, b) in enumerate(zip(found, expected)):
        if max(range(len(a)), key=a.__getitem__) != max(range(len(b)), key=b.__getitem__):
            return f"another token is the likeliest behind token {t}"
    return ""


def check(thalweg, folder, family, oracle):
    model, gguf = make(family, folder)
    expected, problem = import_models.logits_of(thalweg, model, folder)
    if problem:
        return problem
    found, problem = import_models.logits_of(thalweg, gguf, folder)
    problem = problem or difference(found, expected, 1e-6)
    if problem or not oracle:
        return problem and "as GGUF: " + problem
    theirs, problem = llama_rows(*oracle, gguf, folder, family in import_models.ENCODERS)
    return problem or difference(found, theirs, CONVERTED[family].tolerance)


def main(thalweg, folder, *oracle):
    os.makedirs(folder, exist_ok=True)
    failed = 0
    for family in CONVERTED:
        problem = check(thalweg, folder, family, oracle)
        if problem:
            failed += 1
            print(f"FAIL {family}: {problem}")
    print(f"{failed} of {len(CONVERTED)} families fail")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
