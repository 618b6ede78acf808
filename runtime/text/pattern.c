/* pattern.c - see pattern.h. */
#include "runtime/text/pattern.h"

/* A section, taken apart. */
typedef struct {
    uint32_t classes, columns;
    const TextAsk *ask;
    const uint32_t *start, *entry;
    const uint16_t *block;
    const uint8_t *class_of;
} Pattern;

static inline Pattern open(const uint8_t *section) {
    const TextPattern *const head = (const TextPattern *)(const void *)section;
    Pattern p = {.classes = head->classes, .columns = head->classes + 1};
    p.ask = (const TextAsk *)(head + 1);
    p.start = (const uint32_t *)(p.ask + head->asks);
    p.entry = p.start + head->automata * p.columns;
    p.block = (const uint16_t *)(p.entry + (size_t)head->rows * p.columns);
    p.class_of = (const uint8_t *)(p.block + TEXT_PATTERN_BLOCKS);
    return p;
}

/* ---- characters ---- */

static inline uint32_t class_of(const Pattern *p, const uint8_t *at, const uint8_t *end,
                                uint32_t *bytes) {
    static const uint8_t mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    if (*at < 0x80) { /* block 0 */
        *bytes = 1;
        return p->class_of[*at];
    }
    uint32_t count = *at < 0xE0 ? 2 : *at < 0xF0 ? 3 : 4;
    if (count > (size_t)(end - at)) count = 1; /* no UTF-8 */
    uint32_t character = *at & mask[count];
    for (uint32_t i = 1; i < count; i++) character = character << 6 | (at[i] & 0x3F);
    *bytes = count;
    if (character >= 0x110000) character = 0xFFFD;
    return p->class_of[(uint32_t)p->block[character >> 7] * 128 + (character & 127)];
}

static uint32_t class_before(const Pattern *p, const uint8_t *text, const uint8_t *at) {
    if (at == text) return p->classes;
    const uint8_t *from = at - 1;
    while (from > text && at - from < 4 && (*from & 0xC0) == 0x80) from--;
    uint32_t bytes;
    return class_of(p, from, at, &bytes);
}

/* ---- matches ---- */

/* Whether automaton `asked` matches at a place, and what it says of it is certain. */
static TextFound match(const Pattern *p, uint32_t asked, const uint8_t *text, const uint8_t *at,
                       const uint8_t *end, bool is_end, const uint8_t **matched) {
    const uint32_t flags = TEXT_ENTRY_MATCH | TEXT_ENTRY_STOP | TEXT_ENTRY_ASK;
    uint32_t row = p->start[asked * p->columns + class_before(p, text, at)];
    *matched = NULL;
    for (;;) {
        uint32_t bytes = 0, class = p->classes;
        if (at < end)
            class = class_of(p, at, end, &bytes);
        else if (!is_end)
            return TEXT_FOUND_MORE;
        uint32_t entry = p->entry[row + class];
        if (entry & flags) {
            while (entry & TEXT_ENTRY_ASK) {
                const TextAsk *const ask = &p->ask[entry >> TEXT_ENTRY_SHIFT];
                const uint8_t *found;
                if (ask->asker != asked) return TEXT_FOUND_NONE; /* of no table of ours */
                const TextFound answer = match(p, ask->asked, text, at, end, is_end, &found);
                if (answer == TEXT_FOUND_MORE) return answer;
                entry = p->entry[ask->row[answer == TEXT_FOUND] + class];
            }
            if (entry & TEXT_ENTRY_MATCH) *matched = at;
            if (entry & TEXT_ENTRY_STOP) return *matched ? TEXT_FOUND : TEXT_FOUND_NONE;
        }
        row = entry >> TEXT_ENTRY_SHIFT;
        at += bytes;
    }
}

TextFound tw_text_pattern_find(const uint8_t *section, const uint8_t *text, size_t bytes,
                               size_t from, bool is_end, size_t *start, size_t *end) {
    const Pattern p = open(section);
    const uint8_t *const stop = text + bytes;
    uint32_t step = 0;
    for (const uint8_t *at = text + from;; at += step) {
        const uint8_t *matched;
        const TextFound found = match(&p, 0, text, at, stop, is_end, &matched);
        if (found == TEXT_FOUND && matched > text + from) {
            *start = (size_t)(at - text);
            *end = (size_t)(matched - text);
            return TEXT_FOUND;
        }
        if (found == TEXT_FOUND_MORE) return found;
        if (at == stop) return TEXT_FOUND_NONE;
        class_of(&p, at, stop, &step);
    }
}

/* ---- what comes from outside ---- */

static bool is_row(const TextPattern *head, uint32_t place) {
    const uint32_t columns = head->classes + 1;
    return place < head->rows * columns && place % columns == 0;
}

static bool are_entries(const TextPattern *head, const Pattern *p) {
    for (uint32_t i = 0; i < head->rows * p->columns; i++) {
        const uint32_t entry = p->entry[i], to = entry >> TEXT_ENTRY_SHIFT;
        if (entry & TEXT_ENTRY_ASK) {
            if (to >= head->asks || entry != p->entry[i - i % p->columns]) return false;
        } else {
            const bool is_end = i % p->columns == p->classes;
            if (!is_row(head, to) || (is_end && !(entry & TEXT_ENTRY_STOP))) return false;
        }
    }
    for (uint32_t i = 0; i < head->automata * p->columns; i++)
        if (!is_row(head, p->start[i])) return false;
    return true;
}

/* Where a row that asks goes on, it asks no more, or a later question; and only automata behind the
 * asker are asked. So each question ends. */
static bool are_asks(const TextPattern *head, const Pattern *p) {
    for (uint32_t i = 0; i < head->asks; i++) {
        const TextAsk *const ask = &p->ask[i];
        if (ask->asked <= ask->asker || ask->asked >= head->automata) return false;
        for (int answer = 0; answer < 2; answer++) {
            if (!is_row(head, ask->row[answer])) return false;
            const uint32_t entry = p->entry[ask->row[answer]];
            if (entry & TEXT_ENTRY_ASK && entry >> TEXT_ENTRY_SHIFT <= i) return false;
        }
    }
    return true;
}

bool tw_text_pattern_check(const uint8_t *section, uint64_t bytes) {
    const TextPattern *const head = (const TextPattern *)(const void *)section;
    if (bytes < sizeof *head || !head->classes || head->classes > TEXT_PATTERN_CLASSES ||
        !head->blocks || head->blocks > TEXT_PATTERN_BLOCKS || !head->rows ||
        head->rows > TEXT_PATTERN_ROWS || head->asks > head->rows || !head->automata ||
        head->automata > head->rows)
        return false;
    const Pattern p = open(section);
    if ((uint64_t)(p.class_of - section) + head->blocks * 128 != bytes || p.block[0]) return false;
    for (uint32_t i = 0; i < TEXT_PATTERN_BLOCKS; i++)
        if (p.block[i] >= head->blocks) return false;
    for (uint32_t i = 0; i < head->blocks * 128; i++)
        if (p.class_of[i] >= p.classes) return false;
    return are_entries(head, &p) && are_asks(head, &p);
}
