#!/bin/sh
# run.sh [MODEL] - from two prompts to a neuron: the procedure of "We Found An Neuron in GPT-2" (Neo and
# Miller 2023), its nine steps and an ablation, and one report of it with all figures.
#
#   sh examples/an-neuron/run.sh                      the model of this folder
#   sh examples/an-neuron/run.sh models/gpt2-large    GPT-2 Large, as Hugging Face has it
#
# THALWEG  the program (default: build/release/thalweg, or the one of the PATH)
# OUT      the folder of the results (default: build/an-neuron): report.html, report.txt
# TEXT     the text of step 6 and of the ablation (default: text.txt and held-out.txt of this folder)
# QUICK    1: fewer neurons are ablated
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
model=${1:-$here/gpt2-an}
out=${OUT:-$root/build/an-neuron}
thalweg=${THALWEG:-$root/build/release/thalweg}
[ -x "$thalweg" ] || thalweg=thalweg
python=$(command -v python3) || {
    echo 'run.sh: python3 is needed, which writes the report' >&2
    exit 1
}
mkdir -p "$out"
rm -f "$out"/*.json "$out"/*.npy "$out/times" "$out/full"

said() { # NAME COMMAND ARGUMENT...: its output to NAME.json, its time to the list
    name=$1
    shift
    started=$(date +%s.%N)
    "$thalweg" "$@" >"$out/$name.json"
    echo "$name $started $(date +%s.%N)" >>"$out/times"
}

report() { # what report.py says of the results so far
    "$python" "$here/report.py" "$out" "$@"
}

# ---- the prompts, with the token that begins a text: GPT-2's tokenizer does not put it there itself ----

bos='<|endoftext|>'
special=--special
begin=$bos
[ "$("$thalweg" tokenize "$model" -p x --ids)" = "$("$thalweg" tokenize "$model" -p x --ids --bare)" ] ||
    special='' begin=''
prompt() { # FRUIT
    echo "${begin}I climbed up the pear tree and picked a pear. I climbed up the $1 tree and picked"
}
clean=$(prompt apple)
corrupt=$(prompt lemon)
articles=' an, a'

say() {
    echo "$*" >&2
}

say '1 the two prompts'
# shellcheck disable=SC2086 # an option or none
{
    said prompt-apple run "$model" -p "$clean" $special -n 1 -t 0 --json --logprobs 10 --logits "$out/apple.npy"
    said prompt-lemon run "$model" -p "$corrupt" $special -n 1 -t 0 --json --logprobs 10 --logits "$out/lemon.npy"
}
said points points "$model" --json
said articles tokenize "$model" -p ' an a' --bare --json

say '2 the lens'
# shellcheck disable=SC2086
{
    said lens-apple lens "$model" -p "$clean" $special --logit-diff "$articles" --mid --json
    said lens-lemon lens "$model" -p "$corrupt" $special --logit-diff "$articles" --mid --json
}

say '3 patching of layers and positions'
for over in resid_pre attn_out mlp_out; do
    # shellcheck disable=SC2086
    said "patch-$over" patch "$model" --clean "$clean" --corrupt "$corrupt" $special \
        --logit-diff "$articles" --over $over --json
done
layer=$(report layer)

say "4 patching of the neurons of layer $layer"
# shellcheck disable=SC2086
said patch-neurons patch "$model" --clean "$clean" --corrupt "$corrupt" $special --logit-diff "$articles" \
    --over "neuron@$layer" --json
neuron=$(report neuron)

say "5 $neuron negated"
# shellcheck disable=SC2086
said negated run "$model" -p "$clean" $special -n 1 -t 0 --json --logprobs 10 --edit "$neuron:negate" \
    --logits "$out/negated.npy"

say "6 $neuron over a text"
text=${TEXT:-$here/text.txt}
other=${TEXT:-$here/held-out.txt}
said activations activations "$model" --neuron "$neuron" --token ' an' --text "$text" --begin "$bos" --json \
    --html "$out/activations.html"

say '7 and 8 congruence'
said congruence congruence "$model" --neuron "$neuron" --json -k 0
said congruence-an congruence "$model" --token ' an' --json -k 5
said mutual congruence "$model" --mutual --json -k 0
# shellcheck disable=SC2086
said attribute attribute "$model" -p "$clean" $special --logit-diff "$articles" --by neuron --json

say '9 the ablation: what the text loses without a neuron'
ablate() { # NAME OPTION...
    without=$1
    shift
    said "text-$without" activations "$model" --neuron "$neuron" --token ' an' --text "$text" --begin "$bos" \
        --json -k 0 --bins 1 "$@"
    said "other-$without" activations "$model" --neuron "$neuron" --token ' an' --text "$other" --begin "$bos" \
        --json -k 0 --bins 1 "$@"
}
ablate nothing
for unit in $(report candidates "${QUICK:-0}"); do
    ablate "$unit" --edit "$unit:zero"
done

report pages "$model"
cat "$out/report.txt"
echo "the report: $out/report.html" >&2
