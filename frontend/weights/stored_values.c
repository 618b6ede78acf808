#include "frontend/weights/stored_values.h"

#include <string.h>

enum { CHUNK = 1 << 14 }; /* bytes that are read and decoded at a time: they stay in a cache */

/* ---- as floats ---- */

/* Values that begin or end inside of a block. */
static bool read_part(const StoredTensor *tensor, int64_t first, int64_t count, float *out) {
    enum { MOST_VALUES = 256, MOST_BYTES = 512 };
    const StoredTypeInfo *type = &stored_type_info[tensor->type];
    uint8_t block[MOST_BYTES];
    float value[MOST_VALUES];
    const uint64_t at = (uint64_t)(first / type->values) * (uint64_t)type->bytes;
    if (!stored_tensor_read(tensor, at, (size_t)type->bytes, block)) return false;
    type->decode(block, 1, value);
    memcpy(out, value + first % type->values, (size_t)count * sizeof *out);
    return true;
}

/* Whole blocks. */
static bool read_blocks(const StoredTensor *tensor, int64_t first, int64_t count, float *out) {
    const StoredTypeInfo *type = &stored_type_info[tensor->type];
    uint8_t bytes[CHUNK];
    if (tensor->type == STORED_F32)
        return stored_tensor_read(tensor, 4 * (uint64_t)first, 4 * (size_t)count, out);
    const int64_t together = CHUNK / type->bytes;
    for (int64_t block = first / type->values, left = count / type->values, some; left;
         block += some, left -= some) {
        some = left < together ? left : together;
        if (!stored_tensor_read(tensor, (uint64_t)block * (uint64_t)type->bytes,
                                (size_t)some * (size_t)type->bytes, bytes))
            return false;
        type->decode(bytes, (size_t)some, out);
        out += some * type->values;
    }
    return true;
}

bool stored_values_read(const StoredTensor *tensor, int64_t first, int64_t count, float *out) {
    const int64_t block = stored_type_info[tensor->type].values;
    while (count) {
        int64_t some = count - count % block;
        const int64_t inside = first % block;
        const bool is_part = inside || !some;
        if (is_part) some = count < block - inside ? count : block - inside;
        if (!(is_part ? read_part : read_blocks)(tensor, first, some, out)) return false;
        first += some;
        count -= some;
        out += some;
    }
    return true;
}

/* ---- as they are stored ---- */

WeightFormat stored_type_format(StoredType type) {
    switch (type) {
    case STORED_BF16: return FORMAT_bf16;
    case STORED_F16: return FORMAT_f16;
    case STORED_Q8_0: return FORMAT_q8;
    case STORED_Q4_0: return FORMAT_q4;
    default: return FORMAT_f32;
    }
}

bool stored_type_keeps(StoredType type, WeightFormat format) {
    return format != FORMAT_f32 && stored_type_format(type) == format;
}

/* Integers with a sign become those without. */
static void keep_q8(const uint8_t *stored, FormatBlock *out) {
    memcpy(&out->scale, stored, sizeof out->scale);
    for (int i = 0; i < FORMAT_BLOCK; i++) out->q[i] = stored[2 + i] ^ 0x80;
}

static void keep_q4(const uint8_t *stored, FormatBlock *out) {
    enum { HALF = FORMAT_BLOCK / 2 };
    memcpy(&out->scale, stored, sizeof out->scale);
    for (int i = 0; i < HALF; i++) {
        out->q[i] = stored[2 + i] & 15;
        out->q[i + HALF] = stored[2 + i] >> 4;
    }
}

bool stored_values_keep(const StoredTensor *tensor, int64_t first, int64_t count, void *out) {
    uint8_t bytes[CHUNK];
    FormatBlock *to = out;
    if (!format_has_blocks(stored_type_format(tensor->type)))
        return stored_tensor_read(tensor, 2 * (uint64_t)first, 2 * (size_t)count, out);
    const size_t size = (size_t)stored_type_info[tensor->type].bytes;
    uint64_t at = (uint64_t)first / FORMAT_BLOCK * size;
    for (size_t left = (size_t)count / FORMAT_BLOCK, some; left; left -= some, at += some * size) {
        some = left < CHUNK / size ? left : CHUNK / size;
        if (!stored_tensor_read(tensor, at, some * size, bytes)) return false;
        for (size_t i = 0; i < some; i++, to++)
            (tensor->type == STORED_Q8_0 ? keep_q8 : keep_q4)(bytes + i * size, to);
    }
    return true;
}
