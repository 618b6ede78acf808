/* made_tokenizer.h - a small definition of a test's own, its tables, and what they do to texts. */
#ifndef MADE_TOKENIZER_H
#define MADE_TOKENIZER_H

#include "frontend/text/json_place.h"
#include "frontend/text/tables_make.h"
#include "runtime/text/byte_alphabet.h"
#include "runtime/text/utf8.h"
#include "tests/unit/arena_fixture.h"

#include <stdlib.h>

static TextDefinition made; /* what tests add to */
static TextBuffer made_tables;
static TwTokenizer *made_tokenizer;

static inline TextString made_text(const char *text) {
    return text_string_copy(text, strlen(text), arena);
}

static inline int32_t made_find(const char *text) {
    for (int32_t i = 0; i < made.model.token_count; i++)
        if (text_string_is(made.model.token[i].text, text)) return i;
    return -1;
}

static inline int32_t made_add_token(const char *text) {
    ck_assert_int_lt(made.model.token_count, 600);
    made.model.token[made.model.token_count].text = made_text(text);
    return made.model.token_count++;
}

/* "a b": two tokens, of which "ab" is added unless it is there. */
static inline void made_add_merge(const char *left, const char *right) {
    const char *joined = arena_printf(arena, "%s%s", left, right);
    TextPair *pair = &made.model.merge[made.model.merge_count];
    pair->left = made_find(left);
    pair->right = made_find(right);
    pair->token = made_find(joined) >= 0 ? made_find(joined) : made_add_token(joined);
    pair->rank = (uint32_t)made.model.merge_count++;
    ck_assert(pair->left >= 0 && pair->right >= 0);
}

static inline TextAddedToken *made_add_added(const char *text, bool is_special) {
    TextAddedToken *added = &made.added[made.added_count++];
    *added = (TextAddedToken){
        made_add_token(text), made_text(text), is_special, false, false, false, false};
    made.model.token[added->token].is_hidden = true;
    return added;
}

/* BPE of no tokens. */
static inline void made_begin(void) {
    make_arena();
    made = (TextDefinition){.name = "made", .model = {.kind = TEXT_MODEL_bpe, .unknown = -1}};
    made.model.token = ARENA_ARRAY(arena, TextToken, 600);
    made.model.merge = ARENA_ARRAY(arena, TextPair, 600);
    made.added = ARENA_ARRAY(arena, TextAddedToken, 16);
    made.normal = ARENA_ARRAY(arena, TextNormal, 8);
    made.split = ARENA_ARRAY(arena, TextSplit, 8);
    made.decode = ARENA_ARRAY(arena, TextDecode, 8);
    for (int i = 0; i < TW_SPECIAL_COUNT; i++) made.special[i] = -1;
}

/* Tokens of all bytes, as byte-level vocabularies spell them, at their own numbers. */
static inline void made_add_bytes(void) {
    made.is_byte_level = true;
    for (int i = 0; i < 256; i++) {
        uint8_t spelled[4];
        const unsigned count = tw_utf8_write(tw_byte_character((uint8_t)i), spelled);
        made_add_token(arena_printf(arena, "%.*s", (int)count, (const char *)spelled));
    }
    made.decode[made.decode_count++] =
        (TextDecode){.kind = TEXT_DECODE_byte_level, .where = "decoder"};
}

static inline void made_open(void) {
    if (!tables_make(&made, &made_tables, &diag)) {
        diag_print(&diag, stderr);
        ck_abort_msg("the definition of the test cannot become tables");
    }
    ck_assert_int_eq(
        tw_tokenizer_open_memory(made_tables.bytes, made_tables.count, &made_tokenizer), TW_OK);
}

static inline void made_drop(void) {
    tw_tokenizer_close(made_tokenizer);
    made_tokenizer = NULL;
    tw_text_buffer_free(&made_tables);
    drop_arena();
}

/* "1 2 3" */
static inline const char *made_numbers(const int32_t *tokens, size_t count) {
    const char *text = "";
    for (size_t i = 0; i < count; i++)
        text = arena_printf(arena, "%s%s%d", text, i ? " " : "", (int)tokens[i]);
    return text;
}

static inline const char *made_encode_bytes(const char *text, size_t bytes, unsigned flags) {
    int32_t tokens[1000];
    size_t count = 0;
    ck_assert_int_eq(tw_encode(made_tokenizer, text, bytes, flags, tokens, COUNT(tokens), &count),
                     TW_OK);
    return made_numbers(tokens, count);
}

static inline const char *made_encode(const char *text, unsigned flags) {
    return made_encode_bytes(text, strlen(text), flags);
}

/* "ab|c": the texts of tokens. */
static inline const char *made_pieces(const char *text) {
    int32_t tokens[1000];
    size_t count = 0, bytes;
    const char *pieces = "";
    ck_assert_int_eq(
        tw_encode(made_tokenizer, text, strlen(text), 0, tokens, COUNT(tokens), &count), TW_OK);
    for (size_t i = 0; i < count; i++) {
        const char *piece = tw_tokenizer_token(made_tokenizer, tokens[i], &bytes);
        pieces = arena_printf(arena, "%s%s%.*s", pieces, i ? "|" : "", (int)bytes, piece);
    }
    return pieces;
}

#endif
