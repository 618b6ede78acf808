#include "frontend/weights/safetensors_header.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { LENGTH_BYTES = 8, MAX_DEPTH = 32, MAX_VALUES = 1 << 23 };

typedef struct {
    const StoredFile *file;
    uint64_t data_begin, data_bytes;
    Arena *arena;
    Diag *diag;
} Reader;

/* ---- JSON ---- */

/* A cheap look before the parser, which needs far more memory than the text for many small values.
 */
static bool check_size(const char *text, size_t length, Loc loc, Diag *diag) {
    bool is_string = false;
    int depth = 0, values = 0;
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        if (c == '"') is_string = !is_string;
        if (c == '\\' && is_string) i++;
        if (is_string) continue;
        if (c == '{' || c == '[') depth++;
        if (c == '}' || c == ']') depth--;
        if (c == '{' || c == '[' || c == ',') values++;
        if (depth > MAX_DEPTH)
            return diag_error(diag, loc, "JSON is nested more than %d deep at byte %zu",
                              (int)MAX_DEPTH, i);
        if (values > MAX_VALUES)
            return diag_error(diag, loc, "JSON has more than %d values", (int)MAX_VALUES);
    }
    return true;
}

json_t *safetensors_read_json(const char *text, size_t length, Loc loc, Diag *diag) {
    if (!check_size(text, length, loc, diag)) return NULL;
    json_error_t error;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        diag_error(diag, loc, "JSON cannot be read at byte %d: %s", error.position,
                   stored_show_name(error.text, diag->arena));
        return NULL;
    }
    if (json_is_object(root)) return root;
    json_decref(root);
    diag_error(diag, loc, "expected a JSON object, found an array");
    return NULL;
}

/* ---- one tensor ---- */

static bool read_dtype(const Reader *r, const json_t *entry, StoredTensor *tensor) {
    const char *word = json_string_value(json_object_get(entry, "dtype"));
    if (!word)
        return stored_tensor_error(r->file, tensor->name, r->diag, "expected a text as 'dtype'");
    tensor->type = stored_type_of_word(word);
    if (tensor->type != STORED_TYPE_COUNT) return true;
    return stored_tensor_error(r->file, tensor->name, r->diag, "unknown dtype '%s'",
                               stored_show_name(word, r->diag->arena));
}

static bool read_count(const json_t *value, uint64_t *count) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    *count = (uint64_t)json_integer_value(value);
    return true;
}

static bool read_shape(const Reader *r, const json_t *entry, StoredTensor *tensor) {
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape))
        return stored_tensor_error(r->file, tensor->name, r->diag, "expected a list as 'shape'");
    const size_t rank = json_array_size(shape);
    if (rank > STORED_MAX_RANK)
        return stored_tensor_error(r->file, tensor->name, r->diag,
                                   "expected at most %d dimensions, found %zu",
                                   (int)STORED_MAX_RANK, rank);
    tensor->rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        uint64_t dimension;
        if (!read_count(json_array_get(shape, i), &dimension))
            return stored_tensor_error(r->file, tensor->name, r->diag,
                                       "expected whole numbers from 0 in 'shape'");
        tensor->shape[i] = (int64_t)dimension;
    }
    return true;
}

static bool read_offsets(const Reader *r, const json_t *entry, StoredTensor *tensor) {
    const json_t *offsets = json_object_get(entry, "data_offsets");
    uint64_t begin, end;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !read_count(json_array_get(offsets, 0), &begin) ||
        !read_count(json_array_get(offsets, 1), &end))
        return stored_tensor_error(r->file, tensor->name, r->diag,
                                   "expected two whole numbers from 0 as 'data_offsets'");
    if (begin > end)
        return stored_tensor_error(r->file, tensor->name, r->diag,
                                   "data_offsets [%" PRIu64 ", %" PRIu64 "] end before they begin",
                                   begin, end);
    tensor->begin = r->data_begin + begin;
    tensor->bytes = end - begin;
    return true;
}

static bool check_bytes(const Reader *r, const StoredTensor *tensor) {
    uint64_t bytes;
    if (!stored_tensor_size(tensor, r->diag, &bytes)) return false;
    if (bytes == tensor->bytes) return true;
    return stored_tensor_error(
        r->file, tensor->name, r->diag,
        "expected %" PRIu64 " bytes for %s of %s, found %" PRIu64 " between its data_offsets",
        bytes, stored_type_info[tensor->type].name,
        stored_show_shape(tensor->shape, tensor->rank, r->diag->arena), tensor->bytes);
}

static bool read_tensor(const Reader *r, const char *name, const json_t *entry,
                        StoredTensor *tensor) {
    tensor->name = arena_printf(r->arena, "%s", name);
    tensor->file = r->file;
    if (!json_is_object(entry))
        return stored_tensor_error(r->file, name, r->diag, "expected a JSON object");
    return read_dtype(r, entry, tensor) && read_shape(r, entry, tensor) &&
           read_offsets(r, entry, tensor) && check_bytes(r, tensor);
}

/* ---- all tensors ---- */

static bool check_metadata(const Reader *r, json_t *metadata) {
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return diag_error(r->diag, r->file->loc, "'__metadata__': expected a JSON object");
    json_object_foreach(metadata, key, value) {
        if (json_is_string(value)) continue;
        return diag_error(r->diag, r->file->loc, "'__metadata__': expected a text as '%s'",
                          stored_show_name(key, r->diag->arena));
    }
    return true;
}

/* One after the other, from the first byte of data to the last. */
static bool check_layout(const Reader *r, StoredTensor *tensor, int count) {
    uint64_t end = 0;
    stored_tensors_sort_by_place(tensor, count);
    for (int i = 0; i < count; i++) {
        const uint64_t begin = tensor[i].begin - r->data_begin;
        if (begin != end)
            return stored_tensor_error(r->file, tensor[i].name, r->diag,
                                       "expected its data at offset %" PRIu64
                                       ", where the previous tensor ends, found it at %" PRIu64,
                                       end, begin);
        end += tensor[i].bytes;
    }
    if (end == r->data_bytes) return true;
    if (end < r->data_bytes)
        return diag_error(r->diag, r->file->loc,
                          "expected %" PRIu64 " bytes of data, found %" PRIu64
                          ": the header does not account for the rest",
                          end, r->data_bytes);
    diag_error(r->diag, r->file->loc,
               "expected %" PRIu64 " bytes of data, found %" PRIu64 ": the file has been cut off",
               end, r->data_bytes);
    return diag_hint(r->diag, "fetch it again");
}

static StoredTensor *read_tensors(const Reader *r, json_t *header, int *count) {
    const char *name;
    json_t *entry;
    bool is_good = true;
    StoredTensor *tensor = ARENA_ARRAY(r->arena, StoredTensor, json_object_size(header) + 1);
    *count = 0;
    json_object_foreach(header, name, entry) {
        if (r->diag->errors > DIAG_MAX_ERRORS) return NULL;
        if (strcmp(name, "__metadata__") == 0)
            is_good &= check_metadata(r, entry);
        else
            is_good &= read_tensor(r, name, entry, &tensor[(*count)++]);
    }
    return is_good && check_layout(r, tensor, *count) ? tensor : NULL;
}

/* ---- the file ---- */

/* The length of the header, which the file has room for. False: reported. */
static bool read_header_length(const StoredFile *file, uint64_t *header, Diag *diag) {
    uint8_t start[LENGTH_BYTES + 1] = {0};
    const size_t most = file->length < sizeof start ? (size_t)file->length : sizeof start;
    if (stored_file_report_other(file, "a safetensors file", diag)) return false;
    if (file->length < LENGTH_BYTES)
        return diag_error(diag, file->loc,
                          "not a safetensors file: expected at least %d bytes, found %" PRIu64,
                          (int)LENGTH_BYTES, file->length);
    if (!stored_file_read(file, 0, most, start)) return stored_file_report_cut_off(file, diag);
    const uint64_t rest = file->length - LENGTH_BYTES;
    *header = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--) *header = *header << 8 | start[i];
    if (*header > SAFETENSORS_MAX_HEADER)
        return diag_error(diag, file->loc,
                          "not a safetensors file: expected a header of at most %d bytes, found a "
                          "length of %" PRIu64,
                          (int)SAFETENSORS_MAX_HEADER, *header);
    if (*header > rest)
        return diag_error(diag, file->loc,
                          "expected a header of %" PRIu64 " bytes, found %" PRIu64
                          " in the file: it has been cut off",
                          *header, rest);
    if (*header == 0 || start[LENGTH_BYTES] != '{')
        return diag_error(diag, file->loc,
                          "not a safetensors file: expected a header that begins with '{'");
    return true;
}

StoredTensor *safetensors_read_header(const StoredFile *file, Arena *arena, Diag *diag, int *count,
                                      uint64_t *hash) {
    uint64_t header = 0;
    if (!read_header_length(file, &header, diag)) return NULL;
    char *text = stored_file_text(file, LENGTH_BYTES, (size_t)header, diag);
    if (!text) return NULL;
    const uint64_t begin = LENGTH_BYTES + header;
    const Reader reader = {file, begin, file->length - begin, arena, diag};
    *hash = XXH3_64bits_withSeed(text, (size_t)header, *hash);
    json_t *root = safetensors_read_json(text, (size_t)header, file->loc, diag);
    free(text);
    if (!root) return NULL;
    StoredTensor *tensor = read_tensors(&reader, root, count);
    json_decref(root);
    return tensor;
}
