/* compiler_weights.c - packed weights: where they are kept, and when they are made again.
 *
 * A file of the cache is called <model>-<layout id>-<source id>.weights, so that another model, a
 * processor with other vectors, other passes or other values never meet the wrong file; the ids
 * inside are checked all the same. Processes that make the same file at once do so under different
 * names, and the last one that renames wins.
 */
#include "frontend/compiler.h"
#include "frontend/file_stamp.h"
#include "frontend/output_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- where values come from ---- */

/* Names given in the description. */
static bool list_names(Thalweg *thalweg, const YamlNode *given, CheckpointSpec *spec) {
    if (!given) return true;
    NamePair *pair = ARENA_ARRAY(thalweg->arena, NamePair, (size_t)given->count + 1);
    bool ok = true;
    for (const YamlNode *node = given->first; node; node = node->next) {
        NamePair *name = &pair[spec->inline_count++];
        *name = (NamePair){.param = node->key, .loc = node->loc};
        ok &= yaml_read_text(node, &thalweg->diag, &name->tensor);
    }
    spec->inline_names = pair;
    return ok;
}

bool compiler_checkpoint(Thalweg *thalweg) {
    if (thalweg->checkpoint) return true;
    if (!compiler_described(thalweg)) return false;
    const WeightsSpec *weights = &thalweg->model->weights;
    CheckpointSpec spec = {.directory = thalweg->directory,
                           .file = weights->file,
                           .names = weights->names_table,
                           .synthetic = weights->is_synthetic,
                           .seed = (uint64_t)weights->synthetic,
                           .loc = weights->loc};
    if (!list_names(thalweg, weights->names_given, &spec)) return false;
    thalweg->checkpoint = checkpoint_open(thalweg->described, &spec);
    return thalweg->checkpoint != NULL;
}

/* ---- making a file ---- */

/* Into a file that is open; closes it. */
static bool pack(Thalweg *thalweg, OutputFile *file) {
    const PackInput input = {checkpoint_weights(thalweg->checkpoint),
                             checkpoint_identity(thalweg->checkpoint), thalweg->options.progress,
                             thalweg->options.progress_context};
    const bool is_packed =
        pack_write(thalweg->plan->layout, &input, file->descriptor, file->path, &thalweg->diag) &&
        compiler_progress(thalweg, "packing weights", 1);
    return output_file_close(file, is_packed, &thalweg->diag);
}

bool compiler_write_weights(Thalweg *thalweg, const char *path) {
    OutputFile file;
    if (!compiler_plan(thalweg) || !compiler_checkpoint(thalweg) ||
        !output_file_open(&file, path, &thalweg->diag))
        return false;
    file.batch = thalweg->batch;
    return pack(thalweg, &file);
}

/* ---- the cache ---- */

/* Null: there is none. */
static const char *find_cache_directory(Thalweg *thalweg) {
    const char *given = thalweg->options.cache_directory;
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (given) return *given ? given : ".";
    /* The specification of these variables says to ignore a path that is not absolute. */
    if (cache && *cache == '/') return arena_printf(thalweg->arena, "%s/thalweg", cache);
    if (home && *home == '/') return arena_printf(thalweg->arena, "%s/.cache/thalweg", home);
    return NULL;
}

bool compiler_has_cache_directory(Thalweg *thalweg) {
    return find_cache_directory(thalweg) != NULL;
}

const char *compiler_cache_directory(Thalweg *thalweg) {
    const char *directory = find_cache_directory(thalweg);
    if (directory) return directory;
    diag_error(&thalweg->diag, (Loc){0},
               "the cache has no place: neither XDG_CACHE_HOME nor HOME is a full path");
    diag_hint(&thalweg->diag, "set XDG_CACHE_HOME to a directory that can be written");
    return NULL;
}

bool compiler_make_cache(const char *path, Diag *diag) {
    return output_directory_make(path, 0700, diag) ||
           diag_hint(diag, "set XDG_CACHE_HOME to a directory that can be written");
}

static const char *cached_path(Thalweg *thalweg, const char *directory) {
    const uint64_t layout = layout_id(thalweg->plan->layout);
    const uint64_t source = checkpoint_identity(thalweg->checkpoint);
    return arena_printf(thalweg->arena, "%s/%s-%016" PRIx64 "-%016" PRIx64 ".weights", directory,
                        thalweg->model->name, layout, source);
}

/* Whether the file is of this layout and source, and as it was written. */
static TwStatus open_packed(Thalweg *thalweg, const char *path, bool verify) {
    const uint64_t layout = layout_id(thalweg->plan->layout);
    const uint64_t source = checkpoint_identity(thalweg->checkpoint);
    TwWeights *weights = NULL;
    const TwStatus status = tw_weights_open(path, layout, verify, &weights);
    if (status != TW_OK) return status;
    if (tw_weights_source_id(weights) == source) {
        thalweg->weights = weights;
        thalweg->weights_path = path;
        return TW_OK;
    }
    tw_weights_close(weights);
    return TW_WRONG_LAYOUT;
}

/* A file is read as a whole before it is used for the first time: a kernel would not notice that a
 * value is damaged. Later it is enough that nobody has written to it since. */
static bool open_cached(Thalweg *thalweg, const char *path) {
    FileStamp stamp;
    if (!file_stamp_take(path, &stamp)) return false;
    const bool is_checked = file_stamp_is_kept(path, &stamp, thalweg->arena);
    if (open_packed(thalweg, path, !is_checked) != TW_OK) return false;
    if (!is_checked) file_stamp_keep(path, &stamp, thalweg->arena);
    return true;
}

static bool make_cached(Thalweg *thalweg, const char *directory, const char *path) {
    OutputFile file;
    if (!compiler_make_cache(directory, &thalweg->diag) ||
        !output_file_open_new(&file, path, 0666, &thalweg->diag) || !pack(thalweg, &file))
        return false;
    const TwStatus status = open_packed(thalweg, path, false);
    return status == TW_OK ||
           diag_error(&thalweg->diag, (Loc){0}, "'%s', packed a moment ago, cannot be used: %s",
                      path, tw_status_text(status));
}

bool compiler_weights(Thalweg *thalweg) {
    if (thalweg->weights) return true;
    if (!compiler_plan(thalweg) || !compiler_checkpoint(thalweg)) return false;
    const char *directory = compiler_cache_directory(thalweg);
    if (!directory) return false;
    const char *path = cached_path(thalweg, directory);
    const char *what = "checking packed weights";
    if (!compiler_progress(thalweg, what, 0)) return false;
    if (!open_cached(thalweg, path)) return make_cached(thalweg, directory, path);
    return compiler_progress(thalweg, what, 1);
}
