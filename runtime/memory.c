/* memory.c - see memory.h. */
#include "runtime/memory.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const size_t cache_line = 64;
static const size_t huge_page = (size_t)2 << 20;

/* -1: a size is negative, or more than there is of addresses. */
static int64_t byte_count(int64_t rows, int64_t floats) {
    int64_t bytes;
    if (rows < 0 || floats < 0 || __builtin_mul_overflow(rows, floats, &bytes) ||
        __builtin_mul_overflow(bytes, (int64_t)sizeof(float), &bytes))
        return -1;
    return (uint64_t)bytes > PTRDIFF_MAX - huge_page ? -1 : bytes;
}

static size_t alignment_of(int64_t bytes) {
    return (size_t)bytes >= huge_page ? huge_page : cache_line;
}

static void ask_for_huge_pages(float *block, int64_t bytes) {
#ifdef MADV_HUGEPAGE
    if ((size_t)bytes >= huge_page) madvise(block, (size_t)bytes, MADV_HUGEPAGE); /* may fail */
#else
    (void)block;
    (void)bytes;
#endif
}

float *tw_memory_floats(int64_t rows, int64_t floats) {
    const int64_t bytes = byte_count(rows, floats);
    if (bytes < 0) return NULL;
    const size_t alignment = alignment_of(bytes);
    size_t whole = ((size_t)bytes + alignment - 1) / alignment * alignment;
    if (whole == 0) whole = alignment;
    float *block = aligned_alloc(alignment, whole);
    if (!block) return NULL;
    ask_for_huge_pages(block, bytes);
    memset(block, 0, whole);
    return block;
}

float *tw_memory_zeros(int64_t floats, void **block) {
    const int64_t bytes = byte_count(1, floats);
    *block = NULL;
    if (bytes < 0) return NULL;
    const size_t alignment = alignment_of(bytes);
    char *at = calloc(1, (size_t)bytes + alignment);
    if (!at) return NULL;
    *block = at;
    at += -(uintptr_t)at % alignment;
    ask_for_huge_pages((float *)(void *)at, bytes);
    return (float *)(void *)at;
}
