#!/bin/sh
# tokenize.sh PROGRAM [CC] [--bless] - `thalweg tokenize` of the definitions in tests/tokenize, line by line of
# texts.txt: numbers, pieces, and that they are the text again. --bless writes what is expected.
program=$1
cc=$2
for bless in "$@"; do :; done
folder=$(cd "$(dirname "$0")" && pwd)/tokenize
. "$(dirname "$0")/script.sh"

run() { "$program" tokenize "$@" || die "tokenize $* failed"; }

for definition in "$folder"/*.json; do
    name=$(basename "$definition" .json)
    while IFS= read -r line; do
        printf '%s' "$line" >text
        echo "== $line"
        run "$definition" -f text
        run "$definition" -f text --special --bare --ids
        run "$definition" -f text --ids >ids
        run "$definition" -f ids --decode
        echo
    done <"$folder/texts.txt" >"$name.found"
    [ "$bless" = --bless ] && cp "$name.found" "$folder/$name.expected"
    diff -u "$folder/$name.expected" "$name.found" || die "$name: not what is expected"
done

# What is refused, and how.
refused() { # text that must be said, JSON
    printf '%s' "$2" >broken.json
    if "$program" tokenize broken.json -p a >out 2>&1; then die "accepted: $2"; fi
    grep -qF -- "$1" out || { cat out; die "does not say: $1"; }
}
bpe='"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}'
refused 'not JSON: line 1, column 1' '{'
refused 'model: expected the tokenizer' '{"x": 1}'
refused "model.type: 'WordLevel'" '{"model": {"type": "WordLevel", "vocab": {}}}'
refused "model.vocab: 'a': expected a token's number" '{"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}'
refused "'a' and 'b' are both number 0" '{"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}}'
refused 'model.merges[0]: expected two tokens' '{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a a"]}}'
refused 'model.dropout' '{"model": {"type": "BPE", "dropout": 0.1, "vocab": {}, "merges": []}}'
refused "normalizer: the normalizer 'Wrong'" "{$bpe, \"normalizer\": {\"type\": \"Wrong\"}}"
refused 'normalizer.normalizers[0].content: expected a string' \
    "{$bpe, \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Replace\", \"pattern\": {\"String\": \"a\"}}]}}"
refused "pre_tokenizer: the pre-tokenizer 'UnicodeScripts'" "{$bpe, \"pre_tokenizer\": {\"type\": \"UnicodeScripts\"}}"
refused 'pre_tokenizer.behavior: expected Isolated' \
    "{$bpe, \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"a\"}, \"behavior\": \"x\"}}"
refused "decoder: the decoder 'CTC'" "{$bpe, \"decoder\": {\"type\": \"CTC\"}}"
refused "post_processor: the post-processor 'X'" "{$bpe, \"post_processor\": {\"type\": \"X\"}}"
refused 'added_tokens[0].id: expected' "{$bpe, \"added_tokens\": [{\"content\": \"x\"}]}"
refused 'single words' "{$bpe, \"added_tokens\": [{\"id\": 3, \"content\": \"x\", \"single_word\": true}]}"

# ---- a model whose tokens are text ----

cp "$folder/byte_level.json" .
cat >model.yaml <<'END'
thalweg: 1
name: river
vocab: 271
context: 64
stream: {width: 16}
tokenizer: {file: byte_level.json}
blocks:
  - branches:
      - attention: {heads: 2, norm: rms, rope: true}
      - mlp: {hidden: 32, norm: rms, activation: silu, gated: true}
head: {norm: rms, tied: true}
weights: {synthetic: 3}
END
"$program" run model.yaml -p 'the river' -n 12 --temperature 0 --ignore-eos --no-tuning --json >whole.json ||
    die 'run does not take text'
"$program" run model.yaml --tokens 257,266,268 -n 12 --temperature 0 --ignore-eos --no-tuning --json >numbers.json ||
    die 'run does not take the tokens of the text'
tokens() { grep '"tokens"' "$1"; }
[ "$(tokens whole.json)" = "$(tokens numbers.json)" ] || fail 'text and its tokens are continued in different ways'
"$program" tokenize model.yaml -p 'the river' --ids >ids
[ "$(cat ids)" = 257,266,268 ] || fail 'a description does not lead to its tokenizer'
# llama.cpp's way begins each chunk with the token that texts begin with.
cp "$folder/sentencepiece.json" .
sed 's/byte_level/sentencepiece/; s/271/290/' model.yaml >bos.yaml
printf 'in the river a river, the river in a river. and then the river ends in the sea' >text
"$program" tokenize bos.yaml -f text --ids | tr , '\n' | awk '(NR - 1) % 8 == 0 { $0 = 1 } { print }' >begun
"$program" perplexity bos.yaml text --chunks 0 --context 8 --no-tuning --json >whole.json || die 'text has no perplexity'
"$program" perplexity bos.yaml --tokens-file begun --chunks 0 --context 8 --no-tuning --json >numbers.json ||
    die 'tokens have no perplexity'
surprise() { grep '"nats_per_token"' "$1"; }
[ "$(surprise whole.json)" = "$(surprise numbers.json)" ] || fail 'a chunk does not begin as texts do'
# Rows of texts are those of their tokens.
sed 's/^head:.*/head: {norm: rms, output: hidden}\npooling: mean/' model.yaml >rows.yaml
printf 'the river\nin the river\n' >lines
"$program" embed rows.yaml -f lines -o texts.npy --no-tuning || die 'embed does not take text'
printf '257,266,268\n260,258,266,268\n' | "$program" embed rows.yaml --tokens -o tokens.npy --no-tuning ||
    die 'embed does not take tokens'
cmp texts.npy tokens.npy || fail 'texts and their tokens have different rows'

[ -z "$cc" ] && exit
runtime=$(dirname "$program")
for way in '' --embed-weights; do
    rm -rf out
    "$program" compile model.yaml --emit=exe --no-tuning --runtime "$runtime" $way -o out/ || die 'it is not compiled'
    [ -n "$way" ] || [ -s out/river.tokenizer ] || fail 'the tokenizer does not come with the program'
    out/river -p 'the river' -n 12 -t 0 --ignore-eos >found || fail "the program $way does not take text"
    "$program" run model.yaml -p 'the river' -n 12 -t 0 --ignore-eos --no-tuning 2>/dev/null >expected
    cmp found expected || fail "the program $way writes another text than run"
done
