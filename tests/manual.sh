#!/bin/sh
# manual.sh BUILD [--bless] - COMMANDS.md is what the tables and manual.md.in say (--bless makes it so), no
# line of it is wide, every row is in it, and man pages' readers find nothing wrong with thalweg.1.
set -u
build=$(cd "$1" && pwd) || exit 2
wish=${2:-}
. "$(dirname "$0")/script.sh"
page=$source/frontend/command/COMMANDS.md
made=$work/made

"$build/frontend/manual/manual" markdown "$source/frontend/manual/manual.md.in" - - "$made" || exit 1
[ "$wish" != --bless ] || cat "$made" >"$page"
diff -u "$page" "$made" || fail "COMMANDS.md is not what the tables say: sh tests/manual.sh BUILD --bless"
wide=$(awk 'length > 120 { print FNR }' "$page")
[ -z "$wide" ] || fail "lines of COMMANDS.md have more than 120 columns: $wide"

# What the page has, told without the program that made it.
man=$build/frontend/manual/thalweg.1
# shellcheck disable=SC2013 # they are words
for name in $(sed -n 's/^COMMAND(\([a-z]*\),.*/\1/p' "$source/frontend/command/commands.def"); do
    grep -q "^## $name\$" "$page" || fail "COMMANDS.md says nothing of $name"
    grep -q "^\.SS \"thalweg $name " "$man" || fail "thalweg.1 says nothing of $name"
done
# shellcheck disable=SC2013 # they are words
for name in $(sed -n 's/^OPTION([a-z_]*, "\([a-z-]*\)",.*/\1/p' "$source/frontend/command/options.def"); do
    grep -qE "^- (\`-.\`, )?\`--${name}[][ =\`]" "$page" || fail "COMMANDS.md says nothing of --$name"
    escaped=$(echo "$name" | sed 's/-/\\\\-/g')
    grep -A 1 '^\.TP' "$man" | grep -qE -- "\\\\-\\\\-${escaped}[][ =\\]" || fail "thalweg.1 says nothing of --$name"
done
for section in NAME SYNOPSIS DESCRIPTION COMMANDS OPTIONS FILES ENVIRONMENT 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
    grep -q "^\.SH $section\$" "$man" || fail "thalweg.1 has no section $section"
done

if command -v groff >/dev/null; then
    LC_ALL=C.UTF-8 groff -k -man -Tutf8 -ww -z "$man" >"$made" 2>&1
    [ ! -s "$made" ] || fail "groff warns of thalweg.1: $(cat "$made")"
fi
if command -v mandoc >/dev/null; then
    mandoc -Tlint "$man" >"$made" 2>&1
    [ ! -s "$made" ] || fail "mandoc warns of thalweg.1: $(cat "$made")"
fi
