"""Small made-up models of every family, as folders of Hugging Face: config.json and safetensors.

    import_models.py THALWEG FOLDER EXPECTED [--bless]

makes them in FOLDER, evaluates each with `thalweg run`, and holds the logits (of encoders the hidden
values) of its last token against those in EXPECTED. These were compared with what llama.cpp makes of
the same weights, converted to GGUF: all tokens of all families agree to 5e-7 of the range (5e-4 where
its table of gelu in 16 bits is in the way); OPT, which it has not, with a program of 40 lines of
Python. Weights come from their names, so that they are the same everywhere. --bless writes EXPECTED.
"""
import array
import json
import os
import random
import struct
import subprocess
import sys
import zlib

WIDTH, HEADS, GROUPS, DIM, HIDDEN, VOCAB, LAYERS, CONTEXT = 32, 4, 2, 8, 48, 24, 4, 64
TOKENS = [3, 17, 5, 5, 11, 0, 23, 8, 14, 2, 9, 20]
TOLERANCE = 2e-5


def values(name, shape):
    """Of a tensor: gains are near 1, biases small, matrices keep the size of what they multiply."""
    count = 1
    for size in shape:
        count *= size
    draw = random.Random(zlib.crc32(name.encode())).random
    if len(shape) == 1:
        middle, spread = (0, 0.3) if name.endswith("bias") else (1, 0.4)
    else:
        middle, spread = 0, 2.5 / shape[-1] ** 0.5
    return array.array("f", [middle + spread * (2 * draw() - 1) for _ in range(count)])


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, (shape, numbers) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + 4 * len(numbers)]}
        data += numbers.tobytes()
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


# ---- tensors ----

def linear(shapes, name, rows, columns, bias=False):
    shapes[name + ".weight"] = [rows, columns]
    if bias:
        shapes[name + ".bias"] = [rows]


def norm(shapes, name, size=WIDTH, bias=False):
    shapes[name + ".weight"] = [size]
    if bias:
        shapes[name + ".bias"] = [size]


def llama_shapes(prefix="model.", groups=GROUPS, qkv_bias=False, o_bias=False, mlp_bias=False,
                 norm_bias=False, norms=("input_layernorm", "post_attention_layernorm"), gated=True,
                 fused_qkv=False, fused_up=False, qk_norm=None, qk_names=("q_norm", "k_norm"),
                 head=True, head_bias=False, o="o_proj", mlp=("mlp.up_proj", "mlp.down_proj"),
                 last="norm"):
    """Of Llama and of the many that call their tensors nearly as it does."""
    shapes = {prefix + "embed_tokens.weight": [VOCAB, WIDTH]}
    for layer in range(LAYERS):
        at = f"{prefix}layers.{layer}."
        for name in norms:
            norm(shapes, at + name, bias=norm_bias)
        attention = at + "self_attn."
        if fused_qkv:
            linear(shapes, attention + "qkv_proj", (HEADS + 2 * groups) * DIM, WIDTH, qkv_bias)
        else:
            linear(shapes, attention + "q_proj", HEADS * DIM, WIDTH, qkv_bias)
            linear(shapes, attention + "k_proj", groups * DIM, WIDTH, qkv_bias)
            linear(shapes, attention + "v_proj", groups * DIM, WIDTH, qkv_bias)
        linear(shapes, attention + o, WIDTH, HEADS * DIM, o_bias)
        if qk_norm == "head":
            norm(shapes, attention + qk_names[0], DIM)
            norm(shapes, attention + qk_names[1], DIM)
        if qk_norm == "width":
            norm(shapes, attention + qk_names[0], HEADS * DIM)
            norm(shapes, attention + qk_names[1], groups * DIM)
        if fused_up:
            linear(shapes, at + "mlp.gate_up_proj", 2 * HIDDEN, WIDTH, mlp_bias)
        else:
            if gated:
                linear(shapes, at + "mlp.gate_proj", HIDDEN, WIDTH, mlp_bias)
            linear(shapes, at + mlp[0], HIDDEN, WIDTH, mlp_bias)
        linear(shapes, at + mlp[1], WIDTH, HIDDEN, mlp_bias)
    if last:
        norm(shapes, prefix + last, bias=norm_bias)
    if head:
        linear(shapes, "lm_head", VOCAB, WIDTH, head_bias)
    return shapes


def blocks(prefix, tokens, layer_name, norms, linears, last, more=(), norm_bias=True, bias=True):
    """Of families with names of their own: linears are (name, rows, columns)."""
    shapes = {prefix + tokens: [VOCAB, WIDTH]}
    for name, shape in more:
        shapes[name] = shape
    for layer in range(LAYERS):
        at = f"{prefix}{layer_name}.{layer}."
        for name in norms:
            norm(shapes, at + name, bias=norm_bias)
        for name, rows, columns in linears:
            linear(shapes, at + name, rows, columns, bias)
    for name in last:
        norm(shapes, prefix + name, bias=norm_bias)
    return shapes


# ---- families ----

SIZES = {"vocab_size": VOCAB, "hidden_size": WIDTH, "intermediate_size": HIDDEN,
         "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": GROUPS,
         "max_position_embeddings": CONTEXT, "hidden_act": "silu"}
RMS = {**SIZES, "rms_norm_eps": 1e-5}
SANDWICH = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
            "post_feedforward_layernorm")
BEHIND = ("post_attention_layernorm", "post_feedforward_layernorm")
ALL_HEADS = {"groups": HEADS}
PLUS_ONE = ("gemma", "gemma2", "gemma3_text", "gemma3", "nemotron")  # gains are stored less one
TRANSPOSED = ("gpt2",)
FULL = HEADS * DIM


def without(config, *keys):
    return {key: value for key, value in config.items() if key not in keys}


FAMILIES = {
    "llama": ({**RMS, "rope_theta": 10000.0, "rope_scaling": {
        "rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16}}, llama_shapes()),
    "mistral": ({**RMS, "sliding_window": 5}, llama_shapes()),
    "ministral": ({**RMS, "sliding_window": 5, "layer_types": [
        "full_attention", "sliding_attention"] * 2}, llama_shapes()),
    "ministral3": ({**RMS, "head_dim": DIM, "rope_parameters": {
        "type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0,
        "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 8,
        "llama_4_scaling_beta": 0.1}}, llama_shapes()),
    "qwen2": ({**RMS, "use_sliding_window": False, "tie_word_embeddings": True},
              llama_shapes(qkv_bias=True, head=False)),
    "qwen3": ({**RMS, "head_dim": DIM, "rope_theta": 1000000}, llama_shapes(qk_norm="head")),
    "smollm3": ({**RMS, "tie_word_embeddings": True}, llama_shapes(head=False)),
    "arcee": ({**RMS, "hidden_act": "relu2"}, llama_shapes(gated=False)),
    "seed_oss": ({**RMS, "head_dim": DIM, "attention_bias": True, "attention_out_bias": False},
                 llama_shapes(qkv_bias=True)),
    "helium": ({**RMS, "head_dim": DIM}, llama_shapes()),
    "ernie4_5": ({**RMS, "head_dim": DIM, "tie_word_embeddings": True}, llama_shapes(head=False)),
    "granite": ({**RMS, "embedding_multiplier": 3.0, "residual_multiplier": 0.4,
                 "attention_multiplier": 0.25, "logits_scaling": 2.0}, llama_shapes()),
    "granitemoehybrid": ({
        **RMS, "embedding_multiplier": 3.0, "residual_multiplier": 0.4, "logits_scaling": 2.0,
        "attention_multiplier": 0.25, "shared_intermediate_size": HIDDEN, "num_local_experts": 0,
        "layer_types": ["attention"] * LAYERS, "position_embedding_type": "rope"}, {
            name.replace("mlp.gate_up_proj", "shared_mlp.input_linear")
            .replace("mlp.down_proj", "shared_mlp.output_linear"): shape
            for name, shape in llama_shapes(fused_up=True).items()}),
    "minicpm": ({**RMS, "scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 16,
                 "tie_word_embeddings": True}, llama_shapes(head=False)),
    "hunyuan_v1_dense": ({**RMS, "tie_word_embeddings": True, "rope_scaling": {
        "type": "dynamic", "alpha": 100.0, "factor": 1.0}},
        llama_shapes(head=False, qk_norm="head", qk_names=("query_layernorm", "key_layernorm"))),
    "phi": ({**SIZES, "hidden_act": "gelu_new", "partial_rotary_factor": 0.5,
             "num_key_value_heads": HEADS},
            llama_shapes(groups=HEADS, qkv_bias=True, o_bias=True, mlp_bias=True, norm_bias=True,
                         norms=("input_layernorm",), gated=False, head_bias=True, o="dense",
                         mlp=("mlp.fc1", "mlp.fc2"), last="final_layernorm")),
    "phi3": ({**RMS, "original_max_position_embeddings": 16, "rope_scaling": {
        "type": "longrope", "short_factor": [1.0, 1.1, 1.2, 1.3],
        "long_factor": [1.0, 1.5, 2.0, 4.0]}}, llama_shapes(fused_qkv=True, fused_up=True)),
    "gemma": ({**RMS, "head_dim": DIM, "hidden_activation": "gelu_pytorch_tanh",
               "hidden_act": "gelu"}, llama_shapes(head=False)),
    "gemma2": ({**without(RMS, "hidden_act"), "head_dim": DIM, "sliding_window": 5,
                "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": DIM},
               llama_shapes(norms=SANDWICH, head=False)),
    "gemma3_text": ({**without(RMS, "hidden_act"), "head_dim": DIM, "sliding_window": 5,
                     "query_pre_attn_scalar": DIM, "sliding_window_pattern": 3,
                     "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0},
                    llama_shapes(norms=SANDWICH, head=False, qk_norm="head")),
    "gemma3": ({"vision_config": {}, "text_config": {
        **without(RMS, "hidden_act"), "model_type": "gemma3_text", "head_dim": DIM,
        "sliding_window": 5, "query_pre_attn_scalar": DIM,
        "rope_scaling": {"rope_type": "linear", "factor": 8.0}}},
        llama_shapes("language_model.model.", norms=SANDWICH, head=False, qk_norm="head")),
    "olmo": ({**SIZES, "clip_qkv": 0.8, "num_key_value_heads": HEADS},
             llama_shapes(norms=(), groups=HEADS, last=None)),
    "olmo2": ({**RMS}, llama_shapes(norms=BEHIND, qk_norm="width")),
    "olmo3": ({**RMS, "sliding_window": 5, "rope_scaling": {
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}},
        llama_shapes(norms=BEHIND, qk_norm="width")),
    "exaone4": ({**RMS, "head_dim": DIM, "sliding_window": 5, "sliding_window_pattern": "LG"},
                llama_shapes(norms=BEHIND, qk_norm="head")),
    "glm": ({**RMS, "head_dim": DIM, "attention_bias": True, "partial_rotary_factor": 0.5},
            llama_shapes(qkv_bias=True, fused_up=True)),
    "glm4": ({**RMS, "head_dim": DIM, "attention_bias": True, "partial_rotary_factor": 0.5},
             llama_shapes(qkv_bias=True, fused_up=True, norms=(
                 "input_layernorm", "post_attention_layernorm", "post_self_attn_layernorm",
                 "post_mlp_layernorm"))),
    "stablelm": ({**SIZES, "use_qkv_bias": True, "partial_rotary_factor": 0.5},
                 llama_shapes(qkv_bias=True, norm_bias=True)),
    "nemotron": ({**SIZES, "hidden_act": "relu2", "head_dim": DIM, "partial_rotary_factor": 0.5},
                 llama_shapes(gated=False, norm_bias=True)),
    "starcoder2": ({**SIZES, "hidden_act": "gelu_pytorch_tanh", "sliding_window": 5},
                   llama_shapes(qkv_bias=True, o_bias=True, mlp_bias=True, norm_bias=True,
                                gated=False, head=False, mlp=("mlp.c_fc", "mlp.c_proj"))),
    "cohere": ({**SIZES, "logit_scale": 0.5},
               llama_shapes(norms=("input_layernorm",), head=False)),
    "cohere2": ({**SIZES, "logit_scale": 0.5, "head_dim": DIM, "sliding_window": 5,
                 "sliding_window_pattern": 2},
                llama_shapes(norms=("input_layernorm",), head=False)),
    "gpt2": ({"vocab_size": VOCAB, "n_embd": WIDTH, "n_head": HEADS, "n_layer": LAYERS,
              "n_positions": CONTEXT, "n_inner": HIDDEN, "activation_function": "gelu_new"},
             blocks("transformer.", "wte.weight", "h", ("ln_1", "ln_2"),
                    (("attn.c_attn", 3 * WIDTH, WIDTH), ("attn.c_proj", WIDTH, WIDTH),
                     ("mlp.c_fc", HIDDEN, WIDTH), ("mlp.c_proj", WIDTH, HIDDEN)), ("ln_f",),
                    (("transformer.wpe.weight", [CONTEXT, WIDTH]),))),
    "gpt_neox": ({**without(SIZES, "num_key_value_heads"), "hidden_act": "gelu",
                  "rotary_pct": 0.5},
                 blocks("gpt_neox.", "embed_in.weight", "layers",
                        ("input_layernorm", "post_attention_layernorm"),
                        (("attention.query_key_value", 3 * WIDTH, WIDTH),
                         ("attention.dense", WIDTH, WIDTH), ("mlp.dense_h_to_4h", HIDDEN, WIDTH),
                         ("mlp.dense_4h_to_h", WIDTH, HIDDEN)), ("final_layer_norm",),
                        (("embed_out.weight", [VOCAB, WIDTH]),))),
    "bloom": ({"vocab_size": VOCAB, "hidden_size": WIDTH, "n_layer": LAYERS, "n_head": HEADS},
              blocks("transformer.", "word_embeddings.weight", "h",
                     ("input_layernorm", "post_attention_layernorm"),
                     (("self_attention.query_key_value", 3 * WIDTH, WIDTH),
                      ("self_attention.dense", WIDTH, WIDTH),
                      ("mlp.dense_h_to_4h", 4 * WIDTH, WIDTH),
                      ("mlp.dense_4h_to_h", WIDTH, 4 * WIDTH)),
                     ("word_embeddings_layernorm", "ln_f"))),
    "falcon": ({**without(SIZES, "intermediate_size", "num_key_value_heads", "hidden_act"),
                "multi_query": True, "parallel_attn": True, "bias": False},
               {**blocks("transformer.", "word_embeddings.weight", "h", (),
                         (("self_attention.query_key_value", (HEADS + 2) * DIM, WIDTH),
                          ("self_attention.dense", WIDTH, WIDTH),
                          ("mlp.dense_h_to_4h", 4 * WIDTH, WIDTH),
                          ("mlp.dense_4h_to_h", WIDTH, 4 * WIDTH)), (), bias=False),
                **blocks("transformer.", "word_embeddings.weight", "h", ("input_layernorm",), (),
                         ("ln_f",))}),
    "falcon, two norms": ({
        **without(SIZES, "intermediate_size", "num_key_value_heads", "hidden_act"),
        "model_type": "falcon", "new_decoder_architecture": True, "num_kv_heads": GROUPS},
        blocks("transformer.", "word_embeddings.weight", "h", (),
               (("self_attention.query_key_value", (HEADS + 2 * GROUPS) * DIM, WIDTH),
                ("self_attention.dense", WIDTH, WIDTH), ("mlp.dense_h_to_4h", 4 * WIDTH, WIDTH),
                ("mlp.dense_4h_to_h", WIDTH, 4 * WIDTH)), (), bias=False) |
        blocks("transformer.", "word_embeddings.weight", "h", ("ln_attn", "ln_mlp"), (),
               ("ln_f",))),
    "mpt": ({"vocab_size": VOCAB, "d_model": WIDTH, "n_heads": HEADS, "n_layers": LAYERS,
             "max_seq_len": CONTEXT, "attn_config": {"alibi": True, "clip_qkv": 0.8}},
            blocks("transformer.", "wte.weight", "blocks", ("norm_1", "norm_2"),
                   (("attn.Wqkv", 3 * WIDTH, WIDTH), ("attn.out_proj", WIDTH, WIDTH),
                    ("ffn.up_proj", 4 * WIDTH, WIDTH), ("ffn.down_proj", WIDTH, 4 * WIDTH)),
                   ("norm_f",), norm_bias=False, bias=False)),
    "gptj": ({"vocab_size": VOCAB, "n_embd": WIDTH, "n_head": HEADS, "n_layer": LAYERS,
              "n_positions": CONTEXT, "n_inner": HIDDEN, "rotary_dim": 4,
              "activation_function": "gelu_new", "tie_word_embeddings": False},
             {**blocks("transformer.", "wte.weight", "h", ("ln_1",),
                       (("mlp.fc_in", HIDDEN, WIDTH), ("mlp.fc_out", WIDTH, HIDDEN)), ("ln_f",),
                       (("lm_head.weight", [VOCAB, WIDTH]), ("lm_head.bias", [VOCAB]))),
              **{f"transformer.h.{layer}.attn.{name}.weight": [WIDTH, WIDTH]
                 for layer in range(LAYERS) for name in ("q_proj", "k_proj", "v_proj", "out_proj")}}),
    "opt": ({**without(SIZES, "intermediate_size", "num_key_value_heads", "hidden_act"),
             "ffn_dim": HIDDEN, "activation_function": "relu", "word_embed_proj_dim": WIDTH},
            blocks("model.decoder.", "embed_tokens.weight", "layers",
                   ("self_attn_layer_norm", "final_layer_norm"),
                   tuple((f"self_attn.{name}", WIDTH, WIDTH)
                         for name in ("q_proj", "k_proj", "v_proj", "out_proj")) +
                   (("fc1", HIDDEN, WIDTH), ("fc2", WIDTH, HIDDEN)), ("final_layer_norm",),
                   (("model.decoder.embed_positions.weight", [CONTEXT + 2, WIDTH]),))),
}

FAMILIES["gpt_neox, in turn"] = ({
    **FAMILIES["gpt_neox"][0], "model_type": "gpt_neox", "use_parallel_residual": False},
    FAMILIES["gpt_neox"][1])
FAMILIES["stablelm, parallel"] = ({
    **FAMILIES["stablelm"][0], "model_type": "stablelm", "use_parallel_residual": True}, {
        name: shape for name, shape in FAMILIES["stablelm"][1].items()
        if "post_attention_layernorm" not in name})
BERT = {**without(SIZES, "num_key_value_heads"), "hidden_act": "gelu", "type_vocab_size": 2,
        "layer_norm_eps": 1e-12}


def bert_shapes(prefix, positions):
    return blocks(prefix, "embeddings.word_embeddings.weight", "encoder.layer",
                  ("attention.output.LayerNorm", "output.LayerNorm"),
                  tuple((f"attention.self.{name}", WIDTH, WIDTH)
                        for name in ("query", "key", "value")) +
                  (("attention.output.dense", WIDTH, WIDTH), ("intermediate.dense", HIDDEN, WIDTH),
                   ("output.dense", WIDTH, HIDDEN)), ("embeddings.LayerNorm",),
                  ((prefix + "embeddings.position_embeddings.weight", [positions, WIDTH]),
                   (prefix + "embeddings.token_type_embeddings.weight", [2, WIDTH])))


ENCODERS = {
    "bert": (BERT, bert_shapes("bert.", CONTEXT)),
    "roberta": ({**BERT, "layer_norm_eps": 1e-5, "max_position_embeddings": CONTEXT + 2,
                 "pad_token_id": 1}, bert_shapes("roberta.", CONTEXT + 2)),
    "modernbert": ({**without(SIZES, "num_key_value_heads", "hidden_act"), "local_attention": 6,
                    "global_attn_every_n_layers": 3}, {
        name: shape for name, shape in blocks(
            "model.", "embeddings.tok_embeddings.weight", "layers", ("attn_norm", "mlp_norm"),
            (("attn.Wqkv", 3 * WIDTH, WIDTH), ("attn.Wo", WIDTH, WIDTH),
             ("mlp.Wi", 2 * HIDDEN, WIDTH), ("mlp.Wo", WIDTH, HIDDEN)),
            ("embeddings.norm", "final_norm"), norm_bias=False, bias=False).items()
        if "layers.0.attn_norm" not in name}),
}
FAMILIES.update(ENCODERS)


def tensors_of(family, shapes):
    tensors = {}
    for name, shape in shapes.items():
        numbers = values(name, shape)
        if family in PLUS_ONE and len(shape) == 1 and name.endswith("weight"):
            numbers = array.array("f", [number - 1 for number in numbers])
        if family in TRANSPOSED and len(shape) == 2 and (".attn." in name or ".mlp." in name):
            rows, columns = shape
            numbers = array.array("f", [numbers[row * columns + column]
                                        for column in range(columns) for row in range(rows)])
            shape = [columns, rows]
        tensors[name] = (shape, numbers)
    return tensors


def make(family, folder):
    config, shapes = FAMILIES[family]
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump({"model_type": family, **config}, file)
    tensors = tensors_of(family, shapes)
    write_safetensors(os.path.join(folder, "model.safetensors"), tensors)
    return config, tensors


# ---- logits ----

def read_floats(path):
    with open(path, "rb") as file:
        data = file.read()
    return array.array("f", data[10 + struct.unpack("<H", data[8:10])[0]:])


def logits_of(thalweg, model, folder):
    """Of all tokens, [tokens][vocab], or hidden values; or null, and what went wrong."""
    path = os.path.join(folder, "logits.npy")
    done = subprocess.run([thalweg, "run", model, "--engine=interpreter", "--logits", path,
                           "--tokens", ",".join(map(str, TOKENS))], capture_output=True, text=True)
    if done.returncode or done.stderr:
        return None, done.stderr
    numbers = read_floats(path)
    columns = len(numbers) // len(TOKENS)
    return [numbers[i:i + columns] for i in range(0, len(numbers), columns)], ""


def compare(found, expected):
    """What is wrong; empty: nothing."""
    if len(found) != len(expected):
        return f"{len(found)} values for a token, and not {len(expected)}"
    worst = max(abs(a - b) for a, b in zip(found, expected))
    scale = max(map(abs, expected))
    return "" if worst <= TOLERANCE * scale else f"values differ by {worst:.3g} of {scale:.3g}"


def check_written(thalweg, folder):
    """A description that lies elsewhere is the model that it was made of, to the bit."""
    model, other = os.path.join(folder, "llama"), os.path.join(folder, "written", "a.yaml")
    os.makedirs(os.path.dirname(other), exist_ok=True)
    done = subprocess.run([thalweg, "import", model, "-o", other], capture_output=True, text=True)
    if done.returncode or done.stdout or done.stderr:
        return done.stdout + done.stderr
    expected, found = logits_of(thalweg, model, folder), logits_of(thalweg, other, folder)
    return "" if found == expected else "the description that was written is another model"


# ---- what stands behind a model ----

def put_module(folder, number, kind, config, tensors=None):
    path = os.path.join(folder, f"{number}_{kind}")
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "config.json"), "w") as file:
        json.dump(config, file)
    if tensors:
        write_safetensors(os.path.join(path, "model.safetensors"), tensors)
    return {"path": f"{number}_{kind}", "type": f"sentence_transformers.models.{kind}"}


def rows_of(thalweg, model, folder):
    """What a model that pools makes of the tokens; or null, and what went wrong."""
    lines, out = os.path.join(folder, "lines"), os.path.join(folder, "rows.npy")
    with open(lines, "w") as file:
        file.write(",".join(map(str, TOKENS)) + "\n")
    done = subprocess.run([thalweg, "embed", model, "-f", lines, "-o", out], capture_output=True,
                          text=True)
    return (None, done.stderr) if done.returncode or done.stderr else (read_floats(out), "")


def check_sentence(thalweg, folder):
    """The mean of a text's rows, two dense layers with files of their own, and a length of 1."""
    hidden, problem = logits_of(thalweg, os.path.join(folder, "bert"), folder)
    if problem:
        return problem
    model = os.path.join(folder, "sentence")
    make("bert", model)
    modules = [{"path": "", "type": "sentence_transformers.models.Transformer"},
               put_module(model, 1, "Pooling", {"pooling_mode_mean_tokens": True})]
    row = [sum(column) / len(hidden) for column in zip(*hidden)]
    for number, width in ((2, HIDDEN), (3, 16)):
        matrix = values(f"dense {number}", [width, len(row)])
        modules.append(put_module(model, number, "Dense", {
            "in_features": len(row), "out_features": width, "bias": False,
            "activation_function": "torch.nn.modules.linear.Identity"},
            {"linear.weight": ([width, len(row)], matrix)}))
        row = [sum(x * matrix[n * len(row) + k] for k, x in enumerate(row)) for n in range(width)]
    modules.append({"path": "4_Normalize", "type": "sentence_transformers.models.Normalize"})
    with open(os.path.join(model, "modules.json"), "w") as file:
        json.dump(modules, file)
    length = sum(x * x for x in row) ** 0.5
    rows, problem = rows_of(thalweg, model, folder)
    return problem or compare(rows, [x / length for x in row])


def check_classifier(thalweg, folder):
    """Classes that are the first tokens have these tokens' logits behind the last one."""
    classes, model = 3, os.path.join(folder, "classifier")
    logits, problem = logits_of(thalweg, os.path.join(folder, "llama"), folder)
    if problem:
        return problem
    config, tensors = make("llama", model)
    head = tensors.pop("lm_head.weight")[1]
    tensors["score.weight"] = ([classes, WIDTH], head[:classes * WIDTH])
    write_safetensors(os.path.join(model, "model.safetensors"), tensors)
    with open(os.path.join(model, "config.json"), "w") as file:
        json.dump({"model_type": "llama", "architectures": ["LlamaForSequenceClassification"],
                   "id2label": {str(i): f"LABEL_{i}" for i in range(classes)}, **config}, file)
    rows, problem = rows_of(thalweg, model, folder)
    return problem or compare(rows, logits[-1][:classes])


def main(thalweg, folder, expected_path, bless):
    expected = {}
    if not bless:
        with open(expected_path) as file:
            expected = dict(line.split(" ", 1) for line in file)
    lines, failed = [], 0
    for family in FAMILIES:
        model = os.path.join(folder, family)
        make(family, model)
        logits, problem = logits_of(thalweg, model, folder)
        if logits is not None and not bless:
            problem = compare(logits[-1], [float(x) for x in expected.get(family.replace(" ", "_"), "0").split()])
        if logits is not None and bless:
            lines.append(family.replace(" ", "_") + " " + " ".join(f"{x:.6g}" for x in logits[-1]) + "\n")
        if problem:
            failed += 1
            print(f"FAIL {family}: {problem}")
    problem = check_written(thalweg, folder)
    if problem:
        print(f"FAIL import -o: {problem}")
    behind = check_sentence(thalweg, folder) or check_classifier(thalweg, folder)
    if behind:
        print(f"FAIL behind a model: {behind}")
    if bless:
        with open(expected_path, "w") as file:
            file.writelines(lines)
    print(f"{failed} of {len(FAMILIES)} families fail")
    return 1 if failed or problem or behind else 0


if __name__ == "__main__":
    arguments = [word for word in sys.argv[1:] if word != "--bless"]
    sys.exit(main(*arguments, "--bless" in sys.argv))
