#!/bin/sh
# Time in proportion to the model: the deepest there may be, within a limit of CPU time that is
# several times what it takes, and a small part of what anything quadratic in its layers would.
# Usage: deep.sh THALWEG
set -eu

thalweg=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# model NAME LAYERS PATTERN: an attention and an mlp in each layer.
model() {
    cat > "$1.yaml" <<END
thalweg: 1
name: $1
vocab: 64
context: 16
stream: {width: 64}
blocks:
  - repeat: $2
    pattern: {$3}
    branches:
      - attention: {norm: rms, heads: 2}
      - mlp: {norm: rms, activation: silu}
head: {norm: rms}
weights: {synthetic: 1}
END
}

# within SECONDS COMMAND...: its output into the file `out`.
within() {
    seconds=$1
    shift
    (ulimit -t "$seconds" && "$@") > out || {
        echo "failed, or took more than $seconds seconds of CPU time: $*"
        exit 1
    }
}

model equal 10000 "hidden: [128]"
within 25 "$thalweg" explain equal.yaml
grep -q "x 10000 attend" out
