/* characters.h - sets of characters, and what Unicode says of them.
 *
 * A set is a list of ranges of code points, sorted, that neither meet nor touch. Sets are values:
 * their ranges are in an arena, and are not changed once made. Categories and case are utf8proc's
 * and unicode_later.def's; scripts are in scripts.def.
 */
#ifndef FRONTEND_TEXT_CHARACTERS_H
#define FRONTEND_TEXT_CHARACTERS_H

#include "ir/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHARACTERS = 0x110000 };

typedef struct {
    uint32_t first, last;
} CharacterRange;

typedef struct {
    int count;
    const CharacterRange *range;
} CharacterSet;

/* A set under construction: ranges in any order. */
typedef struct {
    Arena *arena;
    int count, room;
    CharacterRange *range;
} CharacterRanges;

void ranges_add(CharacterRanges *ranges, uint32_t first, uint32_t last);
void ranges_add_set(CharacterRanges *ranges, CharacterSet set);
CharacterSet ranges_set(CharacterRanges *ranges);

CharacterSet set_of(uint32_t first, uint32_t last, Arena *arena);
CharacterSet set_union(CharacterSet a, CharacterSet b, Arena *arena);
CharacterSet set_intersection(CharacterSet a, CharacterSet b, Arena *arena);
CharacterSet set_complement(CharacterSet set, Arena *arena);
bool set_has(CharacterSet set, uint32_t character);
bool set_equal(CharacterSet a, CharacterSet b);

/* What Unicode says, read once. */
typedef struct Characters Characters;
Characters *characters_create(Arena *arena);

/* The set, and all that differ from its members by case alone (one character each). */
CharacterSet characters_fold(Characters *characters, CharacterSet set);

/* \s, \d and \w as Oniguruma has them for UTF-8; its \w takes more outside of classes. */
CharacterSet characters_space(Characters *characters);
CharacterSet characters_digit(Characters *characters);
CharacterSet characters_word(Characters *characters, bool is_in_class);

/* A general category (Lu, L, Letter), a script, Any, ASCII, Space, Digit, Word, and of our own
 * Old_Punctuation, which Hugging Face's BERT cuts at: as in \p{name};
 * case, ' ', '-' and '_' count for nothing. False: there is none of that name. */
bool characters_property(Characters *characters, const char *name, size_t length,
                         CharacterSet *out);

/* The character at text[*at], in UTF-8, and *at behind it; UINT32_MAX where there is none. */
uint32_t next_character(const char *text, size_t length, size_t *at);

#endif
