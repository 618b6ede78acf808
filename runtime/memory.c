/* memory.c - see memory.h. */
#include "runtime/memory.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const size_t cache_line = 64;
static const size_t huge_page = (size_t)2 << 20;

float *tw_memory_floats(int64_t rows, int64_t floats) {
    int64_t bytes;
    if (rows < 0 || floats < 0 || __builtin_mul_overflow(rows, floats, &bytes) ||
        __builtin_mul_overflow(bytes, (int64_t)sizeof(float), &bytes))
        return NULL;
    if ((uint64_t)bytes > PTRDIFF_MAX - huge_page) return NULL;

    size_t alignment = (size_t)bytes >= huge_page ? huge_page : cache_line;
    size_t whole = ((size_t)bytes + alignment - 1) / alignment * alignment;
    if (whole == 0) whole = alignment;
    float *block = aligned_alloc(alignment, whole);
    if (!block) return NULL;
#ifdef MADV_HUGEPAGE
    if (alignment == huge_page) madvise(block, whole, MADV_HUGEPAGE); /* a hint, may fail */
#endif
    memset(block, 0, whole);
    return block;
}
