#!/bin/sh
# an_neuron.sh PROGRAM [BROWSER] - the procedure of examples/an-neuron in its short form: it finds the
# model's neuron, the ablation shows that it is the one, and the page has its figures.
set -u
program=$1 browser=${2-}
. "$(dirname "$0")/script.sh"
python=$(command -v python3) || skip 'no python3'
example=$source/examples/an-neuron

QUICK=1 THALWEG=$program OUT=$work/found sh "$example/run.sh" >out 2>err || die 'the procedure fails'
says out "^The 'an' neuron of gpt2-an: L1N44"

cat >check.py <<'END'
import json, sys

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
from report import AN, A, Results

found = Results('found')
near = lambda value, expected, off=2e-4: abs(value - expected) < off

# By torch, in double precision.
apple, lemon = found.said('apple'), found.said('lemon')
assert near(apple[AN][1], 15.1224) and near(apple[A][1], 13.9396), apple
assert near(lemon[AN][1], 12.7981) and near(lemon[A][1], 15.7050), lemon
assert near(apple[AN][0], 0.7653) and near(lemon[A][0], 0.9480)
# The lens ends with the model's own logits; patching goes from the one prompt to the other.
for fruit, said in ('apple', apple), ('lemon', lemon):
    last = found.read(f'lens-{fruit}')['points'][-1]['cells'][-1]['difference']
    assert near(last, said[AN][1] - said[A][1]), fruit
assert near(found.patched('resid_pre')[0][16], 1), 'the one token that differs'
assert near(sum(map(abs, found.patched('resid_pre')[0])), 1), 'and no other'
assert found.layer() == 1 and found.neuron() == 'L1N44'
effects = sorted(found.neurons())
assert near(effects[-1], 0.2722, 1e-3) and effects[-2] < 0.02, effects[-2:]
assert near(found.said('negated')[AN][0], 0.3156, 1e-3)
# It alone is missed.
rows = found.ablated(True)
lost = [found.foretold('text', 'nothing')[0] - row[2]['text'][0] for row in rows]
assert rows[0][0] == 'L1N44' and near(lost[0], 0.1603, 2e-3), rows[0]
assert len(rows) > 4 and lost[1] < lost[0] / 5, lost
other = [found.foretold('other', unit)[0] for unit in ('nothing', 'L1N44')]
assert other[0] - other[1] > 0.1, other
# Where it is active ' an' is the argmax, and where it is not, it is not.
bins = [one for one in found.read('activations')['bins'] if one['tokens']]
assert bins[0]['share'] < 0.01 and all(one['share'] == 1 for one in bins[3:]), bins
END
"$python" check.py "$example" || fail 'the results are others'

grep -qE '(src|href)="?(http|//)|url\(|@import' found/report.html && fail 'the page wants something from elsewhere'
[ "$(grep -c '</script>' found/report.html)" -eq 2 ] || fail 'a text ends the element of the script'
[ -n "$browser" ] || exit 0
HOME=$work "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" \
    --virtual-time-budget=3000 --enable-logging=stderr --dump-dom "file://$work/found/report.html" >page.dom 2>err ||
    die 'the browser fails'
if grep CONSOLE err; then fail 'the page has errors'; fi
says page.dom 'data-figures="12"'
