/* session.c - one sequence of tokens through one model.
 *
 * Everything a call says is checked before anything runs, so that a call that fails has changed
 * nothing. All memory is taken at create; a step takes none.
 */
#include "runtime/runtime.h"

#include "runtime/barrier.h"
#include "runtime/memory.h"
#include "runtime/processors.h"
#include "runtime/rotation_tables.h"
#include "runtime/team.h"
#include "runtime/trace.h"
#include "runtime/weights.h"

#include <stdlib.h>
#include <string.h>

typedef struct TapBuffer {
    float *rows; /* null: not wanted */
    int64_t count;
} TapBuffer;

struct TwSession {
    const TwProgram *program;
    Team *team, *decode_team; /* maybe the same */
    TeamSize size, decode_size;
    Trace *trace; /* of timed code; null: none */
    float *arena, *caches, *logits, *scratch, *tables;
    void *cache_block, *table_block; /* that caches and tables are in */
    int threads;                     /* that there is scratch for, */
    int64_t scratch_floats;          /* of each */
    const char *weights;
    int64_t position;   /* tokens in the caches */
    int64_t reached;    /* the most there were since the first */
    int64_t tabled;     /* positions that the tables have */
    int64_t rows;       /* of logits that can be read */
    int64_t logit_rows; /* that there is room for */
    TapBuffer *tap;     /* [tap_count] of the caller's, */
    float **taps;       /* and as the frame has them */
    bool is_placed;     /* in memory of the caller, as are its parts */
};

/* The fields of version 1.0. */
enum {
    LEAST_PROGRAM_BYTES = offsetof(TwProgram, decode) + sizeof(TwEntry *),
    LEAST_OPTION_BYTES = offsetof(TwSessionOptions, team_context) + sizeof(void *)
};

enum { LINE = 64, LINE_FLOATS = LINE / sizeof(float) };

/* Fields that later versions added are not in every program. */
#define HAS_FIELD(program, field)                                                                  \
    ((program)->struct_bytes >= offsetof(TwProgram, field) + sizeof(program)->field)

static int64_t scratch_floats(const TwProgram *program) {
    return HAS_FIELD(program, scratch_floats) ? program->scratch_floats : 0;
}

static int64_t table_floats(const TwProgram *program) {
    return HAS_FIELD(program, rotation_count) ? program->table_floats : 0;
}

static int64_t ring_rows(const TwProgram *program) {
    return HAS_FIELD(program, ring_rollback) ? program->ring_rows : 0;
}

static bool takes_whole_sequences(const TwProgram *program) {
    return HAS_FIELD(program, takes_whole_sequences) && program->takes_whole_sequences;
}

static bool is_pooled(const TwProgram *program) {
    return HAS_FIELD(program, is_pooled) && program->is_pooled;
}

static int64_t tap_count(const TwProgram *program) {
    return HAS_FIELD(program, tap_count) ? program->tap_count : 0;
}

int64_t tw_program_outputs(const TwProgram *program) {
    const bool is_said = HAS_FIELD(program, outputs) && program->outputs;
    return is_said ? program->outputs : program->vocab;
}

bool tw_program_generates(const TwProgram *program) {
    const bool gives_logits = !HAS_FIELD(program, outputs) || !program->outputs;
    return gives_logits && !takes_whole_sequences(program);
}

/* ---- what is asked for ---- */

static TwStatus check_program(const TwProgram *program) {
    if (program->abi_version != TW_ABI_VERSION || program->struct_bytes < LEAST_PROGRAM_BYTES ||
        program->struct_bytes > sizeof *program)
        return TW_BAD_ABI;
    if (program->vocab < 1 || program->vocab > INT32_MAX) return TW_BAD_ARGUMENT;
    if (program->context < 1 || program->chunk < 1) return TW_BAD_ARGUMENT;
    const int64_t outputs = tw_program_outputs(program);
    if (outputs < 1 || outputs > INT32_MAX || program->logits_stride < outputs)
        return TW_BAD_ARGUMENT;
    if (program->arena_floats < 0 || program->cache_floats < 0) return TW_BAD_ARGUMENT;
    if (tap_count(program) < 0 || tap_count(program) > INT32_MAX) return TW_BAD_ARGUMENT;
    if (scratch_floats(program) < 0 || scratch_floats(program) % LINE_FLOATS)
        return TW_BAD_ARGUMENT;
    if (HAS_FIELD(program, rotation_count) && !tw_rotation_tables_check(program))
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
    options->threads = thread_count(options->threads);
    if (!options->decode_threads) options->decode_threads = options->threads;
    if (!options->logit_rows) options->logit_rows = 1;
    return TW_OK;
}

/* ---- its memory ---- */

/* The parts of a session, one after the other in memory of the caller. */
typedef struct {
    uint64_t bytes[10];
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
    PART_TAP_BUFFERS,
    PART_TAPS,
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

static int most_threads(const TwSessionOptions *options) {
    return options->threads > options->decode_threads ? options->threads : options->decode_threads;
}

/* False: more than there is of addresses. */
static bool measure_parts(const TwProgram *program, const TwSessionOptions *options, Parts *parts) {
    const int64_t word = sizeof(float);
    const bool has_decode_team = options->decode_threads != options->threads;
    *parts = (Parts){.whole = LINE - 1};
    return set_part(parts, PART_SESSION, 1, sizeof(TwSession)) &&
           set_part(parts, PART_TEAM, 1, (int64_t)tw_team_bytes(options->threads)) &&
           set_part(parts, PART_DECODE_TEAM, has_decode_team,
                    (int64_t)tw_team_bytes(options->decode_threads)) &&
           set_part(parts, PART_ARENA, program->arena_floats, word) &&
           scratch_floats(program) <= INT64_MAX / word &&
           set_part(parts, PART_SCRATCH, most_threads(options), scratch_floats(program) * word) &&
           set_part(parts, PART_TABLES, table_floats(program), word) &&
           set_part(parts, PART_CACHES, program->cache_floats, word) &&
           program->logits_stride <= INT64_MAX / word &&
           set_part(parts, PART_LOGITS, options->logit_rows, program->logits_stride * word) &&
           set_part(parts, PART_TAP_BUFFERS, tap_count(program), sizeof(TapBuffer)) &&
           set_part(parts, PART_TAPS, tap_count(program), sizeof(float *)) &&
           parts->whole <= SIZE_MAX;
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
    session->tap = take(&at, parts, PART_TAP_BUFFERS);
    session->taps = take(&at, parts, PART_TAPS);
    memset(session->caches, 0,
           parts->bytes[PART_CACHES] + parts->bytes[PART_LOGITS] + parts->bytes[PART_TAP_BUFFERS] +
               parts->bytes[PART_TAPS]);
    if (make_teams(session, options, team, decode_team)) return session;
    tw_session_destroy(session);
    return NULL;
}

/* Session, teams and taps in one block, and one for each of the large parts. */
static TwSession *allocate_session(const TwProgram *program, const TwSessionOptions *options,
                                   const Parts *parts) {
    const uint64_t taps = parts->bytes[PART_TAP_BUFFERS] + parts->bytes[PART_TAPS];
    const uint64_t small = parts->bytes[PART_SESSION] + parts->bytes[PART_TEAM] +
                           parts->bytes[PART_DECODE_TEAM] + taps;
    char *at = aligned_alloc(LINE, (size_t)small);
    if (!at) return NULL;
    TwSession *session = take(&at, parts, PART_SESSION);
    *session = (TwSession){0};
    void *team = take(&at, parts, PART_TEAM), *decode_team = take(&at, parts, PART_DECODE_TEAM);
    const bool has_teams = make_teams(session, options, team, decode_team);
    memset(at, 0, (size_t)taps);
    session->tap = take(&at, parts, PART_TAP_BUFFERS);
    session->taps = take(&at, parts, PART_TAPS);
    session->arena = tw_memory_floats(1, program->arena_floats);
    session->scratch = tw_memory_floats(most_threads(options), scratch_floats(program));
    session->tables = tw_memory_zeros(table_floats(program), &session->table_block);
    session->caches = tw_memory_zeros(program->cache_floats, &session->cache_block);
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
    session->logit_rows = complete.logit_rows;
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

/* Can tokens[count] come next? */
static TwStatus check_tokens(const TwSession *session, const int32_t *tokens, int64_t count) {
    const TwProgram *program = session->program;
    if (!tokens || count < 1) return TW_BAD_ARGUMENT;
    if (session->position && takes_whole_sequences(program)) return TW_NOT_CAUSAL;
    if (count > program->context - session->position) return TW_CONTEXT_FULL;
    for (int64_t i = 0; i < count; i++)
        if (tokens[i] < 0 || tokens[i] >= program->vocab) return TW_BAD_TOKEN;
    for (int64_t i = 0; i < tap_count(program); i++)
        if (session->tap[i].rows && session->tap[i].count - session->position < count)
            return TW_TAP_FULL;
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

/* Tables are made for as many positions as are needed, in few steps: a context may be far longer
 * than what is ever said. */
static void make_tables(TwSession *session, int64_t end) {
    enum { FIRST_POSITIONS = 4096 };
    const TwProgram *program = session->program;
    int64_t wanted = 2 * session->tabled > FIRST_POSITIONS ? 2 * session->tabled : FIRST_POSITIONS;
    if (wanted < end) wanted = end;
    if (wanted > program->context) wanted = program->context;
    if (table_floats(program))
        tw_rotation_tables_fill(program, session->tabled, wanted, session->tables);
    session->tabled = wanted;
}

static void run(TwSession *session, const int32_t *tokens, int64_t count, int64_t rows) {
    const TwProgram *program = session->program;
    if (session->position + count > session->tabled)
        make_tables(session, session->position + count);
    Team *team = count == 1 ? session->decode_team : session->team;
    Call call = {
        .entry = count == 1 ? program->decode : program->prefill,
        .frame = {.weights = session->weights,
                  .arena = session->arena,
                  .caches = session->caches,
                  .tokens = tokens,
                  .logits = session->logits,
                  .token_count = count,
                  .position = session->position,
                  .logit_rows = rows,
                  .team = team,
                  .trace = session->trace,
                  .scratch = session->scratch,
                  .taps = session->taps,
                  .tables = session->tables},
    };
    TeamSize *size = count == 1 ? &session->decode_size : &session->size;
    if (session->trace)
        tw_team_run(team, run_entry, &call); /* what is measured has the same threads each time */
    else
        tw_team_run_adaptive(team, size, count, run_entry, &call);
    session->position += count;
    if (session->position > session->reached) session->reached = session->position;
    session->rows = rows;
}

TwStatus tw_session_step(TwSession *session, const int32_t *tokens, int64_t count, int64_t rows) {
    if (!session || count > session->program->chunk) return TW_BAD_ARGUMENT;
    if (rows == 0) rows = 1;
    if (rows < 0 || rows > count || rows > session->logit_rows) return TW_BAD_ARGUMENT;
    if (rows > 1 && is_pooled(session->program)) return TW_BAD_ARGUMENT;
    TwStatus status = check_tokens(session, tokens, count);
    if (status == TW_OK) run(session, tokens, count, rows);
    return status;
}

TwStatus tw_session_prefill(TwSession *session, const int32_t *tokens, int64_t count) {
    if (!session) return TW_BAD_ARGUMENT;
    TwStatus status = check_tokens(session, tokens, count);
    if (status != TW_OK) return status;
    int64_t chunk = session->program->chunk;
    for (int64_t i = 0; i < count; i += chunk)
        run(session, tokens + i, count - i < chunk ? count - i : chunk, 1);
    return TW_OK;
}

TwStatus tw_session_decode(TwSession *session, int32_t token) {
    return tw_session_step(session, &token, 1, 1);
}

const float *tw_session_logits(const TwSession *session, int64_t row) {
    if (!session || row < 0 || row >= session->rows) return NULL;
    return session->logits + row * session->program->logits_stride;
}

TwStatus tw_session_set_tap(TwSession *session, int64_t number, float *rows, int64_t count) {
    if (!session || number < 0 || number >= tap_count(session->program)) return TW_BAD_ARGUMENT;
    if (count < 0 || (rows && !count)) return TW_BAD_ARGUMENT;
    session->tap[number] = (TapBuffer){rows, count};
    session->taps[number] = rows;
    return TW_OK;
}

int64_t tw_session_position(const TwSession *session) {
    return session ? session->position : 0;
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

TwStatus tw_session_set_program(TwSession *session, const TwProgram *program) {
    const TwProgram *now = session->program;
    const TwStatus status = check_program(program);
    if (status != TW_OK) return status;
    if (program->vocab != now->vocab || tw_program_outputs(program) != tw_program_outputs(now) ||
        program->context != now->context || program->chunk != now->chunk ||
        program->logits_stride != now->logits_stride ||
        program->arena_floats != now->arena_floats || program->cache_floats != now->cache_floats ||
        tap_count(program) != tap_count(now) || table_floats(program) != table_floats(now) ||
        ring_rows(program) != ring_rows(now) || program->layout_id != now->layout_id ||
        program->weight_bytes != now->weight_bytes)
        return TW_BAD_ARGUMENT;
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

/* Whether caches that are rings hold all that a token at the position sees. Before the first token
 * there is nothing to be seen. */
static bool remembers(const TwSession *session, int64_t position) {
    const int64_t rows = ring_rows(session->program);
    return !rows || position == 0 || session->reached <= rows ||
           position >= session->reached - session->program->ring_rollback;
}

TwStatus tw_session_rollback(TwSession *session, int64_t position) {
    if (!session || position < 0 || position > session->position) return TW_BAD_ARGUMENT;
    if (!remembers(session, position)) return TW_FORGOTTEN;
    if (position < session->position) session->rows = 0; /* their token is forgotten */
    session->position = position;
    if (!position) session->reached = 0;
    return TW_OK;
}

void tw_session_reset(TwSession *session) {
    if (session) tw_session_rollback(session, 0);
}
