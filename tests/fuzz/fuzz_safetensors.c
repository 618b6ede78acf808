/* fuzz_safetensors.c - whatever opens as safetensors can be read to the last byte of every tensor.
 *
 * Each input is tried as it is, and with the header's length set to where its last brace is, so
 * that a wrong length does not hide what comes after it.
 */
#include "frontend/weights/safetensors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const TensorSet *tensors, const uint8_t *data, size_t size) {
    int count;
    const StoredTensor *tensor = tensor_set_list(tensors, &count);
    uint64_t bytes = 0;
    for (int i = 0; i < count; i++) {
        if (tensor_set_find(tensors, tensor[i].name) != &tensor[i]) abort();
        if (tensor[i].begin > size || tensor[i].bytes > size - tensor[i].begin) abort();
        for (uint64_t k = 0; k < tensor[i].bytes; k++) {
            uint8_t byte;
            if (!stored_tensor_read(&tensor[i], k, 1, &byte)) abort();
            if (byte != data[tensor[i].begin + k]) abort();
        }
        bytes += tensor[i].bytes;
    }
    if (bytes > size) abort(); /* tensors do not overlap */
}

static void try_parse(const uint8_t *data, size_t size) {
    Arena *arena = arena_create();
    Diag diag = {.arena = arena};
    TensorSet *tensors = safetensors_parse("fuzz", data, size, &diag);
    if ((tensors == NULL) != (diag.errors > 0)) abort();
    if (tensors) read_all(tensors, data, size);
    tensor_set_close(tensors);
    arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    try_parse(data, size);
    const uint8_t *brace = size > 8 ? memrchr(data + 8, '}', size - 8) : NULL;
    if (!brace) return 0;
    uint8_t *sealed = malloc(size);
    if (!sealed) abort();
    memcpy(sealed, data, size);
    for (int i = 0; i < 8; i++) sealed[i] = (uint8_t)((size_t)(brace - data - 7) >> 8 * i);
    try_parse(sealed, size);
    free(sealed);
    return 0;
}
