/* render_template.c - chat templates and what they see, as text. Reads lines of "TEMPLATE
 * VARIABLES", paths of two files, the second with a JSON object, and writes for each "0 BYTES", a
 * line break and so many bytes of text, or "1 BYTES" and what went wrong. For tests/templates.py,
 * which compares.
 */
#include "frontend/text/template_compile.h"
#include "runtime/text/template_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 24, TIME = 1785000000 };

static char *read_file(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (!file) exit(2);
    fseek(file, 0, SEEK_END);
    *bytes = (size_t)ftell(file);
    rewind(file);
    char *text = calloc(*bytes + 1, 1);
    if (!text || fread(text, 1, *bytes, file) != *bytes) exit(2);
    fclose(file);
    return text;
}

static void answer(int code, const char *text, size_t bytes) {
    printf("%d %zu\n", code, bytes);
    fwrite(text, 1, bytes, stdout);
    fflush(stdout);
}

static void answer_diagnostics(const Diag *diag) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out) exit(2);
    diag_print(diag, out);
    fclose(out);
    answer(1, text, bytes);
    free(text);
}

static void render(const char *path, const char *variables_path, char *out) {
    size_t bytes, ignored, length;
    char *text = read_file(path, &bytes), *variables = read_file(variables_path, &ignored);
    const Source source = {path, text, bytes};
    Arena *arena = arena_create();
    Diag diag = {.arena = arena};
    const Bytes program = template_compile(&source, NULL, 0, arena, &diag);
    char error[300];
    const TwChat chat = {.struct_bytes = sizeof chat,
                         .variables = variables,
                         .time = TIME,
                         .error = error,
                         .error_bytes = sizeof error};
    if (!program.data)
        answer_diagnostics(&diag);
    else if (tw_template_run(program.data, program.count, &chat, out, ROOM, &length) == TW_OK)
        answer(0, out, length);
    else
        answer(1, error, strlen(error));
    arena_destroy(arena);
    free(text);
    free(variables);
}

int main(void) {
    char line[2048], path[1024], variables[1024];
    char *out = malloc(ROOM);
    if (!out) return 2;
    while (fgets(line, sizeof line, stdin))
        if (sscanf(line, "%1023s %1023s", path, variables) == 2) render(path, variables, out);
    free(out);
    return 0;
}
