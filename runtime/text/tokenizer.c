/* tokenizer.c - opens tables from a file or memory, and answers what they say of single tokens. */
#include "runtime/text/added.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static TwStatus open_tables(TwTokenizer *tokenizer, const void *file, uint64_t bytes) {
    TextTables *tables = &tokenizer->tables;
    const TwStatus status = tw_text_tables_open(file, bytes, tables);
    if (status != TW_OK) return status;
    tw_text_added_trie(tables, tables->added_raw, tables->added_raw_count, tables->added_raw_edges,
                       &tokenizer->raw);
    tw_text_added_trie(tables, tables->added_normal, tables->added_normal_count,
                       tables->added_normal_edges, &tokenizer->normal);
    return TW_OK;
}

TwStatus tw_tokenizer_open_memory(const void *tables, uint64_t bytes, TwTokenizer **out) {
    if (!out) return TW_BAD_ARGUMENT;
    *out = NULL;
    TwTokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer) return TW_NO_MEMORY;
    const TwStatus status = open_tables(tokenizer, tables, bytes);
    if (status == TW_OK)
        *out = tokenizer;
    else
        free(tokenizer);
    return status;
}

static TwStatus map_file(int file, void **map, size_t *bytes) {
    struct stat info;
    if (fstat(file, &info) != 0) return TW_CANNOT_OPEN;
    if (!S_ISREG(info.st_mode)) return TW_NOT_TOKENIZER;
    if (info.st_size < 8) return TW_NOT_TOKENIZER;
    *bytes = (size_t)info.st_size;
    *map = mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (*map != MAP_FAILED) return TW_OK;
    return errno == ENOMEM ? TW_NO_MEMORY : TW_CANNOT_OPEN;
}

TwStatus tw_tokenizer_open(const char *path, TwTokenizer **out) {
    if (!out) return TW_BAD_ARGUMENT;
    *out = NULL;
    if (!path) return TW_BAD_ARGUMENT;
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not block */
    if (file < 0) return TW_CANNOT_OPEN;
    void *map = NULL;
    size_t bytes = 0;
    TwStatus status = map_file(file, &map, &bytes);
    close(file);
    if (status != TW_OK) return status;
    status = tw_tokenizer_open_memory(map, bytes, out);
    if (status != TW_OK) {
        munmap(map, bytes);
        return status;
    }
    (*out)->map = map;
    (*out)->map_bytes = bytes;
    return TW_OK;
}

/* Modules of before there were tokenizers end earlier. */
TwStatus tw_module_tokenizer(const TwModule *module, const char *path, TwTokenizer **out) {
    if (path) return tw_tokenizer_open(path, out);
    if (!out) return TW_BAD_ARGUMENT;
    *out = NULL;
    if (!module) return TW_BAD_ARGUMENT;
    const bool is_inside =
        module->struct_bytes > offsetof(TwModule, tokenizer_bytes) && module->tokenizer;
    if (!is_inside) return TW_NO_TOKENIZER;
    return tw_tokenizer_open_memory(module->tokenizer, module->tokenizer_bytes, out);
}

void tw_tokenizer_close(TwTokenizer *tokenizer) {
    if (!tokenizer) return;
    if (tokenizer->map) munmap(tokenizer->map, tokenizer->map_bytes);
    free(tokenizer);
}

int64_t tw_tokenizer_vocab(const TwTokenizer *tokenizer) {
    return tokenizer->tables.head->vocab;
}

size_t tw_tokenizer_longest(const TwTokenizer *tokenizer) {
    return tokenizer->tables.head->longest;
}

int32_t tw_tokenizer_special(const TwTokenizer *tokenizer, TwSpecial which) {
    return (unsigned)which < TW_SPECIAL_COUNT ? tokenizer->tables.head->special[which] : -1;
}

int tw_tokenizer_stops(const TwTokenizer *tokenizer, int32_t token) {
    const TextTables *tables = &tokenizer->tables;
    for (uint32_t i = 0; i < tables->stops_count; i++)
        if (tables->stops[i] == token) return 1;
    return 0;
}

const char *tw_tokenizer_token(const TwTokenizer *tokenizer, int32_t token, size_t *bytes) {
    const TextTables *tables = &tokenizer->tables;
    *bytes = 0;
    if (token < 0 || (uint32_t)token >= tables->head->vocab ||
        !(tables->token_flags[token] & TEXT_TOKEN_EXISTS))
        return NULL;
    *bytes = tables->token_offsets[token + 1] - tables->token_offsets[token];
    return *bytes ? (const char *)tables->token_bytes + tables->token_offsets[token] : "";
}
