#include "frontend/text/form_make.h"

#include "ir/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 17, ENTRIES = 1 << 16, TEXTS = 1 << 20, PAIRS = 1 << 14, CODES = 0x110000 };

struct FormMaker {
    Arena *arena;
    TextForm head;
    TextFormEntry *entry;
    TextFormPair *pair;
    uint32_t *text;
    uint16_t *entry_of; /* of each character */
    int *slot;          /* a hash of entries: number + 1 */
};

FormMaker *form_maker_create(uint32_t flags, Arena *arena) {
    FormMaker *maker = ARENA_NEW(arena, FormMaker);
    *maker = (FormMaker){.arena = arena,
                         .head = {.flags = flags, .entries = 1, .first = CODES},
                         .entry = ARENA_ARRAY(arena, TextFormEntry, ENTRIES),
                         .pair = ARENA_ARRAY(arena, TextFormPair, PAIRS),
                         .text = ARENA_ARRAY(arena, uint32_t, TEXTS),
                         .entry_of = ARENA_ARRAY(arena, uint16_t, CODES),
                         .slot = ARENA_ARRAY(arena, int, SLOTS)};
    return maker;
}

static uint64_t hash_of(const FormMaker *maker, const TextFormEntry *entry) {
    uint64_t hash = hash_add(hash_begin, entry->flags + entry->combining * 256u);
    for (uint32_t i = 0; i < entry->count; i++) hash = hash_add(hash, maker->text[entry->text + i]);
    return hash_end(hash);
}

static bool is_equal(const FormMaker *maker, const TextFormEntry *a, const TextFormEntry *b) {
    return a->flags == b->flags && a->combining == b->combining && a->count == b->count &&
           !memcmp(maker->text + a->text, maker->text + b->text, a->count * sizeof *maker->text);
}

/* The number of an entry whose text stands behind all others: kept only if it is a new one. */
static uint16_t find_entry(FormMaker *maker, TextFormEntry entry) {
    uint64_t at = hash_of(maker, &entry) % SLOTS;
    for (; maker->slot[at]; at = (at + 1) % SLOTS)
        if (is_equal(maker, &maker->entry[maker->slot[at] - 1], &entry))
            return (uint16_t)(maker->slot[at] - 1);
    assert(maker->head.entries < ENTRIES);
    maker->head.texts += entry.count;
    maker->entry[maker->head.entries] = entry;
    maker->slot[at] = (int)++maker->head.entries;
    return (uint16_t)(maker->head.entries - 1);
}

void form_maker_set(FormMaker *maker, uint32_t character, uint32_t flags, uint32_t combining,
                    const uint32_t *text, int count) {
    if (!flags && !combining) return;
    if (!(flags & TEXT_FORM_REPLACED)) count = 0;
    assert(count <= TEXT_FORM_LONGEST && maker->head.texts + (uint32_t)count <= TEXTS);
    if (count) memcpy(maker->text + maker->head.texts, text, (size_t)count * sizeof *text);
    const TextFormEntry entry = {.text = maker->head.texts,
                                 .count = (uint16_t)count,
                                 .combining = (uint8_t)combining,
                                 .flags = (uint8_t)flags};
    maker->entry_of[character] = find_entry(maker, entry);
    if (character < maker->head.first) maker->head.first = character;
}

void form_maker_pair(FormMaker *maker, uint32_t first, uint32_t second, uint32_t composed) {
    assert(maker->head.pairs < PAIRS);
    maker->pair[maker->head.pairs++] = (TextFormPair){first, second, composed};
}

static int compare_pairs(const void *a, const void *b) {
    const TextFormPair *const x = a, *const y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return (x->second > y->second) - (x->second < y->second);
}

void form_maker_write(FormMaker *maker, TextBuffer *out) {
    TextForm *const head = &maker->head;
    uint16_t *block = ARENA_ARRAY(maker->arena, uint16_t, TEXT_FORM_BLOCKS);
    uint16_t *kept = ARENA_ARRAY(maker->arena, uint16_t, CODES);
    for (size_t i = 0; i < TEXT_FORM_BLOCKS; i++) {
        const uint16_t *const here = maker->entry_of + i * 128;
        uint32_t same = 0;
        while (same < head->blocks && memcmp(kept + (size_t)same * 128, here, 128 * sizeof *here))
            same++;
        if (same == head->blocks)
            memcpy(kept + (size_t)head->blocks++ * 128, here, 128 * sizeof *here);
        block[i] = (uint16_t)same;
    }
    qsort(maker->pair, head->pairs, sizeof *maker->pair, compare_pairs);
    tw_text_buffer_add(out, head, sizeof *head);
    tw_text_buffer_add(out, maker->entry, head->entries * sizeof *maker->entry);
    tw_text_buffer_add(out, maker->pair, head->pairs * sizeof *maker->pair);
    tw_text_buffer_add(out, maker->text, head->texts * sizeof *maker->text);
    tw_text_buffer_add(out, block, TEXT_FORM_BLOCKS * sizeof *block);
    tw_text_buffer_add(out, kept, (size_t)head->blocks * 128 * sizeof *kept);
}
