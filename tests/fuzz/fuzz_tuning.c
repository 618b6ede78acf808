/* fuzz_tuning.c - what reads as a tuning file is the same after it has been written and read again;
 * what does not has an error in it. */
#include "frontend/compiler/tuning_file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(TuningFile *file) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) abort();
    tuning_file_print(file, out);
    if (fclose(out)) abort();
    return text;
}

static void check_round_trip(TuningFile *file, Arena *arena) {
    Diag diag = {.arena = arena};
    TuningFile read = {.arena = arena};
    char *text = print(file);
    const Source source = {"printed", text, strlen(text)};
    if (!tuning_file_parse(&read, &source, &diag) || diag.first) abort();
    char *again = print(&read);
    if (strcmp(text, again) != 0) abort();
    free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *arena = arena_create();
    Diag diag = {.arena = arena};
    TuningFile file = {.arena = arena};
    const Source source = {"input", (const char *)data, size};
    if (tuning_file_parse(&file, &source, &diag))
        check_round_trip(&file, arena);
    else if (!diag.errors)
        abort();
    arena_destroy(arena);
    return 0;
}
