#!/bin/sh
# valgrind.sh PROGRAM RUNTIME COMPILER VALGRIND - a program with a model under valgrind: clean where it
# is right, and where it is wrong the kernel is named, with its line of the description.
set -eu
program=$1 runtime=$2 compiler=$3 valgrind=$4
. "$(dirname "$0")/script.sh"

cat >main.c <<'EOF'
#include "shakespeare.h"
#include <stdlib.h>

int main(int argc, char **argv) {
    const int32_t tokens[] = {1, 2, 3};
    shakespeare_model *model;
    shakespeare_session *session;
    void *memory = malloc(SHAKESPEARE_SESSION_BYTES);
    const shakespeare_options options = {
        .threads = 1, .memory = memory, .memory_bytes = SHAKESPEARE_SESSION_BYTES};
    int error = shakespeare_open("shakespeare.weights", &model);
    if (!error) error = shakespeare_session_new(model, &options, &session);
    if (!error) error = shakespeare_prefill(session, tokens, 3);
    if (!error && argc > 1) argv[1] = memory, memory = malloc(1), free(argv[1]);
    if (!error) error = shakespeare_step(session, 4);
    if (!error && argc == 1) shakespeare_session_free(session);
    shakespeare_close(model);
    free(memory);
    return error;
}
EOF
# This machine's own code may have instructions that valgrind does not know.
"$program" compile "$example" --target x86-64-v2 -o .
"$compiler" -g main.c shakespeare.o "$runtime" -lm -o main
"$valgrind" --error-exitcode=9 --leak-check=full ./main 2>err || fail 'the program is not clean'
refuses 'Invalid \(read\|write\)' "$valgrind" --error-exitcode=9 ./main wrong
says err ': shakespeare\.decode\.[a-z_]*\.[x0-9]*.* (model.yaml:[1-9]'
