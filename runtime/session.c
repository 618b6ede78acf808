/* session.c - sequences of tokens through one model: made, and taken further one at a time.
 *
 * Everything a call says is checked before anything runs, so that a call that fails has changed
 * nothing. All memory is taken at create; a step takes none.
 */
#include "runtime/session_state.h"

#include "runtime/barrier.h"
#include "runtime/memory.h"
#include "runtime/processors.h"
#include "runtime/rotation_tables.h"
#include "runtime/weights.h"

#include <stdlib.h>
#include <string.h>

/* The fields of version 1.0. */
enum {
    LEAST_PROGRAM_BYTES = offsetof(TwProgram, decode) + sizeof(TwEntry *),
    LEAST_OPTION_BYTES = offsetof(TwSessionOptions, team_context) + sizeof(void *)
};

enum { LINE = 64, LINE_FLOATS = LINE / sizeof(float) };

static int64_t scratch_floats(const TwProgram *program) {
    return TW_HAS_FIELD(program, scratch_floats) ? program->scratch_floats : 0;
}

static int64_t table_floats(const TwProgram *program) {
    return TW_HAS_FIELD(program, rotation_count) ? program->table_floats : 0;
}

int64_t tw_program_outputs(const TwProgram *program) {
    const bool is_said = TW_HAS_FIELD(program, outputs) && program->outputs;
    return !is_said ? program->vocab : program->outputs < 0 ? 0 : program->outputs;
}

bool tw_program_generates(const TwProgram *program) {
    const bool gives_logits = !TW_HAS_FIELD(program, outputs) || !program->outputs;
    return gives_logits && !takes_whole_sequences(program) && !start_columns(program);
}

/* ---- what is asked for ---- */

static TwStatus check_program(const TwProgram *program) {
    if (program->abi_version != TW_ABI_VERSION || program->struct_bytes < LEAST_PROGRAM_BYTES ||
        program->struct_bytes > sizeof *program)
        return TW_BAD_ABI;
    if (program->vocab < 1 || program->vocab > INT32_MAX) return TW_BAD_ARGUMENT;
    if ((uint64_t)start_columns(program) > INT32_MAX) return TW_BAD_ARGUMENT;
    if (program->context < 1 || program->chunk < 1) return TW_BAD_ARGUMENT;
    const int64_t outputs = tw_program_outputs(program);
    if (outputs > INT32_MAX || program->logits_stride < outputs) return TW_BAD_ARGUMENT;
    if (program->arena_floats < 0 || program->cache_floats < 0) return TW_BAD_ARGUMENT;
    if (tap_count(program) < 0 || tap_count(program) > INT32_MAX) return TW_BAD_ARGUMENT;
    if (edit_count(program) < 0 || edit_count(program) > INT32_MAX) return TW_BAD_ARGUMENT;
    if (scratch_floats(program) < 0 || scratch_floats(program) % LINE_FLOATS)
        return TW_BAD_ARGUMENT;
    if (TW_HAS_FIELD(program, rotation_count) && !tw_rotation_tables_check(program))
        return TW_BAD_ARGUMENT;
    if (ring_rows(program) < 0 || (ring_rows(program) && program->ring_rollback < 1))
        return TW_BAD_ARGUMENT;
    return program->prefill && program->decode ? TW_OK : TW_BAD_ARGUMENT;
}

static int thread_count(int asked) {
    if (asked > 0) return asked;
    int processors = tw_processors_available();
    return processors < BARRIER_MAX_THREADS ? processors : BARRIER_MAX_THREADS;
}

/* All options, with the defaults in place. */
static TwStatus complete_options(const TwProgram *program, const TwSessionOptions *given,
                                 TwSessionOptions *options) {
    *options = (TwSessionOptions){0};
    if (given) {
        const size_t bytes = given->struct_bytes ? given->struct_bytes : LEAST_OPTION_BYTES;
        if (bytes < LEAST_OPTION_BYTES || bytes > sizeof *options) return TW_BAD_ABI;
        memcpy(options, given, bytes);
    }
    if (options->threads < 0 || options->threads > BARRIER_MAX_THREADS) return TW_BAD_ARGUMENT;
    if (options->decode_threads < 0 || options->decode_threads > BARRIER_MAX_THREADS)
        return TW_BAD_ARGUMENT;
    if (options->logit_rows < 0 || options->logit_rows > program->chunk) return TW_BAD_ARGUMENT;
    if (options->sequences < 0 || options->sequences > INT32_MAX) return TW_BAD_ARGUMENT;
    if (!options->sequences) options->sequences = 1;
    options->threads = thread_count(options->threads);
    if (!options->decode_threads) options->decode_threads = options->threads;
    if (!options->logit_rows) options->logit_rows = 1;
    return TW_OK;
}

/* ---- its memory ---- */

/* The parts of a session, one after the other in memory of the caller. */
typedef struct {
    uint64_t bytes[13];
    uint64_t whole; /* and what aligning the memory may take */
} Parts;

enum {
    PART_SESSION,
    PART_TEAM,
    PART_DECODE_TEAM,
    PART_ARENA,
    PART_SCRATCH,
    PART_TABLES,
    PART_CACHES,
    PART_LOGITS,
    PART_SEQUENCES,
    PART_BATCH,
    PART_TAPS,
    PART_EDITS,
    PARTS
};

static bool set_part(Parts *parts, int part, int64_t rows, int64_t bytes) {
    int64_t product;
    if (__builtin_mul_overflow(rows, bytes, &product) || product > PTRDIFF_MAX / (2 * PARTS))
        return false;
    parts->bytes[part] = ((uint64_t)product + LINE - 1) / LINE * LINE;
    parts->whole += parts->bytes[part];
    return true;
}

/* Each begins at a cache line. */
static int64_t sequence_floats(const TwProgram *program) {
    return program->cache_floats + (-program->cache_floats & (LINE_FLOATS - 1));
}

/* Of batches: rows, where segments start, and which rows have logits. */
static int64_t batch_bytes(const TwProgram *program, const TwSessionOptions *options) {
    if (!has_batches(program) || options->sequences == 1) return 0;
    return program->chunk * (int64_t)sizeof(TwRow) +
           (options->sequences + 1 + options->logit_rows) * (int64_t)sizeof(int64_t);
}

/* False: more than there is of addresses. */
static bool count_instruments(const TwProgram *program, const TwSessionOptions *options,
                              int64_t *taps, int64_t *edits) {
    return !__builtin_mul_overflow(options->sequences, tap_count(program), taps) &&
           !__builtin_mul_overflow(options->sequences, edit_count(program), edits);
}

static int most_threads(const TwSessionOptions *options) {
    return options->threads > options->decode_threads ? options->threads : options->decode_threads;
}

/* False: more than there is of addresses. */
static bool measure_parts(const TwProgram *program, const TwSessionOptions *options, Parts *parts) {
    const int64_t word = sizeof(float);
    const bool has_decode_team = options->decode_threads != options->threads;
    int64_t taps, edits;
    *parts = (Parts){.whole = LINE - 1};
    return set_part(parts, PART_SESSION, 1, sizeof(TwSession)) &&
           set_part(parts, PART_TEAM, 1, (int64_t)tw_team_bytes(options->threads)) &&
           set_part(parts, PART_DECODE_TEAM, has_decode_team,
                    (int64_t)tw_team_bytes(options->decode_threads)) &&
           set_part(parts, PART_ARENA, program->arena_floats, word) &&
           scratch_floats(program) <= INT64_MAX / word &&
           set_part(parts, PART_SCRATCH, most_threads(options), scratch_floats(program) * word) &&
           set_part(parts, PART_TABLES, table_floats(program), word) &&
           program->cache_floats <= INT64_MAX / word / 2 &&
           set_part(parts, PART_CACHES, options->sequences, sequence_floats(program) * word) &&
           program->logits_stride <= INT64_MAX / word &&
           set_part(parts, PART_LOGITS, options->logit_rows, program->logits_stride * word) &&
           set_part(parts, PART_SEQUENCES, options->sequences, sizeof(Sequence)) &&
           set_part(parts, PART_BATCH, 1, batch_bytes(program, options)) &&
           count_instruments(program, options, &taps, &edits) &&
           set_part(parts, PART_TAPS, taps, sizeof(TwTapBuffer)) &&
           set_part(parts, PART_EDITS, edits, sizeof(TwEdit)) && parts->whole <= SIZE_MAX;
}

/* Both teams, at places for them. */
static bool make_teams(TwSession *session, const TwSessionOptions *options, void *place,
                       void *decode_place) {
    TwRunTeam *run = options->run_team;
    void *context = options->team_context;
    session->team = session->decode_team = tw_team_place(place, options->threads, run, context);
    if (!session->team || options->decode_threads == options->threads) return session->team;
    session->decode_team = tw_team_place(decode_place, options->decode_threads, run, context);
    return session->decode_team;
}

static void *take(char **at, const Parts *parts, int part) {
    void *place = *at;
    *at += parts->bytes[part];
    return place;
}

static uint64_t small_bytes(const Parts *parts) {
    return parts->bytes[PART_SEQUENCES] + parts->bytes[PART_BATCH] + parts->bytes[PART_TAPS] +
           parts->bytes[PART_EDITS];
}

/* What is said of each sequence, all zero at first. */
static void take_small(TwSession *session, char *at, const Parts *parts) {
    memset(at, 0, (size_t)small_bytes(parts));
    session->sequence = session->now = take(&at, parts, PART_SEQUENCES);
    if (parts->bytes[PART_BATCH]) session->batch_rows = (TwRow *)(void *)at;
    take(&at, parts, PART_BATCH);
    session->taps = take(&at, parts, PART_TAPS);
    session->edits = take(&at, parts, PART_EDITS);
}

/* In memory of the caller, of which all is cleared but arena, scratch and tables, which are written
 * before they are read. */
static TwSession *place_session(const TwSessionOptions *options, const Parts *parts) {
    char *at = options->memory;
    at += -(uintptr_t)at % LINE;
    TwSession *session = take(&at, parts, PART_SESSION);
    *session = (TwSession){.is_placed = true};
    void *team = take(&at, parts, PART_TEAM), *decode_team = take(&at, parts, PART_DECODE_TEAM);
    session->arena = take(&at, parts, PART_ARENA);
    session->scratch = take(&at, parts, PART_SCRATCH);
    session->tables = take(&at, parts, PART_TABLES);
    session->caches = take(&at, parts, PART_CACHES);
    session->logits = take(&at, parts, PART_LOGITS);
    memset(session->caches, 0, parts->bytes[PART_CACHES] + parts->bytes[PART_LOGITS]);
    take_small(session, at, parts);
    if (make_teams(session, options, team, decode_team)) return session;
    tw_session_destroy(session);
    return NULL;
}

/* Session, teams and sequences in one block, and one for each of the large parts. */
static TwSession *allocate_session(const TwProgram *program, const TwSessionOptions *options,
                                   const Parts *parts) {
    const uint64_t small = parts->bytes[PART_SESSION] + parts->bytes[PART_TEAM] +
                           parts->bytes[PART_DECODE_TEAM] + small_bytes(parts);
    char *at = aligned_alloc(LINE, (size_t)small);
    if (!at) return NULL;
    TwSession *session = take(&at, parts, PART_SESSION);
    *session = (TwSession){0};
    void *team = take(&at, parts, PART_TEAM), *decode_team = take(&at, parts, PART_DECODE_TEAM);
    const bool has_teams = make_teams(session, options, team, decode_team);
    take_small(session, at, parts);
    session->arena = tw_memory_floats(1, program->arena_floats);
    session->scratch = tw_memory_floats(most_threads(options), scratch_floats(program));
    session->tables = tw_memory_zeros(table_floats(program), &session->table_block);
    session->caches =
        tw_memory_zeros(options->sequences * sequence_floats(program), &session->cache_block);
    session->logits = tw_memory_floats(options->logit_rows, program->logits_stride);
    if (has_teams && session->arena && session->scratch && session->tables && session->caches &&
        session->logits)
        return session;
    tw_session_destroy(session);
    return NULL;
}

size_t tw_session_bytes(const TwProgram *program, const TwSessionOptions *options) {
    TwSessionOptions complete;
    Parts parts;
    if (!program || check_program(program) != TW_OK ||
        complete_options(program, options, &complete) != TW_OK ||
        !measure_parts(program, &complete, &parts))
        return 0;
    return (size_t)parts.whole;
}

/* What the program says of its edits, for each sequence. */
static void begin_edits(TwSession *session) {
    const int64_t count = edit_count(session->program);
    if (!count || !session->program->edit) return;
    for (int64_t i = 0; i < session->sequences; i++)
        memcpy(session->edits + i * count, session->program->edit, (size_t)count * sizeof(TwEdit));
}

TwStatus tw_session_create(const TwProgram *program, const TwWeights *weights,
                           const TwSessionOptions *options, TwSession **out) {
    if (!out) return TW_BAD_ARGUMENT;
    *out = NULL;
    if (!program || !weights) return TW_BAD_ARGUMENT;
    TwSessionOptions complete;
    Parts parts;
    TwStatus status = check_program(program);
    if (status == TW_OK) status = tw_weights_check(weights, program);
    if (status == TW_OK) status = complete_options(program, options, &complete);
    if (status != TW_OK) return status;
    if (!measure_parts(program, &complete, &parts)) return TW_NO_MEMORY;
    if (complete.memory && complete.memory_bytes < parts.whole) return TW_NO_MEMORY;
    TwSession *session = complete.memory ? place_session(&complete, &parts)
                                         : allocate_session(program, &complete, &parts);
    if (!session) return TW_NO_MEMORY;
    session->program = program;
    session->weights = tw_weights_data(weights);
    session->sequences = complete.sequences;
    begin_edits(session);
    session->sequence_floats = sequence_floats(program);
    session->logit_rows = complete.logit_rows;
    session->start_columns = start_columns(program);
    if (session->batch_rows) {
        session->starts = (int64_t *)(session->batch_rows + program->chunk);
        session->wanted = session->starts + session->sequences + 1;
    }
    session->threads = most_threads(&complete);
    session->scratch_floats = scratch_floats(program);
    session->size = tw_team_size_of(tw_team_threads(session->team));
    session->decode_size = tw_team_size_of(tw_team_threads(session->decode_team));
    *out = session;
    return TW_OK;
}

void tw_session_destroy(TwSession *session) {
    if (!session) return;
    if (session->decode_team != session->team) tw_team_close(session->decode_team);
    tw_team_close(session->team);
    if (session->is_placed) return;
    free(session->logits);
    free(session->cache_block);
    free(session->table_block);
    free(session->scratch);
    free(session->arena);
    free(session);
}

/* ---- calls ---- */

TwStatus tw_session_check(const TwSession *session, const Sequence *sequence, const int32_t *input,
                          int64_t count) {
    const TwProgram *program = session->program;
    const TwTapBuffer *tap = session->taps + (sequence - session->sequence) * tap_count(program);
    if (!input || count < 1) return TW_BAD_ARGUMENT;
    if (sequence->position && takes_whole_sequences(program)) return TW_NOT_CAUSAL;
    if (count > program->context - sequence->position) return TW_CONTEXT_FULL;
    for (int64_t i = 0; i < count && !session->start_columns; i++)
        if (input[i] < 0 || input[i] >= program->vocab) return TW_BAD_TOKEN;
    for (int64_t i = 0; i < tap_count(program); i++)
        if (tap[i].rows && tap[i].count - sequence->position < count) return TW_TAP_FULL;
    return TW_OK;
}

typedef struct Call {
    TwEntry *entry;
    TwFrame frame;
} Call;

static void run_entry(void *context, int64_t thread, int64_t threads) {
    const Call *call = context;
    call->entry(&call->frame, thread, threads);
}

/* They are made in few steps: a context may be far longer than what is ever said. */
void tw_session_make_tables(TwSession *session, int64_t end) {
    enum { FIRST_POSITIONS = 4096 };
    const TwProgram *program = session->program;
    if (end <= session->tabled) return;
    int64_t wanted = 2 * session->tabled > FIRST_POSITIONS ? 2 * session->tabled : FIRST_POSITIONS;
    if (wanted < end) wanted = end;
    if (wanted > program->context) wanted = program->context;
    if (table_floats(program))
        tw_rotation_tables_fill(program, session->tabled, wanted, session->tables);
    session->tabled = wanted;
}

TwFrame tw_session_frame(const TwSession *session, const int32_t *input, int64_t count) {
    return (TwFrame){.weights = session->weights,
                     .arena = session->arena,
                     .caches = session->caches,
                     .tokens = input,
                     .logits = session->logits,
                     .token_count = count,
                     .trace = session->trace,
                     .scratch = session->scratch,
                     .taps = session->taps,
                     .tables = session->tables,
                     .edits = session->edits};
}

void tw_session_run(TwSession *session, TwEntry *entry, const TwFrame *frame, bool is_decode) {
    Team *team = is_decode ? session->decode_team : session->team;
    TeamSize *size = is_decode ? &session->decode_size : &session->size;
    Call call = {entry, *frame};
    call.frame.team = team;
    if (session->trace)
        tw_team_run(team, run_entry, &call); /* what is measured has the same threads each time */
    else
        tw_team_run_adaptive(team, size, frame->token_count, run_entry, &call);
}

void tw_session_advance(TwSession *session, Sequence *sequence, const int32_t *input, int64_t count,
                        int64_t first, int64_t rows) {
    const TwProgram *program = session->program;
    const int64_t number = sequence - session->sequence;
    tw_session_make_tables(session, sequence->position + count);
    TwFrame frame = tw_session_frame(session, input, count);
    frame.caches += number * session->sequence_floats;
    frame.taps += number * tap_count(program);
    frame.edits += number * edit_count(program);
    frame.logits += first * program->logits_stride;
    frame.position = sequence->position;
    frame.logit_rows = rows;
    const bool is_decode = count == 1;
    tw_session_run(session, is_decode ? program->decode : program->prefill, &frame, is_decode);
    sequence_grow(sequence, count);
    session->rows = first + rows;
}

TwStatus tw_session_step(TwSession *session, const int32_t *tokens, int64_t count, int64_t rows) {
    if (!session || session->start_columns || count > session->program->chunk)
        return TW_BAD_ARGUMENT;
    if (rows == 0) rows = 1;
    if (rows < 0 || rows > count || rows > session->logit_rows) return TW_BAD_ARGUMENT;
    if (rows > 1 && is_pooled(session->program)) return TW_BAD_ARGUMENT;
    TwStatus status = tw_session_check(session, session->now, tokens, count);
    if (status == TW_OK) tw_session_advance(session, session->now, tokens, count, 0, rows);
    return status;
}

TwStatus tw_session_prefill(TwSession *session, const int32_t *tokens, int64_t count) {
    if (!session || session->start_columns) return TW_BAD_ARGUMENT;
    TwStatus status = tw_session_check(session, session->now, tokens, count);
    if (status != TW_OK) return status;
    int64_t chunk = session->program->chunk;
    for (int64_t i = 0; i < count; i += chunk)
        tw_session_advance(session, session->now, tokens + i, count - i < chunk ? count - i : chunk,
                           0, 1);
    return TW_OK;
}

TwStatus tw_session_decode(TwSession *session, int32_t token) {
    return tw_session_step(session, &token, 1, 1);
}

const float *tw_session_logits(const TwSession *session, int64_t row) {
    if (!session || row < 0 || row >= session->rows || !session->program->logits_stride)
        return NULL;
    return session->logits + row * session->program->logits_stride;
}

TwStatus tw_session_set_tap(TwSession *session, int64_t number, float *rows, int64_t count) {
    if (!session || number < 0 || number >= tap_count(session->program)) return TW_BAD_ARGUMENT;
    if (count < 0 || (rows && !count)) return TW_BAD_ARGUMENT;
    number += (session->now - session->sequence) * tap_count(session->program);
    session->taps[number] = (TwTapBuffer){rows, count};
    return TW_OK;
}

TwStatus tw_session_set_edit(TwSession *session, int64_t number, const TwEdit *edit) {
    if (!session || !edit || number < 0 || number >= edit_count(session->program))
        return TW_BAD_ARGUMENT;
    session->edits[(session->now - session->sequence) * edit_count(session->program) + number] =
        *edit;
    return TW_OK;
}

int64_t tw_session_position(const TwSession *session) {
    return session ? session->now->position : 0;
}

void tw_session_set_trace(TwSession *session, Trace *trace) {
    session->trace = trace;
}

/* Programs that differ in their schedules differ in what they keep for a thread. */
static bool has_scratch(TwSession *session, const TwProgram *program) {
    if (scratch_floats(program) <= session->scratch_floats) return true;
    if (session->is_placed) return false;
    float *scratch = tw_memory_floats(session->threads, scratch_floats(program));
    if (!scratch) return false;
    free(session->scratch);
    session->scratch = scratch;
    session->scratch_floats = scratch_floats(program);
    return true;
}

static bool is_same(const TwProgram *a, const TwProgram *b, size_t from, size_t to) {
    if (to > a->struct_bytes) to = a->struct_bytes;
    return to <= from || memcmp((const char *)a + from, (const char *)b + from, to - from) == 0;
}

/* All but names, code and scratch. */
static bool has_same_sizes(const TwProgram *a, const TwProgram *b) {
    return a->struct_bytes == b->struct_bytes &&
           is_same(a, b, offsetof(TwProgram, vocab), offsetof(TwProgram, prefill)) &&
           is_same(a, b, offsetof(TwProgram, takes_whole_sequences),
                   offsetof(TwProgram, rotation)) &&
           is_same(a, b, offsetof(TwProgram, rotation_count), offsetof(TwProgram, batch)) &&
           is_same(a, b, offsetof(TwProgram, edit_count), sizeof(TwProgram));
}

TwStatus tw_session_set_program(TwSession *session, const TwProgram *program) {
    const TwStatus status = check_program(program);
    if (status != TW_OK) return status;
    if (!has_same_sizes(program, session->program)) return TW_BAD_ARGUMENT;
    if (!has_scratch(session, program)) return TW_NO_MEMORY;
    session->program = program;
    return TW_OK;
}

int tw_session_threads(const TwSession *session) {
    if (!session) return 0;
    const int threads = tw_team_threads(session->team);
    const int decode = tw_team_threads(session->decode_team);
    return threads > decode ? threads : decode;
}

int tw_session_fewest_threads(const TwSession *session) {
    if (!session) return 0;
    const TeamSize *const sizes[] = {&session->size, &session->decode_size};
    int fewest = tw_session_threads(session);
    for (int i = 0; i < 2; i++)
        if (sizes[i]->fewest < sizes[i]->most && sizes[i]->fewest < fewest)
            fewest = sizes[i]->fewest;
    return fewest;
}

/* Before the first token there is nothing to be seen. */
bool tw_session_remembers(const TwSession *session, const Sequence *sequence, int64_t position) {
    const int64_t rows = ring_rows(session->program);
    return !rows || position == 0 || sequence->reached <= rows ||
           position >= sequence->reached - session->program->ring_rollback;
}

TwStatus tw_session_rollback(TwSession *session, int64_t position) {
    if (!session || position < 0 || position > session->now->position) return TW_BAD_ARGUMENT;
    Sequence *now = session->now;
    if (!tw_session_remembers(session, now, position)) return TW_FORGOTTEN;
    if (position < now->position && session->sequences == 1)
        session->rows = 0; /* their token is forgotten */
    now->position = position;
    if (!position) now->reached = 0;
    return TW_OK;
}

void tw_session_reset(TwSession *session) {
    if (session) tw_session_rollback(session, 0);
}
