#!/bin/sh
# attention.sh PROGRAM [BROWSER] - `thalweg attention`: patterns as taps have them, scores as patterns
# make them, compiled and interpreted; files, the page, what is refused.
set -u
program=$1 browser=${2-}
. "$(dirname "$0")/script.sh"
export THALWEG_EXAMPLES="$source/examples"
python=$(command -v python3) || skip 'no python3'
model=$source/examples/gpt2-mini/model.yaml

expect 0 attention "$model" -p 'My lord' --random 8 --seed 3 --json -o pattern.npy
cp out found.json
expect 0 attention "$model" -p 'My lord' --random 8 --seed 3 --json --engine interpreter -o all.safetensors
cp out exact.json
"$program" run "$model" -p 'My lord' -n 0 --tap pattern=tap.npy >/dev/null || fail 'no taps'

cat >check.py <<'END'
import array, json
found, exact = json.load(open('found.json')), json.load(open('exact.json'))
pattern = array.array('f', open('pattern.npy', 'rb').read()[128:])
tap = array.array('f', open('tap.npy', 'rb').read()[128:])
count, heads = len(found['tokens']), len(found['heads'])
assert count == 7 and len(pattern) == heads * count * count == len(tap), (count, heads, len(tap))
per_layer = sum(head['head'].startswith('L0H') for head in found['heads'])
for number, head in enumerate(found['heads']):
    layer, h = divmod(number, per_layer)
    assert head['head'] == f'L{layer}H{h}', head['head']
    for row in range(count):
        here = head['pattern'][row]
        assert abs(sum(here) - 1) < 1e-5 and not any(here[row + 1:]), here
        for key in range(count):
            kept = tap[((layer * count + row) * per_layer + h) * count + key]
            assert pattern[(number * count + row) * count + key] == kept
            assert abs(here[key] - kept) < 1e-6
    other = exact['heads'][number]
    for kind in ('previous', 'duplicate', 'induction', 'self'):
        assert 0 <= head[kind] <= 1 and abs(head[kind] - other[kind]) < 1e-5, (head['head'], kind)
    assert sum(head[kind] for kind in ('previous', 'duplicate', 'induction', 'self')) <= 1 + 1e-5
text = open('all.safetensors', 'rb').read()
size = int.from_bytes(text[:8], 'little')
shapes = {name: of['shape'] for name, of in json.loads(text[8:8 + size]).items() if name != '__metadata__'}
assert shapes == {'pattern': [heads, count, count], 'scores': [heads, 4]}, shapes
END
"$python" check.py || fail 'the numbers do not fit each other'

expect 0 attention "$model" -p 'My lord' --random 8
says out 'random tokens, when they come a second time'
says out 'L0H0'

expect 2 attention "$model"
expect 1 attention "$model" -p 'My lord' -o pattern.txt
printf 'thalweg: 1\nname: m\nvocab: 9\ncontext: 8\nstream: {width: 8}\nblocks:\n  - branches:\n' >mlp.yaml
printf '      - mlp: {hidden: 8, activation: relu}\nhead: {tied: true}\nweights: {synthetic: 1}\n' >>mlp.yaml
expect 1 attention mlp.yaml --tokens 1,2
says err "the model has no point"

expect 0 attention "$model" -p 'My lord' --random 8 --html page.html
says page.html 'What kind of head each is'
[ -n "$browser" ] || exit 0
HOME=$work "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" \
    --virtual-time-budget=3000 --enable-logging=stderr --dump-dom "file://$work/page.html" >page.dom 2>err ||
    die 'the browser fails'
if grep CONSOLE err; then fail 'the page has errors'; fi
heads=$("$python" -c "import json; print(len(json.load(open('found.json'))['heads']))")
says page.dom "data-figures=\"$((heads + 1))\""
