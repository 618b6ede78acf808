/* form.c - see form.h.
 *
 * Most text is already as it should be, and is copied in long runs. In normal forms, what is not is
 * taken from the last character that begins anew (a starter that nothing before is composed with)
 * to the next such: it is taken apart, put in order, and put together.
 */
#include "runtime/text/form.h"
#include "runtime/text/utf8.h"

#include <stdlib.h>
#include <string.h>

/* A section, taken apart. */
typedef struct {
    uint32_t flags, pairs, first;
    const TextFormEntry *entry;
    const TextFormPair *pair;
    const uint32_t *text;
    const uint16_t *block, *entry_of;
} Form;

static Form open(const uint8_t *section) {
    const TextForm *const head = (const TextForm *)(const void *)section;
    Form form = {.flags = head->flags, .pairs = head->pairs, .first = head->first};
    form.entry = (const TextFormEntry *)(head + 1);
    form.pair = (const TextFormPair *)(form.entry + head->entries);
    form.text = (const uint32_t *)(form.pair + head->pairs);
    form.block = (const uint16_t *)(form.text + head->texts);
    form.entry_of = form.block + TEXT_FORM_BLOCKS;
    return form;
}

static const TextFormEntry *entry_of(const Form *form, uint32_t character) {
    if (character < form->first) return form->entry;
    const uint32_t place = (uint32_t)form->block[character >> 7] * 128 + (character & 127);
    return &form->entry[form->entry_of[place]];
}

/* The character at text[*at], behind which *at is then. Text that is no UTF-8 is not read beyond.
 */
static uint32_t next(const uint8_t *text, size_t bytes, size_t *at) {
    const size_t count = tw_utf8_bytes(text[*at]), begin = *at;
    if (count > bytes - begin) {
        *at = bytes;
        return 0xFFFD;
    }
    *at += count;
    const uint32_t character = tw_utf8_character(text + begin);
    return character < 0x110000 ? character : 0xFFFD;
}

static void add_character(TextBuffer *out, uint32_t character) {
    uint8_t *const end = tw_text_buffer_more(out, 4);
    if (end) out->count += tw_utf8_write(character, end);
}

/* How many bytes from `at` on are of characters below 0x80. */
static size_t skip_ascii(const uint8_t *text, size_t bytes, size_t at) {
    for (uint64_t word; bytes - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if (word & 0x8080808080808080u) break;
    }
    while (at < bytes && text[at] < 0x80) at++;
    return at;
}

/* ---- characters one by one ---- */

static void map_characters(const Form *form, const uint8_t *text, size_t bytes, TextBuffer *out) {
    size_t kept = 0;
    for (size_t at = 0; at < bytes;) {
        if (form->first >= 0x80 && text[at] < 0x80) {
            at = skip_ascii(text, bytes, at);
            continue;
        }
        const size_t begin = at;
        const uint32_t character = next(text, bytes, &at);
        const TextFormEntry *const entry = entry_of(form, character);
        if (!entry->flags) continue;
        tw_text_buffer_add(out, text + kept, begin - kept);
        kept = at;
        if (entry->flags & TEXT_FORM_REPLACED) {
            for (uint32_t i = 0; i < entry->count; i++)
                add_character(out, form->text[entry->text + i]);
        } else {
            tw_text_buffer_add(out, " ", 1);
            add_character(out, character);
            tw_text_buffer_add(out, " ", 1);
        }
    }
    tw_text_buffer_add(out, text + kept, bytes - kept);
}

/* ---- normal forms ---- */

enum { /* Hangul, whose syllables are computed: the Unicode Standard, 3.12 */
       SYLLABLES = 0xAC00,
       LEADING = 0x1100,
       VOWELS = 0x1161,
       TRAILING = 0x11A7,
       LEADING_COUNT = 19,
       VOWEL_COUNT = 21,
       TRAILING_COUNT = 28,
       SYLLABLE_COUNT = LEADING_COUNT * VOWEL_COUNT * TRAILING_COUNT
};

/* A part of the text taken apart: its characters, each with its combining class in the upper byte.
 * They lie in a buffer, sorted ones in another. */
typedef struct {
    const Form *form;
    TextBuffer taken, sorted;
} Apart;

static uint32_t *characters(const TextBuffer *buffer) {
    return (uint32_t *)(void *)buffer->bytes;
}

static void take(Apart *apart, uint32_t character) {
    const uint32_t combining = entry_of(apart->form, character)->combining;
    const uint32_t both = combining << 24 | character;
    tw_text_buffer_add(&apart->taken, &both, sizeof both);
}

static void take_apart(Apart *apart, uint32_t character) {
    const uint32_t syllable = character - SYLLABLES;
    if (syllable < SYLLABLE_COUNT) {
        take(apart, LEADING + syllable / (VOWEL_COUNT * TRAILING_COUNT));
        take(apart, VOWELS + syllable / TRAILING_COUNT % VOWEL_COUNT);
        if (syllable % TRAILING_COUNT) take(apart, TRAILING + syllable % TRAILING_COUNT);
        return;
    }
    const TextFormEntry *const entry = entry_of(apart->form, character);
    if (!(entry->flags & TEXT_FORM_REPLACED)) {
        take(apart, character);
        return;
    }
    for (uint32_t i = 0; i < entry->count; i++) take(apart, apart->form->text[entry->text + i]);
}

/* Marks that follow each other, by their classes, those of one as they stand. */
static void sort_marks(Apart *apart, uint32_t *mark, size_t count) {
    if (count < 32) {
        for (size_t i = 1; i < count; i++) {
            const uint32_t moved = mark[i];
            size_t to = i;
            for (; to && mark[to - 1] >> 24 > moved >> 24; to--) mark[to] = mark[to - 1];
            mark[to] = moved;
        }
        return;
    }
    size_t place[257] = {0};
    apart->sorted.count = 0;
    uint32_t *sorted =
        (uint32_t *)(void *)tw_text_buffer_more(&apart->sorted, count * sizeof *mark);
    if (!sorted) return;
    for (size_t i = 0; i < count; i++) place[(mark[i] >> 24) + 1]++;
    for (int i = 0; i < 256; i++) place[i + 1] += place[i];
    for (size_t i = 0; i < count; i++) sorted[place[mark[i] >> 24]++] = mark[i];
    memcpy(mark, sorted, count * sizeof *mark);
}

static void put_in_order(Apart *apart) {
    uint32_t *const all = characters(&apart->taken);
    const size_t count = apart->taken.count / sizeof *all;
    for (size_t i = 0, end; i < count; i = end + 1) {
        for (end = i; end < count && all[end] >> 24; end++) {
        }
        sort_marks(apart, all + i, end - i);
    }
}

/* 0: they are not composed. */
static uint32_t composed(const Form *form, uint32_t first, uint32_t second) {
    if (first - LEADING < LEADING_COUNT && second - VOWELS < VOWEL_COUNT)
        return SYLLABLES + ((first - LEADING) * VOWEL_COUNT + second - VOWELS) * TRAILING_COUNT;
    if (first - SYLLABLES < SYLLABLE_COUNT && (first - SYLLABLES) % TRAILING_COUNT == 0 &&
        second - TRAILING - 1 < TRAILING_COUNT - 1)
        return first + second - TRAILING;
    uint32_t low = 0, high = form->pairs;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        const TextFormPair *const pair = &form->pair[middle];
        if (pair->first < first || (pair->first == first && pair->second < second))
            low = middle + 1;
        else
            high = middle;
    }
    const TextFormPair *const pair = &form->pair[low];
    return low < form->pairs && pair->first == first && pair->second == second ? pair->composed : 0;
}

/* Each character joins the last starter, unless one between them has its class or a higher one. */
static void put_together(Apart *apart) {
    uint32_t *const all = characters(&apart->taken);
    const size_t count = apart->taken.count / sizeof *all;
    size_t kept = 0, starter = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        const uint32_t character = all[i] & 0xFFFFFF, combining = all[i] >> 24;
        const bool is_free =
            starter != SIZE_MAX && (kept == starter + 1 || all[kept - 1] >> 24 < combining);
        const uint32_t both = is_free ? composed(apart->form, all[starter], character) : 0;
        if (both) {
            all[starter] = both;
            continue;
        }
        if (!combining) starter = kept;
        all[kept++] = all[i];
    }
    apart->taken.count = kept * sizeof *all;
}

static void form_part(Apart *apart, const uint8_t *text, size_t bytes, TextBuffer *out) {
    apart->taken.count = 0;
    for (size_t at = 0; at < bytes;) take_apart(apart, next(text, bytes, &at));
    if (apart->taken.failed) return;
    put_in_order(apart);
    if (apart->form->flags & TEXT_FORM_COMPOSED) put_together(apart);
    const uint32_t *const all = characters(&apart->taken);
    for (size_t i = 0; i < apart->taken.count / sizeof *all; i++)
        add_character(out, all[i] & 0xFFFFFF);
}

/* Does a character begin anew: nothing before it moves behind it or is composed with it? */
static bool begins(const Form *form, const TextFormEntry *entry, uint32_t character) {
    const bool is_syllable = character - SYLLABLES < SYLLABLE_COUNT;
    return !entry->combining && !(entry->flags & TEXT_FORM_LOOKED_AT) &&
           (form->flags & TEXT_FORM_COMPOSED || !is_syllable);
}

static void normal_form(const Form *form, const uint8_t *text, size_t bytes, TextBuffer *out) {
    Apart apart = {.form = form};
    size_t kept = 0, start = 0; /* of the last that begins anew */
    uint32_t combining = 0;     /* of the character before */
    for (size_t at = 0; at < bytes;) {
        if (text[at] < 0x80) {
            at = skip_ascii(text, bytes, at);
            start = at - 1;
            combining = 0;
            continue;
        }
        const size_t begin = at;
        uint32_t character = next(text, bytes, &at);
        const TextFormEntry *entry = entry_of(form, character);
        if (begins(form, entry, character)) {
            start = begin;
            combining = 0;
            continue;
        }
        const bool is_normal = entry->combining >= combining && entry->combining &&
                               !(entry->flags & TEXT_FORM_LOOKED_AT);
        combining = entry->combining;
        if (is_normal) continue;
        tw_text_buffer_add(out, text + kept, start - kept);
        for (kept = at; at < bytes; kept = at) {
            character = next(text, bytes, &at);
            if (begins(form, entry_of(form, character), character)) break;
        }
        form_part(&apart, text + start, kept - start, out);
        start = at = kept;
        combining = 0;
    }
    tw_text_buffer_add(out, text + kept, bytes - kept);
    out->failed |= apart.taken.failed | apart.sorted.failed;
    tw_text_buffer_free(&apart.taken);
    tw_text_buffer_free(&apart.sorted);
}

void tw_text_form(const uint8_t *section, const uint8_t *text, size_t bytes, TextBuffer *out) {
    const Form form = open(section);
    if (form.flags & TEXT_FORM_NORMAL)
        normal_form(&form, text, bytes, out);
    else
        map_characters(&form, text, bytes, out);
}

/* ---- what comes from outside ---- */

bool tw_text_form_check(const uint8_t *section, uint64_t bytes) {
    const TextForm *const head = (const TextForm *)(const void *)section;
    if (bytes < sizeof *head || !head->entries || head->entries > 1U << 16 ||
        head->pairs > 1U << 16 || head->texts > 1U << 20 || head->blocks > TEXT_FORM_BLOCKS ||
        (head->flags & TEXT_FORM_NORMAL && head->first < 0x80))
        return false;
    const Form form = open(section);
    if ((uint64_t)((const uint8_t *)form.entry_of - section) + head->blocks * 256 != bytes ||
        form.entry->flags || form.entry->combining)
        return false;
    for (uint32_t i = 0; i < TEXT_FORM_BLOCKS; i++)
        if (form.block[i] >= head->blocks) return false;
    for (uint32_t i = 0; i < head->blocks * 128; i++)
        if (form.entry_of[i] >= head->entries) return false;
    for (uint32_t i = 0; i < head->entries; i++)
        if (form.entry[i].count > TEXT_FORM_LONGEST || form.entry[i].text > head->texts ||
            form.entry[i].count > head->texts - form.entry[i].text)
            return false;
    for (uint32_t i = 0; i < head->texts; i++)
        if (form.text[i] >= 0x110000) return false;
    for (uint32_t i = 0; i < head->pairs; i++)
        if (form.pair[i].composed >= 0x110000) return false;
    return true;
}
