#!/bin/sh
# targets.sh PROGRAM [--bless] - what the program says of each target, and that the code is so.
#
# tests/targets/*.txt: a line with the options, then what --print-target writes; --bless rewrites it.
# Assembly has to hold the instructions that are named there, and no wider vectors. LLVM, which
# warns on standard error of names that it does not know, must have nothing to say.
set -eu
program=$(realpath "$1") bless=${2:-}
. "$(dirname "$0")/script.sh"

# quiet ARGUMENT...: the program succeeds without a word on standard error.
quiet() {
    expect 0 "$@"
    silent err
}

# The instruction and the registers as grep finds them in assembly, from a line of the text.
pattern() {
    # shellcheck disable=SC2046 # words
    set -- $(sed -n "s/^$1  *//p" said)
    case "$*" in
    none:*) echo none ;;
    *v.4s) echo "$1.*\.4s" ;;
    *mm) eval "echo \"$1.*\${$#}\"" ;;
    *) echo "$1" ;;
    esac
}

# shellcheck disable=SC2046,SC2086 # lists of options
check() {
    options=$(sed -n '1s/^# //p' "$1")
    quiet compile $options --print-target
    grep -v '^runs here' out >said # which depends on this machine
    { echo "# $options"; cat said; } >text
    if [ "$bless" = --bless ]; then cp text "$1"; fi
    diff "$1" text || fail "$1"
    floats=$(sed -n 's/^vectors  *\([0-9]*\) .*/\1/p' said)
    for kind in f32:f32 q8:bytes bf16:bf16; do
        quiet compile "$example" $options --no-tuning --weights-type ${kind%:*} --emit=asm -o -
        wanted=$(pattern ${kind#*:})
        [ "$wanted" != none ] || wanted=$(pattern f32)
        grep -q "[[:space:]]$wanted" out || fail "$options: ${kind%:*} has no '$wanted'"
        [ $floats -ge 16 ] || ! grep -q '%zmm' out || fail "$options: vectors of 512 bits"
        [ $floats -ge 8 ] || ! grep -q '%ymm' out || fail "$options: vectors of 256 bits"
    done
}

for file in "$source"/tests/targets/*.txt; do
    check "$file"
done

# Everything that --cpu help lists is known to this LLVM.
"$program" run --cpu help >all
architecture=
while read -r name rest; do
    case $name in
    x86_64 | aarch64 | riscv64) architecture=$name ;;
    features) [ -z "$rest" ] || fail "a processor called features" ;;
    +*)
        quiet compile --print-target --target "$architecture" --features="$name"
        [ "$name" = +neon ] || quiet compile --print-target --target "$architecture" --features="-${name#+}"
        ;;
    *) quiet compile --print-target --target "$architecture" --cpu "$name" ;;
    esac
done <all
[ -n "$architecture" ] || fail 'no list of processors'

# Of vector lengths LLVM is sure only while it writes code.
for features in +v +zvl128b +zvl512b +zvfh -v -zvl128b +zvl256b,-zvl128b +zvfh,-v; do
    quiet compile "$example" --target riscv64 --features="$features" --emit=asm -o -
done
