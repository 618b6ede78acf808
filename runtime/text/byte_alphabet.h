/* byte_alphabet.h - bytes as printable characters, as byte-level vocabularies spell them. */
#ifndef RUNTIME_TEXT_BYTE_ALPHABET_H
#define RUNTIME_TEXT_BYTE_ALPHABET_H

#include <stdint.h>

enum { TEXT_BYTE_CHARACTERS = 0x144 /* one more than the highest */ };

/* Bytes that are no printable characters of Latin-1 become those from U+0100 on, in order (GPT-2).
 */
static inline uint32_t tw_byte_character(uint8_t byte) {
    if (byte < 0x21) return 0x100u + byte;
    if (byte >= 0x7F && byte <= 0xA0) return 0x100u + 0x21 + (byte - 0x7Fu);
    if (byte == 0xAD) return 0x100u + 0x21 + 0x22;
    return byte;
}

#endif
