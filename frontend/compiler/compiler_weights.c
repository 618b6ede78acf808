/* compiler_weights.c - packed weights: where they are kept, and when they are made again.
 *
 * A file of the cache is called <model>-<layout id>-<origin>-<source id>.weights, so that another
 * model, a processor with other vectors, other passes or other values never meet the wrong file;
 * the ids inside are checked all the same. Files that differ in the source alone were made of
 * versions of one checkpoint, of which the newest is kept. Processes that make the same file at
 * once do so under different names, and the last one that renames wins. Where none can be kept,
 * they are packed into a file without a name.
 */
#include "codegen/pack/pack.h"
#include "frontend/compiler/compiler.h"
#include "frontend/files/cache_folder.h"
#include "frontend/files/file_stamp.h"
#include "frontend/files/output_file.h"
#include "runtime/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool compiler_checkpoint(Thalweg *thalweg) {
    return compiler_described(thalweg) && compiler_open_checkpoint(thalweg);
}

/* ---- making a file ---- */

/* Of a file that is written to meanwhile a part may be old and another new. */
static bool check_unchanged(Thalweg *thalweg) {
    if (checkpoint_is_unchanged(thalweg->checkpoint)) return true;
    diag_error(&thalweg->diag, thalweg->model->weights.loc,
               "the weights were changed while they were read");
    return diag_hint(&thalweg->diag, "replace them by renaming another file over them; try again");
}

static bool pack(Thalweg *thalweg, int file, const char *name) {
    const PackInput input = {compiler_values(thalweg),
                             compiler_values_identity(thalweg), thalweg->options.progress,
                             thalweg->options.progress_context, compiler_threads(thalweg)};
    return pack_write(thalweg->plan->layout, &input, file, name, &thalweg->diag) &&
           check_unchanged(thalweg) && compiler_progress(thalweg, "packing weights", 1);
}

/* Into a file that is open; closes it. */
static bool pack_output(Thalweg *thalweg, OutputFile *file) {
    const bool is_packed = pack(thalweg, file->descriptor, file->path);
    return output_file_close(file, is_packed, &thalweg->diag);
}

bool compiler_write_weights(Thalweg *thalweg, const char *path) {
    OutputFile file;
    if (!compiler_plan(thalweg) || !compiler_checkpoint(thalweg) ||
        !output_file_open(&file, path, &thalweg->diag))
        return false;
    file.batch = thalweg->batch;
    return pack_output(thalweg, &file);
}

/* Room on the disk for all that is to be packed; 0, or errno. Where it cannot be asked for, it is
 * supposed to be there. */
static int reserve(const Thalweg *thalweg, int file) {
    if (fallocate(file, 0, 0, (off_t)layout_file_bytes(thalweg->plan->layout)) == 0) return 0;
    return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : errno;
}

/* Whether the file is of this layout and source, and as it was written. */
static TwStatus open_packed(Thalweg *thalweg, int file, bool verify) {
    const uint64_t layout = layout_id(thalweg->plan->layout);
    const uint64_t source = compiler_values_identity(thalweg);
    TwWeights *weights = NULL;
    const TwStatus status = tw_weights_open_descriptor(file, layout, verify, &weights);
    if (status != TW_OK) return status;
    if (tw_weights_source_id(weights) == source) {
        thalweg->weights = weights;
        return TW_OK;
    }
    tw_weights_close(weights);
    return TW_WRONG_LAYOUT;
}

static bool open_new(Thalweg *thalweg, int file, const char *name) {
    const TwStatus status = open_packed(thalweg, file, false);
    return status == TW_OK ||
           diag_error(&thalweg->diag, (Loc){0}, "'%s', packed a moment ago, cannot be used: %s",
                      name, tw_status_text(status));
}

/* ---- the cache ---- */

typedef struct {
    const char *folder; /* null: nothing is kept */
    const char *origin; /* with which names of all versions begin */
    const char *name, *path;
} Place;

static Place find_place(Thalweg *thalweg) {
    Arena *arena = thalweg->arena;
    Place place = {.folder = compiler_cache_directory(thalweg)};
    place.origin =
        arena_printf(arena, "%s-%016" PRIx64 "-%016" PRIx64 "-", thalweg->model->name,
                     layout_id(thalweg->plan->layout), checkpoint_origin(thalweg->checkpoint));
    place.name = arena_printf(arena, "%s%016" PRIx64 ".weights", place.origin,
                              compiler_values_identity(thalweg));
    if (place.folder)
        place.path = arena_printf(arena, "%s/%s", place.folder, place.name);
    else
        compiler_warn_not_kept(thalweg, "the packed weights are not kept",
                               "neither XDG_CACHE_HOME nor HOME is a full path");
    return place;
}

/* A file is read as a whole before it is used for the first time: a kernel would not notice that a
 * value is damaged. Later it is enough that nobody has written to it since. */
static bool open_checked(Thalweg *thalweg, int file, const char *path) {
    FileStamp stamp;
    if (!file_stamp_take(path, &stamp)) return false;
    const bool is_checked = file_stamp_is_kept(path, &stamp, thalweg->arena);
    if (open_packed(thalweg, file, !is_checked) != TW_OK) return false;
    if (!is_checked) file_stamp_keep(path, &stamp, thalweg->arena);
    return true;
}

/* The file of the weights stays open, so that no process trims it away. */
static void hold(Thalweg *thalweg, int file) {
    cache_folder_hold(file);
    thalweg->held = file;
    thalweg->is_held = true;
}

/* Where the folder is not safe, nothing is to be kept in it either. */
static bool open_kept(Thalweg *thalweg, Place *place) {
    const char *why = NULL;
    struct stat info;
    if (!place->folder) return false;
    const int folder = cache_folder_open(place->folder, &why);
    if (why) {
        compiler_warn_unsafe_cache(thalweg, place->folder, why);
        place->folder = NULL;
    }
    if (folder < 0) return false;
    const int file = cache_folder_file(folder, place->name, &info, &why);
    close(folder);
    if (why) compiler_warn_unsafe_file(thalweg, place->folder, place->name, why);
    if (file < 0) return false;
    if (!open_checked(thalweg, file, place->path)) {
        close(file);
        return false;
    }
    hold(thalweg, file);
    return true;
}

/* What is half-written says what it is from its first bytes on, so that it can be told from other
 * files when its writer was killed. False: there is no place for it, which is said. */
static bool begin_kept(Thalweg *thalweg, const Place *place, OutputFile *file) {
    Diag diag = {.arena = thalweg->arena};
    const char *why;
    if (!place->folder) return false;
    if (!compiler_make_cache(place->folder, &diag) ||
        !output_file_open_new(file, place->path, 0600, &diag)) {
        why = diag.first->message;
    } else {
        const ssize_t begun = pwrite(file->descriptor, TW_WEIGHTS_MAGIC, CACHE_MAGIC, 0);
        const int error = begun < 0 ? errno : reserve(thalweg, file->descriptor);
        if (!error) return true;
        output_file_close(file, false, &diag);
        why = arena_printf(thalweg->arena, "'%s' cannot be written: %s", place->path,
                           strerror(error));
    }
    compiler_warn_not_kept(thalweg, "the packed weights are not kept", why);
    return false;
}

#define WEIGHTS_NAME "-" CACHE_HASH "-" CACHE_HASH "-" CACHE_HASH ".weights"
const CacheKind compiler_weights_kind = {WEIGHTS_NAME, TW_WEIGHTS_MAGIC, FILE_STAMP_ENDING};

/* Packed files of other versions of the checkpoint, which nobody will ask for again: who has one
 * open keeps it. */
static void remove_older(Thalweg *thalweg, const Place *place) {
    static const CacheKind stamp_kind = {WEIGHTS_NAME FILE_STAMP_ENDING, FILE_STAMP_MAGIC, NULL};
    const CacheKind *const kinds[] = {&compiler_weights_kind, &stamp_kind};
    for (int k = 0; k < 2; k++) {
        const CacheFiles files = cache_folder_list(place->folder, kinds[k], thalweg->arena);
        for (size_t i = 0; i < files.count; i++) {
            const char *name = files.file[i].name;
            if (strncmp(name, place->origin, strlen(place->origin)) == 0 &&
                strncmp(name, place->name, strlen(place->name)) != 0)
                cache_folder_remove(place->folder, name, thalweg->arena);
        }
    }
}

static bool make_kept(Thalweg *thalweg, const Place *place, OutputFile *output) {
    if (!pack_output(thalweg, output)) return false;
    remove_older(thalweg, place);
    const int file = open(place->path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return diag_error(&thalweg->diag, (Loc){0}, "'%s', packed a moment ago, cannot be read: %s",
                          place->path, strerror(errno));
    if (!open_new(thalweg, file, place->path)) {
        close(file);
        return false;
    }
    hold(thalweg, file);
    cache_folder_trim(place->folder, &compiler_weights_kind, compiler_cache_most(thalweg),
                      thalweg->arena);
    return true;
}

/* ---- without a cache ---- */

/* A file that is gone with the process, however that ends, and has room for the weights: on a disk,
 * or else in memory. -1: errno. */
static int open_nameless(const Thalweg *thalweg) {
    const char *folder = getenv("TMPDIR");
    int file = open(folder && *folder ? folder : "/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (file >= 0 && reserve(thalweg, file) == 0) return file;
    if (file >= 0) close(file);
    file = memfd_create("thalweg weights", MFD_CLOEXEC);
    const int error = file < 0 ? errno : reserve(thalweg, file);
    if (!error) return file;
    if (file >= 0) close(file);
    errno = error;
    return -1;
}

static bool make_nameless(Thalweg *thalweg) {
    static const char name[] = "the temporary file of packed weights";
    const int file = open_nameless(thalweg);
    if (file < 0) {
        diag_error(&thalweg->diag, (Loc){0}, "there is no room for packed weights: %s",
                   strerror(errno));
        return diag_hint(&thalweg->diag, "%.1f MB are needed in the cache, or in $TMPDIR",
                         (double)layout_file_bytes(thalweg->plan->layout) * 1e-6);
    }
    const bool is_open = pack(thalweg, file, name) && open_new(thalweg, file, name);
    close(file);
    return is_open;
}

bool compiler_weights(Thalweg *thalweg) {
    if (thalweg->weights) return true;
    if (!compiler_plan(thalweg) || !compiler_checkpoint(thalweg)) return false;
    Place place = find_place(thalweg);
    OutputFile file;
    const char *what = "checking packed weights";
    if (!compiler_progress(thalweg, what, 0)) return false;
    if (open_kept(thalweg, &place)) return compiler_progress(thalweg, what, 1);
    if (begin_kept(thalweg, &place, &file)) return make_kept(thalweg, &place, &file);
    return make_nameless(thalweg);
}
