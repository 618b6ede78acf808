#include "frontend/code_file.h"

#include "frontend/output_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

typedef struct {
    char magic[8];
    uint32_t version;
    uint32_t header_bytes;
    uint64_t key_bytes, object_bytes;
    uint64_t checksum[2]; /* of the header before it, the key and the object */
} Header;
_Static_assert(sizeof(Header) == CODE_FILE_HEADER && offsetof(Header, checksum) == 32,
               "the header has no gaps");

static XXH128_hash_t sum_up(const Header *header, Bytes key, Bytes object) {
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    XXH3_128bits_update(&state, header, offsetof(Header, checksum));
    XXH3_128bits_update(&state, key.data, key.count);
    XXH3_128bits_update(&state, object.data, object.count);
    return XXH3_128bits_digest(&state);
}

const char *code_file_name(const char *model, Bytes key, Arena *arena) {
    const XXH128_hash_t hash = XXH3_128bits(key.data, key.count);
    return arena_printf(arena, "%s-%016" PRIx64 "%016" PRIx64 CODE_FILE_ENDING, model,
                        (uint64_t)hash.high64, (uint64_t)hash.low64);
}

/* ---- what is in a file ---- */

bool code_file_parse(Bytes file, Bytes key, Bytes *object) {
    Header header;
    if (file.count < sizeof header) return false;
    memcpy(&header, file.data, sizeof header);
    const size_t rest = file.count - sizeof header;
    if (memcmp(header.magic, CODE_FILE_MAGIC, sizeof header.magic) != 0 ||
        header.version != CODE_FILE_VERSION || header.header_bytes != sizeof header ||
        header.key_bytes != key.count || key.count > rest ||
        header.object_bytes != rest - key.count || header.object_bytes == 0)
        return false;
    const Bytes own_key = {file.data + sizeof header, key.count};
    const Bytes code = {own_key.data + key.count, rest - key.count};
    const XXH128_hash_t sum = sum_up(&header, own_key, code);
    if (memcmp(own_key.data, key.data, key.count) != 0 || header.checksum[0] != sum.low64 ||
        header.checksum[1] != sum.high64)
        return false;
    *object = code;
    return true;
}

/* ---- who may have written it ---- */

/* Null: nobody but this user. */
static const char *find_others(const struct stat *info) {
    if (info->st_uid != geteuid()) return "it belongs to another user";
    if (info->st_mode & (S_IWGRP | S_IWOTH)) return "others can write it";
    return NULL;
}

/* -1: *status says why. What is checked is what was opened, whatever happens to its name. */
static int open_folder(const char *path, CodeFileStatus *status, const char **why) {
    struct stat info;
    *status = CODE_FILE_MISSING;
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -1;
    *why = fstat(folder, &info) == 0 ? find_others(&info) : strerror(errno);
    if (!*why) return folder;
    *status = CODE_FOLDER_UNSAFE;
    close(folder);
    return -1;
}

static int open_file(int folder, const char *name, off_t *bytes, CodeFileStatus *status,
                     const char **why) {
    struct stat info;
    *status = CODE_FILE_MISSING;
    /* A pipe must not block. */
    const int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0 && errno == ELOOP) {
        *why = "it is a symbolic link";
        *status = CODE_FILE_UNSAFE;
    }
    if (file < 0) return -1;
    *why = fstat(file, &info) == 0 ? find_others(&info) : strerror(errno);
    if (!*why && !S_ISREG(info.st_mode)) *why = "it is not a regular file";
    if (*why) {
        *status = CODE_FILE_UNSAFE;
    } else if (info.st_size <= CODE_FILES_MOST_BYTES) {
        *bytes = info.st_size;
        return file;
    }
    close(file);
    return -1;
}

static bool read_all(int file, char *out, size_t count) {
    for (size_t done = 0; done < count;) {
        const ssize_t got = read(file, out + done, count - done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        done += (size_t)got;
    }
    return true;
}

CodeFileStatus code_file_read(const char *folder, const char *name, Bytes key, Arena *arena,
                              Bytes *object, const char **why) {
    CodeFileStatus status;
    off_t bytes = 0;
    const int directory = open_folder(folder, &status, why);
    if (directory < 0) return status;
    const int file = open_file(directory, name, &bytes, &status, why);
    close(directory);
    if (file < 0) return status;
    char *copy = ARENA_ARRAY(arena, char, (size_t)bytes + 1);
    if (read_all(file, copy, (size_t)bytes) &&
        code_file_parse((Bytes){copy, (size_t)bytes}, key, object)) {
        status = CODE_FILE_FOUND;
        futimens(file, NULL); /* what cannot be marked as used goes a little earlier */
    }
    close(file);
    return status;
}

/* ---- keeping ---- */

static void put(OutputFile *file, const void *bytes, size_t count) {
    if (fwrite(bytes, 1, count, file->stream) != count && !file->error) file->error = EIO;
}

bool code_file_write(const char *folder, const char *name, Bytes key, Bytes object, Diag *diag) {
    Header header = {.version = CODE_FILE_VERSION,
                     .header_bytes = sizeof header,
                     .key_bytes = key.count,
                     .object_bytes = object.count};
    memcpy(header.magic, CODE_FILE_MAGIC, sizeof header.magic);
    const XXH128_hash_t sum = sum_up(&header, key, object);
    header.checksum[0] = sum.low64;
    header.checksum[1] = sum.high64;
    OutputFile file;
    const char *path = arena_printf(diag->arena, "%s/%s", folder, name);
    if (!output_file_open_new(&file, path, 0600, diag)) return false;
    put(&file, &header, sizeof header);
    put(&file, key.data, key.count);
    put(&file, object.data, object.count);
    return output_file_close(&file, true, diag);
}

/* ---- how many are kept ---- */

typedef struct {
    char *name;
    struct timespec used;
    int64_t bytes;
} KeptFile;

typedef struct {
    Arena *arena;
    KeptFile *file;
    size_t count, capacity;
    int64_t bytes;
} KeptFiles;

static bool has_ending(const char *name, const char *ending) {
    const size_t length = strlen(name), tail = strlen(ending);
    return length > tail && strcmp(name + length - tail, ending) == 0;
}

static void add(KeptFiles *files, const char *name, const struct stat *info) {
    if (files->count == files->capacity) {
        KeptFile *old = files->file;
        files->capacity = 2 * files->capacity + 16;
        files->file = ARENA_ARRAY(files->arena, KeptFile, files->capacity);
        if (old) memcpy(files->file, old, files->count * sizeof *old);
    }
    files->file[files->count++] =
        (KeptFile){arena_printf(files->arena, "%s", name), info->st_mtim, info->st_size};
    files->bytes += info->st_size;
}

static int by_use(const void *a, const void *b) {
    const struct timespec x = ((const KeptFile *)a)->used, y = ((const KeptFile *)b)->used;
    if (x.tv_sec != y.tv_sec) return x.tv_sec < y.tv_sec ? -1 : 1;
    return (x.tv_nsec > y.tv_nsec) - (x.tv_nsec < y.tv_nsec);
}

/* Nobody writes on a file for a day. */
static bool is_left_over(const char *name, const struct stat *info) {
    enum { DAY = 24 * 60 * 60 };
    return strstr(name, CODE_FILE_ENDING ".") && has_ending(name, ".part") &&
           info->st_mtim.tv_sec + DAY < time(NULL);
}

static void list_files(DIR *directory, KeptFiles *files) {
    for (struct dirent *entry; (entry = readdir(directory));) {
        struct stat info;
        const char *name = entry->d_name;
        if (fstatat(dirfd(directory), name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            continue;
        if (has_ending(name, CODE_FILE_ENDING))
            add(files, name, &info);
        else if (is_left_over(name, &info))
            unlinkat(dirfd(directory), name, 0);
    }
}

void code_files_trim(const char *folder, int64_t most) {
    DIR *directory = opendir(folder);
    if (!directory) return;
    KeptFiles files = {.arena = arena_create()};
    list_files(directory, &files);
    if (files.count) qsort(files.file, files.count, sizeof *files.file, by_use);
    for (size_t i = 0; i < files.count && files.bytes > most; i++) {
        /* One that is gone was removed by another process, which made the same room. */
        unlinkat(dirfd(directory), files.file[i].name, 0);
        files.bytes -= files.file[i].bytes;
    }
    arena_destroy(files.arena);
    closedir(directory);
}
