/* tables_decode.c - what each token adds to a decoded text: the decoders, run over the vocabulary.
 *
 * A token is decoded as one within a text, and as its first; where both differ the tables have
 * both. What joins tokens is left to runtime/text/decode.c: characters that come in several tokens,
 * spaces that the begin of a text loses, a space that waits for a token behind it.
 */
#include "frontend/text/tables_parts.h"

#include "runtime/text/byte_alphabet.h"
#include "runtime/text/utf8.h"

#include <string.h>

/* ---- texts on their way ---- */

typedef struct {
    TextBuffer text[2]; /* what a decoder reads, and what it writes */
} Texts;

static TextString current(const Texts *texts) {
    return (TextString){(const char *)texts->text[0].bytes, texts->text[0].count};
}

/* What was written is what the next decoder reads. */
static void turn(Texts *texts) {
    const TextBuffer read = texts->text[0];
    texts->text[0] = texts->text[1];
    texts->text[1] = read;
    texts->text[1].count = 0;
}

static void put(Texts *texts, const char *bytes, size_t count) {
    if (count) tw_text_buffer_add(&texts->text[1], bytes, count);
}

static bool starts_with(TextString text, TextString start) {
    return text.count >= start.count && memcmp(text.bytes, start.bytes, start.count) == 0;
}

static TextString rest(TextString text, size_t from) {
    return (TextString){text.bytes + from, text.count - from};
}

/* Each `from` in the text. */
static void replace(Texts *texts, TextString from, TextString to) {
    TextString text = current(texts);
    while (text.count > 0) {
        const bool found = from.count && starts_with(text, from);
        put(texts, found ? to.bytes : text.bytes, found ? to.count : 1);
        text = rest(text, found ? from.count : 1);
    }
    turn(texts);
}

/* ---- decoders ---- */

TextString tables_spelled_bytes(TextString spelled, Arena *arena) {
    int16_t byte[TEXT_BYTE_CHARACTERS];
    memset(byte, 0xFF, sizeof byte);
    for (int i = 0; i < 256; i++) byte[tw_byte_character((uint8_t)i)] = (int16_t)i;
    char *bytes = ARENA_ARRAY(arena, char, spelled.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < spelled.count;) {
        const uint8_t *at = (const uint8_t *)spelled.bytes + i;
        const uint32_t character = tw_utf8_character(at);
        if (character >= TEXT_BYTE_CHARACTERS || byte[character] < 0) return (TextString){0};
        bytes[count++] = (char)byte[character];
        i += tw_utf8_bytes(*at);
    }
    return (TextString){bytes, count};
}

static void decode_byte_level(Texts *texts, Arena *arena) {
    const TextString bytes = tables_spelled_bytes(current(texts), arena);
    if (!bytes.bytes) return;
    put(texts, bytes.bytes, bytes.count);
    turn(texts);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* <0xNN> */
static void decode_byte(Texts *texts) {
    const TextString text = current(texts);
    if (text.count != 6 || memcmp(text.bytes, "<0x", 3) != 0 || text.bytes[5] != '>') return;
    const int high = hex_digit(text.bytes[3]), low = hex_digit(text.bytes[4]);
    if (high < 0 || low < 0) return;
    const char byte = (char)(high << 4 | low);
    put(texts, &byte, 1);
    turn(texts);
}

static void decode_strip(Texts *texts, const TextDecode *decode) {
    TextString text = current(texts);
    const size_t length = decode->from.count;
    for (int64_t i = 0; i < decode->start && length && starts_with(text, decode->from); i++)
        text = rest(text, length);
    for (int64_t i = 0; i < decode->stop && length && text.count >= length &&
                        starts_with(rest(text, text.count - length), decode->from);
         i++)
        text.count -= length;
    put(texts, text.bytes, text.count);
    turn(texts);
}

/* As English is written (transformers' clean_up_tokenization). */
static void clean_up(Texts *texts) {
    static const char *const pair[][2] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
        replace(texts, (TextString){pair[i][0], strlen(pair[i][0])},
                (TextString){pair[i][1], strlen(pair[i][1])});
}

static void decode_wordpiece(Texts *texts, const TextDecode *decode, bool is_first) {
    if (!is_first) {
        const TextString text = current(texts);
        const bool continues = starts_with(text, decode->from);
        if (!continues) put(texts, " ", 1);
        const TextString added = continues ? rest(text, decode->from.count) : text;
        put(texts, added.bytes, added.count);
        turn(texts);
    }
    if (decode->cleanup) clean_up(texts);
}

static void run(const TextDecode *decode, Texts *texts, bool is_first, Arena *arena) {
    const TextString space = {" ", 1}, nothing = {"", 0};
    switch (decode->kind) {
    case TEXT_DECODE_byte_level: decode_byte_level(texts, arena); return;
    case TEXT_DECODE_byte_fallback: decode_byte(texts); return;
    case TEXT_DECODE_replace: replace(texts, decode->from, decode->text); return;
    case TEXT_DECODE_strip: decode_strip(texts, decode); return;
    case TEXT_DECODE_wordpiece: decode_wordpiece(texts, decode, is_first); return;
    case TEXT_DECODE_metaspace:
        replace(texts, decode->from, is_first && !decode->is_never ? nothing : space);
        return;
    case TEXT_DECODE_bpe: replace(texts, decode->from, space); return;
    case TEXT_DECODE_fuse:
    case TEXT_DECODE_COUNT: return;
    }
}

/* ---- what tokens have together ---- */

typedef struct {
    const TextDefinition *definition;
    int count; /* of the decoders that are run on single tokens */
    bool joins_with_spaces;
} Chain;

static bool is_space(TextString text) {
    return text.count == 1 && text.bytes[0] == ' ';
}

static bool is_one_character(TextString text) {
    return text.count && tw_utf8_bytes((uint8_t)text.bytes[0]) == text.count;
}

/* Decoders behind one that joins all tokens see the whole text. Of these, replacing a character is
 * the same token by token, and spaces at the begin are counted. */
static bool read_chain(const TextDefinition *definition, Chain *chain, TextHead *head, Diag *diag) {
    bool is_whole = false;
    *chain = (Chain){definition, definition->decode_count, definition->decode_count == 0};
    for (int i = 0; i < definition->decode_count; i++) {
        const TextDecode *decode = &definition->decode[i];
        if (decode->kind == TEXT_DECODE_byte_fallback) head->flags |= TEXT_FFFD_FOR_EACH_BYTE;
        if (decode->kind == TEXT_DECODE_bpe) head->flags |= TEXT_HOLD_SPACE;
        const bool joins =
            decode->kind == TEXT_DECODE_fuse || decode->kind == TEXT_DECODE_byte_level;
        if (is_whole && decode->kind == TEXT_DECODE_strip && decode->stop == 0 &&
            is_space(decode->from) && i + 1 == definition->decode_count) {
            head->drop_spaces = (uint32_t)decode->start;
            chain->count = i;
        } else if (is_whole && !joins &&
                   (decode->kind != TEXT_DECODE_replace || !is_one_character(decode->from))) {
            return diag_error(diag, definition->loc,
                              "%s: not supported behind a decoder that joins all tokens",
                              decode->where);
        }
        is_whole |= joins;
    }
    return true;
}

static void decode_token(const Chain *chain, TextString token, bool is_first, Texts *texts,
                         Arena *arena) {
    texts->text[0].count = texts->text[1].count = 0;
    if (chain->joins_with_spaces && !is_first) tw_text_buffer_add(&texts->text[0], " ", 1);
    tw_text_buffer_add(&texts->text[0], token.bytes, token.count);
    for (int i = 0; i < chain->count; i++)
        run(&chain->definition->decode[i], texts, is_first, arena);
}

/* ---- sections ---- */

typedef struct {
    TextBuffer bytes, first, first_bytes;
    uint32_t *offset;
    size_t longest;
} Decoded;

static void add_token(const Chain *chain, int32_t token, Texts *texts, Arena *arena,
                      Decoded *decoded) {
    const TextString text = chain->definition->model.token[token].text;
    const size_t begin = decoded->bytes.count;
    decode_token(chain, text, false, texts, arena);
    tw_text_buffer_add(&decoded->bytes, texts->text[0].bytes, texts->text[0].count);
    decode_token(chain, text, true, texts, arena);
    const size_t count = decoded->bytes.count - begin;
    const TextBuffer *first = &texts->text[0];
    if (count > decoded->longest) decoded->longest = count;
    if (first->count > decoded->longest) decoded->longest = first->count;
    if (decoded->bytes.failed || first->failed) return;
    if (first->count == count && memcmp(first->bytes, decoded->bytes.bytes + begin, count) == 0)
        return;
    const TextFirst entry = {(uint32_t)token, (uint32_t)decoded->first_bytes.count,
                             (uint32_t)first->count};
    tw_text_buffer_add(&decoded->first, &entry, sizeof entry);
    tw_text_buffer_add(&decoded->first_bytes, first->bytes, first->count);
}

static void add_sections(TablesFile *file, const Decoded *decoded, uint32_t vocab) {
    file->is_full |= decoded->bytes.failed || decoded->first.failed || decoded->first_bytes.failed;
    tables_file_add(file, TEXT_SECTION_token_bytes, decoded->bytes.bytes, decoded->bytes.count);
    tables_file_add(file, TEXT_SECTION_token_offsets, decoded->offset,
                    (vocab + 1) * sizeof *decoded->offset);
    tables_file_add(file, TEXT_SECTION_token_first, decoded->first.bytes, decoded->first.count);
    tables_file_add(file, TEXT_SECTION_first_bytes, decoded->first_bytes.bytes,
                    decoded->first_bytes.count);
}

bool tables_decode(const TextDefinition *definition, TablesFile *file, TextHead *head, Arena *arena,
                   Diag *diag) {
    Chain chain;
    if (!read_chain(definition, &chain, head, diag)) return false;
    Decoded decoded = {.offset = ARENA_ARRAY(arena, uint32_t, head->vocab + 1)};
    Texts texts = {0};
    for (uint32_t i = 0; i < head->vocab; i++) {
        if (definition->model.token[i].text.bytes)
            add_token(&chain, (int32_t)i, &texts, arena, &decoded);
        decoded.offset[i + 1] = (uint32_t)decoded.bytes.count;
    }
    file->is_full |= texts.text[0].failed || texts.text[1].failed;
    head->longest = (uint32_t)TEXT_LONGEST(decoded.longest);
    add_sections(file, &decoded, head->vocab);
    tw_text_buffer_free(&decoded.bytes);
    tw_text_buffer_free(&decoded.first);
    tw_text_buffer_free(&decoded.first_bytes);
    tw_text_buffer_free(&texts.text[0]);
    tw_text_buffer_free(&texts.text[1]);
    return true;
}
