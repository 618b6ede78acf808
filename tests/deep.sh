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

# Layers that all differ: 2 kernels of each.
model different 3000 "hidden: [$(seq -s, 64 3063)]"
within 25 "$thalweg" explain different.yaml
grep -q "prefill: 15002 kernels, 6004 functions" out

# Code is as long for many equal layers as for a few, whether they are all alike or take turns.
lines() {
    model code "$1" "$2"
    within 25 "$thalweg" compile --emit=llvm -o code.ll code.yaml
    wc -l < code.ll
}
for pattern in "hidden: [128]" "window: [4, none, 8], hidden: [128, 64]"; do
    few=$(lines 24 "$pattern")
    many=$(lines 2400 "$pattern")
    [ "$few" -eq "$many" ] || {
        echo "$pattern: $few lines of code for 24 layers, $many for 2400"
        exit 1
    }
done
