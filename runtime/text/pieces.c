/* pieces.c - a piece of text -> its token: a hash with open addressing. */
#include "runtime/text/tables.h"

#include <string.h>

static uint64_t load8(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static uint64_t load4(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* Two words that overlap hold whatever is not longer than both; longer ones are folded. */
uint64_t tw_text_hash(const uint8_t *bytes, size_t count) {
    const uint64_t k = 0x9E3779B97F4A7C15u, m = 0xD6E8FEB86659FD93u;
    uint64_t hash = count * k;
    for (; count > 16; bytes += 8, count -= 8) {
        hash = (hash ^ load8(bytes)) * m;
        hash ^= hash >> 32;
    }
    uint64_t first, last;
    if (count >= 8) {
        first = load8(bytes);
        last = load8(bytes + count - 8);
    } else if (count >= 4) {
        first = load4(bytes);
        last = load4(bytes + count - 4);
    } else {
        first = count ? (uint64_t)bytes[0] | (uint64_t)bytes[count / 2] << 8 : 0;
        last = count ? bytes[count - 1] : 0;
    }
    hash = (hash ^ first) * m;
    hash = (hash ^ hash >> 32 ^ last) * k;
    return hash ^ hash >> 32;
}

int32_t tw_text_piece(const TextTables *tables, const uint8_t *bytes, size_t count) {
    if (tables->pieces_count == 0) return -1;
    const uint64_t hash = tw_text_hash(bytes, count);
    const uint32_t high = (uint32_t)(hash >> 32), mask = tables->pieces_count - 1;
    for (uint32_t i = (uint32_t)hash & mask; tables->pieces[i].token >= 0; i = (i + 1) & mask) {
        if (tables->pieces[i].hash != high) continue;
        const int32_t token = tables->pieces[i].token;
        const uint32_t begin = tables->piece_offsets[token];
        if (tables->piece_offsets[token + 1] - begin == count &&
            memcmp(tables->piece_bytes + begin, bytes, count) == 0)
            return token;
    }
    return -1;
}
