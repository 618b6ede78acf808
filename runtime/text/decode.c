/* decode.c - tokens -> text, token by token.
 *
 * What a token adds is in the tables. Here remains what depends on its neighbours: another text for
 * the first token, spaces that the begin loses, a space that waits for a token behind it, and
 * characters whose bytes come in several tokens.
 */
#include "runtime/text/added.h"
#include "runtime/text/utf8.h"

#include <string.h>

/* TwDecoder, unpacked. state[0]: bit 0: a token has come; bit 1: a ' ' waits; from bit 8 on: how
 * many bytes of a character wait. state[1]: spaces that the begin has lost, UINT32_MAX: no more. */
typedef struct {
    bool has_begun, holds_space, for_each_byte;
    unsigned waiting;
    uint32_t dropped;
    uint8_t bytes[4];
    char *out;
    size_t room, count;
} Decoding;

static Decoding unpack(const TwTokenizer *tokenizer, const TwDecoder *decoder, char *out,
                       size_t room) {
    Decoding decoding = {.has_begun = decoder->state[0] & 1,
                         .holds_space = decoder->state[0] & 2,
                         .for_each_byte = tokenizer->tables.head->flags & TEXT_FFFD_FOR_EACH_BYTE,
                         .waiting = decoder->state[0] >> 8 & 3,
                         .dropped = decoder->state[1],
                         .out = out,
                         .room = room};
    memcpy(decoding.bytes, decoder->waiting, sizeof decoding.bytes);
    return decoding;
}

static void pack(const Decoding *decoding, TwDecoder *decoder) {
    decoder->state[0] = (uint32_t)decoding->has_begun | (uint32_t)decoding->holds_space << 1 |
                        decoding->waiting << 8;
    decoder->state[1] = decoding->dropped;
    memcpy(decoder->waiting, decoding->bytes, sizeof decoding->bytes);
}

static void write(Decoding *decoding, const void *bytes, size_t count) {
    if (count <= decoding->room && decoding->count <= decoding->room - count)
        memcpy(decoding->out + decoding->count, bytes, count);
    decoding->count += count;
}

static void write_broken(Decoding *decoding, unsigned bytes) {
    for (unsigned i = 0; i < (decoding->for_each_byte ? bytes : 1); i++)
        write(decoding, "\xEF\xBF\xBD", 3);
}

/* ---- characters that come in several tokens ---- */

static void end_character(Decoding *decoding) {
    if (decoding->waiting) write_broken(decoding, decoding->waiting);
    decoding->waiting = 0;
}

/* A byte behind those that wait: they are a character then, still begin one, or never will. */
static void add_byte(Decoding *decoding, uint8_t byte) {
    decoding->bytes[decoding->waiting++] = byte;
    for (;;) {
        bool is_open;
        const int length = tw_utf8_next(decoding->bytes, decoding->waiting, &is_open);
        if (is_open) return;
        const unsigned taken = (unsigned)(length < 0 ? -length : length);
        if (length < 0)
            write_broken(decoding, taken);
        else
            write(decoding, decoding->bytes, taken);
        decoding->waiting -= taken;
        if (decoding->waiting == 0) return;
        memmove(decoding->bytes, decoding->bytes + taken, decoding->waiting);
    }
}

static void add_bytes(Decoding *decoding, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        if (decoding->waiting == 0) {
            const size_t valid = tw_utf8_valid(bytes, count);
            write(decoding, bytes, valid);
            bytes += valid;
            count -= valid;
            if (count == 0) return;
        }
        add_byte(decoding, *bytes++);
        count--;
    }
}

/* ---- tokens ---- */

static const TextFirst *find_first(const TextTables *tables, uint32_t token) {
    uint32_t low = 0, high = tables->token_first_count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (tables->token_first[middle].token < token)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == tables->token_first_count || tables->token_first[low].token != token) return NULL;
    return &tables->token_first[low];
}

/* Null: it has none. */
static const uint8_t *token_text(const TextTables *tables, uint32_t token, bool is_first,
                                 size_t *bytes) {
    const TextFirst *first = is_first ? find_first(tables, token) : NULL;
    if (first) {
        *bytes = first->bytes;
        return *bytes ? tables->first_bytes + first->offset : NULL;
    }
    *bytes = tables->token_offsets[token + 1] - tables->token_offsets[token];
    return *bytes ? tables->token_bytes + tables->token_offsets[token] : NULL;
}

static void decode_token(const TextTables *tables, Decoding *decoding, uint32_t token) {
    size_t bytes;
    const uint8_t *text = token_text(tables, token, !decoding->has_begun, &bytes);
    decoding->has_begun = true;

    if (decoding->holds_space) write(decoding, " ", 1);
    decoding->holds_space = false;
    for (; bytes && *text == ' ' && decoding->dropped < tables->head->drop_spaces; bytes--) {
        text++;
        decoding->dropped++;
    }
    if (bytes) decoding->dropped = UINT32_MAX;
    if (bytes && tables->head->flags & TEXT_HOLD_SPACE && text[bytes - 1] == ' ') {
        decoding->holds_space = true;
        bytes--;
    }
    add_bytes(decoding, text, bytes);
}

static size_t finish(Decoding *decoding, TwDecoder *decoder) {
    if (decoding->count <= decoding->room) pack(decoding, decoder);
    return decoding->count;
}

size_t tw_decode(const TwTokenizer *tokenizer, TwDecoder *decoder, int32_t token, unsigned flags,
                 char *out, size_t room) {
    const TextTables *tables = &tokenizer->tables;
    if (token < 0 || (uint32_t)token >= tables->head->vocab) return 0;
    const uint8_t token_flags = tables->token_flags[token];
    if (!(token_flags & TEXT_TOKEN_EXISTS)) return 0;
    if (token_flags & TEXT_TOKEN_SPECIAL && !(flags & TW_DECODE_SPECIAL)) return 0;
    Decoding decoding = unpack(tokenizer, decoder, out, room);
    decode_token(tables, &decoding, (uint32_t)token);
    return finish(&decoding, decoder);
}

size_t tw_decode_end(const TwTokenizer *tokenizer, TwDecoder *decoder, char *out, size_t room) {
    Decoding decoding = unpack(tokenizer, decoder, out, room);
    end_character(&decoding);
    if (decoding.count <= room) *decoder = (TwDecoder){0};
    return decoding.count;
}
