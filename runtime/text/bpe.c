/* bpe.c - byte pair encoding: of all neighbours the pair of the lowest rank is joined, the leftmost
 * of equals first, until no pair is in the table (Sennrich et al. 2016, as Hugging Face's library
 * has it).
 *
 * A piece that the vocabulary holds, and that its own merges would give, is a token at once. Of
 * short pieces the lowest rank is looked for among all; long ones keep pairs in a heap, so that
 * time grows as n log n whatever the text.
 *
 * Very long ones are merged window by window. Tokens are those of the whole if each two neighbours
 * are those of their own text: the first merge across a seam of the whole would be one of these
 * two, too. Windows have a token in common, so that each two neighbours have been in one.
 */
#include "runtime/text/encode.h"
#include "runtime/text/utf8.h"

#include <string.h>

enum {
    SHORT_PIECE = 100,    /* bytes */
    WINDOW = 1 << 14,     /* bytes; 576 KiB of memory */
    SURE = WINDOW * 7 / 8 /* tokens up to here are seldom others for the window's end */
};

/* What a piece still consists of. rank and joined are of a symbol and the next. */
typedef struct {
    int32_t *token;
    uint32_t *rank; /* UINT32_MAX: they do not join */
    int32_t *joined;
    uint32_t count;
} Symbols;

/* ---- the first symbols ---- */

/* The token of a character as it is spelled in its place. */
static int32_t symbol_token(const TextTables *tables, const uint8_t *symbol, size_t bytes,
                            bool is_first, bool is_last) {
    const TextHead *head = tables->head;
    if (!head->continues[0] && !head->word_end[0])
        return head->flags & TEXT_BYTES ? tables->byte_tokens[*symbol]
                                        : tw_text_piece(tables, symbol, bytes);
    uint8_t spelled[sizeof head->continues + 4 + sizeof head->word_end];
    size_t count = 0;
    if (!is_first) count = strlen(head->continues);
    memcpy(spelled, head->continues, count);
    memcpy(spelled + count, symbol, bytes);
    count += bytes;
    if (is_last) {
        const size_t end = strlen(head->word_end);
        memcpy(spelled + count, head->word_end, end);
        count += end;
    }
    return tw_text_piece(tables, spelled, count);
}

static bool add_byte_tokens(const TextTables *tables, const uint8_t *symbol, size_t bytes,
                            Symbols *symbols) {
    if (!(tables->head->flags & TEXT_BYTE_FALLBACK)) return false;
    for (size_t i = 0; i < bytes; i++)
        if (tables->byte_tokens[symbol[i]] < 0) return false;
    for (size_t i = 0; i < bytes; i++)
        symbols->token[symbols->count++] = tables->byte_tokens[symbol[i]];
    return true;
}

/* An unknown character waits for a known one, as those behind it may be the same unknown token.
 * False: there are such. */
static bool take_symbols(const TextTables *tables, const uint8_t *piece, size_t bytes,
                         Symbols *symbols) {
    const bool are_bytes = tables->head->flags & TEXT_BYTES;
    const bool fuse = tables->head->flags & TEXT_FUSE_UNKNOWN;
    bool waits = false, are_known = true;
    size_t length;
    for (size_t i = 0; i < bytes; i += length) {
        length = are_bytes ? 1 : tw_utf8_bytes(piece[i]);
        const int32_t token = symbol_token(tables, piece + i, length, i == 0, i + length == bytes);
        if (token < 0 && add_byte_tokens(tables, piece + i, length, symbols)) continue;
        if (waits && (token >= 0 || !fuse)) {
            symbols->token[symbols->count++] = tables->head->unknown;
            waits = false;
        }
        if (token >= 0)
            symbols->token[symbols->count++] = token;
        else {
            are_known = false;
            waits = tables->head->unknown >= 0;
        }
    }
    if (waits) symbols->token[symbols->count++] = tables->head->unknown;
    return are_known;
}

/* ---- merging ---- */

static void look_up(const TextTables *tables, int32_t left, int32_t right, uint32_t *rank,
                    int32_t *joined) {
    *rank = UINT32_MAX;
    if (tables->merges_count == 0) return;
    const uint32_t mask = tables->merges_count - 1;
    for (uint32_t i = (uint32_t)tw_text_hash_pair(left, right) & mask; tables->merges[i].left >= 0;
         i = (i + 1) & mask) {
        const TextMerge *merge = &tables->merges[i];
        if (merge->left != left || merge->right != right) continue;
        *rank = merge->rank;
        *joined = merge->token;
        return;
    }
}

static void look_up_at(const TextTables *tables, Symbols *symbols, uint32_t i, uint32_t next) {
    look_up(tables, symbols->token[i], symbols->token[next], &symbols->rank[i],
            &symbols->joined[i]);
}

static void look_up_all(const TextTables *tables, Symbols *symbols) {
    for (uint32_t i = 0; i + 1 < symbols->count; i++) look_up_at(tables, symbols, i, i + 1);
    symbols->rank[symbols->count - 1] = UINT32_MAX;
}

static void merge_short(const TextTables *tables, Symbols *symbols) {
    for (;;) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < symbols->count; i++)
            if (symbols->rank[i] < symbols->rank[best]) best = i;
        if (symbols->rank[best] == UINT32_MAX) return;
        const uint32_t gone = best + 1, behind = symbols->count - gone - 1;
        symbols->token[best] = symbols->joined[best];
        memmove(symbols->token + gone, symbols->token + gone + 1, behind * sizeof(int32_t));
        memmove(symbols->joined + gone, symbols->joined + gone + 1, behind * sizeof(int32_t));
        memmove(symbols->rank + gone, symbols->rank + gone + 1, behind * sizeof(uint32_t));
        symbols->count--;
        symbols->rank[best] = UINT32_MAX;
        if (gone < symbols->count) look_up_at(tables, symbols, best, gone);
        if (best > 0) look_up_at(tables, symbols, best - 1, best);
    }
}

/* ---- long pieces: a list of symbols, and a heap of pairs ---- */

typedef struct {
    uint64_t *pair; /* rank, place: the least first */
    size_t count;
} Heap;

static void heap_push(Heap *heap, uint32_t rank, uint32_t place) {
    if (rank == UINT32_MAX) return;
    const uint64_t pair = (uint64_t)rank << 32 | place;
    size_t i = heap->count++;
    for (; i > 0 && pair < heap->pair[(i - 1) / 2]; i = (i - 1) / 2)
        heap->pair[i] = heap->pair[(i - 1) / 2];
    heap->pair[i] = pair;
}

static uint64_t heap_pop(Heap *heap) {
    const uint64_t least = heap->pair[0], moved = heap->pair[--heap->count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < heap->count; i = child) {
        if (child + 1 < heap->count && heap->pair[child + 1] < heap->pair[child]) child++;
        if (moved <= heap->pair[child]) break;
        heap->pair[i] = heap->pair[child];
    }
    heap->pair[i] = moved;
    return least;
}

/* A pair that has changed since it was pushed has another rank. */
static void merge_long(const TextTables *tables, Symbols *symbols, uint32_t *next, uint32_t *before,
                       Heap *heap) {
    const uint32_t count = symbols->count;
    for (uint32_t i = 0; i < count; i++) {
        next[i] = i + 1;
        before[i] = i - 1;
        heap_push(heap, symbols->rank[i], i);
    }
    while (heap->count > 0) {
        const uint64_t pair = heap_pop(heap);
        const uint32_t i = (uint32_t)pair;
        if (symbols->rank[i] != (uint32_t)(pair >> 32)) continue;
        const uint32_t gone = next[i];
        symbols->token[i] = symbols->joined[i];
        symbols->rank[gone] = UINT32_MAX;
        symbols->token[gone] = -1;
        next[i] = next[gone];
        symbols->rank[i] = UINT32_MAX;
        if (next[i] < count) {
            before[next[i]] = i;
            look_up_at(tables, symbols, i, next[i]);
            heap_push(heap, symbols->rank[i], i);
        }
        if (i > 0) {
            look_up_at(tables, symbols, before[i], i);
            heap_push(heap, symbols->rank[before[i]], before[i]);
        }
    }
    symbols->count = 0;
    for (uint32_t i = 0; i < count; i = next[i])
        symbols->token[symbols->count++] = symbols->token[i];
}

/* ---- a piece ---- */

/* The token of a piece that is one; -1: it must be merged. */
static int32_t whole_piece(const TextTables *tables, const uint8_t *piece, size_t bytes) {
    const char *word_end = tables->head->word_end;
    if (!word_end[0]) return tw_text_piece(tables, piece, bytes);
    uint8_t spelled[64];
    const size_t end = strlen(word_end);
    if (bytes > sizeof spelled - end) return -1;
    memcpy(spelled, piece, bytes);
    memcpy(spelled + bytes, word_end, end);
    return tw_text_piece(tables, spelled, bytes + end);
}

/* Merges a text. `are_known`: each of its characters, or its bytes, is a token. */
static TwStatus merge(const TextTables *tables, const uint8_t *text, size_t bytes,
                      TextBuffer *scratch, Symbols *symbols, bool *are_known) {
    /* No more symbols than bytes; each adds a pair to the heap, and each merge one more. */
    const bool is_short = bytes <= SHORT_PIECE;
    const size_t heap_bytes = is_short ? 0 : 2 * sizeof(uint64_t) * bytes;
    if (bytes > UINT32_MAX / 64) return TW_NO_MEMORY;
    scratch->count = 0;
    uint8_t *memory =
        tw_text_buffer_more(scratch, heap_bytes + (is_short ? 3 : 5) * sizeof(int32_t) * bytes);
    if (!memory) return TW_NO_MEMORY;

    Heap heap = {(uint64_t *)(void *)memory, 0};
    uint32_t *array = (uint32_t *)(void *)(memory + heap_bytes);
    *symbols = (Symbols){(int32_t *)array, array + bytes, (int32_t *)(array + 2 * bytes), 0};
    *are_known = take_symbols(tables, text, bytes, symbols);
    if (symbols->count > 1) {
        look_up_all(tables, symbols);
        if (is_short)
            merge_short(tables, symbols);
        else
            merge_long(tables, symbols, array + 3 * bytes, array + 4 * bytes, &heap);
    }
    return TW_OK;
}

/* How many bytes a token has that a text begins with; 0: it is spelled in another way. */
static size_t token_bytes(const TextTables *tables, int32_t token, const uint8_t *text,
                          size_t bytes) {
    if (tables->byte_tokens_count && tables->byte_tokens[*text] == token) return 1;
    if (tables->pieces_count == 0) return 0;
    const uint32_t begin = tables->piece_offsets[token];
    const size_t count = tables->piece_offsets[token + 1] - begin;
    return count <= bytes && memcmp(text, tables->piece_bytes + begin, count) == 0 ? count : 0;
}

/* Where a window may begin: before a symbol. A character that is no token has one for each byte. */
static bool is_seam(const TextTables *tables, const uint8_t *text) {
    return tables->head->flags & TEXT_BYTES || (*text & 0xC0) != 0x80;
}

/* A text by windows. False: these do not tell what its tokens are, and the sink is as before. */
static bool encode_windows(const TextTables *tables, const uint8_t *text, size_t bytes,
                           TextBuffer *scratch, TextSink *sink) {
    const size_t before = sink->count;
    int32_t first = -1; /* of the window, as the one before it has it */
    for (size_t done; bytes > 0; text += done, bytes -= done) {
        Symbols symbols;
        bool are_known;
        size_t end = bytes < WINDOW ? bytes : WINDOW;
        while (end < bytes && end > SURE && !is_seam(tables, text + end)) end--;
        if (merge(tables, text, end, scratch, &symbols, &are_known) != TW_OK || !are_known ||
            (first >= 0 && symbols.token[0] != first))
            break;
        const size_t sure = end < bytes ? SURE : bytes;
        uint32_t i = 0;
        for (done = 0; i < symbols.count && done < end; i++) {
            if (done >= sure && is_seam(tables, text + done)) break;
            const size_t count = token_bytes(tables, symbols.token[i], text + done, end - done);
            if (count == 0) break;
            tw_text_sink_add(sink, symbols.token[i]);
            done += count;
        }
        if (done == bytes && i == symbols.count) return true;
        if (done < sure || done == end || i == symbols.count) break;
        first = symbols.token[i];
    }
    sink->count = before;
    return false;
}

TwStatus tw_bpe_encode(const TextTables *tables, const uint8_t *piece, size_t bytes,
                       TextBuffer *scratch, TextSink *sink) {
    const int32_t whole = whole_piece(tables, piece, bytes);
    if (whole >= 0) {
        tw_text_sink_add(sink, whole);
        return TW_OK;
    }
    const TextHead *head = tables->head;
    if (bytes > WINDOW && !head->continues[0] && !head->word_end[0] &&
        encode_windows(tables, piece, bytes, scratch, sink))
        return TW_OK;
    Symbols symbols;
    bool are_known;
    const TwStatus status = merge(tables, piece, bytes, scratch, &symbols, &are_known);
    if (status != TW_OK) return status;
    for (uint32_t i = 0; i < symbols.count; i++) tw_text_sink_add(sink, symbols.token[i]);
    return TW_OK;
}
