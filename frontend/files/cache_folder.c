#include "frontend/files/cache_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- who may have written it ---- */

/* Null: nobody but this user. */
static const char *find_others(const struct stat *info) {
    if (info->st_uid != geteuid()) return "it belongs to another user";
    if (info->st_mode & (S_IWGRP | S_IWOTH)) return "others can write it";
    return NULL;
}

/* What is checked is what was opened, whatever happens to its name. */
int cache_folder_open(const char *path, const char **why) {
    struct stat info;
    *why = NULL;
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -1;
    *why = fstat(folder, &info) == 0 ? find_others(&info) : strerror(errno);
    if (!*why) return folder;
    close(folder);
    return -1;
}

static int open_quietly(int folder, const char *name) {
    /* A pipe must not block. */
    return openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

int cache_folder_file(int folder, const char *name, struct stat *info, const char **why) {
    *why = NULL;
    const int file = open_quietly(folder, name);
    if (file < 0 && errno == ELOOP) *why = "it is a symbolic link";
    if (file < 0) return -1;
    *why = fstat(file, info) == 0 ? find_others(info) : strerror(errno);
    if (!*why && !S_ISREG(info->st_mode)) *why = "it is not a regular file";
    if (!*why) return file;
    close(file);
    return -1;
}

/* ---- what is ours ---- */

static bool is_hexadecimal(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Of a name's first `length` characters, before which a model's name stands. */
static bool fits(const char *name, size_t length, const char *ending) {
    const size_t tail = strlen(ending);
    if (length <= tail) return false;
    for (size_t i = 0; i < tail; i++) {
        const char c = name[length - tail + i];
        if (ending[i] == '#' ? !is_hexadecimal(c) : c != ending[i]) return false;
    }
    return true;
}

static size_t skip_digits_back(const char *name, size_t length) {
    while (length && name[length - 1] >= '0' && name[length - 1] <= '9') length--;
    return length;
}

/* The length of X in a half-written file's name "X.12-0.part"; 0: it is no such name. */
static size_t half_written(const char *name) {
    static const char part[] = ".part";
    size_t length = strlen(name);
    if (length <= strlen(part) || strcmp(name + length - strlen(part), part) != 0) return 0;
    length -= strlen(part);
    for (const char *before = "-."; *before; before++) {
        const size_t rest = skip_digits_back(name, length);
        if (rest == length || rest < 2 || name[rest - 1] != *before) return 0;
        length = rest - 1;
    }
    return length;
}

/* Whether a file of this user begins as its kind does; one that is half-written has perhaps no more
 * than a part of that. */
static bool is_ours(int folder, const char *name, const CacheKind *kind, bool is_half,
                    struct stat *info) {
    char start[CACHE_MAGIC];
    const int file = open_quietly(folder, name);
    if (file < 0) return false;
    bool is_fine = fstat(file, info) == 0 && S_ISREG(info->st_mode) && info->st_uid == geteuid();
    const ssize_t got = is_fine ? pread(file, start, sizeof start, 0) : -1;
    is_fine =
        got >= 0 && (got == CACHE_MAGIC || is_half) && memcmp(start, kind->magic, (size_t)got) == 0;
    close(file);
    return is_fine;
}

/* Nobody writes on a file for a day. */
static bool is_left_over(const struct stat *info) {
    enum { DAY = 24 * 60 * 60 };
    return info->st_mtim.tv_sec + DAY < time(NULL);
}

static void add(CacheFiles *files, size_t *capacity, const char *name, const struct stat *info,
                Arena *arena) {
    if (files->count == *capacity) {
        CacheFile *old = files->file;
        *capacity = 2 * *capacity + 16;
        files->file = ARENA_ARRAY(arena, CacheFile, *capacity);
        if (old) memcpy(files->file, old, files->count * sizeof *old);
    }
    files->file[files->count++] =
        (CacheFile){arena_printf(arena, "%s", name), info->st_mtim, info->st_size};
    files->bytes += info->st_size;
}

static bool is_later(struct timespec a, struct timespec b) {
    return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/* When the file was used, where one beside it tells. */
static void find_use(int folder, const char *name, const CacheKind *kind, struct stat *info,
                     Arena *arena) {
    struct stat beside;
    if (kind->beside &&
        fstatat(folder, arena_printf(arena, "%s%s", name, kind->beside), &beside,
                AT_SYMLINK_NOFOLLOW) == 0 &&
        is_later(beside.st_mtim, info->st_mtim))
        info->st_mtim = beside.st_mtim;
}

CacheFiles cache_folder_list(const char *path, const CacheKind *kind, Arena *arena) {
    CacheFiles files = {0};
    size_t capacity = 0;
    DIR *directory = opendir(path);
    if (!directory) return files;
    const int folder = dirfd(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        struct stat info;
        const char *name = entry->d_name;
        const size_t half = half_written(name);
        if (!fits(name, half ? half : strlen(name), kind->ending) ||
            !is_ours(folder, name, kind, half > 0, &info))
            continue;
        if (half) {
            if (is_left_over(&info)) unlinkat(folder, name, 0);
            continue;
        }
        find_use(folder, name, kind, &info, arena);
        add(&files, &capacity, name, &info, arena);
    }
    closedir(directory);
    return files;
}

void cache_folder_remove(const char *path, const char *name, Arena *arena) {
    unlink(arena_printf(arena, "%s/%s", path, name));
}

/* ---- how much is kept ---- */

void cache_folder_hold(int file) {
    flock(file, LOCK_SH | LOCK_NB);
}

bool cache_folder_is_held(const char *path, const char *name, Arena *arena) {
    const int file = open(arena_printf(arena, "%s/%s", path, name),
                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return false;
    const bool is_held = flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(file);
    return is_held;
}

static int by_use(const void *a, const void *b) {
    const struct timespec x = ((const CacheFile *)a)->used, y = ((const CacheFile *)b)->used;
    return is_later(x, y) - is_later(y, x);
}

void cache_folder_sort(CacheFiles *files) {
    if (files->count) qsort(files->file, files->count, sizeof *files->file, by_use);
}

int64_t cache_folder_trim(const char *path, const CacheKind *kind, int64_t most, Arena *arena) {
    CacheFiles files = cache_folder_list(path, kind, arena);
    int64_t removed = 0;
    cache_folder_sort(&files);
    for (size_t i = 0; i < files.count && files.bytes - removed > most; i++) {
        const CacheFile *file = &files.file[i];
        if (cache_folder_is_held(path, file->name, arena)) continue;
        cache_folder_remove(path, file->name, arena);
        if (kind->beside)
            cache_folder_remove(path, arena_printf(arena, "%s%s", file->name, kind->beside), arena);
        removed += file->bytes;
    }
    return removed;
}
