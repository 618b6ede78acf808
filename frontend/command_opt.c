/* command_opt.c - `thalweg opt`: graph text in, passes, graph text out. */
#include "frontend/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 64 << 20 };

typedef struct {
    char *bytes; /* malloc */
    size_t length;
} Text;

/* False: said; the text is to be freed all the same. */
static bool read_stream(FILE *file, const char *name, Text *text, Progress *progress) {
    for (size_t room = 1 << 16;; room *= 2) {
        char *bytes = realloc(text->bytes, room);
        if (!bytes) return command_fail(progress, "%s: out of memory", name);
        text->bytes = bytes;
        text->length += fread(bytes + text->length, 1, room - text->length, file);
        if (ferror(file))
            return command_fail(progress, "'%s' cannot be read: %s", name, strerror(errno));
        if (text->length < room) return true;
        if (room >= MOST_BYTES)
            return command_fail(progress, "'%s' is too long: at most %d bytes", name, MOST_BYTES);
    }
}

static bool read_text(const char *path, Text *text, Progress *progress) {
    if (strcmp(path, "-") == 0) return read_stream(stdin, "standard input", text, progress);
    FILE *file = fopen(path, "rb");
    if (!file) return command_fail(progress, "'%s' cannot be read: %s", path, strerror(errno));
    const bool is_read = read_stream(file, path, text, progress);
    fclose(file);
    return is_read;
}

int command_opt(const Arguments *arguments) {
    const char *path = arguments->operands[0];
    Progress progress;
    Text text = {0};
    Thalweg *thalweg = command_thalweg(arguments, &progress);
    if (!thalweg) return EXIT_FAILED;
    const bool is_done =
        read_text(path, &text, &progress) &&
        thalweg_optimise_text(thalweg, strcmp(path, "-") == 0 ? "standard input" : path, text.bytes,
                              text.length, stdout);
    free(text.bytes);
    return command_end(thalweg, &progress, is_done);
}
