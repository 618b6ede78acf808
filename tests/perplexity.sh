#!/bin/sh
# perplexity.sh PROGRAM - `thalweg perplexity` against the known loss of the example, and against sums over
# the logits that `thalweg run --logits` writes of each window.
set -u
program=$1
. "$(dirname "$0")/script.sh"
export THALWEG_EXAMPLES="$source/examples"
held_out=$source/examples/shakespeare/held-out.txt
python=$(command -v python3) || skip 'no python3'

json() { # EXPRESSION: true of the object in out, called o
    "$python" -c "import json, math; o = json.load(open('out')); assert $1, o" || fail "JSON: not $1"
}

# The loss of the whole held-out text is 1.52614, of this part 1.4416632, by another program in double
# precision, in windows as train.py has them.
expect 0 perplexity "$example" "$held_out" --json
json "abs(o['perplexity'] / math.exp(1.4416632) - 1) < 1e-4"
json "abs(o['bits_per_byte'] - o['nats_per_token'] / math.log(2)) < 1e-7"
json "(o['way'], o['windows'], o['tokens'], o['counted']) == ('windows', 128, 32689, 32688)"
json "0.03 < o['standard_error'] < 0.04"
expect 0 perplexity "$example" "$held_out"
says out '^perplexity  4.2277'
"$program" perplexity "$example" - <"$held_out" >again || fail 'standard input is not read'
[ "$(sed '$d' out)" = "$(sed '$d' again)" ] || fail 'standard input is another text'

# ---- each way, window by window ----

head -c 300 "$held_out" >text
cat >sum.py <<'END'
import array, json, math, subprocess, sys
program, context, stride, chunks = sys.argv[1], *map(int, sys.argv[2:5])
text = open('text', 'rb').read()


def rows(begin, end):  # of logits
    tokens = ','.join(map(str, text[begin:end]))
    subprocess.run([program, 'run', '--tokens', tokens, '--logits', 'rows.npy'], check=True)
    with open('rows.npy', 'rb') as file:
        file.seek(128)
        values = array.array('f', file.read())
    return [values[i:i + 256] for i in range(0, len(values), 256)]


def surprise(row, token):
    most = max(row)
    return math.log(sum(math.exp(x - most) for x in row)) + most - row[token]


surprises = []
if chunks:
    for begin in range(0, min(chunks, len(text) // context) * context, context):
        window = rows(begin, begin + context)
        for i in range(context // 2, context - 1):
            surprises.append(surprise(window[i], text[begin + i + 1]))
else:
    counted, begin = 0, 0
    while counted < len(text) - 1:
        window = rows(begin, min(begin + context, len(text) - 1))
        for i in range(counted - begin, len(window)):
            surprises.append(surprise(window[i], text[begin + i + 1]))
        counted, begin = begin + len(window), begin + stride
count = len(surprises)
mean = sum(surprises) / count
error = math.sqrt(sum((x - mean) ** 2 for x in surprises) / count / (count - 1))
o = json.load(open('out'))
assert o['counted'] == count, (o, count)
assert abs(o['nats_per_token'] - mean) < 1e-5, (o, mean)
assert abs(o['perplexity'] - math.exp(mean)) < 1e-4, (o, mean)
assert abs(o['standard_error'] - math.exp(mean) * error) < 1e-4, (o, error)
END
agrees() { # CONTEXT STRIDE CHUNKS, 0: windows
    "$python" sum.py "$program" "$1" "$2" "$3" || fail "context $1, stride $2, chunks $3"
}
expect 0 perplexity "$example" text --context 64 --stride 24 --json
agrees 64 24 0
expect 0 perplexity "$example" text --context 75 --json
agrees 75 75 0
expect 0 perplexity "$example" text --context 64 --chunks 0 --json
agrees 64 64 9
expect 0 perplexity "$example" text --context 33 --chunks 2 --json
agrees 33 33 2
expect 0 perplexity "$example" text --context 64 --stride 24 --engine interpreter --json
agrees 64 24 0
bytes <text >numbers
expect 0 perplexity "$example" --tokens-file numbers --context 75 --json
agrees 75 75 0
json "o['bits_per_byte'] is None"
head -c 2 "$held_out" >two
expect 0 perplexity "$example" two --json
json "o['counted'] == 1 and o['standard_error'] == 0"

# ---- what cannot be ----

head -c 1 "$held_out" >one
: >none
expect 1 perplexity "$example" one
says err 'one token'
expect 1 perplexity "$example" none
says err 'empty'
expect 1 perplexity "$example" missing
says err missing
expect 1 perplexity "$example" text --context 257
says err "the model's 256"
expect 1 perplexity "$example" text --context 64 --stride 65
says err 'more than the 64'
expect 1 perplexity "$example" two --chunks 0
says err 'less than a chunk'
expect 1 perplexity "$example" text --context 3 --chunks 0
says err 'at least 4'
expect 2 perplexity "$example"
says err FILE
expect 2 perplexity "$example" text --tokens-file numbers
expect 2 perplexity "$example" text --chunks 1 --stride 5
says err 'exclude'
expect 1 perplexity "$source/examples/shapes/stories-260k.yaml" text
says err 'no tokenizer'
small_model blind 32 'branches: [{attention: {heads: 2, causal: false}}]' 'output: hidden' >blind.yaml
expect 1 perplexity blind.yaml text
says err 'is not causal: it has no perplexity'
