/* pattern.c - see pattern.h. */
#include "runtime/text/pattern.h"

#include <string.h>

/* A section, taken apart. */
typedef struct {
    uint32_t classes, columns;
    bool looks_behind;
    const TextAsk *ask;
    const uint32_t *start, *entry;
    const uint16_t *block;
    const uint8_t *class_of;
} Pattern;

static inline Pattern open(const uint8_t *section) {
    const TextPattern *const head = (const TextPattern *)(const void *)section;
    Pattern p = {
        .classes = head->classes, .columns = head->classes + 1, .looks_behind = head->looks_behind};
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

enum { FLAGS = TEXT_ENTRY_MATCH | TEXT_ENTRY_STOP | TEXT_ENTRY_ASK };

/* What an automaton reads. */
typedef struct {
    const uint8_t *text, *end;
    bool is_end;
    TextMemo *memo;
} Window;

static TextFound match(const Pattern *p, uint32_t automaton, const Window *window,
                       const uint8_t *at, const uint8_t **matched);

/* The entry in place of one that asks; one that says stop, without a match: *found says why. */
static uint32_t answer(const Pattern *p, uint32_t automaton, const Window *window,
                       const uint8_t *at, uint32_t class, uint32_t entry, TextFound *found) {
    while (entry & TEXT_ENTRY_ASK) {
        const TextAsk *const ask = &p->ask[entry >> TEXT_ENTRY_SHIFT];
        const uint8_t *matched;
        if (ask->asker != automaton) return TEXT_ENTRY_STOP; /* of no table of ours */
        *found = match(p, ask->asked, window, at, &matched);
        if (*found == TEXT_FOUND_MORE) return TEXT_ENTRY_STOP;
        entry = p->entry[ask->row[*found == TEXT_FOUND] + class];
    }
    return entry;
}

static uint32_t start_row(const Pattern *p, uint32_t automaton, const Window *window,
                          const uint8_t *at) {
    const uint32_t *const start = p->start + automaton * p->columns;
    return start[p->looks_behind ? class_before(p, window->text, at) : 0];
}

/* ---- long scans ---- */

/* What follows from a row at a place: no match behind it, or, of what is asked, that there is one.
 */
enum { UNKNOWN, NONE, MATCHES };

enum { SHORT = 64 /* bytes that a scan takes before it looks */, STRIDE = 32 };

/* The first place behind `at` where a scan looks. */
static const uint8_t *next_look(const Window *window, const uint8_t *at) {
    const size_t offset = ((size_t)(at - window->text) | (STRIDE - 1)) + 1;
    const size_t bytes = (size_t)(window->end - window->text);
    return window->text + (offset < bytes ? offset : bytes);
}

/* What is known of a row at a place. A scan notes where it is, once at each level: at level n the
 * first multiple of STRIDE^(n+1) behind `first`. So one that begins a little later meets a note
 * soon, and seldom has to go to that of the next level. */
static uint32_t look(const Window *window, uint32_t automaton, const uint8_t *first,
                     const uint8_t *at, uint32_t row, uint32_t *levels) {
    TextMemo *const memo = window->memo;
    if (!memo->is_used) memset(memo, 0, sizeof *memo);
    memo->is_used = true;
    size_t multiple = (size_t)(at - window->text) / STRIDE;
    for (int level = 0; level < TEXT_SEEN_LEVELS; level++, multiple /= STRIDE) {
        TextSeen *free = NULL;
        for (int way = 0; way < TEXT_SEEN_WAYS; way++) {
            TextSeen *const seen = &memo->seen[level][way];
            if (seen->at == at && seen->row == row && seen->outcome) return seen->outcome;
            if (!seen->at || seen->at < first) free = seen;
        }
        if (free && !(*levels >> level & 1)) {
            *free = (TextSeen){at, row, (uint16_t)automaton, UNKNOWN};
            *levels |= 1U << level;
        }
        if (multiple % STRIDE) break;
    }
    return UNKNOWN;
}

/* A scan has ended: its notes behind the match say what became of it. */
static void conclude(const Window *window, uint32_t automaton, const uint8_t *last, bool is_known) {
    TextSeen *seen = window->memo->seen[0];
    for (int i = 0; i < TEXT_SEEN_LEVELS * TEXT_SEEN_WAYS; i++, seen++) {
        if (seen->outcome || seen->automaton != automaton) continue;
        if (automaton && is_known)
            seen->outcome = last ? MATCHES : NONE;
        else if (is_known && (!last || seen->at > last))
            seen->outcome = NONE;
        else
            seen->at = NULL;
    }
}

/* ---- scans ---- */

/* The match of an automaton that begins at a place. */
static TextFound match(const Pattern *p, uint32_t automaton, const Window *window,
                       const uint8_t *at, const uint8_t **matched) {
    const uint32_t *const table = p->entry;
    const uint8_t *const narrow = p->class_of, *const end = window->end, *last = NULL;
    const uint8_t *const first = end - at > SHORT ? at + SHORT : end;
    const uint8_t *stop = end == first ? end : next_look(window, first);
    TextFound found = TEXT_FOUND_NONE;
    uint32_t levels = 0; /* of which it made notes */
    *matched = NULL;
    for (uint32_t row = start_row(p, automaton, window, at);;) {
        uint32_t bytes = 1, class = p->classes;
        if (at < stop) {
            class = *at < 0x80 ? narrow[*at] : class_of(p, at, end, &bytes);
        } else if (at < end) {
            const uint32_t known = look(window, automaton, first, at, row, &levels);
            if (known == MATCHES) last = at;
            if (known) break;
            stop = next_look(window, at);
            continue;
        } else if (!window->is_end) {
            found = TEXT_FOUND_MORE;
            break;
        }
        uint32_t entry = table[row + class];
        if (entry & FLAGS) {
            if (entry & TEXT_ENTRY_ASK)
                entry = answer(p, automaton, window, at, class, entry, &found);
            if (found == TEXT_FOUND_MORE) break;
            if (entry & TEXT_ENTRY_MATCH) last = at;
            if (entry & TEXT_ENTRY_STOP) break;
        }
        row = entry >> TEXT_ENTRY_SHIFT;
        at += bytes;
    }
    if (levels) conclude(window, automaton, last, found != TEXT_FOUND_MORE);
    if (found == TEXT_FOUND_MORE) return found;
    *matched = last;
    return last ? TEXT_FOUND : TEXT_FOUND_NONE;
}

/* Behind characters with which no match begins, as far as that is known of one character. */
static const uint8_t *skip(const Pattern *p, const Window *window, const uint8_t *at) {
    if (p->looks_behind) return at;
    const uint32_t *const row = p->entry + p->start[0];
    for (uint32_t bytes; at < window->end; at += bytes)
        if ((row[class_of(p, at, window->end, &bytes)] & FLAGS) != TEXT_ENTRY_STOP) break;
    return at;
}

TextFound tw_text_pattern_find(const uint8_t *section, const uint8_t *text, size_t bytes,
                               size_t from, bool is_end, TextMemo *memo, size_t *start,
                               size_t *end) {
    const Pattern p = open(section);
    const Window window = {text, text + bytes, is_end, memo};
    uint32_t step = 0;
    for (const uint8_t *at = text + from;; at += step) {
        const uint8_t *matched;
        at = skip(&p, &window, at);
        const TextFound found = match(&p, 0, &window, at, &matched);
        if (found == TEXT_FOUND && matched > text + from) {
            *start = (size_t)(at - text);
            *end = (size_t)(matched - text);
            return TEXT_FOUND;
        }
        if (found == TEXT_FOUND_MORE) return found;
        if (at == window.end) return TEXT_FOUND_NONE;
        class_of(&p, at, window.end, &step);
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
    if (bytes < sizeof *head || head->looks_behind > 1 || !head->classes ||
        head->classes > TEXT_PATTERN_CLASSES || !head->blocks ||
        head->blocks > TEXT_PATTERN_BLOCKS || !head->rows || head->rows > TEXT_PATTERN_ROWS ||
        head->asks > head->rows || !head->automata || head->automata > head->rows)
        return false;
    const Pattern p = open(section);
    if ((uint64_t)(p.class_of - section) + head->blocks * 128 != bytes || p.block[0]) return false;
    for (uint32_t i = 0; i < TEXT_PATTERN_BLOCKS; i++)
        if (p.block[i] >= head->blocks) return false;
    for (uint32_t i = 0; i < head->blocks * 128; i++)
        if (p.class_of[i] >= p.classes) return false;
    return are_entries(head, &p) && are_asks(head, &p);
}
