/* command_import.c - `thalweg import`: the description of a model that others hand out. */
#include "frontend/command/command.h"
#include "frontend/files/output_file.h"
#include "frontend/files/source_file.h"

#include <string.h>

static bool write_file(const char *path, const char *text) {
    Arena *arena = arena_create();
    Diag diag = {.arena = arena};
    OutputFile output;
    bool is_done = output_file_open(&output, path, &diag);
    if (is_done) {
        fputs(text, output.stream);
        is_done = output_file_close(&output, true, &diag);
    }
    diag_print(&diag, stderr);
    arena_destroy(arena);
    return is_done;
}

/* The text is the Thalweg's; the name of its directory is needed for the call alone. */
static const char *import_for(Thalweg *thalweg, const char *path, const char *output) {
    if (strcmp(output, "-") == 0) return thalweg_import(thalweg, path, NULL);
    Arena *arena = arena_create();
    const char *text = thalweg_import(thalweg, path, source_file_directory(output, arena));
    arena_destroy(arena);
    return text;
}

int command_import(const Arguments *arguments) {
    const char *output = arguments->description;
    if (!*output)
        return command_misused(COMMAND_import, "--output is empty; expected a file's name");
    Progress progress;
    Thalweg *thalweg = command_thalweg(arguments, &progress);
    if (!thalweg) return EXIT_FAILED;
    const char *text = import_for(thalweg, arguments->operands[0], output);
    bool is_done = text;
    if (text && strcmp(output, "-") == 0)
        fputs(text, stdout);
    else if (text)
        is_done = write_file(output, text);
    return command_end(thalweg, &progress, is_done);
}
