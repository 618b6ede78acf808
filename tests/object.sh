#!/bin/sh
# object.sh PROGRAM COMPILER [LLVM_DIS] - what linkers and tools find in an object file: few functions
# from elsewhere, no executable stack, nothing that keeps it out of a shared library, and debug
# information for every function.
set -u
program=$1 compiler=$2 disassembler=${3-}
. "$(dirname "$0")/script.sh"

compile() { # OPTION...
    expect 0 compile "$example" -o . "$@"
}

# Symbols of shakespeare.o, a line each: type, binding, section, name.
symbols() {
    readelf -sW shakespeare.o | awk '$1 ~ /^[0-9]+:$/ && NF == 8 { print $4, $5, $7, $8 }'
}

# What LLVM puts in for copies comes from the C library; all else from the runtime.
allowed='^(tw_team_barrier|tw_model_[a-z_]*|tw_session_[a-z_]*|tw_sampler_[a-z_]*|tw_status_text|memcpy|memmove|memset)$'

check_object() { # what it was made for
    strange=$(symbols | awk '$3 == "UND" { print $4 }' | grep -vE "$allowed")
    [ -z "$strange" ] || fail "$1: calls $strange"
    symbols | grep -q 'UND tw_team_barrier' || fail "$1: calls no barrier"
    exported=$(symbols | awk '$2 != "LOCAL" && $3 != "UND" { print $4 }')
    strange=$(echo "$exported" | grep -v '^shakespeare_[a-z_]*$')
    [ -z "$strange" ] || fail "$1: exports $strange"
    echo "$exported" | grep -q '^shakespeare_step$' || fail "$1: exports no step"
    note=$(readelf -SW shakespeare.o | sed -n 's/.*\.note\.GNU-stack *//p')
    case $note in
    '') fail "$1: does not say that its stack is not executable" ;;
    *X*) fail "$1: asks for an executable stack" ;;
    esac
    readelf --debug-dump=info shakespeare.o >info 2>warnings
    [ ! -s warnings ] || fail "$1: readelf warns: $(cat warnings)"
    functions=$(symbols | awk '$1 == "FUNC"' | wc -l)
    [ "$functions" -ge 16 ] || fail "$1: $functions functions"
    symbols | awk '$1 == "FUNC" { print $4 }' | while read -r name; do
        grep -q "DW_AT_name .*: $name\$" info || echo "$name"
    done >unknown
    [ ! -s unknown ] || fail "$1: no debug information of $(cat unknown)"
}

for cpu in x86-64 x86-64-v3 x86-64-v4 neoverse-n1; do
    for type in f32 bf16 q8 q4; do
        compile --cpu $cpu --weights-type $type
        check_object "$cpu $type"
    done
done

# ---- in a shared library of this machine ----

compile
check_object native
"$compiler" -shared -Wl,-z,text -Wl,--fatal-warnings shakespeare.o -o library.so ||
    fail 'it does not go into a shared library'
readelf -dW library.so | grep -q TEXTREL && fail 'text is relocated'
readelf -lW library.so | grep GNU_STACK | grep -q RWE && fail 'the stack is executable'

# ---- lines ----

says_line() { # function, line: by the subprogram
    line=$(awk -v name="$1" '/DW_AT_name/ { is = $NF == name } /DW_AT_decl_line/ && is { print $NF }' info)
    [ "$line" = "$2" ] || fail "$1 is of line '$line', not $2"
}
says_line shakespeare.decode "$(line_of '^name:')"
says_line shakespeare.decode.read_qkv.128x256.f32 "$(line_of 'attention:')"
says_line shakespeare.prefill.attend.4x2x32 "$(line_of 'attention:')"
says_line shakespeare.decode.read_gate_up.128x688.f32 "$(line_of 'mlp:')"
says_line shakespeare.decode.read_head.128x256.f32 $(($(line_of '^head:') + 1)) # its first key
grep -q 'DW_AT_producer .*Thalweg [0-9]' info || fail 'the producer is not named'
grep -q "DW_AT_name .*: $example\$" info || fail 'the description is not named'

# ---- bitcode ----

if [ -n "$disassembler" ]; then
    compile --emit=bitcode
    "$disassembler" shakespeare.bc -o shakespeare.ll || fail 'llvm-dis does not read the bitcode'
    grep -q '^define internal void @shakespeare.decode(' shakespeare.ll || fail 'the bitcode has no decode'
fi
