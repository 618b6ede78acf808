# script.sh - what the test scripts share. A script takes its arguments, $program among them, and then
#
#   . "$(dirname "$0")/script.sh"
#
# stands in a scratch folder of its own, $work, which goes when the script ends. The checks below say
# what is wrong and go on: the script fails at its end. Where there is nothing to go on with: die.
# shellcheck shell=sh

source=$(cd "$(dirname "$0")/.." && pwd) || exit 2
example=$source/examples/shakespeare/model.yaml

work=$(mktemp -d) || exit 2
beside= # files in other folders that go too: a list of words
export XDG_CACHE_HOME="$work/cache"

end() {
    code=$?
    [ ! -e "$work/.failed" ] || code=1
    # shellcheck disable=SC2086 # a list of words
    rm -rf "$work" $beside
    exit $code
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work" || exit 2

# fail WORD...: what is wrong, and what the last call wrote, if that stands in out and err.
fail() {
    {
        echo "FAILED: $*"
        for stream in out err; do
            [ ! -s $stream ] || { echo "--- $stream" && head -c 2000 $stream && echo; }
        done
    } >&2
    : >"$work/.failed" # which a subshell can leave too
}

die() {
    fail "$@"
    exit 1
}

# skip WORD...: why this machine cannot run the test.
skip() {
    echo "skipped: $*"
    exit 77
}

# ---- the program ----

# expect CODE ARGUMENT...: runs the program on empty input, streams to out and err.
expect() {
    expected=$1
    shift
    code=0
    # shellcheck disable=SC2154 # set by the script
    "$program" "$@" >out 2>err </dev/null || code=$?
    [ $code -eq "$expected" ] || fail "thalweg $*: exit code $code, expected $expected"
}

# refuses PATTERN COMMAND...: the command fails, and says why.
refuses() {
    pattern=$1
    shift
    if "$@" >out 2>err </dev/null; then fail "$* is not refused"; fi
    says err "$pattern"
}

says() { # file, pattern
    grep -q -- "$2" "$1" || fail "'$2' is not in $1"
}

silent() { # file
    [ ! -s "$1" ] || fail "$1 should be empty"
}

same() { # file, file, what is wrong where they differ
    cmp "$1" "$2" || fail "${3:-$1 and $2} differ"
}

# ---- models ----

# small_model NAME WIDTH BLOCK [HEAD]: a description with weights that are made up, to standard output.
small_model() {
    printf 'thalweg: 1\nname: %s\nvocab: 64\ncontext: 16\nstream: {width: %s}\n' "$1" "$2"
    printf 'blocks: [{%s}]\nhead: {%s}\nweights: {synthetic: 1}\n' "$3" "${4-tied: true}"
}

bytes() { # standard input as tokens, with commas between
    od -An -v -tu1 | tr -s ' \n' ',' | sed 's/^,//; s/,$//'
}

line_of() { # pattern: the line of the example that it stands on
    grep -n "$1" "$example" | cut -d: -f1
}
