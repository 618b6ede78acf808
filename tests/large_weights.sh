#!/bin/sh
# large_weights.sh PROGRAM RUNTIME COMPILER - an object with more than 2 GB of weights inside links and
# runs: code reaches its own data over less than that, and the weights all the same.
set -eu
program=$1 runtime=$2 compiler=$3
. "$(dirname "$0")/script.sh"

# Packed weights, the object with them and the program with them: 2.2 GB each.
free=$(df -Pk . | awk 'END { print $4 }')
[ "$free" -ge 8000000 ] || skip "$free KB of room in '$work' are too few"

small_model large 8192 'branches: [{mlp: {hidden: 33024, activation: relu}}]' 'tied: false' >large.yaml
cat >main.c <<'EOF'
#include "large.h"
#include <stdio.h>

int main(void) {
    const int32_t tokens[] = {1, 2, 3};
    large_model *model;
    large_session *session;
    int error = large_open_memory(NULL, 0, NULL, &model);
    if (!error) error = large_session_new(model, NULL, &session);
    if (!error) error = large_prefill(session, tokens, 3);
    if (!error) error = fwrite(large_logits(session, 0), 4, LARGE_VOCAB, stdout) != LARGE_VOCAB;
    return error;
}
EOF
"$program" compile large.yaml --embed-weights -o .
[ "$(wc -c <large.o)" -gt 2147483648 ] || die 'the object is too small to show anything'
"$program" run large.yaml --tokens 1,2,3 --logits logits.npy -n 0
rm -r cache
"$compiler" main.c large.o "$runtime" -lm -o main
rm large.o
./main >out
tail -c 256 logits.npy | cmp - out # of the last token
