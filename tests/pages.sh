#!/bin/sh
# pages.sh BUILD [PAGE...] - replays the sessions of pages, so that what a page shows is what happens.
# What they call `cc` and `llvm-config` are those that the build was configured with.
#
#   ```console            lines `$ COMMAND` (one that ends with a backslash goes on in the next), and below
#                         each what it prints, standard output and error together. `...` alone on a line
#                         is any number of lines, `…` within a line any text; either may be nothing.
#                         Blanks at the ends of lines and empty lines at the end do not count.
#   ```console figures    is of one machine, as the text above it says, and is not replayed
#   ```yaml NAME.yaml     (any language, and a file's name) is written into that file
#   ```yaml over NAME.yaml   a part of a description: its keys take the place of that file's, and `thalweg
#                         check` must find the result, fragment.yaml, right and have no warning
#
# The sessions of a page run in order, in one shell, in an empty folder with a copy of examples/ and a
# home of its own, as if the build were installed where compilers and tools look. What depends on the
# processor is to be hidden by `...` and `…`, or pinned by options. A session anywhere else is an error.
set -u
build=$(cd "$1" && pwd) || exit 2
shift
here=$(cd "$(dirname "$0")/.." && pwd)
configured() { # a variable of the build
    sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"
}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
unset CC CFLAGS CPPFLAGS LDFLAGS MAKEFLAGS MAKELEVEL DESTDIR OMP_NUM_THREADS THALWEG_EXAMPLES
export LC_ALL=C.UTF-8
if [ $# -eq 0 ]; then
    cd "$here" || exit 2
    # shellcheck disable=SC2046 # names of ours have no blanks
    set -- $(find ./*.md frontend ir passes codegen runtime tests examples -name '*.md' | sed 's|^\./||' | sort)
fi

# ---- the build, where programs find it ----

prefix=$work/prefix
cmake --install "$build" --prefix "$prefix" >"$work/install.log" || exit 2
library=$(dirname "$(find "$prefix" -name libthalweg_rt.a)")
mkdir "$work/bin"
ln -s "$(command -v "$(configured CMAKE_C_COMPILER)")" "$work/bin/cc"
ln -s "$(configured LLVM_CONFIG)" "$work/bin/llvm-config"
export PATH="$work/bin:$prefix/bin:$PATH"
export CPATH="$prefix/include" LIBRARY_PATH="$library"
export PKG_CONFIG_PATH="$library/pkgconfig" CMAKE_PREFIX_PATH="$prefix"

# ---- a page into its steps ----

# Writes a line for each to steps: `run NUMBER LINE`, with NUMBER.command and NUMBER.expected, or
# `file NUMBER LINE NAME`, with NUMBER.file.
cat >"$work/split.awk" <<'EOF'
function wrong(what) {
    printf "%s:%d: %s\n", page, FNR, what
    bad = 1
}
function step(kind, suffix) {
    number++
    print kind, number, FNR, name >steps
    file = folder "/" number suffix
    printf "" >file
}
!fence && /^ *~~~/ { wrong("a block is fenced by ```") }
!fence && /^ *```/ {
    fence = index($0, "`")
    info = substr($0, fence)
    sub(/^`+ */, "", info)
    words = split(info, word, / +/)
    name = words > 1 ? word[2] : ""
    kind = word[1] != "console" ? "text" : info == "console" ? "session" : "figures"
    if (kind == "figures" && info != "console figures") wrong("console, or console figures")
    if (kind == "text" && word[2] == "over") {
        kind = "file"
        name = word[3]
        if (words != 3 || word[1] != "yaml") wrong("yaml over NAME.yaml")
        else step("over", ".file")
    } else if (kind == "text" && words > 1) {
        kind = "file"
        if (words > 2 || name !~ /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/) wrong("a language, and the name of a file")
        else step("file", ".file")
    }
    first = 1
    goes_on = 0
    next
}
!fence && /^(    |\t)[ \t]*\$ / { wrong("a session that is never run: it belongs into a block ```console") }
!fence { next }
/^ *```+ *$/ {
    fence = 0
    if (file) close(file)
    file = ""
    next
}
{
    line = substr($0, fence)
    if (kind == "text" && first && line ~ /^\$ /) wrong("a session that is never run: its fence is not ```console")
    if (kind == "session" && first && line !~ /^\$ /) wrong("a session begins with `$ COMMAND`")
    if (kind == "session" && !goes_on && line ~ /^\$ /) {
        if (file) close(file)
        name = ""
        step("run", ".command")
        line = substr(line, 3)
        goes_on = 1
    }
    first = 0
    if ((kind == "session" || kind == "file") && file) print line >file
    if (goes_on && line !~ /\\$/) {
        goes_on = 0
        close(file)
        file = folder "/" number ".expected"
        printf "" >file
    }
}
END {
    if (fence) wrong("a block without an end")
    exit bad
}
EOF

# Whether what was printed (second file) is what is expected (first).
cat >"$work/match.awk" <<'EOF'
function fits(text, pattern,    count, piece, i, at) {
    count = split(pattern, piece, "…")
    if (count < 2) return text == pattern
    if (substr(text, 1, length(piece[1])) != piece[1]) return 0
    text = substr(text, length(piece[1]) + 1)
    for (i = 2; i < count; i++) {
        at = index(text, piece[i])
        if (piece[i] != "" && !at) return 0
        if (at) text = substr(text, at + length(piece[i]))
    }
    return length(text) >= length(piece[count]) &&
           substr(text, length(text) - length(piece[count]) + 1) == piece[count]
}
{ sub(/[ \t]+$/, "") }
FILENAME == ARGV[1] { expected[++lines] = $0; next }
{ printed[++all] = $0 }
END {
    while (lines && expected[lines] == "") lines--
    while (all && printed[all] == "") all--
    # After a line `...` that took too few lines, it takes one more.
    for (i = j = 1; j <= all;) {
        if (i <= lines && expected[i] ~ /^ *\.\.\.$/) { any = i++; from = j }
        else if (i <= lines && fits(printed[j], expected[i])) { i++; j++ }
        else if (any) { i = any + 1; j = ++from }
        else exit 1
    }
    while (i <= lines && expected[i] ~ /^ *\.\.\.$/) i++
    exit i <= lines
}
EOF

# Lines of the keys at the left edge of a fragment (first file), and of those that it leaves alone.
cat >"$work/over.awk" <<'EOF'
FNR == 1 { key = "" }
/^[A-Za-z_]+:/ { key = $1 }
FILENAME == ARGV[1] { given[key] = 1; print; next }
!(key in given)
EOF

failures=0

failed() { # page, line, what
    printf 'FAILED: %s:%s: %s\n' "$1" "$2" "$3"
    echo "$2" >>"$folder/failed"
}

replay() { # name of the page; its steps are in $folder
    cd "$scratch" || return
    set +u
    while read -r kind number line name <&3; do
        case $kind in
        file) cp "$folder/$number.file" "$name" ;;
        run)
            eval "$(cat "$folder/$number.command")" >"$folder/printed" 2>&1 </dev/null 3<&-
            LC_ALL=C awk -f "$work/match.awk" "$folder/$number.expected" "$folder/printed" && continue
            failed "$1" "$line" "\$ $(cat "$folder/$number.command")"
            diff -U 2 --label page "$folder/$number.expected" --label printed "$folder/printed" | head -n 100
            ;;
        over)
            LC_ALL=C awk -f "$work/over.awk" "$folder/$number.file" "$name" >fragment.yaml
            thalweg check fragment.yaml >"$folder/printed" 2>&1 && ! grep -q warning: "$folder/printed" && continue
            failed "$1" "$line" "this over $name is no right description"
            head -n 100 "$folder/printed"
            ;;
        esac
    done 3<"$folder/steps"
    : >"$folder/finished"
}

for page in "$@"; do
    case $page in /*) path=$page ;; *) path=$here/$page ;; esac
    folder=$work/steps scratch=$work/scratch
    chmod -R u+w "$folder" "$scratch" 2>/dev/null
    rm -rf "$folder" "$scratch" "${work:?}/home"
    mkdir "$folder" "$scratch" "$work/home"
    : >"$folder/steps"
    LC_ALL=C awk -v page="$page" -v folder="$folder" -v steps="$folder/steps" -f "$work/split.awk" "$path" ||
        failures=$((failures + 1))
    [ -s "$folder/steps" ] || continue
    cp -r "$here/examples" "$scratch/examples"
    # shellcheck disable=SC2030 # for this page
    (HOME=$work/home XDG_CACHE_HOME=$work/home/.cache && export HOME XDG_CACHE_HOME && replay "$page")
    [ -e "$folder/finished" ] || printf 'FAILED: %s: a command ends the shell\n' "$page"
    if [ -e "$folder/failed" ] || [ ! -e "$folder/finished" ]; then failures=$((failures + 1)); fi
    printf '%s: %s steps\n' "$page" "$(wc -l <"$folder/steps")"
done
exit $((failures > 0))
