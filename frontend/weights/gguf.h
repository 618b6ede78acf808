/* gguf.h - GGUF files, versions 2 and 3: pairs of keys and typed values, and named tensors.
 *
 * A file, all little-endian: "GGUF"; u32 version; u64 tensors, u64 pairs; the pairs: text of the
 * key, u32 type, value; the tensors: text of the name, u32 rank, u64 lengths with the innermost
 * first, u32 type, u64 offset; then, from the next multiple of `general.alignment` (else 32) on,
 * the data that offsets count from. A text is a u64 length and its bytes; an array a u32 type, a
 * u64 count and its elements. A model may be split: files NAME-00001-of-0000N.gguf, with `split.*`
 * among their pairs.
 *
 * What opens has been checked whole: every text and array lies in the file, no key or name is there
 * twice, tensors are where their types and shapes have room, and share no byte. Headers are read
 * once and stay in memory, so that values are looked at where they are, and nothing is copied.
 */
#ifndef FRONTEND_GGUF_H
#define FRONTEND_GGUF_H

#include "frontend/weights/tensor_set.h"

enum { GGUF_MAX_HEADER = 1 << 28 /* bytes */ };

typedef enum { /* numbers of the format */
               GGUF_u8,
               GGUF_i8,
               GGUF_u16,
               GGUF_i16,
               GGUF_u32,
               GGUF_i32,
               GGUF_f32,
               GGUF_bool,
               GGUF_string,
               GGUF_array,
               GGUF_u64,
               GGUF_i64,
               GGUF_f64,
               GGUF_TYPE_COUNT
} GgufType;

typedef struct {
    GgufType type;
    GgufType element;     /* of an array */
    uint64_t count;       /* bytes of a string, elements of an array; else 1 */
    const uint8_t *bytes; /* of a string without its length; of an array, its elements */
} GgufValue;

typedef struct {
    const char *key;
    GgufValue value;
} GgufPair;

typedef struct Gguf Gguf;

/* Opens a file, or all files of a split model by its first. `loc` is the place that asks for it.
 * Null: reported. */
Gguf *gguf_open(const char *path, Loc loc, Diag *diag);

/* The same for the bytes of one file, which outlive the result. */
Gguf *gguf_parse(const char *name, const void *memory, size_t length, Diag *diag);

void gguf_close(Gguf *gguf); /* null is fine */

/* The tensors of all its files; the pairs are forgotten, and nothing is left to close but them. */
TensorSet *gguf_take_tensors(Gguf *gguf);

const TensorSet *gguf_tensors(const Gguf *gguf);

/* ---- metadata, of the first file ---- */

/* Null: there is no such key. Valid until the file is closed. */
const GgufValue *gguf_find(const Gguf *gguf, const char *key);

/* All of them, sorted by key. */
const GgufPair *gguf_pairs(const Gguf *gguf, int *count);

/* False: the value is of another type, or does not fit. */
bool gguf_integer(const GgufValue *value, int64_t *out); /* integers of all widths */
bool gguf_real(const GgufValue *value, double *out);     /* those, and floats */
bool gguf_flag(const GgufValue *value, bool *out);

/* A string as C has them, in the arena. Null: another type, or it has a zero byte. */
const char *gguf_text(const GgufValue *value, Arena *arena);

/* Goes through an array, of whatever elements, also arrays:
 *
 *     for (GgufArray array = gguf_elements(value); gguf_next(&array, &element);) ...
 *
 * Other values have no elements. */
typedef struct {
    GgufType element;
    uint64_t left;
    const uint8_t *at;
} GgufArray;
GgufArray gguf_elements(const GgufValue *value);
bool gguf_next(GgufArray *array, GgufValue *element);

/* ---- for messages ---- */

/* The file: pairs have no better place than their key. */
Loc gguf_loc(const Gguf *gguf);

const char *gguf_type_name(GgufType type); /* "u32", "string", ... */

/* 32, 1e-05, true, "llama", [4, 4, 8, ...]; shortened. */
const char *gguf_show(const GgufValue *value, Arena *arena);

#endif
