#!/bin/sh
# links.sh - what pages point to is there: files and headings that are linked, paths of the tree that are
# named in `...`, and every source that ARCHITECTURE.md names. No line of text is over 120 columns.
# CHANGELOG.md is left alone: it may name what is gone.
. "$(dirname "$0")/script.sh"
cd "$source" || exit 2
export LC_ALL=C
folders='frontend ir passes codegen runtime tests examples'
# shellcheck disable=SC2086 # they are words
find ./*.md $folders -name '*.md' | sed 's|^\./||' | sort >"$work/pages"
# shellcheck disable=SC2086
find ./*.md $folders -type f | sed 's|.*/||' >"$work/names"

# From pages: `page:line anchor NAME`, `... link TARGET`, `... code TEXT`, `... wide COLUMNS`.
# shellcheck disable=SC2046,SC2016 # names of ours have no blanks; backquotes are Markdown's
awk '
function say(kind, what) { print FILENAME ":" FNR, kind, what }
function columns(text) { gsub(/[\200-\277]/, "", text); return length(text) }
FNR == 1 { fence = 0; split("", seen) }
/^ *```/ { fence = !fence; next }
fence { next }
/^#+ / { # its anchor as GitHub makes it
    name = tolower($0)
    sub(/^#+ +/, "", name)
    gsub(/[^a-z0-9_ \200-\377-]/, "", name)
    gsub(/\342\200[\200-\277]/, "", name) # dashes, quotes and the ellipsis
    gsub(/ /, "-", name)
    say("anchor", seen[name]++ ? name "-" seen[name] - 1 : name)
}
!/^ *\|/ && !/^ *<?https?:[^ ]*$/ && columns($0) > 120 { say("wide", columns($0)) }
{
    text = $0
    while (match(text, /`[^`]*`/)) {
        say("code", substr(text, RSTART + 1, RLENGTH - 2))
        text = substr(text, 1, RSTART - 1) "code" substr(text, RSTART + RLENGTH)
    }
    while (match(text, /\]\([^()]*\)/)) {
        say("link", substr(text, RSTART + 2, RLENGTH - 3))
        text = substr(text, RSTART + RLENGTH)
    }
}' $(cat "$work/pages") >"$work/found"

wrong() { # place, what
    printf '%s: %s\n' "$1" "$2"
    echo "$1" >>"$work/wrong"
}

exists() { # a path, in which <name>, N and * stand for any names
    for path in $(echo "$1" | sed 's/<[a-z]*>/*/g'); do
        [ ! -e "$path" ] || return 0
    done
    return 1
}

known() { # a file's name, in which <name> and * stand for anything
    grep -qx "$(echo "$1" | sed 's/\./\\./g; s/<[a-z]*>/.*/g; s/\*/.*/g')" "$work/names"
}

cp "$work/found" "$work/all"
while read -r place kind what; do
    page=${place%:*}
    [ "$page" != CHANGELOG.md ] || continue
    case $kind in
    wide) wrong "$place" "$what columns, at most 120" ;;
    link)
        case $what in http*:* | mailto:*) continue ;; esac
        anchor=${what#*#}
        [ "$anchor" != "$what" ] || anchor=
        target=${what%%#*}
        if [ -n "$target" ]; then
            target=$(realpath -m --relative-to=. "$(dirname "$page")/$target")
        else
            target=$page
        fi
        if [ ! -e "$target" ]; then
            wrong "$place" "there is no $what"
        elif [ -n "$anchor" ] && ! grep -qE "^$target:[0-9]+ anchor $anchor\$" "$work/all"; then
            wrong "$place" "$target has no heading '$anchor'"
        fi
        ;;
    code)
        case $what in
        *' '* | *…* | *://* | -*) continue ;;
        frontend/* | ir/* | passes/* | codegen/* | runtime/* | tests/* | examples/*)
            exists "$what" || wrong "$place" "there is no $what"
            ;;
        *.[ch] | *.def | *.sh | *.awk | *.cmake)
            [ "$page" != ARCHITECTURE.md ] || known "${what##*/}" || wrong "$place" "there is no file $what"
            ;;
        esac
        ;;
    esac
done <"$work/found"
[ ! -e "$work/wrong" ]
