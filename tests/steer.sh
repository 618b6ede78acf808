#!/bin/sh
# steer.sh PROGRAM COMPILER - steering: a vector from two files of texts, added in `run`, and in a
# program of C, whose strength changes while it runs.
set -u
program=$1 compiler=$2
. "$(dirname "$0")/script.sh"

printf 'KING RICHARD\nKING HENRY\nQUEEN MARGARET\nDUKE OF YORK\n' >positive
printf 'the night is\nof my love\nand so the\nin the wood\n' >negative

# ---- the vector ----

for method in mean pca; do
    expect 0 steer "$example" --positive positive --negative negative --layer 3 --method $method \
        -o $method.safetensors --json
    grep -q '"separated": 1.0' out || fail "$method does not tell the texts apart"
    grep -q '"point": "resid_pre3"' out || fail "$method says no point"
done
expect 0 steer "$example" --positive positive --negative negative --layer 3 -o mean.npy
[ "$(tail -c 512 mean.npy | cksum)" = "$(tail -c 512 mean.safetensors | cksum)" ] ||
    fail 'both files hold other numbers'
expect 1 steer "$example" --positive positive --negative negative --layer 9 -o x.npy
grep -q 'layers 0 to 4, not 9' err || fail 'a layer that is not there'
head -n 3 negative >three
expect 1 steer "$example" --positive positive --negative three --layer 3 --method pca -o x.npy
grep -q 'pca takes pairs of texts' err || fail 'pairs that are none'
expect 1 steer "$example" --positive positive --negative positive --layer 3 -o x.npy
grep -q 'leave the same states' err || fail 'sets that are equal'
expect 2 steer "$example" --positive positive --negative negative -o x.npy
expect 1 steer "$example" --positive positive --negative negative --layer 3 -o x.txt
[ ! -e x.npy ] || fail 'a file was left'

# ---- as an edit ----

logits() { # FILE OPTION...
    file=$1
    shift
    expect 0 run "$example" -p 'My lord' -n 0 --logits "$file" "$@"
}
logits plain.npy
logits steered.npy --edit resid_pre3:add=mean.safetensors,strength=2
logits given.npy --edit 'resid_pre3:add=mean.safetensors,strength=2?'
logits interpreted.npy --engine interpreter --edit resid_pre3:add=mean.safetensors,strength=2
cmp -s plain.npy steered.npy && fail 'the vector changes nothing'
cmp -s steered.npy given.npy || fail 'what is given is other than what is said'
expect 0 compare "$example" --logits interpreted.npy -p 'My lord' --tolerance 1e-5 \
    --edit resid_pre3:add=mean.safetensors,strength=2

# ---- in a program ----

cat >use.c <<'C'
#include "shakespeare.h"

#include <stdio.h>
#include <string.h>

static int write_logits(shakespeare_session *session, const char *path) {
    const char text[] = "My lord";
    int32_t token[sizeof text - 1];
    for (size_t i = 0; i < sizeof token / 4; i++) token[i] = text[i];
    shakespeare_reset(session);
    if (shakespeare_prefill(session, token, sizeof token / 4)) return 1;
    FILE *file = fopen(path, "wb");
    if (!file) return 1;
    fwrite(shakespeare_logits(session, 0), sizeof(float), SHAKESPEARE_VOCAB, file);
    return fclose(file);
}

int main(void) {
    shakespeare_model *model;
    shakespeare_session *session;
    static float v[128];
    shakespeare_edit edit = {v, NULL, 0, 2, 1};
    FILE *file = fopen("mean.npy", "rb");
    if (!file || fseek(file, -(long)sizeof v, SEEK_END) || fread(v, sizeof v, 1, file) != 1) return 1;
    fclose(file);
    if (shakespeare_open("shakespeare.weights", &model)) return 2;
    if (shakespeare_session_new(model, NULL, &session)) return 3;
    if (write_logits(session, "at-first")) return 4;
    if (shakespeare_set_edit(session, SHAKESPEARE_EDITS, &edit) != SHAKESPEARE_BAD_ARGUMENT) return 5;
    if (shakespeare_set_edit(session, SHAKESPEARE_EDIT_BLOCKS_3_HOOK_RESID_PRE, &edit)) return 6;
    if (write_logits(session, "set")) return 7;
    edit.is_on = 0;
    if (shakespeare_set_edit(session, SHAKESPEARE_EDIT_BLOCKS_3_HOOK_RESID_PRE, &edit)) return 8;
    if (write_logits(session, "off")) return 9;
    shakespeare_session_free(session);
    shakespeare_close(model);
    return 0;
}
C
build() { # the program, with this edit in the object
    expect 0 compile "$example" -o . --edit "$1"
    "$compiler" use.c shakespeare.o -I. -L"$(dirname "$program")" -lthalweg_rt -lm -lpthread -o use ||
        die 'the program does not link'
    ./use || fail "the program answers $?"
}
last() { # a .npy of logits: those of the last token
    tail -c 1024 "$1"
}
last steered.npy >expected-steered
last plain.npy >expected-plain
build 'resid_pre3:add=?'
cmp -s at-first expected-plain || fail 'an edit that nobody has given acts'
cmp -s set expected-steered || fail 'an edit that is given does not act as one that is said'
cmp -s off expected-plain || fail 'an edit that is off acts'
build 'resid_pre3:add=mean.safetensors,strength=2?'
cmp -s at-first expected-steered || fail 'an object has not what its edit does at first'
cmp -s off expected-plain || fail 'what it does at first cannot be taken back'
