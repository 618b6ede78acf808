#!/bin/sh
# circuits.sh THALWEG [BROWSER] - pages and files of congruence, circuits and rank, and what these
# commands refuse.
program=$1 browser=${2-}
. "$(dirname "$0")/script.sh"

cat >small.yaml <<'END'
thalweg: 1
name: small
vocab: 40
context: 16
stream: {width: 32}
tokenizer: none
defaults: {norm: layer}
blocks:
  - repeat: 3
    branches:
      - attention: {heads: 4, kv_heads: 2}
      - mlp: {hidden: 24, activation: gelu, gated: true}
head: {norm: layer, tied: true}
weights: {synthetic: 3}
END

thalweg() {
    "$program" "$@" --cache cache
}

refuses() { # TEXT ARGUMENT...: the command fails and says so, and writes nothing
    text=$1
    shift
    if thalweg "$@" >out 2>err; then fail "$* is not refused"; fi
    says err "$text"
    [ ! -s out ] || fail "$* writes to standard output, and fails"
}

refuses 'as L31N892' congruence small.yaml --neuron 892
refuses 'neurons 0 to 23' congruence small.yaml --neuron L2N24
refuses 'no such mlp' congruence small.yaml --neuron L3N0
refuses 'tokens 0 to 39' congruence small.yaml --token 40
refuses 'excludes --token' congruence small.yaml --token 4 --mutual
refuses 'expected --token' congruence small.yaml
refuses '.safetensors file has several' congruence small.yaml --mutual -o both.npy
refuses 'expected --compose' circuits small.yaml
refuses 'heads 0 to 3' circuits small.yaml --virtual L0H4,L1H0
refuses 'is no later one' circuits small.yaml --virtual L1H0,L0H0
refuses 'a writer and a reader' circuits small.yaml --virtual L1H0
refuses 'expected a text' rank small.yaml
[ ! -e both.npy ] || fail 'a file is there that was refused'

# A neuron writes before the mlp of the next layer reads, and heads before the mlp of their own.
thalweg circuits small.yaml --virtual L0N3,L1N7 >out || fail 'no weights between neurons'
says out 'linear'
thalweg circuits small.yaml --virtual L1H3,L1N7 >out || fail 'no weights from a head to the mlp behind it'

thalweg congruence small.yaml --mutual --threads 1 -k 0 >one || fail 'no mutual congruence'
thalweg congruence small.yaml --mutual --threads 3 -k 0 -o all.safetensors --html mutual.html >three ||
    fail 'no mutual congruence by three threads'
cmp -s one three || fail 'mutual congruence differs with the number of threads'
[ -s all.safetensors ] || fail 'there is no file of mutual congruence'
thalweg congruence small.yaml --token 7 --html token.html >out || fail 'no page of a token'
thalweg circuits small.yaml --compose all --copying --virtual L0H3,L2H1 --html circuits.html >out ||
    fail 'no page of circuits'
thalweg rank small.yaml --tokens 1,2,3,4,5,6 --without-skips --html rank.html >out || fail 'no page of ranks'
[ -n "$browser" ] || exit 0

look() { # PAGE FIGURES: it opens without errors, and has so many figures
    HOME=$work "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" \
        --virtual-time-budget=3000 --enable-logging=stderr --dump-dom "file://$work/$1" >page.dom 2>err ||
        die 'the browser fails'
    if grep CONSOLE err; then fail "$1 has errors"; fi
    says page.dom "data-figures=\"$2\""
    if grep -q data-error page.dom; then fail "$1 shows an error"; fi
}

look mutual.html 1
look token.html 1
look circuits.html 7
look rank.html 2
