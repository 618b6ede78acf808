/* safetensors_image.h - the bytes of a safetensors file made of a header and data: for tests. */
#ifndef TESTS_SAFETENSORS_IMAGE_H
#define TESTS_SAFETENSORS_IMAGE_H

#include "tests/check.h"

#include <stdint.h>

typedef struct {
    unsigned char *bytes;
    size_t length;
} Image;

/* A header that says it is `stated` bytes long. */
static inline Image image_stated(uint64_t stated, const char *header, const void *data,
                                 size_t data_bytes) {
    const size_t header_bytes = strlen(header);
    Image image = {malloc(8 + header_bytes + data_bytes), 8 + header_bytes + data_bytes};
    ck_assert_ptr_nonnull(image.bytes);
    for (int i = 0; i < 8; i++) image.bytes[i] = (unsigned char)(stated >> 8 * i);
    memcpy(image.bytes + 8, header, header_bytes);
    if (data_bytes) memcpy(image.bytes + 8 + header_bytes, data, data_bytes);
    return image;
}

static inline Image image_make(const char *header, const void *data, size_t data_bytes) {
    return image_stated(strlen(header), header, data, data_bytes);
}

static inline void image_write_bytes(const char *directory, const char *name, const void *bytes,
                                     size_t length) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

static inline void image_write(const char *directory, const char *name, const char *header,
                               const void *data, size_t data_bytes) {
    const Image image = image_make(header, data, data_bytes);
    image_write_bytes(directory, name, image.bytes, image.length);
    free(image.bytes);
}

#endif
