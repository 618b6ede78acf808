#include "frontend/text/characters.h"

#include "frontend/text/unicode_later.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* ---- sets ---- */

void ranges_add(CharacterRanges *ranges, uint32_t first, uint32_t last) {
    if (ranges->count && ranges->range[ranges->count - 1].last + 1 == first) {
        ranges->range[ranges->count - 1].last = last;
        return;
    }
    if (ranges->count == ranges->room) {
        ranges->room = ranges->room ? ranges->room * 2 : 16;
        CharacterRange *grown = ARENA_ARRAY(ranges->arena, CharacterRange, (size_t)ranges->room);
        if (ranges->count) memcpy(grown, ranges->range, (size_t)ranges->count * sizeof *grown);
        ranges->range = grown;
    }
    ranges->range[ranges->count++] = (CharacterRange){first, last};
}

void ranges_add_set(CharacterRanges *ranges, CharacterSet set) {
    for (int i = 0; i < set.count; i++) ranges_add(ranges, set.range[i].first, set.range[i].last);
}

static int compare_ranges(const void *a, const void *b) {
    const uint32_t x = ((const CharacterRange *)a)->first, y = ((const CharacterRange *)b)->first;
    return (x > y) - (x < y);
}

CharacterSet ranges_set(CharacterRanges *ranges) {
    CharacterRange *range = ranges->range;
    int count = 0;
    if (ranges->count) qsort(range, (size_t)ranges->count, sizeof *range, compare_ranges);
    for (int i = 0; i < ranges->count; i++) {
        if (count && range[i].first <= range[count - 1].last + 1) {
            if (range[i].last > range[count - 1].last) range[count - 1].last = range[i].last;
        } else {
            range[count++] = range[i];
        }
    }
    return (CharacterSet){count, range};
}

CharacterSet set_of(uint32_t first, uint32_t last, Arena *arena) {
    CharacterRanges ranges = {.arena = arena};
    ranges_add(&ranges, first, last);
    return ranges_set(&ranges);
}

CharacterSet set_union(CharacterSet a, CharacterSet b, Arena *arena) {
    CharacterRanges ranges = {.arena = arena};
    ranges_add_set(&ranges, a);
    ranges_add_set(&ranges, b);
    return ranges_set(&ranges);
}

CharacterSet set_complement(CharacterSet set, Arena *arena) {
    CharacterRanges ranges = {.arena = arena};
    uint32_t next = 0;
    for (int i = 0; i < set.count; i++) {
        if (set.range[i].first > next) ranges_add(&ranges, next, set.range[i].first - 1);
        next = set.range[i].last + 1;
    }
    if (next < CHARACTERS) ranges_add(&ranges, next, CHARACTERS - 1);
    return ranges_set(&ranges);
}

CharacterSet set_intersection(CharacterSet a, CharacterSet b, Arena *arena) {
    const CharacterSet others =
        set_union(set_complement(a, arena), set_complement(b, arena), arena);
    return set_complement(others, arena);
}

bool set_has(CharacterSet set, uint32_t character) {
    int low = 0, high = set.count;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (set.range[middle].last < character)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set.count && set.range[low].first <= character;
}

bool set_equal(CharacterSet a, CharacterSet b) {
    return a.count == b.count &&
           (!a.count || !memcmp(a.range, b.range, (size_t)a.count * sizeof *a.range));
}

/* ---- what Unicode says ---- */

/* Characters that follow each other and are of one category. */
typedef struct {
    uint32_t first, last;
    int category;
} Run;

typedef struct {
    uint32_t character, folded;
} Fold;

struct Characters {
    Arena *arena;
    int runs, folds, runs_room, folds_room;
    Run *run;
    Fold *fold;      /* of those that have case, and those that they fold to */
    uint8_t *is_met; /* of each character; 0 between calls */
};

static void *grow(Arena *arena, const void *old, int count, int *room, size_t size) {
    *room = *room ? 2 * *room : 4096;
    void *grown = arena_alloc(arena, (size_t)*room, size);
    if (count) memcpy(grown, old, (size_t)count * size);
    return grown;
}

static void add_fold(Characters *c, uint32_t character, uint32_t folded) {
    if (c->folds == c->folds_room)
        c->fold = grow(c->arena, c->fold, c->folds, &c->folds_room, sizeof *c->fold);
    c->fold[c->folds++] = (Fold){character, folded};
}

/* What a character is without case, as far as that is one character. */
static void read_fold(Characters *c, uint32_t character) {
    utf8proc_int32_t out[8];
    int last = 0;
    if (utf8proc_get_property((utf8proc_int32_t)character)->casefold_seqindex == UINT16_MAX) return;
    const utf8proc_ssize_t count =
        utf8proc_decompose_char((utf8proc_int32_t)character, out, 8, UTF8PROC_CASEFOLD, &last);
    if (count != 1 || (uint32_t)out[0] == character) return;
    add_fold(c, character, (uint32_t)out[0]);
    add_fold(c, (uint32_t)out[0], (uint32_t)out[0]);
}

static void add_run(Characters *c, uint32_t first, uint32_t last, int category) {
    if (c->runs && c->run[c->runs - 1].category == category) {
        c->run[c->runs - 1].last = last;
        return;
    }
    if (c->runs == c->runs_room)
        c->run = grow(c->arena, c->run, c->runs, &c->runs_room, sizeof *c->run);
    c->run[c->runs++] = (Run){first, last, category};
}

/* Planes 4 to 13 have no characters, 15 and 16 are for private use, but for the last two of each.
 */
Characters *characters_create(Arena *arena) {
    Characters *c = ARENA_NEW(arena, Characters);
    c->arena = arena;
    for (uint32_t i = 0; i < 0x40000; i++) add_run(c, i, i, unicode_category(i));
    add_run(c, 0x40000, 0xDFFFF, UTF8PROC_CATEGORY_CN);
    for (uint32_t i = 0xE0000; i < 0xF0000; i++) add_run(c, i, i, unicode_category(i));
    for (uint32_t plane = 0xF0000; plane < CHARACTERS; plane += 0x10000) {
        add_run(c, plane, plane + 0xFFFD, UTF8PROC_CATEGORY_CO);
        add_run(c, plane + 0xFFFE, plane + 0xFFFF, UTF8PROC_CATEGORY_CN);
    }
    return c;
}

/* No character of planes behind the second has case. */
static void read_folds(Characters *c) {
    c->is_met = ARENA_ARRAY(c->arena, uint8_t, CHARACTERS);
    for (uint32_t i = 0; i < 0x20000; i++) read_fold(c, i);
}

CharacterSet characters_fold(Characters *c, CharacterSet set) {
    CharacterRanges ranges = {.arena = c->arena};
    if (!c->folds) read_folds(c);
    ranges_add_set(&ranges, set);
    for (int i = 0; i < c->folds; i++)
        if (set_has(set, c->fold[i].character)) c->is_met[c->fold[i].folded] = 1;
    for (int i = 0; i < c->folds; i++)
        if (c->is_met[c->fold[i].folded])
            ranges_add(&ranges, c->fold[i].character, c->fold[i].character);
    for (int i = 0; i < c->folds; i++) c->is_met[c->fold[i].folded] = 0;
    return ranges_set(&ranges);
}

/* In the order of utf8proc's numbers. */
static const struct {
    const char *name, *letters;
} categories[] = {
    {"Cn", "Unassigned"},
    {"Lu", "Uppercase_Letter"},
    {"Ll", "Lowercase_Letter"},
    {"Lt", "Titlecase_Letter"},
    {"Lm", "Modifier_Letter"},
    {"Lo", "Other_Letter"},
    {"Mn", "Nonspacing_Mark"},
    {"Mc", "Spacing_Mark"},
    {"Me", "Enclosing_Mark"},
    {"Nd", "Decimal_Number"},
    {"Nl", "Letter_Number"},
    {"No", "Other_Number"},
    {"Pc", "Connector_Punctuation"},
    {"Pd", "Dash_Punctuation"},
    {"Ps", "Open_Punctuation"},
    {"Pe", "Close_Punctuation"},
    {"Pi", "Initial_Punctuation"},
    {"Pf", "Final_Punctuation"},
    {"Po", "Other_Punctuation"},
    {"Sm", "Math_Symbol"},
    {"Sc", "Currency_Symbol"},
    {"Sk", "Modifier_Symbol"},
    {"So", "Other_Symbol"},
    {"Zs", "Space_Separator"},
    {"Zl", "Line_Separator"},
    {"Zp", "Paragraph_Separator"},
    {"Cc", "Control"},
    {"Cf", "Format"},
    {"Cs", "Surrogate"},
    {"Co", "Private_Use"},
};
static const struct {
    const char *name, *letters;
} groups[] = {
    {"L", "Letter"}, {"M", "Mark"},      {"N", "Number"}, {"P", "Punctuation"},
    {"S", "Symbol"}, {"Z", "Separator"}, {"C", "Other"},
};
enum {
    CATEGORIES = sizeof categories / sizeof *categories,
    GROUPS = sizeof groups / sizeof *groups
};

/* Of all categories whose name begins so. */
static void add_category(const Characters *c, const char *prefix, CharacterRanges *ranges) {
    for (int i = 0; i < c->runs; i++)
        if (!strncmp(categories[c->run[i].category].name, prefix, strlen(prefix)))
            ranges_add(ranges, c->run[i].first, c->run[i].last);
}

CharacterSet characters_space(Characters *c) {
    CharacterRanges ranges = {.arena = c->arena};
    add_category(c, "Z", &ranges);
    ranges_add(&ranges, '\t', '\r');
    ranges_add(&ranges, 0x85, 0x85);
    return ranges_set(&ranges);
}

CharacterSet characters_digit(Characters *c) {
    CharacterRanges ranges = {.arena = c->arena};
    add_category(c, "Nd", &ranges);
    return ranges_set(&ranges);
}

/* Alphabetic, marks, decimal numbers and connectors. What is alphabetic and neither letter nor mark
 * nor letter number are letters in circles and squares. */
CharacterSet characters_word(Characters *c, bool is_in_class) {
    static const char *const of[] = {"L", "M", "Nd", "Nl", "Pc"};
    CharacterRanges ranges = {.arena = c->arena};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) add_category(c, of[i], &ranges);
    ranges_add(&ranges, 0x24B6, 0x24E9);
    ranges_add(&ranges, 0x1F130, 0x1F149);
    ranges_add(&ranges, 0x1F150, 0x1F169);
    ranges_add(&ranges, 0x1F170, 0x1F189);
    if (!is_in_class) { /* numbers of ISO 8859-1 that are raised or fractions */
        ranges_add(&ranges, 0xB2, 0xB3);
        ranges_add(&ranges, 0xB9, 0xB9);
        ranges_add(&ranges, 0xBC, 0xBE);
    }
    return ranges_set(&ranges);
}

/* Punctuation as of Unicode 8, and two characters that are none any more. */
static CharacterSet old_punctuation(Characters *c) {
    CharacterRanges ranges = {.arena = c->arena};
    for (int i = 0; i < c->runs; i++)
        for (uint32_t k = c->run[i].first;
             categories[c->run[i].category].name[0] == 'P' && k <= c->run[i].last; k++)
            if (unicode_age(k) <= UNICODE_BERT) ranges_add(&ranges, k, k);
    ranges_add(&ranges, 0x166D, 0x166D);
    ranges_add(&ranges, 0x111C9, 0x111C9);
    return ranges_set(&ranges);
}

static const struct {
    const char *name;
    const CharacterRange *range;
    int count;
} scripts[] = {
#define R(first, last)                                                                             \
    { first, last }
#define SCRIPT(name, ...)                                                                          \
    {#name, (const CharacterRange[]){__VA_ARGS__},                                                 \
     (int)(sizeof((const CharacterRange[]){__VA_ARGS__}) / sizeof(CharacterRange))},
#include "frontend/text/scripts.def"
#undef SCRIPT
#undef R
};

static bool is_named(const char *name, size_t length, const char *other) {
    size_t i = 0;
    for (;; i++, other++) {
        while (i < length && strchr(" -_", name[i])) i++;
        while (*other == '_') other++;
        if (i == length || !*other) return i == length && !*other;
        const char x = name[i], y = *other;
        const bool is_letter = (x | 32) >= 'a' && (x | 32) <= 'z';
        if (x != y && !(is_letter && (x | 32) == (y | 32))) return false;
    }
}

static const char *category_named(const char *name, size_t length) {
    for (int i = 0; i < CATEGORIES; i++)
        if (is_named(name, length, categories[i].name) ||
            is_named(name, length, categories[i].letters))
            return categories[i].name;
    for (int i = 0; i < GROUPS; i++)
        if (is_named(name, length, groups[i].name) || is_named(name, length, groups[i].letters))
            return groups[i].name;
    return NULL;
}

bool characters_property(Characters *c, const char *name, size_t length, CharacterSet *out) {
    CharacterRanges ranges = {.arena = c->arena};
    const char *category = category_named(name, length);
    if (category) {
        add_category(c, category, &ranges);
        *out = ranges_set(&ranges);
        return true;
    }
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        if (is_named(name, length, scripts[i].name)) {
            *out = (CharacterSet){scripts[i].count, scripts[i].range};
            return true;
        }
    if (is_named(name, length, "Any"))
        *out = set_of(0, CHARACTERS - 1, c->arena);
    else if (is_named(name, length, "ASCII"))
        *out = set_of(0, 127, c->arena);
    else if (is_named(name, length, "Space") || is_named(name, length, "White_Space"))
        *out = characters_space(c);
    else if (is_named(name, length, "Old_Punctuation"))
        *out = old_punctuation(c);
    else if (is_named(name, length, "Digit"))
        *out = characters_digit(c);
    else if (is_named(name, length, "Word"))
        *out = characters_word(c, true);
    else
        return false;
    return true;
}

uint32_t next_character(const char *text, size_t length, size_t *at) {
    utf8proc_int32_t character;
    const size_t left = length - *at;
    const utf8proc_ssize_t bytes =
        utf8proc_iterate((const utf8proc_uint8_t *)text + *at, (utf8proc_ssize_t)left, &character);
    if (bytes <= 0) return UINT32_MAX;
    *at += (size_t)bytes;
    return (uint32_t)character;
}
