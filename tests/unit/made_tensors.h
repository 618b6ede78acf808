/* made_tensors.h - the tensors of a small model of Llama's shape, made up, to be written as GGUF or
 * as safetensors. What is made lives in the arena of the fixture. */
#ifndef TESTS_MADE_TENSORS_H
#define TESTS_MADE_TENSORS_H

#include "frontend/weights/stored_types.h"
#include "tests/unit/arena_fixture.h"
#include "tests/unit/gguf_image.h"

enum { WIDTH = 64, HEADS = 2, KV_HEADS = 1, HEAD = 32, HIDDEN = 96, WORDS = 40, LAYERS = 2 };
enum { MOST_TENSORS = 64, MOST_BYTES = 1 << 16 };

typedef struct {
    const char *name;
    int64_t rows, columns; /* rows 0: a vector */
    StoredType type;
    uint8_t *bytes;
    size_t count;
} Made;

typedef struct {
    Made tensor[MOST_TENSORS];
    int count;
} Tensors;

static uint64_t state;

static inline uint8_t random_byte(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(state >> 56);
}

static inline float random_float(void) {
    return ((float)random_byte() - 127.5F) / 512 + (float)random_byte() / 65536;
}

/* Blocks with scales of about 1 / 512 and whatever integers: quantisers make few of these. */
static inline void made_fill_blocks(Made *made, size_t block) {
    for (size_t i = 0; i < made->count; i++) {
        made->bytes[i] = random_byte();
        if (i % block == 1) made->bytes[i] = (uint8_t)(0x18 | (made->bytes[i] & 0x81));
    }
}

static inline void made_add(Tensors *checkpoint, const char *name, int64_t rows, int64_t columns,
                            StoredType type) {
    Made *made = &checkpoint->tensor[checkpoint->count++];
    const StoredTypeInfo *info = &stored_type_info[type];
    const int64_t values = (rows ? rows : 1) * columns;
    *made = (Made){name, rows, columns, type, NULL, 0};
    made->count = (size_t)(values / info->values * info->bytes);
    made->bytes = ARENA_ARRAY(arena, uint8_t, made->count);
    if (info->values > 1) {
        made_fill_blocks(made, (size_t)info->bytes);
        return;
    }
    for (int64_t i = 0; i < values; i++) {
        const float value = rows ? random_float() : 1 + random_float();
        const uint16_t half = format_bf16(value);
        if (type == STORED_F32)
            memcpy(made->bytes + 4 * i, &value, sizeof value);
        else
            memcpy(made->bytes + 2 * i, &half, sizeof half);
    }
}

/* Under the names of llama.cpp. */
static inline Tensors made_tensors(StoredType type) {
    Tensors made = {.count = 0};
    state = 15;
    made_add(&made, "token_embd.weight", WORDS, WIDTH, type);
    made_add(&made, "output_norm.weight", 0, WIDTH, STORED_F32);
    for (int i = 0; i < LAYERS; i++) {
#define BLK(name) arena_printf(arena, "blk.%d." name ".weight", i)
        made_add(&made, BLK("attn_norm"), 0, WIDTH, STORED_F32);
        made_add(&made, BLK("attn_q"), HEADS * HEAD, WIDTH, type);
        made_add(&made, BLK("attn_k"), KV_HEADS * HEAD, WIDTH, type);
        made_add(&made, BLK("attn_v"), KV_HEADS * HEAD, WIDTH, type);
        made_add(&made, BLK("attn_output"), WIDTH, HEADS * HEAD, type);
        made_add(&made, BLK("ffn_norm"), 0, WIDTH, STORED_F32);
        made_add(&made, BLK("ffn_gate"), HIDDEN, WIDTH, type);
        made_add(&made, BLK("ffn_up"), HIDDEN, WIDTH, type);
        made_add(&made, BLK("ffn_down"), WIDTH, HIDDEN, type);
#undef BLK
    }
    return made;
}

static inline Made *made_find(Tensors *checkpoint, const char *name) {
    for (int i = 0; i < checkpoint->count; i++)
        if (strcmp(checkpoint->tensor[i].name, name) == 0) return &checkpoint->tensor[i];
    ck_abort_msg("no tensor %s", name);
}

static inline void made_append(Made *first, const Made *second) {
    uint8_t *bytes = ARENA_ARRAY(arena, uint8_t, first->count + second->count);
    memcpy(bytes, first->bytes, first->count);
    memcpy(bytes + first->count, second->bytes, second->count);
    first->bytes = bytes;
    first->count += second->count;
    first->rows += second->rows;
}

/* The rows of the second behind those of the first, under one name. */
static inline void made_fuse(Tensors *checkpoint, const char *into, const char *first,
                             const char *second) {
    Made *whole = made_find(checkpoint, first), *part = made_find(checkpoint, second);
    made_append(whole, part);
    whole->name = into;
    *part = checkpoint->tensor[--checkpoint->count];
}

static inline void made_transpose(Made *made) {
    float *from = (float *)(void *)made->bytes;
    float *to = ARENA_ARRAY(arena, float, (size_t)(made->rows * made->columns));
    for (int64_t r = 0; r < made->rows; r++)
        for (int64_t c = 0; c < made->columns; c++)
            to[c * made->rows + r] = from[r * made->columns + c];
    made->bytes = (uint8_t *)to;
    const int64_t rows = made->rows;
    made->rows = made->columns;
    made->columns = rows;
}

static inline void made_write_gguf(const char *directory, const Tensors *made) {
    uint64_t offset = 0;
    Image image = gguf_start(3, (uint64_t)made->count, 0);
    for (int i = 0; i < made->count; i++) {
        const Made *t = &made->tensor[i];
        gguf_put_tensor(&image, t->name, (uint64_t)t->rows, (uint64_t)t->columns,
                        (uint32_t)stored_type_info[t->type].gguf, offset);
        offset += (t->count + 31) / 32 * 32;
    }
    gguf_align(&image, 32);
    for (int i = 0; i < made->count; i++) {
        gguf_put(&image, made->tensor[i].bytes, made->tensor[i].count);
        gguf_align(&image, 32);
    }
    image_write_bytes(directory, "model.gguf", image.bytes, image.length);
    free(image.bytes);
}

static inline void made_write_safetensors(const char *directory, const Tensors *made) {
    const char *header = "{";
    uint8_t *data = ARENA_ARRAY(arena, uint8_t, (size_t)MOST_TENSORS * MOST_BYTES);
    size_t offset = 0;
    for (int i = 0; i < made->count; i++) {
        const Made *t = &made->tensor[i];
        const char *rows = t->rows ? arena_printf(arena, "%lld,", (long long)t->rows) : "";
        header = arena_printf(
            arena, "%s%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s%lld],\"data_offsets\":[%zu,%zu]}",
            header, i ? "," : "", t->name, stored_type_info[t->type].name, rows,
            (long long)t->columns, offset, offset + t->count);
        memcpy(data + offset, t->bytes, t->count);
        offset += t->count;
    }
    image_write(directory, "model.safetensors", arena_printf(arena, "%s}", header), data, offset);
}

/* llama.cpp's names become those of HuggingFace. */
static inline void made_rename(Tensors *made) {
    static const char *const names[][2] = {
        {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
        {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
        {"attn_output", "self_attn.o_proj"}, {"ffn_norm", "post_attention_layernorm"},
        {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
        {"ffn_down", "mlp.down_proj"}};
    made_find(made, "token_embd.weight")->name = "model.embed_tokens.weight";
    made_find(made, "output_norm.weight")->name = "model.norm.weight";
    for (int i = 0; i < LAYERS; i++)
        for (int k = 0; k < COUNT(names); k++)
            made_find(made, arena_printf(arena, "blk.%d.%s.weight", i, names[k][0]))->name =
                arena_printf(arena, "model.layers.%d.%s.weight", i, names[k][1]);
}

#endif
