#!/bin/sh
# against_hf.sh TEXT_LINES - random texts through every tokenizer at hand, held against Hugging Face's
# library, which npm has: 2000 a tokenizer, or THALWEG_TEXTS.
program=$1
. "$(dirname "$0")/script.sh"
tokenizers=$source/../shared/tokenizers

[ -d "$tokenizers" ] || skip "no tokenizers in $tokenizers"
command -v node >/dev/null && command -v npm >/dev/null || skip 'no node and npm'
npm install --silent --no-fund --no-audit --prefix "$work" @anush008/tokenizers@0.6.0 \
    @anush008/tokenizers-linux-x64-gnu@0.6.0 >out 2>err || skip 'npm does not have the library'
export NODE_PATH="$work/node_modules"

compare() { # tokenizer.json [DEFINITION]
    node "$source/tests/against_hf.js" "$program" "$1" "${THALWEG_TEXTS:-2000}" 11 ${2:+"$2"} >out 2>err ||
        fail "${2:-$1} differs"
    tail -n 1 out
}

for json in "$tokenizers"/*.json; do
    compare "$json"
done
compare "$tokenizers/llama2.json" "$tokenizers/llama2.model"
