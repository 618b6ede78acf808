#!/bin/sh
# vocabularies.sh TEXT_LINES - vocabularies of GGUF files, each with texts and the tokens that llama.cpp
# makes of them.
program=$1
. "$(dirname "$0")/script.sh"
vocabularies=$source/../shared/vocabs
[ -d "$vocabularies" ] || skip "no vocabularies in $vocabularies"

# A text ends with a line of __ggml_vocab_test__ and the newlines beside it.
as_lines() {
    od -An -v -tx1 | tr -d ' \n' |
        sed 's/0a5f5f67676d6c5f766f6361625f746573745f5f0a/\n/g'
}

compare() { # DEFINITION TEXTS
    as_lines <"$2.inp" >texts
    "$program" "$1" <texts 2>err | sed 's/|.*//' >found
    sed 's/^ *//; s/ *$//' "$2.out" >expected
    same expected found "$1: tokens"
}

for gguf in "$vocabularies"/*.gguf; do
    [ ! -f "$gguf.inp" ] || compare "$gguf" "$gguf"
done
compare "$source/../shared/tokenizers/llama2.model" "$vocabularies/ggml-vocab-llama-spm.gguf"
