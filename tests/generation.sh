#!/bin/sh
# generation.sh PROGRAM [COMPILER] - what a prompt may come from, how tokens are drawn, what ends a text,
# and how it is written: of `thalweg run`, and with a compiler of a model that is a program of its own.
set -u
program=$1 compiler=${2:-}
. "$(dirname "$0")/script.sh"
shakespeare=$source/examples/shakespeare
shapes=$source/examples/shapes
prompt=$(cat "$shakespeare/prompt.txt")
export THALWEG_EXAMPLES="$source/examples"

write() { # ARGUMENT...: the text that $run writes goes to out
    # shellcheck disable=SC2086 # a command and its words
    $run "$@" >out 2>err </dev/null || fail "$run $*"
}

wrong() { # CODE PATTERN ARGUMENT...
    code=0
    expected=$1 pattern=$2
    shift 2
    # shellcheck disable=SC2086
    $run "$@" >out 2>err </dev/null || code=$?
    [ $code -eq "$expected" ] || fail "$run $*: exit code $code, expected $expected"
    says err "$pattern"
    silent out
}

is_text() { # TEXT: what out has, a line's end left out
    [ "$(cat out)" = "$1" ] || fail "expected '$1'"
}

python=$(command -v python3) || python=
json() { # EXPRESSION: true of the object in out, called o
    [ -z "$python" ] || "$python" -c "import json, math; o = json.load(open('out', encoding='utf-8')); assert $1, o" ||
        fail "JSON: not $1"
}

generation() {
    # ---- prompts ----
    printf %s "$prompt" >prompt.txt
    write -f prompt.txt -n 200 -t 0
    same out "$shakespeare/greedy.txt"
    # shellcheck disable=SC2086
    $run --file - -n 200 -t 0 <prompt.txt >out || fail "$run --file -"
    same out "$shakespeare/greedy.txt"
    : >empty.txt
    wrong 1 empty -f empty.txt
    wrong 1 none.txt -f none.txt
    wrong 2 'exclude each other' -f prompt.txt -p x
    wrong 1 'no special tokens' --special -p x

    # ---- how much ----
    write -n -1 -p abc --seed 3
    [ "$(wc -c <out)" -eq 253 ] || fail 'not to the end of the context'
    silent err
    write -n -1 -p abc --seed 3 --ignore-eos
    [ "$(wc -c <out)" -eq 253 ] || fail 'a model without tokens that end a text has ended it'
    wrong 2 '-2' -n -2

    # ---- what ends it ----
    text=$(head -c 120 "$shakespeare/greedy.txt")
    stop=$(printf %s "$text" | tail -c 20)
    write -p "$prompt" -n 200 -t 0 --stop "$stop"
    before=$(cat out)
    case $text in
    "$before$stop"*) ;;
    *) fail "'$before' does not end before '$stop'" ;;
    esac
    write -p "$prompt" -n 200 -t 0 --stop 'is not there' --stop "$stop" --stop "$stop and more"
    is_text "$before"
    write -p "$prompt" -n 200 -t 0 --stop "$stop is not there"
    same out "$shakespeare/greedy.txt"
    # What is held back when the tokens end is text.
    write -p "$prompt" -n 117 -t 0 --stop "$stop"
    is_text "$(head -c 117 "$shakespeare/greedy.txt")"
    wrong 2 "''\|empty" --stop ''

    # ---- how tokens are drawn ----
    write -p "$prompt" -n 200 -t 0.7 --min-p 1
    same out "$shakespeare/greedy.txt" 'the likeliest tokens are others'
    write -p "$prompt" -n 100 --seed 5
    mv out plain
    write -p "$prompt" -n 100 --seed 5 --min-p 0 --repeat-penalty 1 --repeat-window 9 --logit-bias 7=0
    same out plain 'options that are off change the text'
    write -p "$prompt" -n 200 -t 0 --repeat-penalty 1.5
    cmp -s out "$shakespeare/greedy.txt" && fail 'a penalty changes nothing'
    write -p "$prompt" -n 200 -t 0 --logit-bias 101=-inf --logit-bias 32=-1e9
    grep -q '[e ]' out && fail 'what is forbidden is written'
    write -p "$prompt" -n 5 --logit-bias 120=+inf
    is_text xxxxx
    for bias in 256=1 x=1 1 1=nan 1= =1; do wrong $wrong_bias "$bias" -p x --logit-bias "$bias"; done
    wrong 2 1.5 --min-p 1.5
    wrong 2 nan --repeat-penalty nan

    # ---- JSON ----
    write -p "$prompt" -n 100 --seed 5 --json --logprobs 3 --stop 'is not there'
    json "o['text'].encode() == open('plain', 'rb').read() and bytes(o['tokens']) == o['text'].encode()"
    json "o['end'] == 'count' and 'stop' not in o and o['model'] == 'shakespeare'"
    json "o['prompt_tokens'] == len(open('prompt.txt', 'rb').read()) and o['seconds']['generate'] > 0"
    json "all(len(t['top']) == 3 and t['logprob'] <= t['top'][0]['logprob'] for t in o['logprobs'])"
    json "[t['token'] for t in o['logprobs']] == o['tokens']"
    json "all(sum(math.exp(k['logprob']) for k in t['top']) <= 1 for t in o['logprobs'])"
    write -p "$prompt" -n 200 -t 0 --json --stop "$stop"
    json "o['end'] == 'stop' and o['stop'] == '''$stop''' and 'logprobs' not in o"
    json "bytes(o['tokens']).endswith(o['stop'].encode())"
    write -p abc -n 1000 --json
    json "o['end'] == 'context' and len(o['tokens']) == 253"
    write -p abc -n 0 --json
    json "o['tokens'] == [] and o['text'] == ''"
    wrong 2 json --logprobs 3
}

run="$program run" wrong_bias=1
generation
write --json -p abc -n 5 --logits kept.npy
json "len(o['tokens']) == 5"
expect 1 run "$shapes/stories-260k.yaml" --tokens 1,2 --stop x
says err 'no tokenizer'
expect 0 run "$shapes/stories-260k.yaml" --tokens 1,2 -n 4 --json
json "'text' not in o and len(o['tokens']) == 4"

if [ -n "$compiler" ]; then
    expect 0 compile "$example" --emit=exe --cc "$compiler" -o program/
    run=program/shakespeare wrong_bias=2
    generation
    expect 0 compile "$shapes/stories-260k.yaml" --emit=exe --cc "$compiler" -o program/
    run=program/stories-260k
    wrong 1 'no tokenizer' --tokens 1,2 --stop x
    write --tokens 1,2 -n 4 --json
    json "'text' not in o and len(o['tokens']) == 4"
    write --tokens 1,2 -n 4
    [ "$(wc -lw <out | tr -s ' ')" = ' 1 4' ] || fail 'four numbers are no line'
fi
