/* fuzz_template.c - a chat template is refused with a diagnostic, or becomes a program that ends:
 * with a text, or with an error that says why. A program with a byte changed ends, too. */
#include "frontend/text/template_compile.h"
#include "runtime/text/template_run.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 12, MEMORY = 1 << 19 };

static const char variables[] =
    "{\"tools\": [{\"a\": [1, 2.5, null, true, \"x\\u00e9\"]}], \"x\": {\"k\": -3}, \"n\": 7}";

static void run(const Bytes program, char *memory) {
    static const TwMessage messages[] = {{"system", "Be  brief.\n"}, {"user", "h\xc3\xa9llo \xff"}};
    char out[ROOM], error[100];
    size_t count;
    const TwChat chat = {.struct_bytes = sizeof chat,
                         .messages = messages,
                         .count = 2,
                         .wants_answer = 1,
                         .variables = variables,
                         .time = 1785000000,
                         .memory = memory,
                         .memory_bytes = MEMORY,
                         .error = error,
                         .error_bytes = sizeof error};
    const TwStatus status = tw_template_run(program.data, program.count, &chat, out, ROOM, &count);
    if (status == TW_OK && count > ROOM) abort();
    if (status == TW_TEMPLATE_FAILED && strncmp(error, "line ", 5) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) return 0;
    Arena *arena = arena_create();
    Diag diag = {.arena = arena};
    const uint8_t *changes = data + size - 4; /* what is changed in the program */
    char *text = ARENA_ARRAY(arena, char, size);
    memcpy(text, data, size - 4);
    const Source source = {"fuzz.jinja", text, size - 4};
    const TemplateConstant constants[] = {{"bos_token", {"<s>", 3}}};
    const Bytes program = template_compile(&source, constants, 1, arena, &diag);
    if (!program.data != (diag.errors > 0)) abort();
    if (program.data) {
        char *memory = malloc(MEMORY), *changed = malloc(program.count);
        if (!memory || !changed) abort();
        run(program, memory);
        memcpy(changed, program.data, program.count);
        const size_t at =
            ((size_t)changes[0] << 16 | (size_t)changes[1] << 8 | changes[2]) % program.count;
        changed[at] = (char)changes[3];
        run((Bytes){changed, program.count}, memory);
        free(memory);
        free(changed);
    }
    arena_destroy(arena);
    return 0;
}
