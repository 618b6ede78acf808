#!/bin/sh
# runtime_size.sh RUNTIME SIZE - what a program can get of the runtime library, code and constants, is
# less than 64 KB.
set -eu
runtime=$1 size=$2
most=65536

"$size" "$runtime" | awk -v most=$most '
    NR > 1 { sum += $1; object[$6] = $1 }
    END {
        if (!sum) { print "no sizes of objects"; exit 1 }
        print sum " bytes of " most
        if (sum < most) exit 0
        for (name in object) print object[name], name | "sort -rn"
        exit 1
    }'
