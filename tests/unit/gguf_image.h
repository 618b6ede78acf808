/* gguf_image.h - the bytes of a GGUF file, written piece by piece: for tests. */
#ifndef TESTS_GGUF_IMAGE_H
#define TESTS_GGUF_IMAGE_H

#include "tests/unit/safetensors_image.h"

static inline void gguf_put(Image *image, const void *bytes, size_t count) {
    image->bytes = realloc(image->bytes, image->length + count + 1);
    ck_assert_ptr_nonnull(image->bytes);
    if (count) memcpy(image->bytes + image->length, bytes, count);
    image->length += count;
}

static inline void gguf_put_number(Image *image, uint64_t number, size_t bytes) {
    gguf_put(image, &number, bytes);
}

static inline void gguf_put_text(Image *image, const char *text) {
    gguf_put_number(image, strlen(text), 8);
    gguf_put(image, text, strlen(text));
}

static inline Image gguf_start(uint32_t version, uint64_t tensors, uint64_t pairs) {
    Image image = {NULL, 0};
    gguf_put(&image, "GGUF", 4);
    gguf_put_number(&image, version, 4);
    gguf_put_number(&image, tensors, 8);
    gguf_put_number(&image, pairs, 8);
    return image;
}

/* A pair's key and type; its value is to follow. */
static inline void gguf_put_key(Image *image, const char *key, uint32_t type) {
    gguf_put_text(image, key);
    gguf_put_number(image, type, 4);
}

static inline void gguf_put_array(Image *image, uint32_t element, uint64_t count) {
    gguf_put_number(image, element, 4);
    gguf_put_number(image, count, 8);
}

/* A tensor [rows][columns], or a vector where there are no rows. */
static inline void gguf_put_tensor(Image *image, const char *name, uint64_t rows, uint64_t columns,
                                   uint32_t type, uint64_t offset) {
    gguf_put_text(image, name);
    gguf_put_number(image, rows ? 2 : 1, 4);
    gguf_put_number(image, columns, 8);
    if (rows) gguf_put_number(image, rows, 8);
    gguf_put_number(image, type, 4);
    gguf_put_number(image, offset, 8);
}

/* Zeros up to the data. */
static inline void gguf_align(Image *image, size_t alignment) {
    while (image->length % alignment) gguf_put(image, "", 1);
}

#endif
