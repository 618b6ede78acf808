/* encode.h - what a call of tw_encode() works with, for the models that turn pieces into tokens. */
#ifndef RUNTIME_TEXT_ENCODE_H
#define RUNTIME_TEXT_ENCODE_H

#include "runtime/text/tables.h"
#include "runtime/text/text_buffer.h"

/* What is encoded. Tokens beyond `room` are counted, not written. */
typedef struct TextSink {
    int32_t *tokens;
    size_t room, count;
} TextSink;

static inline void tw_text_sink_add(TextSink *sink, int32_t token) {
    if (sink->count < sink->room) sink->tokens[sink->count] = token;
    sink->count++;
}

/* One piece, not empty, to the end of the sink. `scratch` is the call's: it keeps its room from
 * piece to piece, and its contents mean nothing. TW_NO_MEMORY, else TW_OK. */
TwStatus tw_bpe_encode(const TextTables *tables, const uint8_t *piece, size_t bytes,
                       TextBuffer *scratch, TextSink *sink);

#endif
