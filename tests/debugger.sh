#!/bin/sh
# debugger.sh PROGRAM RUNTIME COMPILER GDB - a compiled model in a debugger: a breakpoint by a kernel's
# name, and a backtrace that says which branch of the description called it, and goes on through the
# runtime to main().
set -eu
program=$1 runtime=$2 compiler=$3 gdb=$4
. "$(dirname "$0")/script.sh"

"$program" compile "$example" -o .
"$compiler" -I"$source" -I. "$source/examples/embed/generate.c" shakespeare.o "$runtime" -fopenmp -lm \
    -o generate

debug() { # COMMAND...
    set -- "$@" -ex quit
    OMP_NUM_THREADS=1 "$gdb" -nx -batch -iex 'set debuginfod enabled off' "$@" --args \
        ./generate shakespeare.weights x </dev/null >out 2>&1 || true
}

attention=$(line_of 'attention:')
mlp=$(line_of 'mlp:')

debug -ex "info line 'shakespeare.decode.attend.4x2x32'"
says out "Line $attention of .*model.yaml"

debug -ex run
if grep -qi 'ptrace\|cannot.*trace\|randomization: Operation not permitted' out; then
    echo 'programs cannot be traced here: only what stands in the object is tested'
    exit 0
fi
debug -ex "break 'shakespeare.decode.project_down.344x128.f32'" -ex run -ex backtrace \
    -ex 'thread apply 1 backtrace'
says out "^#0 .*shakespeare.decode.project_down.344x128.f32.*model.yaml:$mlp\$"
says out "^#1 .*shakespeare.decode .*model.yaml:$mlp\$"
says out '^#[0-9]* .* in tw_' # of the thread that main() is in, whichever came to the kernel first
says out '^#[0-9]* .* in main '
