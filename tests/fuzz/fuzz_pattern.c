/* fuzz_pattern.c - an expression, a zero, and a text: what becomes an automaton passes its check,
 * its matches go on from left to right, and a part of the text gives the same ones or asks for
 * more.
 */
#include "frontend/text/pattern_compile.h"
#include "runtime/text/pattern.h"
#include "runtime/text/utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void match_all(const TextBuffer *section, const uint8_t *text, size_t bytes) {
    size_t start, end, part_start, part_end;
    TextMemo memo, other;
    memo.is_used = other.is_used = false;
    const bool is_text = tw_utf8_valid(text, bytes) == bytes;
    for (size_t from = 0; from <= bytes; from = end) {
        const TextFound found =
            tw_text_pattern_find(section->bytes, text, bytes, from, true, &memo, &start, &end);
        if (found == TEXT_FOUND_MORE) abort();
        const size_t cut = from + (bytes - from) / 2;
        const TextFound part = tw_text_pattern_find(section->bytes, text, cut, from, false, &other,
                                                    &part_start, &part_end);
        const bool is_whole = cut == bytes || (text[cut] & 0xC0) != 0x80;
        if (part != TEXT_FOUND_MORE && is_text && is_whole &&
            (found != part || (found == TEXT_FOUND && (start != part_start || end != part_end))))
            abort();
        if (found == TEXT_FOUND_NONE) return;
        if (start < from || end < start || end <= from || end > bytes) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    const size_t length = zero ? (size_t)(zero - data) : size;
    Arena *arena = arena_create();
    Diag diag = {.arena = arena};
    TextBuffer section = {0};
    const TextString expression = {(const char *)data, length};
    const bool is_done = pattern_compile(expression, "fuzz", (Loc){0}, &section, &diag);
    if (is_done != (diag.errors == 0)) abort();
    if (is_done) {
        if (!tw_text_pattern_check(section.bytes, section.count)) abort();
        if (zero) match_all(&section, zero + 1, size - length - 1);
    }
    tw_text_buffer_free(&section);
    arena_destroy(arena);
    return 0;
}
