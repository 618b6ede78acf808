/* fuzz_tokenizer.c - whatever is a tokenizer.json, a tokenizer.model, or the metadata of a GGUF, is
 * refused, or becomes tables that open, and that encode and decode a text. */
#include "frontend/text/definition_json.h"
#include "frontend/text/definition_read.h"
#include "frontend/text/definition_spm.h"
#include "frontend/text/tables_make.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 4096 };

static const char text[] = "Hello  world, it's 1234 <s>\xe2\x96\x81"
                           "a\xc3\xa9\xcc\x81\xe4\xb8\xad\xf0\x9f\x90\xa6\r\n\xff\xe4\x00 aaaaaaaa";

static void decode(const TwTokenizer *tokenizer, const int32_t *token, size_t count) {
    const size_t room = tw_tokenizer_longest(tokenizer);
    char *out = malloc(room);
    TwDecoder decoder = {0};
    for (size_t i = 0; i < count; i++) {
        if (token[i] < 0 || token[i] >= tw_tokenizer_vocab(tokenizer)) abort();
        if (tw_decode(tokenizer, &decoder, token[i], TW_DECODE_SPECIAL, out, room) > room) abort();
    }
    if (tw_decode_end(tokenizer, &decoder, out, room) > room) abort();
    free(out);
}

static void use(const TextBuffer *tables) {
    TwTokenizer *tokenizer;
    int32_t token[ROOM];
    size_t count;
    void *aligned = aligned_alloc(64, (tables->count + 63) / 64 * 64);
    memcpy(aligned, tables->bytes, tables->count);
    if (tw_tokenizer_open_memory(aligned, tables->count, &tokenizer) != TW_OK) abort();
    for (unsigned flags = 0; flags < 4; flags++) {
        const TwStatus status =
            tw_encode(tokenizer, text, sizeof text - 1, flags, token, ROOM, &count);
        if (status == TW_OK) decode(tokenizer, token, count);
    }
    tw_tokenizer_close(tokenizer);
    free(aligned);
}

static void make(const TextDefinition *definition, Diag *diag) {
    TextBuffer tables = {0};
    if (tables_make(definition, &tables, diag))
        use(&tables);
    else if (diag->errors == 0)
        abort();
    tw_text_buffer_free(&tables);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *arena = arena_create();
    Diag diag = {.arena = arena};
    Gguf *gguf = NULL;
    TextDefinition *definition = NULL;
    if (size >= 4 && memcmp(data, "GGUF", 4) == 0) {
        gguf = gguf_parse("fuzz", data, size, &diag);
        if (gguf) definition = definition_read_gguf(gguf, arena, &diag);
    } else if (size >= 1 && data[0] == '{') {
        definition = definition_parse_json("fuzz", data, size, arena, &diag);
    } else {
        definition = definition_parse_spm("fuzz", data, size, arena, &diag);
    }
    if ((definition == NULL) != (diag.errors > 0)) abort();
    if (definition) make(definition, &diag);
    gguf_close(gguf);
    arena_destroy(arena);
    return 0;
}
