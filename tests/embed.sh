#!/bin/sh
# embed.sh PROGRAM RUNTIME COMPILER - the example of embedding: a compiled model in a C program that
# is built as its first lines say, and writes what the command writes.
set -eu
program=$1 runtime=$2 compiler=$3
source=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
example=$source/examples/shakespeare
prompt=$(cat "$example/prompt.txt")
export XDG_CACHE_HOME="$work/cache"

"$program" compile "$example/model.yaml" -o "$work"
"$compiler" -Wall -Wextra -Werror -I"$source" -I"$work" "$source/examples/embed/generate.c" \
    "$work/shakespeare.o" "$runtime" -fopenmp -lm -o "$work/generate"

"$work/generate" "$work/shakespeare.weights" "$prompt" >"$work/out"
"$program" run "$example/model.yaml" -p "$prompt" -n 300 --temperature 0 >"$work/expected"
cmp "$work/out" "$work/expected"

head -c 1000000 "$work/shakespeare.weights" >"$work/short"
if "$work/generate" "$work/short" "$prompt" 2>"$work/err"; then
    echo 'half a file of weights is not refused'
    exit 1
fi
grep truncated "$work/err"
