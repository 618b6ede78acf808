/* compiler_kept.c - what lies in the cache: packed weights and compiled code. What was tuned is no
 * copy of anything, and not counted here. */
#include "frontend/compiler/code_file.h"
#include "frontend/compiler/compiler.h"

#include <string.h>

typedef struct {
    const CacheKind *kind;
    const char *what;
} Kind;

static const Kind kinds[] = {{&compiler_weights_kind, "weights"}, {&code_file_kind, "code"}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Null: reported. */
static const char *find_folder(Thalweg *thalweg) {
    const char *folder = compiler_cache_directory(thalweg);
    if (folder) return folder;
    diag_error(&thalweg->diag, (Loc){0},
               "there is no cache: neither XDG_CACHE_HOME nor HOME is a "
               "full path");
    diag_hint(&thalweg->diag, "name a folder with --cache");
    return NULL;
}

/* The name of a file is the model's, and an ending of fixed length. */
static const char *model_of(const CacheFile *file, const CacheKind *kind, Arena *arena) {
    const size_t length = strlen(file->name) - strlen(kind->ending);
    return arena_printf(arena, "%.*s", (int)length, file->name);
}

bool compiler_list_kept(Thalweg *thalweg, const ThalwegKept **out, int *count) {
    Arena *arena = thalweg->arena;
    const char *folder = find_folder(thalweg);
    CacheFiles files[KINDS];
    size_t all = 0, next = 0;
    if (!folder) return false;
    for (int k = 0; k < KINDS; k++) {
        files[k] = cache_folder_list(folder, kinds[k].kind, arena);
        cache_folder_sort(&files[k]);
        all += files[k].count;
    }
    ThalwegKept *kept = ARENA_ARRAY(arena, ThalwegKept, all + 1);
    for (int k = 0; k < KINDS; k++) {
        for (size_t i = 0; i < files[k].count; i++) {
            const CacheFile *file = &files[k].file[i];
            kept[next++] =
                (ThalwegKept){.name = file->name,
                              .what = kinds[k].what,
                              .model = model_of(file, kinds[k].kind, arena),
                              .bytes = file->bytes,
                              .used = file->used.tv_sec,
                              .is_held = cache_folder_is_held(folder, file->name, arena)};
        }
    }
    *out = kept;
    *count = (int)all;
    return true;
}

bool compiler_trim_kept(Thalweg *thalweg, int64_t most, int64_t *removed) {
    const char *folder = find_folder(thalweg);
    if (!folder) return false;
    *removed = cache_folder_trim(folder, &compiler_weights_kind, most, thalweg->arena);
    const CacheFiles weights = cache_folder_list(folder, &compiler_weights_kind, thalweg->arena);
    const int64_t left = most > weights.bytes ? most - weights.bytes : 0;
    *removed += cache_folder_trim(folder, &code_file_kind, left, thalweg->arena);
    return true;
}
