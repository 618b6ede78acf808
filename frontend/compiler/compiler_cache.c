/* compiler_cache.c - the folder where packed weights, compiled code and what was tuned are kept.
 *
 * Nothing depends on it: what cannot be kept, or is not safe to be used, is made for this run
 * alone, with a warning.
 */
#include "frontend/compiler/compiler.h"
#include "frontend/files/output_file.h"

#include <stdlib.h>

const char *compiler_cache_directory(Thalweg *thalweg) {
    const char *given = thalweg->options.cache_directory;
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (given) return *given ? given : ".";
    /* The specification of these variables says to ignore a path that is not absolute. */
    if (cache && *cache == '/') return arena_printf(thalweg->arena, "%s/thalweg", cache);
    if (home && *home == '/') return arena_printf(thalweg->arena, "%s/.cache/thalweg", home);
    return NULL;
}

int64_t compiler_cache_most(const Thalweg *thalweg) {
    enum { USUAL_GIGABYTES = 64 };
    const int64_t most = thalweg->options.cache_bytes;
    return most > 0 ? most : USUAL_GIGABYTES * INT64_C(1000000000);
}

bool compiler_make_cache(const char *path, Diag *diag) {
    return output_directory_make(path, 0700, diag);
}

void compiler_warn_unsafe_file(Thalweg *thalweg, const char *directory, const char *name,
                               const char *why) {
    diag_warning(&thalweg->diag, (Loc){0}, "'%s/%s' is not used: %s", directory, name, why);
    diag_hint(&thalweg->diag, "it is replaced; see who could write there");
}

static bool is_first_warning(Thalweg *thalweg) {
    const bool is_first = !thalweg->is_cache_warned;
    thalweg->is_cache_warned = true;
    return is_first;
}

void compiler_warn_unsafe_cache(Thalweg *thalweg, const char *directory, const char *why) {
    if (!is_first_warning(thalweg)) return;
    diag_warning(&thalweg->diag, (Loc){0}, "nothing is kept in '%s': %s", directory, why);
    diag_hint(&thalweg->diag,
              "make it your own directory (chmod go-w), or take another one (--cache)");
}

void compiler_warn_not_kept(Thalweg *thalweg, const char *what, const char *why) {
    if (!is_first_warning(thalweg)) return;
    diag_warning(&thalweg->diag, (Loc){0}, "%s: %s", what, why);
    diag_hint(&thalweg->diag, "it is made again the next time; --cache or XDG_CACHE_HOME names a "
                              "directory that can be written");
}
