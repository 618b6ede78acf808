/* random_text.h - texts of all kinds of characters, from a seed. */
#ifndef TESTS_RANDOM_TEXT_H
#define TESTS_RANDOM_TEXT_H

#include <stddef.h>
#include <stdint.h>

static uint64_t random_state = 1;

static inline uint32_t random_below(uint32_t count) {
    random_state ^= random_state << 13; /* Marsaglia's xorshift */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 20) % count);
}

static inline size_t put_character(uint8_t *to, uint32_t c) {
    if (c < 0x80) {
        to[0] = (uint8_t)c;
        return 1;
    }
    const size_t count = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = count - 1; i; i--, c >>= 6) to[i] = (uint8_t)(0x80 | (c & 0x3F));
    to[0] = (uint8_t)((0xF00 >> count & 0xFF) | c);
    return count;
}

/* A character of a script, a space, a digit, a mark, ...; one that all versions of Unicode since 9
 * have, and of which they say the same. */
static inline uint32_t random_character(void) {
    static const struct {
        uint32_t first, count;
    } kinds[] = {
        {'a', 26},      {'a', 26},    {'A', 26},    {'0', 10},     {'0', 10},     {'!', 15},
        {' ', 1},       {' ', 1},     {' ', 1},     {'\n', 1},     {'\r', 1},     {'\t', 1},
        {'\'', 1},      {0xA0, 96},   {0x100, 128}, {0x300, 64},   {0x391, 17},   {0x410, 64},
        {0x5D0, 27},    {0x620, 43},  {0x660, 10},  {0x905, 53},   {0x93E, 15},   {0xE01, 58},
        {0x1100, 90},   {0x2000, 11}, {0x2010, 23}, {0x2028, 2},   {0x2070, 2},   {0x2160, 40},
        {0x24B6, 52},   {0x2581, 1},  {0x3000, 4},  {0x3041, 86},  {0x30A1, 90},  {0x4E00, 200},
        {0xAC00, 1000}, {0xFB00, 7},  {0xFF01, 94}, {0x1D400, 85}, {0x1F600, 64}, {0x1F1E6, 26},
        {0x20000, 256}, {0x200B, 5},  {0x17F, 1},   {0x212A, 1},   {0x130, 2},    {0x1C4, 9},
        {0x2F800, 200}, {0xE000, 10}, {1, 31},      {0x7F, 34},    {0xFFFD, 1},   {'s', 2},
        {'0', 10},
    };
    const uint32_t kind = random_below(sizeof kinds / sizeof *kinds);
    return kinds[kind].first + random_below(kinds[kind].count);
}

/* At most `most` characters; runs of one kind are common. */
static inline size_t random_text(uint8_t *to, uint32_t most) {
    size_t count = 0;
    uint32_t character = 'a', again = 0;
    for (uint32_t i = random_below(most + 1); i; i--) {
        if (again)
            again--;
        else {
            character = random_character();
            if (!random_below(4)) again = random_below(6);
        }
        count += put_character(to + count, character);
    }
    return count;
}

#endif
