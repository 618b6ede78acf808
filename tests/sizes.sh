#!/bin/sh
# sizes.sh - no source file of ours has more than 600 lines, no test more than 800: one file is one
# idea.
cd "$(dirname "$0")/.." || exit 2
find frontend ir passes codegen runtime tests examples CMakeLists.txt \
    \( -name '*.[ch]' -o -name '*.def' -o -name '*.sh' -o -name '*.py' -o -name CMakeLists.txt \) \
    -type f -exec wc -l {} + |
    awk '$2 == "total" { next }
         { most = $2 ~ /^tests\// ? 800 : 600 }
         $1 > most { print $2 ": " $1 " lines, at most " most; bad = 1 }
         END { exit bad }'
