/* fuzz_code_file.c - no bytes but those of a whole file of the right key give code, and what looks
 * for functions in an object stays within it. */
#include "codegen/object/object_functions.h"
#include "frontend/compiler/code_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void entry(const TwFrame *frame, int64_t thread, int64_t threads) {
    (void)frame, (void)thread, (void)threads;
}

static const TwProgram program = {.prefill = entry, .decode = entry};
static const Bytes key = {"key", 3};

static void look_for_functions(Bytes object) {
    Arena *arena = arena_create();
    LoadedFunctions loaded;
    if (object_functions(object, "thalweg_m", &program, arena, &loaded))
        for (int i = 0; i < loaded.count; i++)
            if (!memchr(object.data, loaded.function[i].name[0], object.count)) abort();
    arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const Bytes file = {(const char *)data, size};
    Bytes object;
    look_for_functions(file);
    if (!code_file_parse(file, key, &object)) return 0;
    if (object.data != file.data + CODE_FILE_HEADER + key.count || object.count == 0 ||
        object.data + object.count != file.data + size)
        abort();
    look_for_functions(object);
    return 0;
}
