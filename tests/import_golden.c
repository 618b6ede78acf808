/* import_golden.c - what becomes of a config.json: diagnostics, the description, and how many
 * parameters that model has.
 *
 *   import_golden [--bless] FOLDER
 *
 * Each NAME.json of the folder is compared with NAME.yaml beside it. `parameters.txt` says how many
 * parameters have been published, a line `NAME COUNT` each: a description that is understood must
 * have as many. --bless writes the descriptions that are there now.
 */
#include "frontend/import/import.h"
#include "frontend/model/build_graph.h"
#include "frontend/model/model.h"
#include "tests/golden_file.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The parameters of a description; 0: it is refused, and the diag says why. */
static int64_t build(const Source *description, Arena *arena, Diag *diag) {
    const Model *model = model_read(arena, diag, description);
    if (!model || !model_check_lowered(model, diag)) return 0;
    const Graph *graph = model_build_graph(model, arena, diag);
    return graph ? ir_count_parameters(graph) : 0;
}

/* What has been published of the model; 0: nothing. */
static int64_t published(const char *list, const char *name) {
    const size_t length = strlen(name);
    for (const char *line = list; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ' ') return atoll(line + length);
    }
    return 0;
}

/* Everything that a user would see, without the folder's path. */
static const char *describe(const char *path, Arena *arena, int64_t *parameters) {
    Diag diag = {.arena = arena};
    Imported imported;
    const char *text = "";
    Source *source = ARENA_NEW(arena, Source);
    *parameters = 0;
    if (import_read(path, NULL, &imported, arena, &diag)) {
        *source = *imported.description;
        source->name = "description";
        diag = (Diag){.arena = arena};
        *parameters = build(source, arena, &diag);
        text = source->text;
    }
    return arena_printf(arena, "%s%s", text, golden_messages(&diag, arena));
}

static bool run_file(const char *folder, const char *file, const char *list, bool bless) {
    Arena *arena = arena_create();
    const char *name = arena_printf(arena, "%.*s", (int)(strlen(file) - strlen(".json")), file);
    const char *other = arena_printf(arena, "%s/%s.yaml", folder, name), *failure = NULL;
    int64_t parameters;
    const char *found = describe(arena_printf(arena, "%s/%s", folder, file), arena, &parameters);
    const int64_t expected = published(list, name);
    if (bless && !golden_write(other, found)) failure = "cannot be blessed";
    size_t length;
    const char *kept = golden_read(other, arena, &length);
    if (!kept) failure = "there is no description beside it";
    if (kept && strcmp(kept, found) != 0) failure = "differs from what is expected";
    if (failure) printf("FAIL %s: %s\n%s", file, failure, found);
    if (!failure && expected && parameters != expected) {
        failure = "not the published number of parameters";
        printf("FAIL %s: %s: expected %" PRId64 ", found %" PRId64 "\n", file, failure, expected,
               parameters);
    }
    arena_destroy(arena);
    return !failure;
}

int main(int argc, char **argv) {
    const bool bless = argc > 1 && strcmp(argv[1], "--bless") == 0;
    const char *folder = argv[argc - 1];
    Arena *arena = arena_create();
    size_t length;
    const char *list =
        golden_read(arena_printf(arena, "%s/parameters.txt", folder), arena, &length);
    DIR *directory = opendir(folder);
    int failed = 0, count = 0;
    for (const struct dirent *entry; directory && (entry = readdir(directory));) {
        const char *end = strrchr(entry->d_name, '.');
        if (!end || strcmp(end, ".json") != 0) continue;
        count++;
        failed += !run_file(folder, entry->d_name, list, bless);
    }
    if (directory) closedir(directory);
    arena_destroy(arena);
    printf("%d of %d configs fail\n", failed, count);
    return failed || !count ? EXIT_FAILURE : EXIT_SUCCESS;
}
