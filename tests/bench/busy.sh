#!/bin/sh
# busy.sh - what threads are worth where other programs want the processors.
#
#   sh tests/bench/busy.sh BUILD [MODEL.yaml [ROUNDS]]
#
# Decodes by one thread and by as many as there are processors, in turns of a second, in a program
# that embeds the model and in `thalweg run`; first alone, then beside a load: an endless loop for
# each processor. Ratios are medians over the rounds.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd)
model=${2:-$here/examples/shakespeare/model.yaml} rounds=${3:-7}
model=$(cd "$(dirname "$model")" && pwd)/$(basename "$model")
threads=$(nproc)
work=$(mktemp -d)
load=
end() {
    for process in $load; do kill "$process"; done
    rm -rf "$work"
}
trap end EXIT
trap 'exit 1' INT TERM
cd "$work"

"$build/thalweg" compile "$model" -o . >&2
name=$(basename ./*.o .o)
symbol=$(nm "$name.o" | sed -n 's/.* \([A-Za-z0-9_]*_module\)$/\1/p')
cc -O2 -Wl,--no-as-needed -fopenmp -DMODULE="$symbol" -I"$here" "$here/tests/bench/busy.c" "$name.o" \
    "$build/libthalweg_rt.a" -lm -o busy

run() { # threads: tokens/s of `thalweg run`
    "$build/thalweg" run "$model" --tokens 1 -n 250 -t 0 -j "$1" --stats 2>&1 >/dev/null </dev/null |
        sed -n 's/.*generated at \([0-9.]*\) tokens.*/\1/p'
}

measure() { # what beside
    printf '%s, a program: ' "$1"
    ./busy "$name.weights" "$threads" "$rounds"
    for _ in $(seq "$rounds"); do echo "$(run 1) $(run "$threads")"; done |
        awk '{ print $2 / $1, $1, $2 }' | sort -n |
        awk -v what="$1" -v threads="$threads" '{ line[NR] = $0 }
             END { split(line[int((NR + 1) / 2)], m); printf "%s, thalweg run: 1 thread %.1f tokens/s, " \
                   "%d threads %.1f, ratio %.2f\n", what, m[2], threads, m[3], m[1] }'
}

run "$threads" >/dev/null
measure alone
for _ in $(seq "$threads"); do
    sh -c 'while :; do :; done' &
    load="$load $!"
done
measure busy
