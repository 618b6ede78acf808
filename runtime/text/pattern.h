/* pattern.h - expressions that are automata: where they match. */
#ifndef RUNTIME_TEXT_PATTERN_H
#define RUNTIME_TEXT_PATTERN_H

#include "runtime/text/tables.h"

typedef enum TextFound {
    TEXT_FOUND,
    TEXT_FOUND_NONE,
    TEXT_FOUND_MORE /* what follows the text decides */
} TextFound;

/* Whether a section of a file is an automaton whose every state and offset can be trusted. */
bool tw_text_pattern_check(const uint8_t *section, uint64_t bytes);

/* The leftmost match of text[from .. bytes), as a backtracking matcher finds it (of alternatives
 * the first); never an empty one. What lies before `from` is looked at by what looks behind.
 * `is_end`: the text ends here; else TEXT_FOUND_MORE where another end could give another match. */
TextFound tw_text_pattern_find(const uint8_t *section, const uint8_t *text, size_t bytes,
                               size_t from, bool is_end, size_t *start, size_t *end);

#endif
