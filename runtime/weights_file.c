/* weights_file.c - opens packed weights: everything is checked before the first use.
 *
 * The header is read, not looked at through the map, so that only bytes known to exist are touched.
 * The map is private and read-only; a file replaced by a rename keeps its old contents here.
 */
#include "runtime/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(sizeof(WeightsHeader) == 56 && offsetof(WeightsHeader, header_checksum) == 48,
               "the header has no gaps");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "packed weights are little-endian and used as they lie");

static uint64_t header_checksum(const WeightsHeader *header) {
    return XXH3_64bits(header, offsetof(WeightsHeader, header_checksum));
}

/* ---- the checksum of the data ---- */

/* By the thread that calls: who opens weights has asked for no others, and may have none, as the
 * child of a fork. */
bool tw_weights_checksum(const char *data, uint64_t bytes, uint64_t *sum) {
    const uint64_t chunks = (bytes + TW_WEIGHTS_CHUNK - 1) / TW_WEIGHTS_CHUNK;
    uint64_t *sums = calloc((size_t)chunks + 1, sizeof *sums);
    if (!sums) return false;
    for (uint64_t i = 0; i < chunks; i++) {
        const uint64_t start = i * TW_WEIGHTS_CHUNK, left = bytes - start;
        sums[i] = XXH3_64bits(data + start, left < TW_WEIGHTS_CHUNK ? left : TW_WEIGHTS_CHUNK);
    }
    *sum = XXH3_64bits(sums, (size_t)chunks * sizeof *sums);
    free(sums);
    return true;
}

/* ---- the header ---- */

void tw_weights_header_seal(WeightsHeader *header) {
    memcpy(header->magic, TW_WEIGHTS_MAGIC, sizeof header->magic);
    header->version = TW_WEIGHTS_VERSION;
    header->header_checksum = header_checksum(header);
}

/* Reads `bytes` from the start of the file; false when it has fewer. */
static bool read_start(int file, char *buffer, size_t bytes) {
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = pread(file, buffer + done, bytes - done, (off_t)done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        done += (size_t)got;
    }
    return true;
}

static bool is_zero(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != 0) return false;
    return true;
}

/* The first bytes of a file of so many. Magic first and size last: the status names what is
 * furthest from a file of ours. */
static TwStatus check_start(const char *start, size_t available, uint64_t file_bytes,
                            uint64_t layout_id, WeightsHeader *header) {
    if (memcmp(start, TW_WEIGHTS_MAGIC, sizeof header->magic) != 0) return TW_NOT_WEIGHTS;
    if (available < TW_WEIGHTS_DATA) return TW_BAD_SIZE;
    memcpy(header, start, sizeof *header);
    if (header->version != TW_WEIGHTS_VERSION) return TW_BAD_VERSION;
    if (header->header_checksum != header_checksum(header)) return TW_BAD_CHECKSUM;
    if (!is_zero(start + sizeof *header, TW_WEIGHTS_DATA - sizeof *header)) return TW_BAD_CHECKSUM;
    if (header->data_bytes != file_bytes - TW_WEIGHTS_DATA) return TW_BAD_SIZE;
    return layout_id != 0 && header->layout_id != layout_id ? TW_WRONG_LAYOUT : TW_OK;
}

static TwStatus check_header(int file, uint64_t file_bytes, uint64_t layout_id,
                             WeightsHeader *header) {
    char start[TW_WEIGHTS_DATA];
    const size_t available = file_bytes < sizeof start ? (size_t)file_bytes : sizeof start;
    if (available < sizeof header->magic) return TW_NOT_WEIGHTS;
    if (!read_start(file, start, available)) return TW_CANNOT_OPEN;
    return check_start(start, available, file_bytes, layout_id, header);
}

static TwStatus map_file(int file, uint64_t file_bytes, TwWeights *weights) {
    if (file_bytes > PTRDIFF_MAX) return TW_BAD_SIZE;
    weights->map_bytes = (size_t)file_bytes;
    weights->map = mmap(NULL, weights->map_bytes, PROT_READ, MAP_PRIVATE, file, 0);
    if (weights->map == MAP_FAILED) return errno == ENOMEM ? TW_NO_MEMORY : TW_CANNOT_OPEN;
    weights->data = (const char *)weights->map + TW_WEIGHTS_DATA;
    /* Both are hints; where the kernel cannot follow them nothing is lost. */
    madvise(weights->map, weights->map_bytes, MADV_WILLNEED);
#ifdef MADV_HUGEPAGE
    madvise(weights->map, weights->map_bytes, MADV_HUGEPAGE);
#endif
    return TW_OK;
}

static TwStatus open_file(int file, uint64_t layout_id, bool verify, TwWeights *weights) {
    struct stat info;
    if (fstat(file, &info) != 0) return TW_CANNOT_OPEN;
    if (!S_ISREG(info.st_mode)) return TW_NOT_WEIGHTS;

    const WeightsHeader *header = &weights->header;
    const uint64_t file_bytes = (uint64_t)info.st_size;
    TwStatus status = check_header(file, file_bytes, layout_id, &weights->header);
    if (status == TW_OK) status = map_file(file, file_bytes, weights);
    if (status != TW_OK || !verify) return status;
    uint64_t checksum = 0;
    status = TW_NO_MEMORY;
    if (tw_weights_checksum(weights->data, header->data_bytes, &checksum))
        status = checksum == header->data_checksum ? TW_OK : TW_BAD_CHECKSUM;
    if (status != TW_OK) munmap(weights->map, weights->map_bytes);
    return status;
}

static int open_path(const char *path) {
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not block */
}

TwStatus tw_weights_open_file(TwWeights *weights, const char *path, uint64_t layout_id,
                              bool verify) {
    const int file = open_path(path);
    if (file < 0) return TW_CANNOT_OPEN;
    const TwStatus status = open_file(file, layout_id, verify, weights);
    close(file);
    return status;
}

TwStatus tw_weights_open_bytes(TwWeights *weights, const void *file, uint64_t bytes,
                               uint64_t layout_id) {
    if ((uintptr_t)file % TW_WEIGHTS_ALIGNMENT) return TW_BAD_ARGUMENT;
    if (bytes < sizeof weights->header.magic) return TW_NOT_WEIGHTS;
    const size_t available = bytes < TW_WEIGHTS_DATA ? (size_t)bytes : TW_WEIGHTS_DATA;
    weights->map = NULL;
    weights->data = (const char *)file + TW_WEIGHTS_DATA;
    return check_start(file, available, bytes, layout_id, &weights->header);
}

void tw_weights_unmap(TwWeights *weights) {
    if (weights->map) munmap(weights->map, weights->map_bytes);
}

TwStatus tw_weights_check(const TwWeights *weights, const TwProgram *program) {
    if (weights->header.layout_id != program->layout_id) return TW_WRONG_LAYOUT;
    return weights->header.data_bytes >= program->weight_bytes ? TW_OK : TW_BAD_SIZE;
}

/* ---- the same, with memory of its own ---- */

TwStatus tw_weights_open_descriptor(int file, uint64_t layout_id, bool verify, TwWeights **out) {
    *out = NULL;
    TwWeights *weights = calloc(1, sizeof *weights);
    if (!weights) return TW_NO_MEMORY;
    const TwStatus status = open_file(file, layout_id, verify, weights);
    if (status == TW_OK)
        *out = weights;
    else
        free(weights);
    return status;
}

TwStatus tw_weights_open(const char *path, uint64_t layout_id, bool verify, TwWeights **out) {
    if (!out) return TW_BAD_ARGUMENT;
    *out = NULL;
    if (!path) return TW_BAD_ARGUMENT;
    const int file = open_path(path);
    if (file < 0) return TW_CANNOT_OPEN;
    const TwStatus status = tw_weights_open_descriptor(file, layout_id, verify, out);
    close(file);
    return status;
}

void tw_weights_close(TwWeights *weights) {
    if (!weights) return;
    tw_weights_unmap(weights);
    free(weights);
}

const char *tw_weights_data(const TwWeights *weights) {
    return weights->data;
}

uint64_t tw_weights_bytes(const TwWeights *weights) {
    return weights->header.data_bytes;
}

uint64_t tw_weights_layout_id(const TwWeights *weights) {
    return weights->header.layout_id;
}

uint64_t tw_weights_source_id(const TwWeights *weights) {
    return weights->header.source_id;
}
