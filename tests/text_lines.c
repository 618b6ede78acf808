/* text_lines.c - the tokens of texts, for scripts that hold them against what others make of them.
 *
 *   text_lines DEFINITION [--special] [--add] <LINES
 *
 * DEFINITION is a tokenizer.json, a tokenizer.model or a GGUF. Each line of the input is a text,
 * two hexadecimal digits a byte; each of the output its tokens, '|', and the text that they decode
 * to. */
#include "frontend/text/definition_read.h"
#include "frontend/text/tables_make.h"

#include <stdlib.h>
#include <string.h>

/* The tables, aligned as they are to lie; free(). Null: said. */
static void *make_tables(const char *path, size_t *bytes) {
    Arena *arena = arena_create();
    Diag diag = {.arena = arena};
    TextBuffer tables = {0};
    void *aligned = NULL;
    const TextDefinition *definition = definition_read(path, arena, &diag);
    if (definition && tables_make(definition, &tables, &diag)) {
        aligned = aligned_alloc(64, (tables.count + 63) / 64 * 64);
        memcpy(aligned, tables.bytes, tables.count);
        *bytes = tables.count;
    }
    diag_print(&diag, stderr);
    tw_text_buffer_free(&tables);
    arena_destroy(arena);
    return aligned;
}

static void print_decoded(const TwTokenizer *tokenizer, const int32_t *token, size_t count) {
    const size_t room = tw_tokenizer_longest(tokenizer);
    unsigned char *out = malloc(room);
    TwDecoder decoder = {0};
    for (size_t i = 0; i <= count; i++) {
        const size_t bytes = i < count ? tw_decode(tokenizer, &decoder, token[i], TW_DECODE_SPECIAL,
                                                   (char *)out, room)
                                       : tw_decode_end(tokenizer, &decoder, (char *)out, room);
        for (size_t k = 0; k < bytes; k++) printf("%02x", out[k]);
    }
    free(out);
}

static size_t from_hexadecimal(char *line) {
    size_t count = 0;
    for (const char *digit = line; digit[0] > ' ' && digit[1] > ' '; digit += 2) {
        const char pair[3] = {digit[0], digit[1], '\0'};
        line[count++] = (char)strtoul(pair, NULL, 16);
    }
    return count;
}

static bool print_line(const TwTokenizer *tokenizer, char *line, unsigned flags) {
    const size_t bytes = from_hexadecimal(line), room = 4 * bytes + 8;
    int32_t *token = malloc(room * sizeof *token);
    size_t count = 0;
    const TwStatus status = tw_encode(tokenizer, line, bytes, flags, token, room, &count);
    if (status != TW_OK) fprintf(stderr, "text_lines: %s\n", tw_status_text(status));
    for (size_t i = 0; i < count && status == TW_OK; i++) printf("%s%d", i ? " " : "", token[i]);
    printf("|");
    if (status == TW_OK) print_decoded(tokenizer, token, count);
    printf("\n");
    free(token);
    return status == TW_OK;
}

static bool print_lines(const TwTokenizer *tokenizer, unsigned flags) {
    char *line = NULL;
    size_t room = 0;
    bool done = true;
    while (getline(&line, &room, stdin) > 0) done &= print_line(tokenizer, line, flags);
    free(line);
    return done;
}

int main(int argc, char **argv) {
    unsigned flags = 0;
    size_t bytes = 0;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--special") == 0) flags |= TW_ENCODE_SPECIAL;
        if (strcmp(argv[i], "--add") == 0) flags |= TW_ENCODE_ADD;
    }
    void *tables = argc >= 2 ? make_tables(argv[1], &bytes) : NULL;
    TwTokenizer *tokenizer = NULL;
    if (tables && tw_tokenizer_open_memory(tables, bytes, &tokenizer) != TW_OK)
        fprintf(stderr, "text_lines: %s: its tables do not open\n", argv[1]);
    const bool done = tokenizer && print_lines(tokenizer, flags);
    tw_tokenizer_close(tokenizer);
    free(tables);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
