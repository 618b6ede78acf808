/* normal_compile.c - what utf8proc knows of characters, as tables of the steps that need it. */
#include "frontend/text/normal_compile.h"

#include "frontend/text/charsmap_compile.h"
#include "frontend/text/form_make.h"
#include "frontend/text/pattern_compile.h"
#include "frontend/text/unicode_later.h"

#include <utf8proc.h>

enum { CODES = 0x110000, SYLLABLES = 0xAC00, SYLLABLES_END = 0xD7A4 };

static bool is_syllable(uint32_t c) {
    return c >= SYLLABLES && c < SYLLABLES_END;
}

/* ---- normal forms ---- */

typedef struct {
    utf8proc_int32_t text[TEXT_FORM_LONGEST];
    int count;
} Decomposed;

static Decomposed decompose(uint32_t c, bool is_compatible) {
    Decomposed d;
    int last = 0;
    const int options = UTF8PROC_DECOMPOSE | (is_compatible ? UTF8PROC_COMPAT : 0);
    d.count = (int)utf8proc_decompose_char((utf8proc_int32_t)c, d.text, TEXT_FORM_LONGEST,
                                           (utf8proc_option_t)options, &last);
    return d;
}

static bool is_itself(const Decomposed *d, uint32_t c) {
    return d->count == 1 && d->text[0] == (utf8proc_int32_t)c;
}

static Decomposed compose(Decomposed d) {
    const int options = UTF8PROC_COMPOSE | UTF8PROC_STABLE;
    d.count = (int)utf8proc_normalize_utf32(d.text, d.count, (utf8proc_option_t)options);
    return d;
}

/* The pair that is composed to the character, which then is its own composition. A pair's first is
 * composed of all but the last. */
static bool find_pair(uint32_t c, uint32_t *first, uint32_t *second) {
    Decomposed d = decompose(c, false);
    const Decomposed composed = compose(d);
    if (d.count < 2 || !is_itself(&composed, c) || is_syllable(c)) return false;
    *second = (uint32_t)d.text[--d.count];
    d = compose(d);
    *first = (uint32_t)d.text[0];
    return d.count == 1;
}

/* What may be composed with a character before it. */
static uint8_t *find_seconds(FormMaker *maker, Arena *arena) {
    uint8_t *is_second = ARENA_ARRAY(arena, uint8_t, CODES);
    for (uint32_t c = 0; c < CODES; c++) {
        uint32_t first, second;
        if (utf8proc_get_property((utf8proc_int32_t)c)->decomp_seqindex == UINT16_MAX ||
            unicode_age(c) > UNICODE_FORMS || !find_pair(c, &first, &second))
            continue;
        form_maker_pair(maker, first, second, c);
        is_second[second] = 1;
    }
    for (uint32_t c = 0x1161; c < 0x1176; c++) is_second[c] = 1; /* vowels and finals of Hangul */
    for (uint32_t c = 0x11A8; c < 0x11C3; c++) is_second[c] = 1;
    return is_second;
}

static void make_normal_form(bool is_composed, bool is_compatible, Arena *arena, TextBuffer *out) {
    const uint32_t form = TEXT_FORM_NORMAL | (is_composed ? TEXT_FORM_COMPOSED : 0);
    FormMaker *maker = form_maker_create(form, arena);
    const uint8_t *is_second = is_composed ? find_seconds(maker, arena) : NULL;
    for (uint32_t c = 0; c < CODES; c++) {
        const utf8proc_property_t *const property = utf8proc_get_property((utf8proc_int32_t)c);
        const uint32_t combining = (uint32_t)property->combining_class;
        uint32_t flags = is_second && is_second[c] ? TEXT_FORM_LOOKED_AT : 0;
        Decomposed d = {.count = 0};
        const bool has_some = combining || property->decomp_seqindex != UINT16_MAX;
        if (has_some && unicode_age(c) > UNICODE_FORMS) continue;
        if (property->decomp_seqindex != UINT16_MAX && !is_syllable(c)) {
            d = decompose(c, is_compatible);
            const Decomposed normal = is_composed ? compose(d) : d;
            if (!is_itself(&d, c)) flags |= TEXT_FORM_REPLACED;
            if (!is_itself(&normal, c)) flags |= TEXT_FORM_LOOKED_AT;
        }
        form_maker_set(maker, c, flags, combining, (const uint32_t *)d.text, d.count);
    }
    form_maker_write(maker, out);
}

/* ---- characters one by one ---- */

static void set_empty(FormMaker *maker, uint32_t c) {
    form_maker_set(maker, c, TEXT_FORM_REPLACED, 0, NULL, 0);
}

static void set_one(FormMaker *maker, uint32_t c, uint32_t to) {
    form_maker_set(maker, c, TEXT_FORM_REPLACED, 0, &to, 1);
}

/* Of one character the lower case is two. */
static void lowercase(FormMaker *maker, uint32_t c) {
    static const uint32_t dotted[] = {'i', 0x307};
    const uint32_t lower = unicode_lower(c);
    if (c == 0x130)
        form_maker_set(maker, c, TEXT_FORM_REPLACED, 0, dotted, 2);
    else if (lower != c)
        set_one(maker, c, lower);
}

/* In Unicode 8 one more was nonspacing, and four were not. */
static void strip_accents(FormMaker *maker, uint32_t c) {
    const bool is_nonspacing = unicode_category(c) == UTF8PROC_CATEGORY_MN;
    const bool was_other = c == 0x1885 || c == 0x1886 || c == 0xA9BD || c == 0x111C9;
    if ((is_nonspacing && unicode_age(c) <= UNICODE_BERT && !was_other) || c == 0x1734)
        set_empty(maker, c);
}

/* Two were marks in Unicode 9 and one was none. */
static void strip_combining(FormMaker *maker, uint32_t c) {
    const int category = unicode_category(c);
    const bool is_mark = category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
                         category == UTF8PROC_CATEGORY_ME;
    const bool was_mark = c == 0x1CF2 || c == 0x1CF3, was_other = c == 0x111C9;
    if ((is_mark && unicode_age(c) <= UNICODE_COMBINING && !was_other) || was_mark)
        set_empty(maker, c);
}

static void bert_clean(FormMaker *maker, uint32_t c) {
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_CC:
        if (c == '\t' || c == '\n' || c == '\r')
            set_one(maker, c, ' ');
        else
            set_empty(maker, c);
        return;
    case UTF8PROC_CATEGORY_CF:
        if (unicode_age(c) <= UNICODE_BERT) set_empty(maker, c);
        return;
    case UTF8PROC_CATEGORY_CO: set_empty(maker, c); return;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        if (c != ' ') set_one(maker, c, ' ');
        return;
    default:
        if (c == 0xFFFD) set_empty(maker, c);
    }
}

typedef struct {
    uint32_t first, last;
} CodeRange;

static bool is_within(uint32_t c, const CodeRange *range, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (c >= range[i].first && c <= range[i].last) return true;
    return false;
}

/* As BERT and its followers say what an ideograph is. */
static void bert_chinese(FormMaker *maker, uint32_t c) {
    static const CodeRange ideographs[] = {
        {0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
        {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
    if (is_within(c, ideographs, sizeof ideographs / sizeof *ideographs))
        form_maker_set(maker, c, TEXT_FORM_SPACED, 0, NULL, 0);
}

static void nmt(FormMaker *maker, uint32_t c) {
    static const CodeRange dropped[] = {{1, 8},       {0xB, 0xB},   {0xE, 0x1F},
                                        {0x7F, 0x7F}, {0x8F, 0x8F}, {0x9F, 0x9F}};
    static const CodeRange spaces[] = {{9, 0xA},         {0xC, 0xD},       {0x1680, 0x1680},
                                       {0x200B, 0x200F}, {0x2028, 0x2029}, {0x2581, 0x2581},
                                       {0xFEFF, 0xFEFF}, {0xFFFD, 0xFFFD}};
    if (is_within(c, dropped, sizeof dropped / sizeof *dropped))
        set_empty(maker, c);
    else if (is_within(c, spaces, sizeof spaces / sizeof *spaces))
        set_one(maker, c, ' ');
}

static void make_map(void (*set)(FormMaker *, uint32_t), Arena *arena, TextBuffer *out) {
    FormMaker *maker = form_maker_create(0, arena);
    for (uint32_t c = 0; c < CODES; c++) set(maker, c);
    form_maker_write(maker, out);
}

/* ---- steps ---- */

static bool make_form(TextNormalKind kind, Arena *arena, TextBuffer *out) {
    switch (kind) {
    case TEXT_NORMAL_nfc: make_normal_form(true, false, arena, out); return true;
    case TEXT_NORMAL_nfd: make_normal_form(false, false, arena, out); return true;
    case TEXT_NORMAL_nfkc: make_normal_form(true, true, arena, out); return true;
    case TEXT_NORMAL_nfkd: make_normal_form(false, true, arena, out); return true;
    case TEXT_NORMAL_lowercase: make_map(lowercase, arena, out); return true;
    case TEXT_NORMAL_strip_accents: make_map(strip_accents, arena, out); return true;
    case TEXT_NORMAL_strip_combining: make_map(strip_combining, arena, out); return true;
    case TEXT_NORMAL_bert_clean: make_map(bert_clean, arena, out); return true;
    case TEXT_NORMAL_bert_chinese: make_map(bert_chinese, arena, out); return true;
    case TEXT_NORMAL_nmt: make_map(nmt, arena, out); return true;
    default: return false;
    }
}

bool normal_compile(const TextNormal *normal, Loc loc, TextBuffer *out, TextSectionKind *kind,
                    Diag *diag) {
    if (normal->kind == TEXT_NORMAL_replace_pattern) {
        *kind = TEXT_SECTION_pattern;
        return pattern_compile(normal->from, normal->where, loc, out, diag);
    }
    if (normal->kind == TEXT_NORMAL_charsmap) {
        *kind = TEXT_SECTION_charsmap;
        return charsmap_compile(normal->from, normal->is_longest, normal->where, loc, out, diag);
    }
    Arena *arena = arena_create();
    if (make_form(normal->kind, arena, out)) *kind = TEXT_SECTION_form;
    arena_destroy(arena);
    return true;
}
