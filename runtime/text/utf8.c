/* utf8.c - see utf8.h. Well-formed sequences: Unicode 15, table 3-7. */
#include "runtime/text/utf8.h"

#include <string.h>

int tw_utf8_next(const uint8_t *text, size_t bytes, bool *is_open) {
    const uint8_t first = text[0];
    *is_open = false;
    if (first < 0x80) return 1;
    if (first < 0xC2 || first > 0xF4) return -1;
    const int length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    /* The second byte alone has bounds of its own: no overlong forms, surrogates, or too much. */
    uint8_t least = 0x80, most = 0xBF;
    if (first == 0xE0) least = 0xA0;
    if (first == 0xED) most = 0x9F;
    if (first == 0xF0) least = 0x90;
    if (first == 0xF4) most = 0x8F;
    for (int i = 1; i < length; i++) {
        if ((size_t)i == bytes) {
            *is_open = true;
            return -i;
        }
        if (text[i] < least || text[i] > most) return -i;
        least = 0x80;
        most = 0xBF;
    }
    return length;
}

size_t tw_utf8_valid(const uint8_t *text, size_t bytes) {
    size_t i = 0;
    while (i < bytes) {
        uint64_t word;
        if (bytes - i >= sizeof word) {
            memcpy(&word, text + i, sizeof word);
            if (!(word & 0x8080808080808080u)) {
                i += sizeof word;
                continue;
            }
        }
        bool is_open;
        const int length = tw_utf8_next(text + i, bytes - i, &is_open);
        if (length < 0) return i;
        i += (size_t)length;
    }
    return bytes;
}

unsigned tw_utf8_write(uint32_t character, uint8_t *out) {
    if (character < 0x80) {
        out[0] = (uint8_t)character;
        return 1;
    }
    const unsigned length = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (unsigned i = length - 1; i > 0; i--, character >>= 6)
        out[i] = (uint8_t)(0x80 | (character & 0x3F));
    static const uint8_t mark[] = {0, 0, 0xC0, 0xE0, 0xF0};
    out[0] = (uint8_t)(mark[length] | character);
    return length;
}

bool tw_utf8_is_space(uint32_t character) {
    if (character < 0x85) return character == ' ' || (character >= 9 && character <= 13);
    return character == 0x85 || character == 0xA0 || character == 0x1680 ||
           (character >= 0x2000 && character <= 0x200A) || character == 0x2028 ||
           character == 0x2029 || character == 0x202F || character == 0x205F || character == 0x3000;
}
