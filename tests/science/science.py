"""What the stream of the small model of test_model.py is, as others computed it from the same numbers.

    science.py THALWEG FOLDER

makes the model in FOLDER and holds what the commands say of it against numbers of an independent
program. Each check_...() is one command.
"""
import json
import math
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_model  # noqa: E402

TOKENS = "3,1,4,1,5"
TOLERANCE = 1e-6


def read_npy(path):
    """The numbers of a file of floats, in their order."""
    with open(path, "rb") as file:
        data = file.read()
    begin = 10 + struct.unpack("<H", data[8:10])[0]
    return list(struct.unpack(f"<{(len(data) - begin) // 4}f", data[begin:]))


class Science:
    def __init__(self, program, folder):
        self.program, self.folder, self.failed = program, folder, 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *arguments):
        """What thalweg writes to its standard output."""
        made = subprocess.run([self.program, *arguments], capture_output=True, text=True, cwd=self.folder)
        if made.returncode != 0:
            raise SystemExit(f"thalweg {' '.join(arguments)}: exit code {made.returncode}\n{made.stderr}")
        return made.stdout

    def variant(self, name, old, new, of="layer.yaml"):
        """Writes a description that differs from another in one place."""
        with open(self.path(of)) as file:
            text = file.read()
        assert text.count(old) == 1, old
        with open(self.path(name), "w") as file:
            file.write(text.replace(old, new))

    def refused(self, says, *arguments):
        """Fails if thalweg does what it is asked for, or gives another reason."""
        made = subprocess.run([self.program, *arguments], capture_output=True, text=True, cwd=self.folder)
        if made.returncode in (1, 2) and says in made.stderr:
            return
        print(f"thalweg {' '.join(arguments)}: exit code {made.returncode}, {made.stderr}, not '{says}'")
        self.failed += 1

    def near(self, what, found, expected, tolerance=TOLERANCE):
        far = [(a, b) for a, b in zip(found, expected) if not abs(a - b) <= tolerance]
        if len(found) == len(expected) and not far:
            return
        print(f"{what}: found {found}, expected {expected}")
        self.failed += 1

    def same(self, what, found, expected):
        if found != expected:
            print(f"{what}: found {found}, expected {expected}")
            self.failed += 1


def check_logits(science):
    expected = {"layer": [0.854093278, 0.067462818, 0.331924172, -0.391304520, 0.301184736,
                          -0.811161345, 0.484278795, -0.133717121, -0.254268979, -0.844508076],
                "rms": [0.881923665, 0.130313090, 0.291180864, -0.242492328, 0.379615780,
                        -0.666165952, 0.570802840, -0.117124273, -0.276109360, -0.791250624]}
    for kind, logits in expected.items():
        science.run("run", kind + ".yaml", "--tokens", TOKENS, "-n", "0", "--logits", "logits.npy")
        science.near(f"logits, {kind}", read_npy(science.path("logits.npy"))[-len(logits):], logits)


def check_congruence(science):
    """The mutual pairs, and their neurons and tokens by the plain sum of the file's numbers."""
    expected = [("L1N12", 8, 0.078766236), ("L0N2", 9, 0.030902431), ("L1N14", 3, 0.01857244),
                ("L0N4", 0, 0.013204384)]
    told = json.loads(science.run("congruence", "layer.yaml", "--mutual", "--json"))
    pairs = told["pairs"][:len(expected)]
    science.same("mutual pairs", [(p["neuron"], p["token"]) for p in pairs], [e[:2] for e in expected])
    science.near("their scores", [p["score"] for p in pairs], [e[2] for e in expected])
    rounded = json.loads(science.run("congruence", "layer.yaml", "--mutual", "--json", "--products", "bf16"))
    science.near("scores of bf16", [rounded["pairs"][0]["score"]], [expected[0][2]], 0.01)
    for with_, name in ("unembed", "head.weight"), ("embed", "embed.tokens"):
        rows = test_model.all_tensors()[name][1]
        down = test_model.all_tensors()["blocks.1.mlp.down.weight"][1]
        sums = [sum(down[d * test_model.HIDDEN + 12] * rows[t * test_model.WIDTH + d]
                    for d in range(test_model.WIDTH)) for t in range(test_model.VOCAB)]
        science.run("congruence", "layer.yaml", "--neuron", "L1N12", "--with", with_, "-o", "neuron.npy")
        science.near(f"congruence with {with_}", read_npy(science.path("neuron.npy")), sums)
        science.run("congruence", "layer.yaml", "--token", "8", "--with", with_, "-o", "token.npy")
        science.near(f"congruence of a token with {with_}",
                     read_npy(science.path("token.npy"))[test_model.HIDDEN + 12:][:1], sums[8:9])


def check_circuits(science, model="layer.yaml", has_unembed=True):
    """Composition of the heads of layer 0 with those of layer 1, and copying, of the raw weights."""
    expected = {"Q": [0.520443638, 0.182795131, 0.432595819, 0.418347622],
                "K": [0.464019071, 0.358484807, 0.191877997, 0.328832754],
                "V": [0.379630105, 0.249589002, 0.569085776, 0.312070204]}
    told = json.loads(science.run("circuits", model, "--compose", "all", "--json"))
    for part, scores in expected.items():
        found = {(p["earlier"], p["later"]): p["score"] for p in told["composition"][part]}
        science.near(f"{part}-composition, {model}",
                     [found.get((f"L0H{a}", f"L1H{b}"), 9) for a in range(2) for b in range(2)], scores)
    science.run("circuits", model, "--compose", "Q", "--baseline", "random", "-o", "q.npy")
    numbers = read_npy(science.path("q.npy"))  # [layer, head, later layer, later head]
    science.near(f"over random, {model}", [numbers[2], numbers[3], numbers[6], numbers[7]],
                 [score - 8**-0.5 for score in expected["Q"]])
    if has_unembed:
        told = json.loads(science.run("circuits", model, "--copying", "--json"))["copying"]
        science.near("copying", [told[f"L{layer}H{head}"] for layer in range(2) for head in range(2)],
                     [0.160237549, 0.179339227, 0.822851569, 0.065583160])


def check_gpt2_folder(science):
    """The same weights as Hugging Face has GPT-2's: q, k and v in one matrix, all of them transposed."""
    tensors, stored = test_model.all_tensors(), {}
    width, hidden = test_model.WIDTH, test_model.HIDDEN

    def transposed(*names):
        matrix = [v for name in names for v in tensors[name + ".weight"][1]]
        rows = sum(tensors[name + ".weight"][0][0] for name in names)
        columns = len(matrix) // rows
        return [columns, rows], test_model.turned(matrix, 1, rows, columns)

    def put(name, *params):
        stored[name + ".weight"] = transposed(*params)
        bias = [v for param in params for v in tensors[param + ".bias"][1]]
        stored[name + ".bias"] = [len(bias)], bias

    def put_norm(name, param):
        stored[name + ".weight"], stored[name + ".bias"] = tensors[param + ".gain"], tensors[param + ".bias"]

    for layer in range(test_model.LAYERS):
        name, param = f"transformer.h.{layer}", f"blocks.{layer}"
        put_norm(name + ".ln_1", param + ".attention.norm")
        put_norm(name + ".ln_2", param + ".mlp.norm")
        put(name + ".attn.c_attn", *(f"{param}.attention.{part}" for part in "qkv"))
        put(name + ".attn.c_proj", param + ".attention.o")
        put(name + ".mlp.c_fc", param + ".mlp.up")
        put(name + ".mlp.c_proj", param + ".mlp.down")
    put_norm("transformer.ln_f", "head.norm")
    stored["transformer.wte.weight"] = tensors["embed.tokens"]
    stored["transformer.wpe.weight"] = tensors["embed.positions"]
    os.makedirs(science.path("gpt2"), exist_ok=True)
    test_model.write_safetensors(science.path("gpt2/model.safetensors"), stored)
    with open(science.path("gpt2/config.json"), "w") as file:
        json.dump({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": width, "n_head": 2,
                   "n_layer": test_model.LAYERS, "n_inner": hidden, "n_positions": test_model.CONTEXT,
                   "n_ctx": test_model.CONTEXT, "vocab_size": test_model.VOCAB,
                   "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5}, file)
    check_circuits(science, "gpt2", False)
    for model in "layer.yaml", "gpt2":
        science.run("congruence", model, "--neuron", "L0N7", "--with", "embed", "-o", model + ".npy")
    science.near("congruence of the folder", read_npy(science.path("gpt2.npy")),
                 read_npy(science.path("layer.yaml.npy")))


def check_lens(science):
    """Token 7 minus token 2 after the last token, at each point; with the final scale of the stream alone."""
    expected = {"anew": [-0.087946, -0.921811, -0.606342, 0.519901, -0.465641],
                "final": [-0.022165, -0.291514, -0.363583, 0.256938, -0.531408]}
    points = ["resid_pre0", "resid_mid0", "resid_pre1", "resid_mid1", "final"]
    for scale, differences in expected.items():
        asked = ["lens", "layer.yaml", "--tokens", TOKENS, "--logit-diff", "7,2", "--mid", "--scale", scale]
        told = json.loads(science.run(*asked, "--json", "--color", "difference", "-o", "lens.npy"))
        science.same("points of the lens", [point["point"] for point in told["points"]], points)
        found = [point["cells"][-1]["difference"] for point in told["points"]]
        science.near(f"lens, {scale}", found, differences)
        science.near(f"lens as a file, {scale}", read_npy(science.path("lens.npy"))[4::5], found)
    science.run("run", "layer.yaml", "--tokens", TOKENS, "-n", "0", "--logits", "logits.npy")
    logits = read_npy(science.path("logits.npy"))[-10:]
    total = sum(math.exp(logit) for logit in logits)
    told = json.loads(science.run("lens", "layer.yaml", "--tokens", TOKENS, "--target", "6", "--json"))
    first, last = told["points"][0]["cells"][-1], told["points"][-1]["cells"][-1]
    order = sorted(range(10), key=lambda t: -logits[t])
    science.same("likeliest at the end", [top["token"]["id"] for top in last["top"]], order[:5])
    science.near("their probabilities", [top["probability"] for top in last["top"]],
                 [math.exp(logits[t]) / total for t in order[:5]])
    science.near("entropy", [last["entropy"]],
                 [-sum(math.exp(x) / total * (x - math.log(total)) for x in logits)])
    science.same("rank", last["target_rank"], 1 + order.index(6))
    science.near("probability of the target", [last["target_probability"]], [math.exp(logits[6]) / total])
    science.near("divergence at the end", [last["divergence"]], [0])
    science.same("divergence elsewhere", first["divergence"] > 0.1, True)


def check_attribution(science):
    expected = {"L1H0": 0.319731, "L1N9": -0.317837, "L1N10": -0.267095, "L1N15": 0.225538, "L1N14": 0.212686}
    asked = ["attribute", "layer.yaml", "--tokens", TOKENS, "--token", "7", "--by", "neuron", "--json"]
    told = json.loads(science.run(*asked))
    science.same("largest parts", [part["part"] for part in told["parts"][:5]], list(expected))
    science.near("what they add", [part["logit"] for part in told["parts"][:5]], list(expected.values()))
    science.near("constant", [p["logit"] for p in told["parts"] if p["part"] == "constant"], [0.061774445])
    science.near("final scale", [told["scale"]], [1.933405881], 2e-6)
    science.near("remainder", [told["remainder"]], [0])
    for kind, logit in ("layer", -0.133717121), ("rms", -0.117124273):
        for by in "layer", "head", "neuron":
            asked = ["attribute", kind + ".yaml", "--tokens", TOKENS, "--token", "7", "--by", by, "--json"]
            parts = json.loads(science.run(*asked))["parts"]
            science.near(f"sum of parts, {kind} by {by}", [sum(part["logit"] for part in parts)], [logit])


def check_points(science):
    """What a head writes points to token 7 as far as others found; patterns, and what the last norm divides by."""
    width, vocab, heads = test_model.WIDTH, test_model.VOCAB, test_model.HEADS
    count, last = len(TOKENS.split(",")), len(TOKENS.split(",")) - 1
    taps = "result1", "ln_final_scale", "pattern1", "z1"
    science.run("run", "layer.yaml", "--tokens", TOKENS, "-n", "0",
                *(word for tap in taps for word in ("--tap", f"{tap}={tap}.npy")))
    result, scale, pattern, z = (read_npy(science.path(tap + ".npy")) for tap in taps)
    science.near("the last norm's scale", scale[last:], [1.933405881])
    head = result[last * heads * width:][:width]
    mean = sum(head) / width
    gain = [1 + x for x in test_model.values("ln_final.w", width, test_model.GAIN)]
    unembed = test_model.values("unembed.W_U", width * vocab, test_model.WEIGHT)
    share = sum((head[d] - mean) / scale[last] * gain[d] * unembed[d * vocab + 7] for d in range(width))
    science.near("share of L1H0", [share], [0.319731])
    out = test_model.values("blocks.1.attn.W_O", width * width, test_model.WEIGHT)
    for h in range(heads):
        rows = [z[(last * heads + h) * test_model.DIM + k] for k in range(test_model.DIM)]
        written = [sum(rows[k] * out[(h * test_model.DIM + k) * width + d] for k in range(test_model.DIM))
                   for d in range(width)]
        science.near(f"result of L1H{h}", result[(last * heads + h) * width:][:width], written)
    sums = [sum(pattern[row * count:][:count]) for row in range(count * heads)]
    science.near("rows of patterns", sums, [1] * len(sums))
    told = json.loads(science.run("attention", "layer.yaml", "--tokens", TOKENS, "--random", "4", "--json"))
    rows = [told["heads"][heads + h]["pattern"][row] for row in range(count) for h in range(heads)]
    science.near("patterns of the command", [x for row in rows for x in row], pattern)


def check_refusals(science):
    """What is asked for in the wrong way, and a model whose stream is no sum."""
    lens, parts = ["lens", "layer.yaml", "--tokens", TOKENS], ["attribute", "layer.yaml", "--tokens", TOKENS]
    science.refused("says what to run", "lens", "layer.yaml")
    science.refused("--color difference is that of --logit-diff", *lens, "--color", "difference")
    science.refused("there is no token 10", *lens, "--target", "10")
    science.refused("the model has no tokenizer", *lens, "--target", "a")
    science.refused("no kind of file ends like this", *lens, "-o", "lens.txt")
    science.refused("says of what logit the parts are", *parts)
    science.refused("expected two tokens with a comma", *parts, "--logit-diff", "7")
    science.refused("the prompt has 5 tokens", *parts, "--token", "7", "--position", "-6")
    science.variant("capped.yaml", "  bias: true\nweights", "  bias: true\n  softcap: 3\nweights")
    science.refused("caps its logits", "lens", "capped.yaml", "--tokens", TOKENS, "--scale", "final")
    told = json.loads(science.run("attribute", "capped.yaml", "--tokens", TOKENS, "--token", "7", "--json"))
    science.near("remainder before a cap", [told["remainder"]], [0])
    science.variant("parallel.yaml", "      - attention", "      - parallel:\n        - attention")
    science.variant("parallel.yaml", "      - mlp", "        - mlp", "parallel.yaml")
    science.refused("has no point resid_mid", "lens", "parallel.yaml", "--tokens", TOKENS, "--mid")
    science.variant("post.yaml", "      - mlp: ", "      - norm_stream: {kind: layer, gain: false, bias: false}\n        mlp: ")
    science.refused("norms stand in the stream itself", "attribute", "post.yaml", "--tokens", TOKENS, "--token", "7")
    science.refused("cannot be written", *lens, "--html", "no/such/lens.html")


def residual(rows):
    """|X without the mean of its rows| / |X|."""
    means = [sum(column) / len(rows) for column in zip(*rows)]
    rest = sum((v - mean) ** 2 for row in rows for v, mean in zip(row, means))
    return (rest / sum(v * v for row in rows for v in row)) ** 0.5


def check_rank(science):
    """Of the stream that a tap keeps; without skips, of a description that says so."""
    with open(science.path("layer.yaml")) as file:
        text = file.read()
    with open(science.path("skipless.yaml"), "w") as file:
        file.write(text.replace("defaults:\n", "defaults:\n  skip: false\n"))
    told = json.loads(science.run("rank", "layer.yaml", "--tokens", TOKENS, "--without-skips", "--json"))
    for model, series in ("layer.yaml", "with_skips"), ("skipless.yaml", "without_skips"):
        science.run("run", model, "--tokens", TOKENS, "-n", "0", "--tap", "resid_post=resid.npy")
        numbers, width = read_npy(science.path("resid.npy")), test_model.WIDTH
        rows = [numbers[i:i + width] for i in range(0, len(numbers), width)]
        science.near(f"residual, {series}", [point["residual"] for point in told[series][1:]],
                     [residual(rows[:5]), residual(rows[5:])])
        ranks = [point["effective_rank"] for point in told[series]]
        science.same(f"bounds of ranks, {series}", [1 <= rank <= 5 for rank in ranks], [True] * 3)


def main():
    program, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
    science = Science(program, folder)
    test_model.write(folder)
    check_logits(science)
    check_congruence(science)
    check_circuits(science)
    check_gpt2_folder(science)
    check_lens(science)
    check_attribution(science)
    check_points(science)
    check_refusals(science)
    check_rank(science)
    raise SystemExit(1 if science.failed else 0)


if __name__ == "__main__":
    main()
