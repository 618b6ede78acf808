/* command_explain.c - `thalweg explain`: what becomes of a model. */
#include "frontend/command/command.h"

int command_explain(const Arguments *arguments) {
    Progress progress;
    Thalweg *thalweg = command_thalweg(arguments, &progress);
    if (!thalweg) return EXIT_FAILED;
    const bool is_done = thalweg_read_file(thalweg, arguments->operands[0]) &&
                         thalweg_choose_context(thalweg, false) &&
                         thalweg_explain(thalweg, arguments->graph, stdout);
    return command_end(thalweg, &progress, is_done);
}
