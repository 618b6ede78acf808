#!/bin/sh
# cross.sh PROGRAM ARCHITECTURE - the examples compiled for another architecture, with each type of
# weights, in an emulator: logits and text are what the interpreter says here.
set -eu
program=$1 architecture=$2
source=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache"

cmake -S "$source/runtime" -B "$work/runtime" -DCMAKE_C_COMPILER="$architecture-linux-gnu-gcc" >"$work/log"
cmake --build "$work/runtime" >>"$work/log"

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
    "$architecture-linux-gnu-gcc" -O2 -std=c17 -DMODULE="$symbol" -I"$source" \
        "$source/tests/cross_logits.c" "$work/model.o" "$work/runtime/libthalweg_rt.a" -lm \
        -Wl,--no-as-needed -fopenmp -o "$work/cross_logits"
    # shellcheck disable=SC2086 # a list of options
    "qemu-$architecture" $emulator -L "/usr/$architecture-linux-gnu" "$work/cross_logits" "$work/model.weights" "$work/logits.npy" \
        "$bound" "$tokens" >"$work/out"
    # Where logits may be off a little, two tokens may be as good as each other.
    [ "$bound" = $loose ] || cmp -n "$count" "$work/out" "$work/expected"
    # What torch wrote, which the weights of the file make as they are.
    [ "$type" != f32 ] || cmp -n "$count" "$work/out" "$folder/greedy.txt"
}

tight=1e-3 loose=0.5
case $architecture in
aarch64)
    # A value that is rounded to a byte may fall to the other side, and all that follows moves.
    check shakespeare f32 200 $tight '' --cpu neoverse-n1
    check shakespeare bf16 60 $tight '' --cpu neoverse-n1
    check shakespeare q8 60 $loose '' --cpu neoverse-n1
    check shakespeare q4 60 $loose '' --target aarch64-linux-gnu --features=+dotprod
    check gpt2-mini f32 73 $tight '' --target aarch64-linux-gnu
    check shakespeare q8 60 $tight '' --target aarch64-linux-gnu
    # Of two processors the better has products of bytes, the other none, on the same weights.
    for cpu in neoverse-n1 cortex-a57; do
        check shakespeare q8 20 $loose "-cpu $cpu" --target aarch64-linux-gnu --cpu generic,neoverse-n1
    done
    # A processor like it may have no SVE: no code of ours has any.
    check shakespeare f32 20 $tight '-cpu max,sve=off' --cpu neoverse-v1
    lacking='-cpu cortex-a57' wanting='--features=+dotprod'
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
    lacking=$vectors wanting='--features=+zvl256b'
    ;;
*)
    echo "cross.sh: what does '$architecture' run on?"
    exit 2
    ;;
esac

# ---- linked by the compiler of the other architecture ----

example=$source/examples/shakespeare
if "$program" compile "$example/model.yaml" --target "$architecture-linux-gnu" --emit=exe -o "$work" \
    2>"$work/err"; then
    echo 'the runtime library of this machine is linked'
    exit 1
fi
grep -q "for $architecture is not in" "$work/err"
if "$program" compile "$example/model.yaml" --emit=static --runtime "$work/runtime" -o "$work/mixed" \
    2>"$work/err"; then
    echo 'the runtime library of another architecture is linked'
    exit 1
fi
grep -q 'is not in' "$work/err"
"$program" compile "$example/model.yaml" --target "$architecture-linux-gnu" --emit=exe --embed-weights \
    --runtime "$work/runtime" -o "$work/standalone"
# shellcheck disable=SC2086 # a list of options
"qemu-$architecture" ${vectors-} -L "/usr/$architecture-linux-gnu" "$work/standalone" \
    -p "$(cat "$example/prompt.txt")" -n 30 -t 0 >"$work/out"
cmp -n 30 "$work/out" "$example/greedy.txt"

# ---- on a processor that lacks what it was compiled for ----

"$program" compile "$example/model.yaml" --target "$architecture-linux-gnu" "$wanting" --emit=exe \
    --embed-weights --runtime "$work/runtime" -o "$work/wanting"
# shellcheck disable=SC2086 # a list of options
if "qemu-$architecture" $lacking -L "/usr/$architecture-linux-gnu" "$work/wanting" -p x -n 5 >"$work/out" \
    2>"$work/err"; then
    echo 'a processor without the features runs it'
    exit 1
fi
grep -q 'lacks instructions' "$work/err"
