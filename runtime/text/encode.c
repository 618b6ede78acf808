/* encode.c - text -> tokens: added tokens first, then what lies between them. */
#include "runtime/text/encode.h"

#include "runtime/text/encoder.h"
#include "runtime/text/utf8.h"

static void add_tokens(TextSink *sink, const int32_t *token, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) tw_text_sink_add(sink, token[i]);
}

static void encode_text(Encoder *encoder, const uint8_t *text, size_t bytes) {
    TextSearch found = {0};
    size_t done = 0, safe = 0;
    while (encoder->status == TW_OK &&
           tw_text_find_added(encoder->tables, &encoder->tokenizer->raw, text, bytes,
                              encoder->flags & TW_ENCODE_SPECIAL, true, &found, &safe)) {
        tw_text_encode_part(encoder, text + done, found.start - done, done == 0);
        tw_text_sink_add(&encoder->sink, found.token);
        done = found.end;
    }
    tw_text_encode_part(encoder, text + done, bytes - done, done == 0);
}

static void release(Encoder *encoder) {
    tw_text_buffer_free(&encoder->scratch);
    tw_text_buffer_free(&encoder->window);
    tw_text_buffer_free(&encoder->normal);
    tw_text_buffer_free(&encoder->lossy);
    for (int i = 0; i < 2; i++) tw_text_buffer_free(&encoder->between[i]);
    for (int i = 0; i < TEXT_MAX_SPLITS; i++) tw_text_buffer_free(&encoder->rewritten[i]);
}

TwStatus tw_encode(const TwTokenizer *tokenizer, const char *text, size_t bytes, unsigned flags,
                   int32_t *tokens, size_t room, size_t *count) {
    if (!count) return TW_BAD_ARGUMENT;
    *count = 0;
    if (!tokenizer || (!text && bytes) || (!tokens && room) ||
        flags > (TW_ENCODE_SPECIAL | TW_ENCODE_ADD))
        return TW_BAD_ARGUMENT;
    const TextTables *tables = &tokenizer->tables;
    const uint8_t *utf8 = (const uint8_t *)(text ? text : "");
    Encoder encoder = {.tokenizer = tokenizer,
                       .tables = tables,
                       .flags = flags,
                       .is_valid = tw_utf8_valid(utf8, bytes) == bytes,
                       .sink = {tokens, room, 0}};
    if (flags & TW_ENCODE_ADD) add_tokens(&encoder.sink, tables->before, tables->before_count);
    encode_text(&encoder, utf8, bytes);
    if (flags & TW_ENCODE_ADD) add_tokens(&encoder.sink, tables->after, tables->after_count);
    release(&encoder);
    if (encoder.status != TW_OK) return encoder.status;
    *count = encoder.sink.count;
    return *count > room ? TW_NO_ROOM : TW_OK;
}
