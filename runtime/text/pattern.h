/* pattern.h - expressions that are automata: how their tables lie, and where they match.
 *
 * An automaton reads characters, of which it knows the class alone. It finds the match that
 * backtracking engines find: the first alternative that leads to one, not the longest. A step is
 * taken when the next character, or the end, is known. So what looks at one character around a
 * place needs nothing else, and an entry says whether a match ended before the character that led
 * to it. What looks further asks another automaton of the section, at the place where it stands.
 *
 * A section is a TextPattern and
 *   TextAsk  ask[asks]
 *   uint32_t start[automata][classes + 1]   by the class of the character before; the last: none is
 *   uint32_t entry[rows][classes + 1]       by the class of the next character; the last: none is
 *   uint16_t block[TEXT_PATTERN_BLOCKS]     of 128 code points each; block[0] is 0
 *   uint8_t  class_of[blocks][128]
 * A start is a place in `entry`, where a row begins. An entry is such a place, shifted, and flags;
 * or, in all entries of a row, the number of a TextAsk, shifted, with TEXT_ENTRY_ASK.
 */
#ifndef RUNTIME_TEXT_PATTERN_H
#define RUNTIME_TEXT_PATTERN_H

#include "runtime/text/tables.h"

enum {
    TEXT_PATTERN_BLOCKS = 0x110000 / 128,
    TEXT_PATTERN_CLASSES = 254, /* at most */
    TEXT_PATTERN_ROWS = 10000,  /* at most */
    TEXT_ENTRY_MATCH = 1,       /* a match ended before this character */
    TEXT_ENTRY_STOP = 2,        /* no other can follow */
    TEXT_ENTRY_ASK = 4,         /* where it goes depends on more of what follows */
    TEXT_ENTRY_SHIFT = 3,
};

typedef struct TextPattern {
    uint32_t classes, blocks, rows, asks;
    uint32_t automata;     /* 0 is the expression, the others are asked */
    uint32_t looks_behind; /* 0: where it starts is the same behind any character */
    uint32_t reserved[2];
} TextPattern;

/* Does an automaton match here? It stands behind the one that asks. */
typedef struct TextAsk {
    uint32_t asker, asked;
    uint32_t row[2]; /* where it goes on: if not, if so */
} TextAsk;

typedef enum TextFound {
    TEXT_FOUND,
    TEXT_FOUND_NONE,
    TEXT_FOUND_MORE /* what follows the text decides */
} TextFound;

/* Whether a section of a file is an automaton whose every state and offset can be trusted. */
bool tw_text_pattern_check(const uint8_t *section, uint64_t bytes);

/* Whether what stands before a place can change what matches there: the text must not be cut then.
 */
static inline bool tw_text_pattern_looks_behind(const uint8_t *section) {
    return ((const TextPattern *)(const void *)section)->looks_behind;
}

/* What scans of a text have seen, so that none goes a long way for what one before found out: time
 * stays in proportion to the text where engines' is quadratic. Of one section and one text that
 * stays where it is; not is_used at first. */
typedef struct TextSeen {
    const uint8_t *at; /* null: nothing */
    uint32_t row;
    uint16_t automaton, outcome;
} TextSeen;

enum { TEXT_SEEN_LEVELS = 4, TEXT_SEEN_WAYS = 16 };

typedef struct TextMemo {
    bool is_used;
    TextSeen seen[TEXT_SEEN_LEVELS][TEXT_SEEN_WAYS];
} TextMemo;

/* The leftmost match of text[from .. bytes), as a backtracking matcher finds it (of alternatives
 * the first); an empty one only behind `from`. What lies before `from` is looked at by what looks
 * behind. `is_end`: the text ends here; else TEXT_FOUND_MORE where another end could give another
 * match. */
TextFound tw_text_pattern_find(const uint8_t *section, const uint8_t *text, size_t bytes,
                               size_t from, bool is_end, TextMemo *memo, size_t *start,
                               size_t *end);

#endif
