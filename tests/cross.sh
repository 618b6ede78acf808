#!/bin/sh
# cross.sh PROGRAM ARCHITECTURE - the examples compiled for another architecture, with each type of
# weights, in an emulator: logits and text are what the interpreter says here.
set -eu
program=$1 architecture=$2
. "$(dirname "$0")/script.sh"

cmake -S "$source/runtime" -B runtime -DCMAKE_C_COMPILER="$architecture-linux-gnu-gcc" >log
cmake --build runtime >>log

emulate() { # OPTIONS COMMAND...
    options=$1
    shift
    # shellcheck disable=SC2086 # a list of options
    "qemu-$architecture" $options -L "/usr/$architecture-linux-gnu" "$@"
}

# check MODEL TYPE TOKENS BOUND EMULATOR_OPTIONS OPTION...: so many tokens of text after the prompt.
check() {
    model=$1 type=$2 count=$3 bound=$4 emulator=$5
    shift 5
    echo "$model $type $*"
    folder=$source/examples/$model
    symbol=$(echo "$model" | tr -- - _)_module
    tokens=$(bytes <"$folder/prompt.txt")
    "$program" run "$folder/model.yaml" --engine interpreter --weights-type "$type" "$@" \
        --tokens "$tokens" -n "$count" --temperature 0 --logits logits.npy >expected
    "$program" compile "$folder/model.yaml" --weights-type "$type" "$@" -o model
    "$architecture-linux-gnu-gcc" -O2 -std=c17 -DMODULE="$symbol" -I"$source" \
        "$source/tests/cross_logits.c" model.o runtime/libthalweg_rt.a -lm \
        -Wl,--no-as-needed -fopenmp -o cross_logits
    emulate "$emulator" ./cross_logits model.weights logits.npy "$bound" "$tokens" >out
    # Where logits may be off a little, two tokens may be as good as each other.
    [ "$bound" = $loose ] || cmp -n "$count" out expected
    # What torch wrote, which the weights of the file make as they are.
    [ "$type" != f32 ] || cmp -n "$count" out "$folder/greedy.txt"
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
*) die "what does '$architecture' run on?" ;;
esac

# ---- linked by the compiler of the other architecture ----

expect 1 compile "$example" --target "$architecture-linux-gnu" --emit=exe -o .
says err "for $architecture is not in"
expect 1 compile "$example" --emit=static --runtime runtime -o mixed
says err 'is not in'
expect 0 compile "$example" --target "$architecture-linux-gnu" --emit=exe --embed-weights \
    --runtime runtime -o standalone
shakespeare=$source/examples/shakespeare
emulate "${vectors-}" ./standalone -p "$(cat "$shakespeare/prompt.txt")" -n 30 -t 0 >out
cmp -n 30 out "$shakespeare/greedy.txt"

# ---- on a processor that lacks what it was compiled for ----

expect 0 compile "$example" --target "$architecture-linux-gnu" "$wanting" --emit=exe --embed-weights \
    --runtime runtime -o wanting
refuses 'lacks instructions' emulate "$lacking" ./wanting -p x -n 5
