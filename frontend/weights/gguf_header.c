/* gguf_header.c - reads forward through a header whose end nobody knows before.
 *
 * Each length from the file is compared with what is left of it before anything is read or
 * reserved, so that a few bytes cannot ask for more memory than they take themselves, but for a
 * constant factor.
 */
#include "frontend/weights/gguf_header.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    START_BYTES = 24,     /* magic, version, two counts */
    LEAST_PAIR = 14,      /* bytes: a key of one letter, a type, a value of one byte */
    LEAST_TENSOR = 25,    /* bytes: a name of one letter, a rank of 0, a type, an offset */
    FIRST_READ = 1 << 20, /* bytes; then twice as many each time */
    MAX_PAIRS = 1 << 16,
    MAX_TENSORS = 1 << 20,
    MAX_DEPTH = 8,   /* of arrays */
    MAX_KEY = 65535, /* bytes */
    MAX_NAME = 64,
    MAX_RANK = 4,
    ALIGNMENT = 32, /* unless `general.alignment` says otherwise */
    MAX_ALIGNMENT = 1 << 30
};

typedef struct {
    const StoredFile *file;
    Arena *arena;
    Diag *diag;
    uint8_t *bytes; /* of the header, as far as it has been read; moves as it grows */
    uint64_t have, at;
    const char *where; /* what is being read, for messages */
} Reader;

static bool broken(const Reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool broken(const Reader *r, const char *format, ...) {
    char message[256];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return diag_error(r->diag, r->file->loc, "%s: %s at byte %" PRIu64, r->where, message, r->at);
}

/* ---- bytes ---- */

/* Reads on until there are `count` bytes from here. False: reported. */
static bool need(Reader *r, uint64_t count) {
    if (count <= r->have - r->at) return true;
    if (count > r->file->length - r->at) {
        broken(r, "expected %" PRIu64 " bytes, found %" PRIu64, count, r->file->length - r->at);
        return diag_hint(r->diag, "the file has been cut off, or is broken: fetch it again");
    }
    if (count > GGUF_MAX_HEADER - r->at)
        return broken(r, "expected a header of at most %d bytes, found %" PRIu64 " more",
                      (int)GGUF_MAX_HEADER, count);
    uint64_t wanted = r->have ? 2 * r->have : FIRST_READ;
    if (wanted < r->at + count) wanted = r->at + count;
    if (wanted > r->file->length) wanted = r->file->length;
    uint8_t *grown = realloc(r->bytes, (size_t)wanted);
    if (!grown) return broken(r, "out of memory");
    r->bytes = grown;
    if (!stored_file_read(r->file, r->have, (size_t)(wanted - r->have), grown + r->have))
        return stored_file_report_cut_off(r->file, r->diag);
    r->have = wanted;
    return true;
}

static bool read_number(Reader *r, uint64_t bytes, uint64_t *out) {
    if (!need(r, bytes)) return false;
    *out = gguf_number(r->bytes + r->at, bytes);
    r->at += bytes;
    return true;
}

/* A key or a name: in the arena, with an end. */
static bool read_name(Reader *r, uint64_t longest, const char **out) {
    uint64_t length;
    if (!read_number(r, 8, &length)) return false;
    if (length == 0 || length > longest)
        return broken(r, "expected a name of 1 to %" PRIu64 " bytes, found %" PRIu64, longest,
                      length);
    if (!need(r, length)) return false;
    const uint8_t *bytes = r->bytes + r->at;
    if (memchr(bytes, '\0', (size_t)length)) return broken(r, "found a name with a zero byte");
    char *name = ARENA_ARRAY(r->arena, char, (size_t)length + 1);
    memcpy(name, bytes, (size_t)length);
    r->at += length;
    *out = name;
    return true;
}

/* ---- values ---- */

static bool read_type(Reader *r, GgufType *type) {
    uint64_t number;
    if (!read_number(r, 4, &number)) return false;
    *type = (GgufType)number;
    return number < GGUF_TYPE_COUNT ||
           broken(r, "found a value of the unknown type %" PRIu64, number);
}

static bool check_flags(const Reader *r, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        if (r->bytes[r->at + i] > 1)
            return broken(r, "expected 0 or 1 as a bool, found %d", r->bytes[r->at + i]);
    return true;
}

static bool skip_value(Reader *r, GgufType type, int depth);

/* `count` values of a fixed size. */
static bool skip_numbers(Reader *r, GgufType type, uint64_t count) {
    uint64_t bytes;
    if (__builtin_mul_overflow(count, gguf_type_bytes(type), &bytes))
        return broken(r, "an array of %" PRIu64 " elements is too long", count);
    if (!need(r, bytes) || (type == GGUF_bool && !check_flags(r, count))) return false;
    r->at += bytes;
    return true;
}

static bool skip_array(Reader *r, int depth) {
    GgufType element;
    uint64_t count;
    if (depth > MAX_DEPTH) return broken(r, "arrays are nested more than %d deep", (int)MAX_DEPTH);
    if (!read_type(r, &element) || !read_number(r, 8, &count)) return false;
    if (gguf_type_bytes(element)) return skip_numbers(r, element, count);
    for (uint64_t i = 0; i < count; i++)
        if (!skip_value(r, element, depth)) return false;
    return true;
}

static bool skip_value(Reader *r, GgufType type, int depth) {
    uint64_t length;
    if (type == GGUF_array) return skip_array(r, depth + 1);
    if (type != GGUF_string) return skip_numbers(r, type, 1);
    if (!read_number(r, 8, &length) || !need(r, length)) return false;
    r->at += length;
    return true;
}

/* ---- pairs ---- */

static int compare_pairs(const void *a, const void *b) {
    return strcmp(((const GgufPair *)a)->key, ((const GgufPair *)b)->key);
}

const GgufValue *gguf_find_pair(const GgufPair *pair, int count, const char *key) {
    const GgufPair wanted = {.key = key};
    const GgufPair *found =
        count ? bsearch(&wanted, pair, (size_t)count, sizeof *pair, compare_pairs) : NULL;
    return found ? &found->value : NULL;
}

/* `place` of a pair: where its value is, its type before it. */
static bool read_pair(Reader *r, GgufPair *pair, uint64_t *place) {
    r->where = "metadata";
    if (!read_name(r, MAX_KEY, &pair->key)) return false;
    r->where = arena_printf(r->arena, "metadata '%s'", stored_show_name(pair->key, r->arena));
    if (!read_type(r, &pair->value.type)) return false;
    *place = r->at;
    return skip_value(r, pair->value.type, 0);
}

/* The header does not move any more. */
static void find_value(const Reader *r, uint64_t place, GgufPair *pair) {
    const GgufValue one = {
        .type = GGUF_array, .element = pair->value.type, .count = 1, .bytes = r->bytes + place};
    GgufArray array = gguf_elements(&one);
    gguf_next(&array, &pair->value);
}

static bool check_keys(Reader *r, const GgufHeader *header) {
    r->where = "metadata";
    for (int i = 1; i < header->pair_count; i++)
        if (strcmp(header->pair[i - 1].key, header->pair[i].key) == 0)
            return diag_error(r->diag, r->file->loc, "metadata: '%s' is there twice",
                              stored_show_name(header->pair[i].key, r->diag->arena));
    return true;
}

static bool read_pairs(Reader *r, GgufHeader *header, uint64_t **places) {
    *places = ARENA_ARRAY(r->arena, uint64_t, (size_t)header->pair_count + 1);
    header->pair = ARENA_ARRAY(r->arena, GgufPair, (size_t)header->pair_count + 1);
    for (int i = 0; i < header->pair_count; i++)
        if (!read_pair(r, &header->pair[i], &(*places)[i])) return false;
    return true;
}

/* ---- tensors ---- */

static bool read_shape(Reader *r, StoredTensor *tensor) {
    uint64_t rank, length;
    if (!read_number(r, 4, &rank)) return false;
    if (rank > MAX_RANK)
        return broken(r, "expected at most %d dimensions, found %" PRIu64, (int)MAX_RANK, rank);
    tensor->rank = (int)rank;
    for (int i = tensor->rank - 1; i >= 0; i--) { /* the innermost stands first */
        if (!read_number(r, 8, &length)) return false;
        if (length > INT64_MAX) return broken(r, "a dimension of %" PRIu64 " is too large", length);
        tensor->shape[i] = (int64_t)length;
    }
    return true;
}

/* What stands in the header; `begin` is the offset still. */
static bool read_tensor(Reader *r, StoredTensor *tensor) {
    uint64_t type;
    r->where = "tensors";
    if (!read_name(r, MAX_NAME, &tensor->name)) return false;
    r->where = arena_printf(r->arena, "tensor '%s'", stored_show_name(tensor->name, r->arena));
    tensor->file = r->file;
    if (!read_shape(r, tensor) || !read_number(r, 4, &type)) return false;
    tensor->type = stored_type_of_number((uint32_t)type);
    if (tensor->type == STORED_TYPE_COUNT) {
        broken(r, "found the unknown type %" PRIu64, type);
        return diag_hint(r->diag, "a newer kind of blocks, or one that is no longer made: take a "
                                  "file of another type, as Q8_0 or Q4_K_M");
    }
    return read_number(r, 8, &tensor->begin);
}

/* That it lies in its file, for data that begin and end there. */
static bool place_tensor(const Reader *r, StoredTensor *tensor, uint64_t data, uint64_t alignment) {
    const StoredTypeInfo *type = &stored_type_info[tensor->type];
    const int64_t columns = tensor->rank ? tensor->shape[tensor->rank - 1] : 1;
    const uint64_t offset = tensor->begin, room = r->file->length - data;
    if (columns % type->values != 0)
        return stored_tensor_error(r->file, tensor->name, r->diag,
                                   "rows of %" PRId64 " values are no whole blocks of %d of %s",
                                   columns, type->values, type->name);
    if (!stored_tensor_size(tensor, r->diag, &tensor->bytes)) return false;
    if (offset % alignment != 0)
        return stored_tensor_error(r->file, tensor->name, r->diag,
                                   "expected an offset that is a multiple of %" PRIu64
                                   ", found %" PRIu64,
                                   alignment, offset);
    if (offset > room || tensor->bytes > room - offset) {
        stored_tensor_error(r->file, tensor->name, r->diag,
                            "expected %" PRIu64 " bytes from byte %" PRIu64
                            " of the data, found %" PRIu64 " bytes of data in the file",
                            tensor->bytes, offset, room);
        return diag_hint(r->diag, "the file has been cut off, or is broken: fetch it again");
    }
    tensor->begin += data;
    return true;
}

static bool check_overlap(const Reader *r, StoredTensor *tensor, int count) {
    stored_tensors_sort_by_place(tensor, count);
    for (int i = 1; i < count; i++)
        if (tensor[i].begin < tensor[i - 1].begin + tensor[i - 1].bytes)
            return stored_tensor_error(r->file, tensor[i].name, r->diag,
                                       "its data begin inside those of '%s'",
                                       stored_show_name(tensor[i - 1].name, r->diag->arena));
    return true;
}

static bool read_alignment(const Reader *r, const GgufHeader *header, uint64_t *alignment) {
    const GgufValue *value = gguf_find_pair(header->pair, header->pair_count, "general.alignment");
    int64_t number = ALIGNMENT;
    if (value && (!gguf_integer(value, &number) || number < 1 || number > MAX_ALIGNMENT ||
                  (number & (number - 1)) != 0))
        return diag_error(r->diag, r->file->loc,
                          "metadata 'general.alignment': expected a power of two, found %s",
                          gguf_show(value, r->diag->arena));
    *alignment = (uint64_t)number;
    return true;
}

/* Up to the first that is broken: of a file that has been cut off, all others are. */
static bool place_tensors(const Reader *r, const GgufHeader *header) {
    uint64_t alignment = ALIGNMENT;
    if (!read_alignment(r, header, &alignment)) return false;
    uint64_t data = (r->at + alignment - 1) / alignment * alignment;
    if (data > r->file->length) data = r->file->length;
    for (int i = 0; i < header->count; i++)
        if (!place_tensor(r, &header->tensor[i], data, alignment)) return false;
    return check_overlap(r, header->tensor, header->count);
}

static bool read_tensors(Reader *r, GgufHeader *header) {
    header->tensor = ARENA_ARRAY(r->arena, StoredTensor, (size_t)header->count + 1);
    for (int i = 0; i < header->count; i++)
        if (!read_tensor(r, &header->tensor[i])) return false;
    return true;
}

/* ---- the file ---- */

static bool check_version(const Reader *r, uint32_t version) {
    if (version == 2 || version == 3) return true;
    if ((version & 0xffff) == 0 && version != 0) {
        diag_error(r->diag, r->file->loc, "a big-endian GGUF file");
        return diag_hint(r->diag, "convert it to little-endian: gguf-py has a program that does");
    }
    diag_error(r->diag, r->file->loc, "expected version 2 or 3 of GGUF, found %" PRIu32, version);
    return diag_hint(r->diag, version < 2 ? "convert the original checkpoint again"
                                          : "the file is newer than this program");
}

static bool check_count(const Reader *r, uint64_t count, uint64_t least, int most,
                        const char *what) {
    if (count <= (uint64_t)most && count <= (r->file->length - START_BYTES) / least) return true;
    diag_error(r->diag, r->file->loc,
               "the file has %" PRIu64 " bytes and says that it holds %" PRIu64 " %s",
               r->file->length, count, what);
    return diag_hint(r->diag, "the file has been cut off, or is broken: fetch it again");
}

static bool read_start(Reader *r, GgufHeader *header) {
    uint64_t version = 0, tensors = 0, pairs = 0;
    uint8_t magic[4] = {0};
    r->where = "header";
    const bool has_magic = r->file->length >= sizeof magic &&
                           stored_file_read(r->file, 0, sizeof magic, magic) &&
                           memcmp(magic, "GGUF", sizeof magic) == 0;
    if (!has_magic)
        return !stored_file_report_other(r->file, "a GGUF file", r->diag) &&
               diag_error(r->diag, r->file->loc,
                          "not a GGUF file: expected it to begin with 'GGUF'");
    if (!need(r, sizeof magic)) return false;
    r->at = sizeof magic;
    if (!read_number(r, 4, &version) || !check_version(r, (uint32_t)version) ||
        !read_number(r, 8, &tensors) || !read_number(r, 8, &pairs) ||
        !check_count(r, tensors, LEAST_TENSOR, MAX_TENSORS, "tensors") ||
        !check_count(r, pairs, LEAST_PAIR, MAX_PAIRS, "pairs of metadata"))
        return false;
    header->count = (int)tensors;
    header->pair_count = (int)pairs;
    return true;
}

static bool read_all(Reader *r, GgufHeader *header) {
    uint64_t *places;
    if (!read_start(r, header) || !read_pairs(r, header, &places) || !read_tensors(r, header))
        return false;
    for (int i = 0; i < header->pair_count; i++) find_value(r, places[i], &header->pair[i]);
    if (header->pair_count)
        qsort(header->pair, (size_t)header->pair_count, sizeof *header->pair, compare_pairs);
    return check_keys(r, header) && place_tensors(r, header);
}

bool gguf_read_header(const StoredFile *file, Arena *arena, Diag *diag, GgufHeader *header,
                      uint64_t *hash) {
    Reader reader = {.file = file, .arena = arena, .diag = diag};
    *header = (GgufHeader){0};
    if (!read_all(&reader, header)) {
        free(reader.bytes);
        *header = (GgufHeader){0};
        return false;
    }
    header->bytes = reader.bytes;
    *hash = XXH3_64bits_withSeed(reader.bytes, (size_t)reader.at, *hash);
    return true;
}
