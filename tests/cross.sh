#!/bin/sh
# cross.sh PROGRAM ARCHITECTURE - the examples compiled for another architecture, with each type of
# weights, in an emulator: logits and text are what the interpreter says here.
set -eu
program=$1 architecture=$2
source=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache"

# The cross compiler has a folder of headers of its own, where this one, for all machines, is not.
cp /usr/include/xxhash.h /usr/include/xxh3.h "$work"
mkdir "$work/runtime"
for file in "$source"/runtime/*.c; do
    case $file in *team_openmp.c) continue ;; esac
    "$architecture-linux-gnu-gcc" -c -O2 -std=c17 -D_GNU_SOURCE -I"$source" -I"$work" "$file" \
        -o "$work/runtime/$(basename "$file").o"
done

# check MODEL TYPE TOKENS BOUND EMULATOR_OPTIONS OPTION...: so many tokens of text after the prompt.
check() {
    model=$1 type=$2 count=$3 bound=$4 emulator=$5
    shift 5
    echo "$model $type $*"
    folder=$source/examples/$model
    symbol=$(echo "$model" | tr -- - _)_module
    tokens=$(od -An -v -tu1 "$folder/prompt.txt" | tr -s ' \n' ',' | sed 's/^,//; s/,$//')
    "$program" run "$folder/model.yaml" --engine interpreter --weights-type "$type" "$@" \
        --tokens "$tokens" -n "$count" --temperature 0 --logits "$work/logits.npy" >"$work/expected"
    "$program" compile "$folder/model.yaml" --weights-type "$type" "$@" -o "$work/model"
    "$architecture-linux-gnu-gcc" -O2 -std=c17 -static -DMODULE="$symbol" -I"$source" \
        "$source/tests/cross_logits.c" "$work/model.o" "$work"/runtime/*.o -pthread -lm \
        -o "$work/cross_logits"
    # shellcheck disable=SC2086 # a list of options
    "qemu-$architecture" $emulator "$work/cross_logits" "$work/model.weights" "$work/logits.npy" \
        "$bound" "$tokens" >"$work/out"
    cmp -n "$count" "$work/out" "$work/expected"
    # What torch wrote, which the weights of the file make as they are.
    [ "$type" != f32 ] || cmp -n "$count" "$work/out" "$folder/greedy.txt"
}

tight=1e-3
case $architecture in
aarch64)
    # A value that is rounded to a byte may fall to the other side, and all that follows moves.
    loose=0.5
    check shakespeare f32 200 $tight '' --cpu neoverse-n1
    check shakespeare bf16 60 $tight '' --cpu neoverse-n1
    check shakespeare q8 60 $loose '' --cpu neoverse-n1
    check shakespeare q4 60 $loose '' --target aarch64-linux-gnu --features=+dotprod
    check gpt2-mini f32 73 $tight '' --target aarch64-linux-gnu
    check shakespeare q8 60 $tight '' --target aarch64-linux-gnu
    ;;
riscv64)
    vectors='-cpu rv64,v=true,vlen=128,vext_spec=v1.0'
    check shakespeare f32 200 $tight "$vectors" --target riscv64-linux-gnu
    check shakespeare bf16 30 $tight "$vectors" --target riscv64-linux-gnu
    check shakespeare q8 30 $tight "$vectors" --target riscv64-linux-gnu
    check shakespeare q4 30 $tight "$vectors" --target riscv64-linux-gnu
    check gpt2-mini f32 73 $tight "$vectors" --target riscv64-linux-gnu
    check gpt2-mini f32 20 $tight '-cpu rv64,v=true,vlen=256,vext_spec=v1.0' \
        --target riscv64-linux-gnu --features=+zvl256b
    check gpt2-mini f32 20 $tight '-cpu rv64,v=false' --target riscv64-linux-gnu --features=-v
    ;;
*)
    echo "cross.sh: what does '$architecture' run on?"
    exit 2
    ;;
esac
