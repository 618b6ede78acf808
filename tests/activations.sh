#!/bin/sh
# activations.sh PROGRAM [BROWSER] - `thalweg activations` against what taps and logits of each window
# say, and against the interpreter; its page; what it refuses.
set -u
program=$1 browser=${2-}
. "$(dirname "$0")/script.sh"
export THALWEG_EXAMPLES="$source/examples"
python=$(command -v python3) || skip 'no python3'
model=$source/examples/gpt2-mini/model.yaml

json() { # EXPRESSION: true of the object in out, called o
    "$python" -c "import json; o = json.load(open('out')); assert $1, o" || fail "JSON: not $1"
}

head -c 300 "$source/examples/shakespeare/held-out.txt" >text

# ---- window by window ----

expect 0 activations "$model" --neuron L1N7 --text text --context 64 --token e --bins 4 -k 3 --json -o values.npy
cp out found.json
cat >windows.py <<'END'
import array, json, math, subprocess, sys
program, model = sys.argv[1:]
text = open('text', 'rb').read()


def floats(path, skipped=128):
    with open(path, 'rb') as file:
        return array.array('f', file.read()[skipped:])


values, argmax, probability = [], [], []
for at in range(0, len(text), 64):
    window = text[at:at + 64]
    subprocess.run([program, 'run', model, '--tokens', ','.join(map(str, window)), '--logits', 'logits.npy',
                    '--tap', 'L1N7=tap.npy'], check=True)
    values += floats('tap.npy')
    logits = floats('logits.npy')
    for i in range(len(window)):
        row = logits[256 * i:256 * i + 256]
        most = max(row)
        argmax.append(row.index(most))
        probability.append(math.exp(row[ord('e')] - most) / sum(math.exp(x - most) for x in row))

found = json.load(open('found.json'))
assert list(floats('values.npy')) == values, 'the activations differ'
assert (found['tokens'], found['windows']) == (300, 5), found
assert (found['least'], found['most']) == (min(values), max(values)), found
assert found['positive'] == sum(value > 0 for value in values)
assert abs(found['mean'] - sum(values) / 300) < 1e-6
width = (max(values) - min(values)) / 4
for k, one in enumerate(found['bins']):
    inside = [i for i in range(300) if min(3, int((values[i] - min(values)) / width)) == k]
    assert one['tokens'] == len(inside), one
    assert one['hits'] == sum(argmax[i] == ord('e') for i in inside), one
    if inside:
        assert abs(one['probability'] - sum(probability[i] for i in inside) / len(inside)) < 1e-5, one
        assert one['argmax'][0]['count'] == max(sum(argmax[i] == t for i in inside) for t in range(256)), one
followed = [i for i in range(299) if text[i + 1] == ord('e')]
assert found['next']['tokens'] == len(followed)
assert found['next']['hits'] == sum(argmax[i] == ord('e') for i in followed)
assert abs(found['next']['probability'] - sum(probability[i] for i in followed) / len(followed)) < 1e-5
places = sorted(range(300), key=lambda i: (-values[i], i))[:3]
assert [context['place'] for context in found['contexts']] == places, found['contexts']
first = found['contexts'][0]
assert first['token']['id'] == text[places[0]] and first['argmax']['id'] == argmax[places[0]], first
END
"$python" windows.py "$program" "$model" || fail 'windows say something else'

# ---- other ways to the same ----

"$program" activations "$model" --neuron blocks.1.mlp.hook_post[neurons=7] --text - --context 64 --token 101 \
    --bins 4 -k 3 --json <text >again || fail 'standard input is not read'
cmp -s found.json again || fail 'standard input, a point and a number are something else'
tail -c +1 text | od -An -v -tu1 | tr -s ' \n' ',,' | sed 's/^,//; s/,$//' >numbers
expect 0 activations "$model" --neuron L1N7 --tokens-file numbers --context 64 --token e --bins 4 -k 3 --json
cmp -s found.json out || fail 'tokens as numbers are something else'
expect 0 activations "$model" --neuron L1N7 --text text --context 64 --token e --bins 4 -k 3 --json --engine interpreter
json "(o['windows'], [c['place'] for c in o['contexts']]) == (5, $("$python" -c \
    "import json; print([c['place'] for c in json.load(open('found.json'))['contexts']])"))"

# A token before each window takes a place of it, and none of the text. An edit acts before the tap.
expect 0 activations "$model" --neuron L1N7 --text text --context 61 --begin '"\n"' --json
json "(o['tokens'], o['windows'], o['next']) == (300, 5, None)"
expect 0 activations "$model" --neuron L1N7 --text text --edit L1N7:zero --json
json "(o['least'], o['most'], o['positive']) == (0, 0, 0) and o['bins'][0]['tokens'] == 300"

# ---- text, page, mistakes ----

expect 0 activations "$model" --neuron L1N7 --text text --context 64 --token e --html page.html -k 2
says out 'text        300 tokens in 5 windows of 64'
says out "^next        'e' comes [0-9]* times"
says out "argmax 'e', and what it is most often"
grep -qE '(src|href)="?(http|//)|url\(|@import' page.html && fail 'the page wants something from elsewhere'
if [ -n "$browser" ]; then
    HOME=$work "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" \
        --virtual-time-budget=3000 --enable-logging=stderr --dump-dom "file://$work/page.html" >page.dom 2>err ||
        die 'the browser fails'
    if grep CONSOLE err; then fail 'the page has errors'; fi
    says page.dom 'data-figures="3"'
fi

wrong() { # PATTERN ARGUMENT...
    said=$1
    shift
    refuses "$said" "$program" activations "$model" "$@"
}
wrong 'has neurons 0 to 383, not 384' --neuron L1N384 --text text
wrong 'names one neuron, as L31N892' --neuron mlp_post1 --text text
wrong "'no/such' cannot be read" --neuron L1N7 --text no/such
wrong 'is 129, the model.s 128' --neuron L1N7 --text text --context 129
wrong 'the model has it as\|a token of the model is a byte' --neuron L1N7 --text text --token an
wrong 'values.txt' --neuron L1N7 --text text -o values.txt
: >empty
wrong 'empty' --neuron L1N7 --text empty
expect 2 activations "$model" --text text
expect 2 activations "$model" --neuron L1N7=x.npy --text text
expect 2 activations "$model" --neuron L1N7
