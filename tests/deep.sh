#!/bin/sh
# deep.sh PROGRAM - time in proportion to the model: the deepest there may be, within a limit of CPU
# time that is several times what it takes, and a small part of what anything quadratic in its layers
# would.
set -eu
program=$1
. "$(dirname "$0")/script.sh"

# model NAME LAYERS PATTERN: an attention and an mlp in each layer.
model() {
    branches='[attention: {norm: rms, heads: 2}, mlp: {norm: rms, activation: silu}]'
    small_model "$1" 64 "repeat: $2, pattern: {$3}, branches: $branches" 'norm: rms' >"$1.yaml"
}

# within SECONDS COMMAND...: its output into the file `out`.
within() {
    seconds=$1
    shift
    # shellcheck disable=SC3045 # shells have it
    (ulimit -t "$seconds" && "$@") >out || die "fails, or takes more than $seconds seconds of CPU time: $*"
}

model equal 10000 "hidden: [128]"
within 25 "$program" explain equal.yaml
says out "x 10000 attend"

# Layers that all differ: 2 kernels of each.
model different 3000 "hidden: [$(seq -s, 64 3063)]"
within 25 "$program" explain different.yaml
says out "prefill: 15002 kernels, 6004 functions"

# Code is as long for many equal layers as for a few, whether they are all alike or take turns.
lines() {
    model code "$1" "$2"
    within 25 "$program" compile --emit=llvm -o code.ll code.yaml
    wc -l <code.ll
}
for pattern in "hidden: [128]" "window: [4, none, 8], hidden: [128, 64]"; do
    few=$(lines 24 "$pattern")
    many=$(lines 2400 "$pattern")
    [ "$few" -eq "$many" ] || fail "$pattern: $few lines of code for 24 layers, $many for 2400"
done
