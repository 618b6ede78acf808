#!/bin/sh
# circles.sh BUILD [NM] - no two files of ours need each other, but for the circles that ARCHITECTURE.md
# names; prints those that do. What a file needs is read from the symbols of the objects.
build=$(cd "$1" && pwd) || exit 2
nm=${2:-nm}
. "$(dirname "$0")/script.sh"

# `FILE d SYMBOL` for what an object defines, `FILE u SYMBOL` for what it takes from elsewhere.
"$nm" -A --format=posix "$build"/libthalweg*.a 2>/dev/null |
    sed -n 's/^[^[]*\[\([a-z0-9_]*\)\.c\.o\]: \([^ ]*\) \([A-Za-z]\).*/\1 \3 \2/p' |
    awk '$2 == "U" { print $1, "u", $3; next } $2 ~ /[A-Z]/ { print $1, "d", $3 }' >symbols
[ -s symbols ] || die "no libraries in $build"

# Of a circle that stays its files are one.
circles() {
    awk '
        function stays(file) {
            if (file ~ /^(keys|keys_kinds|keys_weights|foreign_names)$/) return "keys"
            if (file ~ /^(ops|shapes|shapes_select)$/) return "ops"
            if (file ~ /^template_(compile|evaluate|call|loop_value)$/) return "template"
            return file
        }
        NR == FNR { if ($2 == "d") owner[$3] = stays($1); next }
        $2 == "u" && ($3 in owner) && owner[$3] != stays($1) { print stays($1), owner[$3] }' symbols symbols |
        sort -u | tsort 2>&1 >/dev/null | sed 's/^tsort: //'
}

found=$(circles)
[ -z "$found" ] || { echo "files that need each other:" && echo "$found" && exit 1; }
