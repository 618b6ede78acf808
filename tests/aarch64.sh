#!/bin/sh
# aarch64.sh PROGRAM - an example compiled for NEON, with each type of weights: in an emulator it
# writes what the interpreter says.
set -eu
program=$1
source=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
example=$source/examples/shakespeare
cpu=neoverse-n1
prompt=$(cat "$example/prompt.txt")

# The cross compiler has a folder of headers of its own, where this one, for all machines, is not.
cp /usr/include/xxhash.h /usr/include/xxh3.h "$work"
runtime=$(ls "$source"/runtime/*.c | grep -v team_openmp)

for type in f32 bf16 q8 q4; do
    "$program" compile "$example/model.yaml" --cpu $cpu --weights-type $type -o "$work"
    # shellcheck disable=SC2086 # a list of files
    aarch64-linux-gnu-gcc -O2 -std=c17 -D_GNU_SOURCE -static -I"$source" -I"$work" \
        "$source/examples/embed/generate.c" "$work/shakespeare.o" $runtime -pthread -lm \
        -o "$work/generate"
    qemu-aarch64 "$work/generate" "$work/shakespeare.weights" "$prompt" >"$work/out"
    "$program" run "$example/model.yaml" --engine interpreter --cpu $cpu --weights-type $type \
        -p "$prompt" -n 201 --temperature 0 >"$work/expected"
    # A value that is rounded to a byte may fall to the other side there, and text then differs.
    case $type in q*) count=60 ;; *) count=200 ;; esac
    cmp -n $count "$work/out" "$work/expected"
done
