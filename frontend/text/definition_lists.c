/* definition_lists.c - see definition_lists.h. */
#include "frontend/text/definition_lists.h"

#include <assert.h>
#include <string.h>

enum { MOST_STEPS = 16, MOST_AROUND = 4 };

TextDefinition *definition_create(const char *name, Loc loc, Arena *arena) {
    TextDefinition *definition = ARENA_NEW(arena, TextDefinition);
    definition->name = name;
    definition->loc = loc;
    definition->model.unknown = -1;
    for (int i = 0; i < TW_SPECIAL_COUNT; i++) definition->special[i] = -1;
    return definition;
}

TextString text_of(const char *text) {
    return (TextString){text, strlen(text)};
}

/* ---- lists ---- */

TextNormal *definition_add_normal(TextDefinition *definition, TextNormalKind kind, Arena *arena) {
    if (!definition->normal) definition->normal = ARENA_ARRAY(arena, TextNormal, MOST_STEPS);
    assert(definition->normal_count < MOST_STEPS);
    TextNormal *normal = &definition->normal[definition->normal_count++];
    *normal = (TextNormal){.kind = kind, .where = "normalizer"};
    return normal;
}

TextSplit *definition_add_split(TextDefinition *definition, const char *expression, Arena *arena) {
    if (!definition->split) definition->split = ARENA_ARRAY(arena, TextSplit, MOST_STEPS);
    assert(definition->split_count < MOST_STEPS);
    TextSplit *split = &definition->split[definition->split_count++];
    *split = (TextSplit){.kind = TEXT_SPLIT_pattern,
                         .expression = text_of(expression),
                         .behaviour = TEXT_ISOLATED,
                         .where = "pre-tokenizer"};
    return split;
}

TextDecode *definition_add_decode(TextDefinition *definition, TextDecodeKind kind, Arena *arena) {
    if (!definition->decode) definition->decode = ARENA_ARRAY(arena, TextDecode, MOST_STEPS);
    assert(definition->decode_count < MOST_STEPS);
    TextDecode *decode = &definition->decode[definition->decode_count++];
    *decode = (TextDecode){.kind = kind, .where = "decoder"};
    return decode;
}

TextAddedToken *definition_add_token(TextDefinition *definition, int32_t token, bool is_special,
                                     Arena *arena) {
    if (!definition->added)
        definition->added =
            ARENA_ARRAY(arena, TextAddedToken, (size_t)definition->model.token_count);
    assert(definition->added_count < definition->model.token_count);
    TextAddedToken *added = &definition->added[definition->added_count++];
    *added = (TextAddedToken){
        .token = token, .text = definition->model.token[token].text, .is_special = is_special};
    return added;
}

static void put(int32_t **list, int *count, int32_t token, Arena *arena) {
    if (token < 0) return;
    if (!*list) *list = ARENA_ARRAY(arena, int32_t, MOST_AROUND);
    assert(*count < MOST_AROUND);
    (*list)[(*count)++] = token;
}

void definition_put_before(TextDefinition *definition, int32_t token, Arena *arena) {
    put(&definition->before, &definition->before_count, token, arena);
}

void definition_put_after(TextDefinition *definition, int32_t token, Arena *arena) {
    put(&definition->after, &definition->after_count, token, arena);
}

/* ---- spaces and bytes ---- */

void definition_escape_spaces(TextDefinition *definition, bool has_prefix, Arena *arena) {
    if (has_prefix)
        definition_add_normal(definition, TEXT_NORMAL_prepend, arena)->text = text_of(TEXT_SPACE);
    TextNormal *replace = definition_add_normal(definition, TEXT_NORMAL_replace, arena);
    replace->from = text_of(" ");
    replace->text = text_of(TEXT_SPACE);
}

void definition_unescape_spaces(TextDefinition *definition, bool has_prefix, Arena *arena) {
    TextDecode *replace = definition_add_decode(definition, TEXT_DECODE_replace, arena);
    replace->from = text_of(TEXT_SPACE);
    replace->text = text_of(" ");
    definition_add_decode(definition, TEXT_DECODE_byte_fallback, arena);
    definition_add_decode(definition, TEXT_DECODE_fuse, arena);
    if (!has_prefix) return;
    TextDecode *strip = definition_add_decode(definition, TEXT_DECODE_strip, arena);
    strip->from = text_of(" ");
    strip->start = 1;
}

static int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool definition_is_byte(TextString text, uint8_t *byte) {
    if (text.count != 6 || memcmp(text.bytes, "<0x", 3) != 0 || text.bytes[5] != '>') return false;
    const int high = digit(text.bytes[3]), low = digit(text.bytes[4]);
    if (high < 0 || low < 0) return false;
    *byte = (uint8_t)(high * 16 + low);
    return true;
}
