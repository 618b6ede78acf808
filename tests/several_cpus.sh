#!/bin/sh
# several_cpus.sh PROGRAM COMPILER - one object for several processors: on each of them, in an
# emulator, it takes the code that fits, and writes the same text; where nothing fits it says so.
set -eu
program=$1 compiler=$2
. "$(dirname "$0")/script.sh"

build() { # TARGETS TYPE
    "$program" compile "$example" --target "$1" --weights-type "$2" --emit=exe --cc "$compiler" -o .
}

run_on() { # CPU
    qemu-x86_64 -cpu "$1" ./shakespeare -p 'ROMEO:' -n 24 -t 0 -j 1
}

refused_on() { # CPU
    refuses 'lacks instructions' run_on "$1"
}

for type in f32 q8; do
    build x86-64-v2 $type
    run_on Nehalem >expected
    build x86-64-v2,x86-64-v4,x86-64-v3 $type
    for cpu in Nehalem Haswell; do
        run_on $cpu >out
        same out expected "the text of $cpu is another"
    done
    refused_on qemu64
    run_on Haswell,-f16c >out # takes the code of an earlier one
    same out expected 'the text of an earlier processor is another'
done
build x86-64-v3 f32
refused_on Nehalem
refused_on Haswell,-f16c
expect 1 compile "$example" --cpu x86-64-v3,neoverse-n1 -o .
says err 'different architectures'
expect 1 compile "$example" --target x86-64-v3,x86-64-v3 -o .
says err 'same features'
