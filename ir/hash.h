/* hash.h - FNV-1a (Fowler, Noll, Vo), for tables with open addressing. */
#ifndef IR_HASH_H
#define IR_HASH_H

#include <stdint.h>

static const uint64_t hash_begin = 14695981039346656037u;

static inline uint64_t hash_add(uint64_t value, uint64_t number) {
    return (value ^ number) * 1099511628211u;
}

/* Of which the low bits are as good as the high ones. */
static inline uint64_t hash_end(uint64_t value) {
    return value ^ value >> 32;
}

static inline uint64_t hash_text(const char *text) {
    uint64_t value = hash_begin;
    for (; *text; text++) value = hash_add(value, (unsigned char)*text);
    return hash_end(value);
}

#endif
