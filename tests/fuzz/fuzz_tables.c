/* fuzz_tables.c - tables of a tokenizer, and a text. Whatever opens encodes any text, to tokens of
 * its vocabulary, and decodes them. The input is a text, its length in front, and the tables, which
 * are sealed, so that a checksum keeps nothing out.
 */
#include "runtime/text/tables.h"

#include <stdlib.h>
#include <string.h>

static void use(const TwTokenizer *tokenizer, const char *text, size_t bytes, unsigned flags) {
    int32_t tokens[512];
    size_t count = 0;
    TwDecoder decoder = {0};
    const size_t room = tw_tokenizer_longest(tokenizer);
    if (tw_encode(tokenizer, text, bytes, flags, tokens, 512, &count) != TW_OK) return;
    char *out = malloc(room + 1);
    for (size_t i = 0; out && i < count; i++) {
        if (tokens[i] < 0 || tokens[i] >= tw_tokenizer_vocab(tokenizer)) abort();
        if (tw_decode(tokenizer, &decoder, tokens[i], flags & 1, out, room) > room) abort();
    }
    if (out && tw_decode_end(tokenizer, &decoder, out, room) > room) abort();
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    const size_t text = data[0] < size ? data[0] : size - 1, bytes = size - 1 - text;
    TwTokenizer *tokenizer;
    void *tables = malloc(bytes + 1);
    if (!tables) return 0;
    memcpy(tables, data + 1 + text, bytes);
    if (bytes >= sizeof(TextFileHeader)) tw_text_tables_seal(tables, bytes);
    if (tw_tokenizer_open_memory(tables, bytes, &tokenizer) == TW_OK)
        for (unsigned flags = 0; flags < 4; flags++)
            use(tokenizer, (const char *)data + 1, text, flags);
    tw_tokenizer_close(tokenizer);
    free(tables);
    return 0;
}
