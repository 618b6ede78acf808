#!/bin/sh
# patch.sh PROGRAM [BROWSER] - `thalweg patch`: the numbers that others computed of the test model, what
# needs none, heat maps and bars in a browser, what it refuses.
set -u
program=$1 browser=${2-}
. "$(dirname "$0")/script.sh"
export THALWEG_EXAMPLES="$source/examples"
python=$(command -v python3) || skip 'no python3'
"$python" "$source/tests/science/test_model.py" models || die 'the test model is not written'

json() { # EXPRESSION: true of the object in out, called o; near(a, b) compares lists
    "$python" -c "
import json
o = json.load(open('out'))
effects = [row['effect'] for row in o['layers']]
# A difference of logits is right to 1e-6; an effect is one, in parts of clean - corrupt.
def near(a, b):
    unit = abs(o['clean'] - o['corrupt'])
    return len(a) == len(b) and all(abs(x - y) * unit < 1e-6 for x, y in zip(a, b))
assert $1, o" || fail "JSON: not $1"
}

patch() { # OVER OPTION...
    what=$1
    shift
    expect 0 patch "models/layer.yaml" --clean-tokens 3,1,4,1,5 --corrupt-tokens 3,1,9,1,5 --logit-diff 7,2 \
        --over "$what" --json "$@"
}

# ---- numbers ----

patch resid_pre -o effects.npy
json "abs(o['clean'] + 0.465641293) < 1e-6 and abs(o['corrupt'] + 0.490594966) < 1e-6"
json "effects[0][:2] == [0, 0] and effects[0][3:] == [0, 0] and near(effects[0], [0, 0, 1, 0, 0])"
json "effects[1][:2] == [0, 0] and near(effects[1], [0, 0, 0.879934941, 0.0688402, 0.302484833])"
json "o['variants'] == 10 and o['computed'] == 4"
[ -s effects.npy ] || fail 'no effects.npy'
patch neuron@1
json "near(effects[0], [0.090437, 0.165734, -0.014141, -0.349922, -0.04858, 0.014546, 0.00071, -0.021511,
    0.052832, -0.085247, 1.626425, 0.021466, -0.033958, 0.309836, -0.185282, 0.394587])"

# ---- what needs no numbers ----

# A state is the same behind one layer and before the next; behind the last the last position is all there is.
cp out neurons.json
patch resid_pre
cp out pre.json
patch resid_post
json "effects[0] == json.load(open('pre.json'))['layers'][1]['effect']"
json "effects[1][:4] == [0] * 4 and near(effects[1], [0, 0, 0, 0, 1])"
patch attn_out
json "effects[1][:4] == [0] * 4 and effects[1][4] != 0"
patch mlp_out
json "effects[1][:4] == [0] * 4 and effects[0][:2] == [0, 0]"
# Without a softcap the neurons of the last mlp at the last position sum to it, but for the norm's size.
json "abs(sum(json.load(open('neurons.json'))['layers'][0]['effect']) - effects[1][4]) < 0.2"
patch head
json "[len(row) for row in effects] == [2, 2]"

# ---- text, pages, mistakes ----

model=$source/examples/gpt2-mini/model.yaml
expect 0 patch "$model" --clean 'The king is' --corrupt 'The duke is' --logit-diff e,a --over resid_pre --html page.html
says out 'logit difference  clean'
says out '^    0  4 d '
expect 0 patch "$model" --clean 'The king is' --corrupt 'The duke is' --logit-diff e,a --over neuron@1 --html bars.html
for page in page bars; do
    grep -qE '(src|href)="?(http|//)|url\(|@import' $page.html && fail "$page wants something from elsewhere"
    [ -n "$browser" ] || continue
    HOME=$work "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" \
        --virtual-time-budget=3000 --enable-logging=stderr --dump-dom "file://$work/$page.html" >page.dom 2>err ||
        die 'the browser fails'
    if grep CONSOLE err; then fail "$page has errors"; fi
    says page.dom 'data-figures="1"'
done

wrong() { # PATTERN ARGUMENT...
    said=$1
    shift
    refuses "$said" "$program" patch "$model" --clean 'The king' --logit-diff e,a "$@"
}
wrong 'the clean text has 8 tokens, the corrupt one 7' --corrupt 'The cat'
wrong 'clean: T|h|e| |k|i|n|g' --corrupt 'The cat'
wrong "called 'resid_pst'" --corrupt 'The duke' --over resid_pst
wrong 'neurons of which layer' --corrupt 'The duke' --over neuron
wrong 'layers 0 to' --corrupt 'The duke' --over neuron@99
wrong 'only neurons are of one layer' --corrupt 'The duke' --over head@1
wrong 'there is nothing to recover' --corrupt 'The king'
expect 2 patch "$model" --corrupt 'The duke' --logit-diff e,a
expect 2 patch "$model" --clean 'The king' --corrupt 'The duke'
