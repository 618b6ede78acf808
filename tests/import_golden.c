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

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *read_file(Arena *arena, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    rewind(file);
    char *text = ARENA_ARRAY(arena, char, (size_t)size + 1);
    const size_t got = fread(text, 1, (size_t)size, file);
    fclose(file);
    return got == (size_t)size ? text : NULL;
}

static bool write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    if (!file) return false;
    const bool is_written = fputs(text, file) >= 0;
    return fclose(file) == 0 && is_written;
}

static const char *messages_of(const Diag *diag, Arena *arena) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) abort();
    diag_print(diag, out);
    fclose(out);
    const char *kept = arena_printf(arena, "%s", text);
    free(text);
    return kept;
}

static int64_t count_parameters(const Graph *graph) {
    int64_t parameters = 0;
    for (uint32_t i = 1; i < graph->count; i++) {
        const Node *node = &graph->node[i];
        int64_t values = node->op == OP_param;
        for (int k = 0; k < node->type.rank && values; k++) values *= node->type.dim[k];
        parameters += values;
    }
    return parameters;
}

/* The parameters of a description; 0: it is refused, and the diag says why. */
static int64_t build(const Source *description, Arena *arena, Diag *diag) {
    const Model *model = model_read(arena, diag, description);
    if (!model || !model_check_lowered(model, diag)) return 0;
    const Graph *graph = model_build_graph(model, arena, diag);
    return graph ? count_parameters(graph) : 0;
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
    return arena_printf(arena, "%s%s", text, messages_of(&diag, arena));
}

static bool run_file(const char *folder, const char *file, const char *list, bool bless) {
    Arena *arena = arena_create();
    const char *name = arena_printf(arena, "%.*s", (int)(strlen(file) - strlen(".json")), file);
    const char *other = arena_printf(arena, "%s/%s.yaml", folder, name), *failure = NULL;
    int64_t parameters;
    const char *found = describe(arena_printf(arena, "%s/%s", folder, file), arena, &parameters);
    const int64_t expected = published(list, name);
    if (bless && !write_file(other, found)) failure = "cannot be blessed";
    const char *kept = read_file(arena, other);
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
    const char *list = read_file(arena, arena_printf(arena, "%s/parameters.txt", folder));
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
