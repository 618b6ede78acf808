#!/bin/sh
# debugger.sh PROGRAM RUNTIME COMPILER GDB - a compiled model in a debugger: a breakpoint by a kernel's
# name, and a backtrace that says which branch of the description called it.
set -eu
program=$1 runtime=$2 compiler=$3 gdb=$4
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache"
example=$here/examples/shakespeare/model.yaml

"$program" compile "$example" -o "$work"
"$compiler" -I"$here" -I"$work" "$here/examples/embed/generate.c" "$work/shakespeare.o" "$runtime" \
    -fopenmp -lm -o "$work/generate"

debug() { # COMMAND...
    set -- "$@" -ex quit
    OMP_NUM_THREADS=1 "$gdb" -nx -batch -iex 'set debuginfod enabled off' "$@" --args \
        "$work/generate" "$work/shakespeare.weights" x </dev/null >"$work/out" 2>&1 || true
}

says() { # pattern
    grep -q -- "$1" "$work/out" && return
    printf "FAILED: gdb does not say '%s'\n" "$1"
    cat "$work/out"
    exit 1
}

attention=$(grep -n 'attention:' "$example" | cut -d: -f1)
mlp=$(grep -n 'mlp:' "$example" | cut -d: -f1)

debug -ex "info line 'shakespeare.decode.attend.4x2x32'"
says "Line $attention of .*model.yaml"

debug -ex run
if grep -qi 'ptrace\|cannot.*trace\|randomization: Operation not permitted' "$work/out"; then
    echo 'programs cannot be traced here: only what stands in the object is tested'
    exit 0
fi
debug -ex "break 'shakespeare.decode.project_down.344x128.f32'" -ex run -ex backtrace
says "^#0 .*shakespeare.decode.project_down.344x128.f32.*model.yaml:$mlp\$"
says "^#1 .*shakespeare.decode .*model.yaml:$mlp\$"
