#!/usr/bin/env python3
"""What run.sh found: choices between its steps, and the report at the end.

    report.py FOLDER layer | neuron | candidates QUICK | pages MODEL

FOLDER has what the commands wrote. A page of figures is a template with data: that of the command
`activations` is taken, and what it shows is replaced.
"""

import json
import math
import struct
import sys
from pathlib import Path

AN, A = " an", " a"
RANDOM_OTHERS = 8
BRANCHES = ("resid_pre", "attn_out", "mlp_out")

# GPT-2 Large, as published (Neo and Miller 2023).
PUBLISHED = {"layers": 36, "width": 1280, "hidden": 5120,
             "apple an": (0.6492, 20.52), "apple a": (0.2422, 19.53),
             "lemon an": (0.0318, 16.93), "lemon a": (0.8511, 20.22),
             "negated an": 0.0285, "neuron": 0.50, "mlp": 0.49, "jump": 31, "unit": "L31N892",
             "congruent an": 2.75, "congruent a": 0.17,
             "mutual": {"L33N4142": "i", "L34N4549": "an"}, "forwards": 7280}


class Results:
    def __init__(self, folder):
        self.folder = Path(folder)

    def read(self, name):
        with open(self.folder / f"{name}.json", encoding="utf-8") as file:
            return json.load(file)

    def logits(self, name):
        """The last row of a file of NumPy's, of float32."""
        data = (self.folder / f"{name}.npy").read_bytes()
        (length,) = struct.unpack_from("<H", data, 8)
        header = data[10 : 10 + length].decode()
        columns = int(header.split("shape")[1].split("(")[1].split(")")[0].split(",")[1])
        return struct.unpack(f"<{columns}f", data[-4 * columns :])

    def articles(self):
        """The tokens ' an' and ' a'."""
        return self.read("articles")["tokens"]

    def said(self, name):
        """{" an": (probability, logit), " a": ...} behind the prompt."""
        logits = self.logits(name)
        most = max(logits)
        total = sum(math.exp(x - most) for x in logits)
        return {text: (math.exp(logits[token] - most) / total, logits[token])
                for text, token in zip((AN, A), self.articles())}

    def shape(self):
        points = self.read("points")
        layers = 1 + max(int(point["name"].split(".")[1]) for point in points
                         if point["name"].startswith("blocks."))
        sizes = {point["short"]: point["columns"] for point in points}
        return layers, sizes["resid_pre0"], sizes["mlp_post0"]

    def is_published(self):
        return self.shape() == (PUBLISHED["layers"], PUBLISHED["width"], PUBLISHED["hidden"])

    def patched(self, over):
        """Effects [layers][positions] of a branch."""
        return [row["effect"] for row in self.read(f"patch-{over}")["layers"]]

    def neurons(self):
        """Effects of the neurons of the layer that was swept."""
        return self.read("patch-neurons")["layers"][0]["effect"]

    def layer(self):
        """The mlp whose activation at the last position brings most of the clean answer back."""
        effects = [row[-1] for row in self.patched("mlp_out")]
        return max(range(len(effects)), key=effects.__getitem__)

    def neuron(self):
        effects = self.neurons()
        return f"L{self.layer()}N{max(range(len(effects)), key=effects.__getitem__)}"

    # ---- the ablation ----

    def candidates(self, is_quick):
        """{unit: why}: the best by each of three ways of looking, and some that none names."""
        most = 2 if is_quick else 5
        layer, effects = self.layer(), self.neurons()
        order = sorted(range(len(effects)), key=lambda n: -effects[n])
        found = {f"L{layer}N{n}": ["patching"] for n in order[:most]}
        for one in self.read("congruence-an")["congruent"][:most]:
            found.setdefault(one["neuron"], []).append("congruence")
        parts = [part for part in self.read("attribute")["parts"] if part["kind"] == "neuron"]
        for part in sorted(parts, key=lambda part: -part["logit"])[:most]:
            found.setdefault(part["part"], []).append("attribution")
        layers, _, hidden = self.shape()
        state = 1
        for i in range(2 if is_quick else RANDOM_OTHERS):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            unit = f"L{i % layers}N{(state >> 33) % hidden}"
            if unit not in found:
                found[unit] = ["at random"]
        return found

    def ablated(self, is_quick):
        """[(unit, why, {text: (probability of ' an', share of argmax)})], the worst first."""
        rows = [(unit, ", ".join(why), {which: self.foretold(which, unit) for which in ("text", "other")})
                for unit, why in self.candidates(is_quick).items()]
        return sorted(rows, key=lambda row: row[2]["text"][0])

    def foretold(self, which, unit):
        following = self.read(f"{which}-{unit}")["next"]
        return following["probability"], following["hits"] / following["tokens"]

    def times(self):
        lines = [line.split() for line in (self.folder / "times").read_text().splitlines()]
        return [(name, float(end) - float(begin)) for name, begin, end in lines]


# ---- the report ----

class Report:
    def __init__(self, results, model):
        self.r, self.model, self.parts, self.rows = results, model, [], []
        self.is_quick = not (results.folder / "full").exists()
        self.neuron = results.neuron()
        self.layers, self.width, self.hidden = results.shape()

    def heading(self, text):
        self.parts.append({"kind": "heading", "text": text})

    def words(self, text):
        self.parts.append({"kind": "words", "text": text})

    def row(self, step, what, ours, published, form="{}"):
        self.rows.append((step, what, form.format(ours), form.format(published)
                          if not isinstance(published, str) else published))

    def table(self, title, names, rows, caption=None):
        part = {"kind": "table", "title": title, "names": names,
                "cells": [cell for row in rows for cell in row]}
        self.parts.append({**part, "caption": caption} if caption else part)

    # ---- steps ----

    def prompts(self):
        self.heading("1 Two prompts")
        self.words("I climbed up the pear tree and picked a pear. I climbed up the apple tree and "
                   "picked: what is next is ' an'. With a lemon tree in place of the apple tree it "
                   "is ' a'. A token begins both, and what changes is one token of the prompt.")
        rows = []
        for fruit in "apple", "lemon":
            said = self.r.said(fruit)
            for text in AN, A:
                probability, logit = said[text]
                published = PUBLISHED[f"{fruit}{text}"]
                rows.append([fruit, text, f"{100 * probability:.2f} %", f"{logit:.2f}",
                             f"{100 * published[0]:.2f} %", f"{published[1]:.2f}"])
                self.row(1, f"{fruit} tree:{text}", 100 * probability, 100 * published[0], "{:.2f} %")
        self.table("What is next", ["tree", "token", "probability", "logit", "GPT-2 Large, published",
                                    "its logit"], rows)

    def lens(self):
        self.heading("2 The lens: when is it known?")
        self.words("The stream at each point of the last token, unembedded at once: the logit of ' an' "
                   "less that of ' a'. The norm is computed anew at each point.")
        lines, ticks = [], []
        for fruit in "apple", "lemon":
            points = self.r.read(f"lens-{fruit}")["points"]
            ticks = [point["point"] for point in points]
            lines.append((f"{fruit} tree", [point["cells"][-1]["difference"] for point in points]))
        self.parts.append({"kind": "plot", "title": "logit of ' an' less that of ' a'", "x": "point",
                           "y": "difference", "ticks": ticks, "zero": True,
                           "lines": [{"kind": "line", "label": label, "y": y} for label, y in lines]})
        clean = lines[0][1]
        size, at = max((clean[i + 1] - clean[i], i + 1) for i in range(len(clean) - 1))
        self.jump = f"{'attention' if at % 2 else 'mlp'} of layer {(at - 1) // 2}"
        self.words(f"The apple prompt's difference jumps most, by {size:.2f}, behind the {self.jump}.")
        self.row(2, "the lens jumps behind the", self.jump, "mlp of layer 31")

    def patching(self):
        self.heading("3 Patching of layers and positions")
        self.words("The lemon prompt is run with one activation of the apple prompt in its place. 1: "
                   "the difference of the logits is that of the apple prompt; 0: nothing has changed.")
        tokens = [token["text"] for token in self.r.read("lens-apple")["tokens"]]
        for over in BRANCHES:
            effects = self.r.patched(over)
            values = [value for row in effects for value in row]
            most = max(abs(value) for value in values)
            self.parts.append({"kind": "map", "title": over, "row": "layer", "column": "token",
                               "name": "effect", "rows": len(effects), "columns": len(tokens),
                               "columnLabels": tokens, "values": values, "scale": "diverging",
                               "least": -most, "most": most, "detailCount": 0, "upward": True})
        said = {}
        for over in "mlp_out", "attn_out":
            last = sorted(((row[-1], layer) for layer, row in enumerate(self.r.patched(over))),
                          reverse=True)[:2]
            said[over] = ", ".join(f"{layer}: {100 * effect:.0f} %" for effect, layer in last)
        self.attention = max(row[-1] for row in self.r.patched("attn_out"))
        self.words("What the two best layers bring back at the last token: mlps " + said["mlp_out"] +
                   "; attentions " + said["attn_out"] + ".")
        self.row(3, "mlps that stand out, by layer", said["mlp_out"], "0, 31: 49 %")
        self.row(3, "attentions that stand out", said["attn_out"], "26")

    def neurons(self):
        layer, effects = self.r.layer(), self.r.neurons()
        mlp = self.r.patched("mlp_out")[layer][-1]
        self.heading(f"4 The neurons of layer {layer}")
        order = sorted(range(len(effects)), key=lambda n: -effects[n])
        self.parts.append({"kind": "bars", "title": "patched one by one, at all positions",
                           "name": "effect", "shown": 20,
                           "bars": [[f"L{layer}N{n}", effects[n]] for n in order]})
        best, second = effects[order[0]], effects[order[1]]
        self.best, self.second, self.mlp = best, second, mlp
        self.words(f"{self.neuron} alone brings {100 * best:.0f} % back, the next one "
                   f"{100 * second:.0f} %; the whole mlp, at the last position, {100 * mlp:.0f} %.")
        self.row(4, f"{self.neuron} alone", 100 * best, "50 % (L31N892)", "{:.0f} %")
        self.row(4, "the whole mlp", 100 * mlp, "49 %", "{:.0f} %")

    def negated(self):
        before, after = (self.r.said(name)[AN][0] for name in ("apple", "negated"))
        self.after = after
        self.heading(f"5 {self.neuron} negated")
        self.words(f"With the sign of this one activation turned, ' an' falls from "
                   f"{100 * before:.2f} % to {100 * after:.2f} %; in GPT-2 Large from 64.92 % to 2.85 %.")
        self.row(5, "' an' with the neuron negated", 100 * after, 100 * PUBLISHED["negated an"], "{:.2f} %")

    def activations(self):
        found = self.r.read("activations")
        bins = [one for one in found["bins"] if one["tokens"]]
        middles = [(one["from"] + one["to"]) / 2 for one in bins]
        shares = [one["share"] for one in bins]
        self.heading("6 The neuron over a text")
        self.words(f"{found['tokens']} tokens. How often ' an' is the likeliest next token, where the "
                   "neuron is as active as that:")
        self.parts.append({"kind": "plot", "title": "' an' by activation", "x": "activation",
                           "y": "share of tokens", "zero": True, "lines": [
                               {"kind": "line", "label": "it is the argmax", "x": middles, "y": shares},
                               {"kind": "line", "label": "its mean probability", "x": middles,
                                "y": [one["probability"] for one in bins]}]})
        self.table("The contexts that excite it most", ["activation", "argmax", "context"],
                   [[one["activation"], one["argmax"]["text"],
                     f"{one['before']}[{one['token']['text']}]{one['behind']}"]
                    for one in found["contexts"]])
        falls = [max(shares[:i + 1]) - shares[i] for i in range(len(shares))]
        self.fall = max(falls)
        self.row(6, "argmax by activation", f"{shares[0]:.2f} to {shares[-1]:.2f}, falls by at most "
                 f"{self.fall:.2f}", "monotone")

    def congruence(self):
        self.heading("7 and 8 Congruence")
        found = {one["token"]: one["congruence"] for one in self.r.read("congruence")["congruent"]}
        an, a = (found[token] for token in self.r.articles())
        self.congruent = an, a
        rank = sorted(found.values(), reverse=True).index(an) + 1
        self.rank = rank
        self.words(f"What {self.neuron} writes, times the unembedding of a token: {an:.2f} with ' an', "
                   f"{a:.2f} with ' a'; of all tokens ' an' is number {rank}.")
        self.row(7, "congruence with ' an'", an, PUBLISHED["congruent an"], "{:.2f}")
        self.row(7, "congruence with ' a'", a, PUBLISHED["congruent a"], "{:.2f}")
        pairs = self.r.read("mutual")["pairs"]
        self.table("8 Pairs of neuron and token that choose each other, the best 20",
                   ["neuron", "token", "score", "congruence"],
                   [[pair["neuron"], pair.get("text", f"#{pair['token']}"), pair["score"],
                     pair["congruence"]] for pair in pairs[:20]])
        place = [i + 1 for i, pair in enumerate(pairs)
                 if pair["neuron"] == self.neuron and pair["token"] == self.r.articles()[0]]
        self.place = place[0] if place else 0
        self.row(8, f"{self.neuron} and ' an' choose each other",
                 f"yes, pair {self.place} of {len(pairs)}" if place else "no", "L34N4549 does, with 'an'")

    def ablation(self):
        rows = self.r.ablated(self.is_quick)
        base = {which: self.r.foretold(which, "nothing") for which in ("text", "other")}
        self.heading("An ablation: is it the one?")
        self.words("Neurons set to 0, one at a time: those that patching, congruence or attribution put "
                   "first, and some at random. Where the text goes on with ' an', what probability does "
                   "the model give it? In the first text stories and nouns meet that were met in "
                   "training; in the second they never did.")
        self.parts.append({"kind": "bars", "title": "mean probability that ' an' loses, first text",
                           "name": "lost", "shown": 30,
                           "bars": [[unit, base["text"][0] - found["text"][0], why]
                                    for unit, why, found in rows]})
        self.table("Without a neuron", ["neuron", "named by", "' an', first text", "is the argmax",
                                        "' an', second text", "is the argmax there"],
                   [["none", "", *base["text"], *base["other"]]] +
                   [[unit, why, *found["text"], *found["other"]] for unit, why, found in rows])
        self.losses = [(base["text"][0] - found["text"][0], unit) for unit, _, found in rows]
        self.is_first = rows[0][0] == self.neuron
        second = self.losses[1] if self.is_first else self.losses[0]
        mine = next(loss for loss, unit in self.losses if unit == self.neuron)
        self.words(f"{self.neuron} is missed most: {mine:.3f} of {base['text'][0]:.3f} are lost, with the "
                   f"next one, {second[1]}, {second[0]:.3f}." if self.is_first else
                   f"Not {self.neuron}, but {second[1]} is missed most.")
        self.row("-", f"' an' in the text without {self.neuron}",
                 f"{base['text'][0]:.3f} -> {base['text'][0] - mine:.3f}", "not published")
        self.row("-", f"without the next, {second[1]}",
                 f"{base['text'][0]:.3f} -> {base['text'][0] - second[0]:.3f}", "not published")

    def costs(self):
        times = self.r.times()
        tokens = len(self.r.read("lens-apple")["tokens"])
        variants = len(BRANCHES) * self.layers * tokens + self.hidden
        swept = sum(seconds for name, seconds in times if name.startswith("patch-"))
        total = sum(seconds for _, seconds in times)
        self.heading("9 What it took")
        self.words(f"{variants} variants of {tokens} tokens in {swept:.1f} s, all steps in {total:.1f} s, the "
                   "compiler included. As published: 7,280 forwards of 20 tokens, and a product of all neurons "
                   "with all tokens that did not fit the authors' GPU; here it is made row by row, in "
                   f"{dict(times)['mutual']:.1f} s.")
        self.row(9, "variants", variants, PUBLISHED["forwards"], "{:,}")
        self.row(9, "time of all steps", f"{total:.1f} s", "not published")

    # ---- where it differs ----

    def differences(self):
        """Sentences, each of which holds of these results."""
        if not self.r.is_published():
            yield (f"This model has {self.layers} layers of width {self.width} and was trained on text made by "
                   "rule; GPT-2 Large has 36 of 1280. Layers, numbers of neurons, logits and congruences "
                   "cannot be the same, and are not: what can be compared is what happens.")
        if self.jump.startswith("attention"):
            yield (f"There the lens jumps behind an mlp late in the model; here behind the {self.jump}: "
                   f"{100 * self.attention:.0f} % of the difference come with it, a part of them "
                   "straight to the logits, the rest through the neurons that read it.")
        if self.is_first and self.best > 2 * self.second:
            yield f"As there, one neuron of one mlp stands far above the others: {self.neuron}."
        else:
            yield f"{self.neuron} does not stand alone as L31N892 does: others do a good part of its work."
        if self.best < 0.9 * self.mlp:
            yield (f"There the neuron did as much as its whole mlp; here {100 * self.best:.0f} % of "
                   f"{100 * self.mlp:.0f} %.")
        if self.after > 0.1:
            yield (f"Negated it leaves ' an' {100 * self.after:.0f} %, and not 3 %: more of the answer "
                   "comes on other ways, from attention straight to the logits.")
        if self.fall > 0.1:
            yield "The curve of step 6 is not monotone."
        an, a = self.congruent
        if a > 0.2 * an:
            yield (f"It is congruent with ' a' too, {a:.2f} to {an:.2f} (there 0.17 to 2.75): both tokens stand in "
                   "the same places, their rows of the unembedding are alike, and the neuron works by what "
                   "is different in them.")
        if self.rank > 1:
            yield f"' an' is not the token that it is most congruent with, but number {self.rank}."
        if not self.place:
            chosen = self.r.read("congruence-an")["congruent"][0]["neuron"]
            yield (f"In step 8 it is not the one that ' an' chooses, which is {chosen}: congruence alone does "
                   "not find the neuron, as the ablation shows.")
        if not self.is_first:
            yield "And the ablation names another neuron."

    def write(self):
        for step in (self.prompts, self.lens, self.patching, self.neurons, self.negated,
                     self.activations, self.congruence, self.ablation, self.costs):
            step()
        body, self.parts = self.parts, []
        title = f"The 'an' neuron of {self.model}: {self.neuron}"
        self.words("The procedure of We Found An Neuron in GPT-2 (Neo and Miller 2023), done by commands of "
                   "Thalweg. Published figures are those of GPT-2 Large.")
        self.table("All figures", ["step", "what", self.model, "GPT-2 Large, published"],
                   [[str(step), what, ours, theirs] for step, what, ours, theirs in self.rows])
        self.heading("Where this differs")
        differences = list(self.differences())
        for sentence in differences:
            self.words(sentence)
        self.write_page(title, self.parts + body)
        self.write_text(title, differences)

    def write_page(self, title, parts):
        page = (self.r.folder / "activations.html").read_text(encoding="utf-8")
        data = json.dumps({"title": title, "parts": parts}, ensure_ascii=False).replace("<", "\\u003c")
        mark = '<script type="application/json" id="data">'
        before, rest = page.split(mark)
        _, behind = rest.split("</script>", 1)
        head, named = before.split("<title>")
        _, named = named.split("</title>")
        escaped = title.replace("&", "&amp;").replace("<", "&lt;")
        (self.r.folder / "report.html").write_text(
            f"{head}<title>{escaped}</title>{named}{mark}{data}</script>{behind}", encoding="utf-8")

    def write_text(self, title, differences):
        widths = [max(len(str(row[i])) for row in self.rows) for i in range(3)]
        lines = [title, ""]
        for row in [("", "what", self.model, "GPT-2 Large, published"), *self.rows]:
            cells = [str(cell).ljust(width) for cell, width in zip(row, widths)]
            lines.append("  ".join([*cells, row[3]]).rstrip())
        lines += ["", *differences]
        (self.r.folder / "report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    folder, what, *more = sys.argv[1:]
    results = Results(folder)
    if what == "layer":
        print(results.layer())
    elif what == "neuron":
        print(results.neuron())
    elif what == "candidates":
        is_quick = more[0] == "1"
        if not is_quick:
            (results.folder / "full").touch()
        print("\n".join(results.candidates(is_quick)))
    else:
        Report(results, Path(more[0]).name).write()


if __name__ == "__main__":
    main()
