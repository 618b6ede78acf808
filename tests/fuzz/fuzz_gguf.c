/* fuzz_gguf.c - whatever opens as GGUF can be read: every value of its metadata, and every byte of its
 * tensors, which overlap nowhere and decode without reading beyond.
 */
#include "frontend/weights/gguf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_value(const GgufValue *value, Arena *arena) {
    int64_t integer;
    double real;
    bool flag;
    GgufValue element;
    if (gguf_flag(value, &flag) && gguf_real(value, &real)) abort(); /* it is one of them */
    if (gguf_integer(value, &integer) && !gguf_real(value, &real)) abort();
    const char *text = gguf_text(value, arena);
    if (text && strlen(text) != value->count) abort();
    for (GgufArray array = gguf_elements(value); gguf_next(&array, &element);)
        read_value(&element, arena);
}

static void decode(const StoredTensor *tensor) {
    const StoredTypeInfo *type = &stored_type_info[tensor->type];
    uint8_t block[512];
    float value[256];
    for (uint64_t at = 0; type->decode && at < tensor->bytes; at += (uint64_t)type->bytes) {
        if (!stored_tensor_read(tensor, at, (size_t)type->bytes, block)) abort();
        type->decode(block, 1, value);
    }
}

static void read_all(const Gguf *gguf, size_t size, Arena *arena) {
    int count;
    const GgufPair *pair = gguf_pairs(gguf, &count);
    for (int i = 0; i < count; i++) {
        if (gguf_find(gguf, pair[i].key) != &pair[i].value) abort();
        read_value(&pair[i].value, arena);
        gguf_show(&pair[i].value, arena);
    }
    uint64_t bytes = 0;
    const StoredTensor *tensor = tensor_set_list(gguf_tensors(gguf), &count);
    for (int i = 0; i < count; i++) {
        if (tensor_set_find(gguf_tensors(gguf), tensor[i].name) != &tensor[i]) abort();
        if (tensor[i].begin > size || tensor[i].bytes > size - tensor[i].begin) abort();
        decode(&tensor[i]);
        bytes += tensor[i].bytes;
    }
    if (bytes > size) abort(); /* tensors do not overlap */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *arena = arena_create();
    Diag diag = {.arena = arena};
    Gguf *gguf = gguf_parse("fuzz", data, size, &diag);
    if ((gguf == NULL) != (diag.errors > 0)) abort();
    if (gguf) read_all(gguf, size, arena);
    gguf_close(gguf);
    arena_destroy(arena);
    return 0;
}
