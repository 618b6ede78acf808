/* utf8.h - characters and their bytes. */
#ifndef RUNTIME_TEXT_UTF8_H
#define RUNTIME_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes at the begin are UTF-8, up to the first that is not. */
size_t tw_utf8_valid(const uint8_t *text, size_t bytes);

/* What stands at text[0], which is there. A whole character: its bytes, 1 to 4. What is none: minus
 * the bytes of the longest piece that begins a character, 1 to 3; *is_open: it is the text's end
 * that breaks it off. */
int tw_utf8_next(const uint8_t *text, size_t bytes, bool *is_open);

/* The bytes of the character that begins with this byte, in text that is UTF-8. */
static inline unsigned tw_utf8_bytes(uint8_t first) {
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* A character of text that is UTF-8. */
static inline uint32_t tw_utf8_character(const uint8_t *text) {
    if (text[0] < 0x80) return text[0];
    if (text[0] < 0xE0) return (uint32_t)(text[0] & 0x1F) << 6 | (text[1] & 0x3F);
    if (text[0] < 0xF0)
        return (uint32_t)(text[0] & 0x0F) << 12 | (uint32_t)(text[1] & 0x3F) << 6 |
               (text[2] & 0x3F);
    return (uint32_t)(text[0] & 0x07) << 18 | (uint32_t)(text[1] & 0x3F) << 12 |
           (uint32_t)(text[2] & 0x3F) << 6 | (text[3] & 0x3F);
}

/* Writes a character of at most 0x10FFFF; returns its bytes. */
unsigned tw_utf8_write(uint32_t character, uint8_t *out);

/* Unicode's White_Space. */
bool tw_utf8_is_space(uint32_t character);

#endif
