/* batch.c - several sequences of one session: chosen, copied, and taken further in one call. */
#include "runtime/session_state.h"

#include <string.h>

static Sequence *find(const TwSession *session, int64_t number) {
    return number < 0 || number >= session->sequences ? NULL : &session->sequence[number];
}

TwStatus tw_session_choose(TwSession *session, int64_t sequence) {
    Sequence *chosen = session ? find(session, sequence) : NULL;
    if (!chosen) return TW_BAD_ARGUMENT;
    session->now = chosen;
    return TW_OK;
}

/* ---- a call ---- */

static int64_t rows_of(const TwSegment *segment) {
    return segment->rows ? segment->rows : 1;
}

/* Of what a call brings in place of a token, or of that. */
static int64_t words_of(const TwSession *session) {
    return session->start_columns ? session->start_columns : 1;
}

/* Whether segments before it are of the same sequence. */
static bool is_second(const TwSegment *segments, int64_t index) {
    for (int64_t i = 0; i < index; i++)
        if (segments[i].sequence == segments[index].sequence) return true;
    return false;
}

static TwStatus check_segments(const TwSession *session, const TwSegment *segments, int64_t count,
                               const int32_t *input) {
    const TwProgram *program = session->program;
    int64_t all = 0, all_rows = 0;
    for (int64_t i = 0; i < count; i++) {
        const TwSegment *segment = &segments[i];
        const Sequence *sequence = find(session, segment->sequence);
        const int64_t rows = rows_of(segment);
        if (!sequence || segment->count > program->chunk - all || rows < 1 ||
            rows > segment->count || rows > session->logit_rows - all_rows ||
            (rows > 1 && is_pooled(program)) || is_second(segments, i))
            return TW_BAD_ARGUMENT;
        const TwStatus status =
            tw_session_check(session, sequence, input + all * words_of(session), segment->count);
        if (status != TW_OK) return status;
        all += segment->count;
        all_rows += rows;
    }
    return TW_OK;
}

static void run_one_by_one(TwSession *session, const TwSegment *segments, int64_t count,
                           const int32_t *input) {
    int64_t rows = 0;
    for (int64_t i = 0; i < count; i++) {
        Sequence *sequence = &session->sequence[segments[i].sequence];
        tw_session_advance(session, sequence, input, segments[i].count, rows,
                           rows_of(&segments[i]));
        input += segments[i].count * words_of(session);
        rows += rows_of(&segments[i]);
    }
}

/* Puts the rows of a segment, and those of them that have logits, behind those before. */
static void add_segment(TwSession *session, const TwSegment *segment, TwFrame *frame) {
    const Sequence *sequence = &session->sequence[segment->sequence];
    const int64_t end = sequence->position + segment->count, wanted = rows_of(segment);
    session->starts[frame->segment_count++] = frame->token_count;
    for (int64_t i = 0; i < segment->count; i++)
        session->batch_rows[frame->token_count++] =
            (TwRow){.position = sequence->position + i,
                    .caches = segment->sequence * session->sequence_floats,
                    .taps = segment->sequence * tap_count(session->program),
                    .edits = segment->sequence * edit_count(session->program)};
    for (int64_t i = wanted; i > 0; i--)
        session->wanted[frame->logit_rows++] = frame->token_count - i;
    session->starts[frame->segment_count] = frame->token_count;
    tw_session_make_tables(session, end);
}

static void run_together(TwSession *session, const TwSegment *segments, int64_t count,
                         const int32_t *input) {
    const TwProgram *program = session->program;
    TwFrame frame = tw_session_frame(session, input, 0);
    frame.rows = session->batch_rows;
    frame.starts = session->starts;
    frame.wanted = session->wanted;
    for (int64_t i = 0; i < count; i++) add_segment(session, &segments[i], &frame);
    const bool is_few = program->few && frame.token_count <= program->few_rows;
    tw_session_run(session, is_few ? program->few : program->batch, &frame, false);
    for (int64_t i = 0; i < count; i++)
        sequence_grow(&session->sequence[segments[i].sequence], segments[i].count);
    session->rows = frame.logit_rows;
}

static TwStatus step(TwSession *session, const TwSegment *segments, int64_t segment_count,
                     const void *input, bool has_values) {
    if (!session || (session->start_columns != 0) != has_values || !segments || !input ||
        segment_count < 1 || segment_count > session->sequences)
        return TW_BAD_ARGUMENT;
    const TwStatus status = check_segments(session, segments, segment_count, input);
    if (status != TW_OK) return status;
    if (session->batch_rows && segment_count > 1)
        run_together(session, segments, segment_count, input);
    else
        run_one_by_one(session, segments, segment_count, input);
    return TW_OK;
}

TwStatus tw_session_step_batch(TwSession *session, const TwSegment *segments, int64_t segment_count,
                               const int32_t *tokens) {
    return step(session, segments, segment_count, tokens, false);
}

TwStatus tw_session_step_values(TwSession *session, const TwSegment *segments,
                                int64_t segment_count, const float *values) {
    return step(session, segments, segment_count, values, true);
}

/* ---- copies ---- */

/* The first `positions` of a cache, or all it holds. */
static void copy_cache(const TwCache *cache, const float *from, float *to, int64_t positions) {
    int64_t floats = (positions + cache->unit - 1) / cache->unit * cache->unit_floats;
    if (floats > cache->piece_floats) floats = cache->piece_floats;
    for (int64_t i = 0; i < cache->pieces; i++) {
        const int64_t at = cache->offset + i * cache->piece_floats;
        memcpy(to + at, from + at, (size_t)floats * sizeof(float));
    }
}

/* Where a ring has gone round, the latest positions lie anywhere in it. */
static void copy_caches(const TwSession *session, const Sequence *from, const Sequence *to,
                        int64_t position) {
    const TwProgram *program = session->program;
    const int64_t floats = session->sequence_floats, rows = ring_rows(program);
    const float *source = session->caches + (from - session->sequence) * floats;
    float *target = session->caches + (to - session->sequence) * floats;
    if (!has_batches(program)) {
        memcpy(target, source, (size_t)floats * sizeof(float));
        return;
    }
    const int64_t positions = rows && from->reached > rows ? from->reached : position;
    for (int64_t i = 0; i < program->cache_count; i++)
        copy_cache(&program->cache[i], source, target, positions);
}

TwStatus tw_session_fork(TwSession *session, int64_t from, int64_t to, int64_t position) {
    const Sequence *source = session ? find(session, from) : NULL;
    Sequence *target = session ? find(session, to) : NULL;
    if (!source || !target || position < 0 || position > source->position) return TW_BAD_ARGUMENT;
    if (!tw_session_remembers(session, source, position)) return TW_FORGOTTEN;
    if (from != to && position) copy_caches(session, source, target, position);
    *target = (Sequence){position, position ? source->reached : 0};
    return TW_OK;
}
