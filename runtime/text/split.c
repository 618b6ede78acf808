/* split.c - text -> pieces, step by step, and each piece to the model. */
#include "runtime/text/byte_alphabet.h"
#include "runtime/text/encoder.h"
#include "runtime/text/pattern.h"
#include "runtime/text/utf8.h"
#include "runtime/text/vocabulary.h"

#include <string.h>

/* ---- the model ---- */

static void encode_piece(Encoder *encoder, const uint8_t *piece, size_t bytes) {
    if (bytes == 0 || encoder->status != TW_OK) return;
    switch ((TextModelKind)encoder->tables->head->model) {
    case TEXT_MODEL_bpe:
        encoder->status =
            tw_bpe_encode(encoder->tables, piece, bytes, &encoder->scratch, &encoder->sink);
        return;
    case TEXT_MODEL_unigram:
        encoder->status =
            tw_unigram_encode(encoder->tables, piece, bytes, &encoder->scratch, &encoder->sink);
        return;
    case TEXT_MODEL_wordpiece:
        encoder->status =
            tw_wordpiece_encode(encoder->tables, piece, bytes, &encoder->scratch, &encoder->sink);
        return;
    case TEXT_MODEL_COUNT: return;
    }
}

/* Where the piece ends that begins at `start`: before the next character for ' ' that follows
 * another character. `bytes`: it is not there. */
static size_t next_cut(const uint8_t *text, size_t bytes, size_t start, const uint8_t *space,
                       size_t space_bytes) {
    size_t i = start;
    while (bytes - i >= space_bytes && memcmp(text + i, space, space_bytes) == 0) i += space_bytes;
    for (; i + space_bytes <= bytes; i++)
        if (text[i] == space[0] && memcmp(text + i, space, space_bytes) == 0) return i;
    return bytes;
}

static size_t encode_pieces(Encoder *encoder, const uint8_t *text, size_t bytes, bool is_end) {
    if (!(encoder->tables->head->flags & TEXT_CUT_AT_SPACE)) {
        if (!is_end) return 0;
        encode_piece(encoder, text, bytes);
        return bytes;
    }
    uint8_t space[4];
    const size_t space_bytes = tw_utf8_write(encoder->tables->head->space, space);
    size_t start = 0;
    while (start < bytes) {
        const size_t end = next_cut(text, bytes, start, space, space_bytes);
        if (end == bytes && !is_end) break;
        encode_piece(encoder, text + start, end - start);
        start = end;
    }
    return start;
}

/* ---- steps that rewrite ---- */

bool tw_text_rewrites(const TextStep *step) {
    return step->kind != TEXT_SPLIT_pattern;
}

static void rewrite_spaces(const uint8_t *text, size_t bytes, const uint8_t *space,
                           size_t space_bytes, TextBuffer *out) {
    size_t start = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] != ' ') continue;
        tw_text_buffer_add(out, text + start, i - start);
        tw_text_buffer_add(out, space, space_bytes);
        start = i + 1;
    }
    tw_text_buffer_add(out, text + start, bytes - start);
}

static void rewrite_bytes(const uint8_t *text, size_t bytes, TextBuffer *out) {
    uint8_t *end = tw_text_buffer_more(out, 2 * bytes);
    if (!end) return;
    uint8_t *const start = end;
    for (size_t i = 0; i < bytes; i++) end += tw_utf8_write(tw_byte_character(text[i]), end);
    out->count += (size_t)(end - start);
}

void tw_text_rewrite(const TextTables *tables, const TextStep *step, const uint8_t *text,
                     size_t bytes, bool begins, bool is_first, TextBuffer *out) {
    if (bytes == 0) return;
    const bool may_prepend = begins && !(step->flags & TEXT_STEP_NEVER) &&
                             (is_first || !(step->flags & TEXT_STEP_FIRST));
    const uint8_t *space = tables->step_bytes + step->text;
    const size_t space_bytes = step->text_bytes;
    switch ((TextSplitKind)step->kind) {
    case TEXT_SPLIT_metaspace: {
        const bool has_one =
            text[0] == ' ' || (bytes >= space_bytes && memcmp(text, space, space_bytes) == 0);
        if (may_prepend && !has_one) tw_text_buffer_add(out, space, space_bytes);
        rewrite_spaces(text, bytes, space, space_bytes, out);
        return;
    }
    case TEXT_SPLIT_prefix_space:
        if (may_prepend && text[0] != ' ') tw_text_buffer_add(out, " ", 1);
        tw_text_buffer_add(out, text, bytes);
        return;
    case TEXT_SPLIT_byte_alphabet: rewrite_bytes(text, bytes, out); return;
    default: tw_text_buffer_add(out, text, bytes); return;
    }
}

static void split_rewritten(Encoder *encoder, uint32_t step, const uint8_t *text, size_t bytes,
                            bool is_first) {
    TextBuffer *out = &encoder->rewritten[step];
    out->count = 0;
    tw_text_rewrite(encoder->tables, &encoder->tables->splits[step], text, bytes, true, is_first,
                    out);
    if (out->failed)
        encoder->status = TW_NO_MEMORY;
    else
        tw_text_split(encoder, step + 1, out->bytes, out->count, is_first, true);
}

/* ---- steps that cut ---- */

/* A piece that what follows may still join. */
typedef struct {
    size_t start, end;
    bool is_match; /* of its last part */
    bool is_there;
} Piece;

static bool is_joined(TextBehaviour behaviour, bool is_match, bool follows_match) {
    switch (behaviour) {
    case TEXT_MERGED_WITH_PREVIOUS: return is_match && !follows_match;
    case TEXT_MERGED_WITH_NEXT: return !is_match && follows_match;
    case TEXT_CONTIGUOUS: return is_match == follows_match;
    default: return false;
    }
}

typedef struct {
    Encoder *encoder;
    const TextStep *step;
    const uint8_t *text;
    uint32_t next_step;
    bool is_first;
    Piece waiting;
} Cutter;

static void give(Cutter *cutter, size_t start, size_t end) {
    tw_text_split(cutter->encoder, cutter->next_step, cutter->text + start, end - start,
                  cutter->is_first && start == 0, true);
}

static void give_waiting(Cutter *cutter) {
    if (cutter->waiting.is_there) give(cutter, cutter->waiting.start, cutter->waiting.end);
    cutter->waiting.is_there = false;
}

/* A match, or what lies between two. */
static void take_part(Cutter *cutter, size_t start, size_t end, bool is_match) {
    if (start == end && !is_match) return;
    if (cutter->step->flags & TEXT_STEP_INVERT) is_match = !is_match;
    const TextBehaviour behaviour = (TextBehaviour)cutter->step->behaviour;
    if (behaviour <= TEXT_REMOVED) {
        if (behaviour == TEXT_ISOLATED || !is_match) give(cutter, start, end);
        return;
    }
    Piece *waiting = &cutter->waiting;
    if (waiting->is_there && is_joined(behaviour, is_match, waiting->is_match)) {
        waiting->end = end;
        waiting->is_match = is_match;
        return;
    }
    give_waiting(cutter);
    *waiting = (Piece){start, end, is_match, true};
}

static size_t split_by_pattern(Encoder *encoder, uint32_t step, const uint8_t *text, size_t bytes,
                               bool is_first, bool is_end) {
    const TextStep *at_step = &encoder->tables->splits[step];
    uint64_t section_bytes;
    const uint8_t *pattern = tw_text_section(encoder->tables, at_step->section, &section_bytes);
    if (!is_end && tw_text_pattern_looks_behind(pattern)) return 0;
    Cutter cutter = {encoder, at_step, text, step + 1, is_first, {0}};
    TextMemo memo;
    memo.is_used = false;
    size_t done = 0, start, end;
    while (done < bytes && encoder->status == TW_OK) {
        const TextFound found =
            tw_text_pattern_find(pattern, text, bytes, done, is_end, &memo, &start, &end);
        if (found == TEXT_FOUND_MORE) break;
        if (found == TEXT_FOUND_NONE) {
            if (!is_end) break;
            start = end = bytes;
        }
        take_part(&cutter, done, start, false);
        take_part(&cutter, start, end, true);
        done = end;
    }
    if (!is_end) return cutter.waiting.is_there ? cutter.waiting.start : done;
    give_waiting(&cutter);
    return bytes;
}

size_t tw_text_split(Encoder *encoder, uint32_t step, const uint8_t *text, size_t bytes,
                     bool is_first, bool is_end) {
    if (bytes == 0 || encoder->status != TW_OK) return bytes;
    if (step == encoder->tables->splits_count) return encode_pieces(encoder, text, bytes, is_end);
    if (!tw_text_rewrites(&encoder->tables->splits[step]))
        return split_by_pattern(encoder, step, text, bytes, is_first, is_end);
    if (!is_end) return 0;
    split_rewritten(encoder, step, text, bytes, is_first);
    return bytes;
}
