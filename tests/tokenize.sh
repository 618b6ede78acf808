#!/bin/sh
# tokenize.sh PROGRAM [--bless] - `thalweg tokenize` of the definitions in tests/tokenize, line by line of
# texts.txt: numbers, pieces, and that they are the text again. --bless writes what is expected.
program=$1
bless=$2
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
