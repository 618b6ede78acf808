/* command_opt.c - `thalweg opt`: graph text in, passes, graph text out. */
#include "frontend/command/command.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 64 << 20 };

int command_opt(const Arguments *arguments) {
    const char *path = arguments->operands[0];
    Progress progress;
    CommandInput text;
    Thalweg *thalweg = command_thalweg(arguments, &progress);
    if (!thalweg) return EXIT_FAILED;
    const bool is_done =
        command_read(&progress, path, MOST_BYTES, &text) &&
        thalweg_optimise_text(thalweg, strcmp(path, "-") == 0 ? "standard input" : path, text.bytes,
                              text.length, stdout);
    free(text.bytes);
    return command_end(thalweg, &progress, is_done);
}
