/* unigram.c - Unigram: of all ways to spell a piece by tokens, the one with the highest sum of
 * scores (Kudo 2018), found by dynamic programming over the places between characters.
 *
 * A place that no token reaches across is on the best way, whatever follows: what lies before it is
 * written, and forgotten. Where there is none within a window, the ways that are alive share their
 * beginning, which is written. Only a piece whose ways share nothing for a whole window (a run of
 * one character, whose ways differ in where its remainder stands) is cut, on the best way to there.
 * So time is linear, and memory is the window's.
 */
#include "runtime/text/encode.h"
#include "runtime/text/trie.h"
#include "runtime/text/utf8.h"
#include "runtime/text/vocabulary.h"

enum {
    WINDOW = 1 << 15 /* places; 512 KiB */
};

/* The best way to a place. */
typedef struct {
    double score;
    int32_t token;  /* its last */
    uint32_t bytes; /* of that token, 0: no way leads here; with LIVE while shared_place() works */
} Way;

#define LIVE (UINT32_C(1) << 31)

typedef struct {
    const TextTables *tables;
    const uint32_t *trie;
    const uint8_t *piece;
    size_t bytes;
    size_t begin;   /* what lies before it has been written */
    size_t reach;   /* the furthest place that a way leads to */
    Way *way;       /* from `begin` on; valid up to `reach` */
    bool is_joined; /* the last token that was written is unknown */
    TextSink *sink;
} Search;

/* ---- finding ways ---- */

static void offer(Search *s, size_t from, size_t to, int32_t token, double score) {
    for (; s->reach < to; s->reach++) s->way[s->reach + 1 - s->begin].bytes = 0;
    Way *way = &s->way[to - s->begin];
    if (way->bytes && !(score > way->score)) return;
    *way = (Way){score, token, (uint32_t)(to - from)};
}

/* All tokens that begin at a place, in order of their lengths; unknown is a character that is none.
 */
static void go_on(Search *s, size_t from, size_t next) {
    const TextTables *tables = s->tables;
    const double score = s->way[from - s->begin].score;
    const size_t most = from + TEXT_LONGEST_TOKEN < s->bytes ? from + TEXT_LONGEST_TOKEN : s->bytes;
    uint32_t node = tw_trie_root(s->trie);
    bool ends, is_known = false;
    for (size_t at = from; at < most && tw_trie_step(s->trie, &node, s->piece[at], &ends);) {
        at++;
        if (!ends) continue;
        const uint32_t token = tw_trie_value(s->trie, node);
        offer(s, from, at, (int32_t)token, score + tables->unigram_scores[token]);
        is_known |= at == next;
    }
    if (!is_known)
        offer(s, from, next, tables->head->unknown,
              score + tables->unigram_scores[tables->head->vocab]);
}

/* ---- writing them ---- */

/* The tokens of its bytes, if there are such. */
static bool write_bytes(Search *s, const uint8_t *text, size_t bytes) {
    if (!(s->tables->head->flags & TEXT_BYTE_FALLBACK)) return false;
    for (size_t i = 0; i < bytes; i++)
        if (s->tables->byte_tokens[text[i]] < 0) return false;
    for (size_t i = 0; i < bytes; i++) tw_text_sink_add(s->sink, s->tables->byte_tokens[text[i]]);
    return true;
}

static void write_unknown(Search *s, const uint8_t *text, size_t bytes) {
    const TextHead *head = s->tables->head;
    const bool joins = s->is_joined && (head->flags & TEXT_FUSE_UNKNOWN);
    if (write_bytes(s, text, bytes)) return;
    s->is_joined = true;
    if (!joins && head->unknown >= 0) tw_text_sink_add(s->sink, head->unknown);
}

/* Tokens of the best way, which stand one after the other. */
static void write_tokens(Search *s, const Way *token, size_t count) {
    for (; count; token++, count--) {
        if (token->token == s->tables->head->unknown) {
            write_unknown(s, s->piece + s->begin, token->bytes);
        } else {
            tw_text_sink_add(s->sink, token->token);
            s->is_joined = false;
        }
        s->begin += token->bytes;
    }
}

/* Writes the best way to a place, which is the begin from then on. Ways that lead past it are
 * dropped. */
static void write_up_to(Search *s, size_t end) {
    const size_t places = end - s->begin, left = s->reach - end;
    Way *const way = s->way, last = way[places];
    size_t first = places + 1;
    for (size_t at = places; at > 0;) { /* gathered behind: no token has come from further back */
        const Way token = way[at];
        way[--first] = token;
        at -= token.bytes;
    }
    write_tokens(s, way + first, places + 1 - first);
    way[0] = (Way){.score = last.score};
    for (size_t i = 1; i <= left; i++) {
        way[i] = way[places + i];
        if (way[i].bytes > i) way[i].bytes = 0;
    }
}

/* The last place that all ways to `next` and beyond have in common. */
static size_t shared_place(Search *s, size_t next) {
    size_t live = 0, at = s->reach - s->begin;
    for (size_t i = next - s->begin; i <= at; i++) {
        if (!s->way[i].bytes) continue;
        s->way[i].bytes |= LIVE;
        live++;
    }
    for (;; at--) {
        if (!(s->way[at].bytes & LIVE)) continue;
        s->way[at].bytes &= ~LIVE;
        if (live == 1) return s->begin + at;
        Way *before = &s->way[at - s->way[at].bytes];
        if (before->bytes & LIVE) live--;
        before->bytes |= LIVE;
    }
}

/* ---- the model ---- */

TwStatus tw_unigram_encode(const TextTables *tables, const uint8_t *piece, size_t bytes,
                           TextBuffer *scratch, TextSink *sink) {
    const size_t most = WINDOW + TEXT_LONGEST_TOKEN;
    scratch->count = 0;
    Search s = {.tables = tables,
                .trie = (const uint32_t *)(const void *)tables->trie,
                .piece = piece,
                .bytes = bytes,
                .way = (void *)tw_text_buffer_more(scratch, ((bytes < most ? bytes : most) + 1) *
                                                                sizeof(Way)),
                .sink = sink};
    if (!s.way) return TW_NO_MEMORY;
    s.way[0] = (Way){0};
    const bool is_bytes = (tables->head->flags & TEXT_BYTES) != 0;
    for (size_t at = 0, next; at < bytes; at = next) {
        next = at + (is_bytes ? 1 : tw_utf8_bytes(piece[at]));
        if (next > bytes) next = bytes;
        go_on(&s, at, next);
        if (next == s.reach) {
            write_up_to(&s, next);
        } else if (next - s.begin >= WINDOW) {
            const size_t shared = shared_place(&s, next);
            write_up_to(&s, shared - s.begin < WINDOW / 2 ? next : shared);
        }
    }
    return TW_OK;
}

bool tw_unigram_check(const TextTables *tables) {
    const TextHead *head = tables->head;
    return tables->unigram_scores_count == (uint64_t)head->vocab + 1 &&
           tables->trie_count % sizeof(uint32_t) == 0 &&
           tw_trie_check((const uint32_t *)(const void *)tables->trie,
                         tables->trie_count / sizeof(uint32_t), head->vocab) &&
           (!(head->flags & TEXT_BYTE_FALLBACK) || tables->byte_tokens_count == 256);
}
