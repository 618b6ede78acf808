#!/bin/sh
# layers.sh - who may include whom; prints what breaks a rule. A program that embeds a compiled model
# links runtime/ alone, so nothing of the compiler may leak into it.
cd "$(dirname "$0")/.." || exit 2
status=0

# Includes of the files on stdin, as file:line:text.
includes() {
    xargs -r grep -nHE '^[[:space:]]*#[[:space:]]*include'
}

sources() { # folder
    find "$1" -name '*.[ch]' -o -name '*.def' | sort
}

report() { # rule; what breaks it on stdin
    bad=$(cat)
    [ -z "$bad" ] && return
    printf '%s:\n%s\n' "$1" "$bad"
    status=1
}

# The top of frontend/, the command line and the library's own interface, sees everything.
top='frontend/(main\.c|measure\.c|timed\.c|command_[a-z0-9_]*\.c|thalweg\.[ch]|compiler[a-z0-9_]*\.[ch])$'

layer() { # folder, what it may include of ours
    sources "$1" | grep -vE "^$top" | includes | grep '"' | grep -vE "include[[:space:]]*\"($2)" >"$found"
    report "$1 may include only $2" <"$found"
}

# A system header that belongs to some files only.
owner() { # header, files
    for folder in frontend tune ir passes codegen runtime standalone; do sources $folder; done |
        grep -vE "^($2)" | includes | grep -E "[<\"]$1" >"$found"
    report "only $2 may include $1" <"$found"
}

found=$(mktemp) || exit 2
trap 'rm -f "$found"' EXIT

layer runtime 'runtime/'
layer ir 'ir/'
layer passes 'passes/|ir/'
layer codegen 'codegen/|ir/|runtime/((abi|weights_file|team|processors)\.h|cpu_features\.def)"'
layer standalone 'standalone/|runtime/runtime\.h"'
layer tune 'tune/|codegen/|passes/|ir/|runtime/(runtime|trace)\.h"'
layer frontend 'frontend/|ir/'
owner 'llvm-c/' 'codegen/'
owner 'yaml\.h' 'frontend/yaml\.[ch]$'

# What runtime/ needs is there on every machine: the C library, POSIX, compilers' headers, and xxHash's.
sources runtime | includes | grep '<' |
    grep -vE '<(assert|cpuid|errno|fcntl|float|limits|math|pthread|sched|signal|stdalign|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|time|unistd|xxhash|linux/futex|sys/[a-z]*)\.h>' >"$found"
report 'runtime may include only the C library, POSIX, cpuid.h and xxhash.h' <"$found"

exit $status
