#include "frontend/compiler/code_file.h"

#include "frontend/files/cache_folder.h"
#include "frontend/files/output_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
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

/* ---- reading ---- */

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
    struct stat info;
    const int directory = cache_folder_open(folder, why);
    if (directory < 0) return *why ? CODE_FOLDER_UNSAFE : CODE_FILE_MISSING;
    const int file = cache_folder_file(directory, name, &info, why);
    close(directory);
    if (file < 0) return *why ? CODE_FILE_UNSAFE : CODE_FILE_MISSING;
    CodeFileStatus status = CODE_FILE_MISSING;
    const size_t bytes = info.st_size <= CODE_FILES_MOST_BYTES ? (size_t)info.st_size : 0;
    char *copy = ARENA_ARRAY(arena, char, bytes + 1);
    if (read_all(file, copy, bytes) && code_file_parse((Bytes){copy, bytes}, key, object)) {
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

const CacheKind code_file_kind = {"-" CACHE_HASH CACHE_HASH CODE_FILE_ENDING, CODE_FILE_MAGIC,
                                  NULL};

void code_files_trim(const char *folder, int64_t most) {
    Arena *arena = arena_create();
    cache_folder_trim(folder, &code_file_kind, most, arena);
    arena_destroy(arena);
}
