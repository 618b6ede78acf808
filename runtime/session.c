/* session.c - one sequence of tokens through one model.
 *
 * Everything a call says is checked before anything runs, so that a call that fails has changed
 * nothing. All memory is taken at create; a step takes none.
 */
#include "runtime/runtime.h"

#include "runtime/barrier.h"
#include "runtime/memory.h"
#include "runtime/processors.h"
#include "runtime/team.h"
#include "runtime/trace.h"

#include <stdlib.h>

struct TwSession {
    const TwProgram *program;
    Team *team, *decode_team; /* maybe the same */
    Trace *trace;             /* of timed code; null: none */
    float *arena, *caches, *logits;
    const char *weights;
    int64_t position;   /* tokens in the caches */
    int64_t rows;       /* of logits that can be read */
    int64_t logit_rows; /* that there is room for */
};

static TwStatus check_program(const TwProgram *program) {
    /* The first two fields are the same in every version. */
    if (program->abi_version != TW_ABI_VERSION || program->struct_bytes != sizeof *program)
        return TW_BAD_ABI;
    if (program->vocab < 1 || program->vocab > INT32_MAX) return TW_BAD_ARGUMENT;
    if (program->context < 1 || program->chunk < 1) return TW_BAD_ARGUMENT;
    if (program->logits_stride < program->vocab) return TW_BAD_ARGUMENT;
    if (program->arena_floats < 0 || program->cache_floats < 0) return TW_BAD_ARGUMENT;
    return program->prefill && program->decode ? TW_OK : TW_BAD_ARGUMENT;
}

static TwStatus check_weights(const TwProgram *program, const TwWeights *weights) {
    if (tw_weights_layout_id(weights) != program->layout_id) return TW_WRONG_LAYOUT;
    return tw_weights_bytes(weights) >= program->weight_bytes ? TW_OK : TW_BAD_SIZE;
}

static TwStatus check_options(const TwProgram *program, const TwSessionOptions *options) {
    if (options->threads < 0 || options->threads > BARRIER_MAX_THREADS) return TW_BAD_ARGUMENT;
    if (options->decode_threads < 0 || options->decode_threads > BARRIER_MAX_THREADS)
        return TW_BAD_ARGUMENT;
    if (options->logit_rows < 0 || options->logit_rows > program->chunk) return TW_BAD_ARGUMENT;
    return TW_OK;
}

static int thread_count(int asked) {
    if (asked > 0) return asked;
    int processors = processors_available();
    return processors < BARRIER_MAX_THREADS ? processors : BARRIER_MAX_THREADS;
}

static bool make_teams(TwSession *session, const TwSessionOptions *options) {
    session->team = session->decode_team = team_create(thread_count(options->threads));
    if (!session->team || !options->decode_threads ||
        options->decode_threads == team_threads(session->team))
        return session->team;
    session->decode_team = team_create(options->decode_threads);
    return session->decode_team;
}

static TwSession *make_session(const TwProgram *program, const TwWeights *weights,
                               const TwSessionOptions *options) {
    TwSession *session = calloc(1, sizeof *session);
    if (!session) return NULL;
    session->program = program;
    session->weights = tw_weights_data(weights);
    session->logit_rows = options->logit_rows > 0 ? options->logit_rows : 1;
    const bool has_teams = make_teams(session, options);
    session->arena = memory_floats(1, program->arena_floats);
    session->caches = memory_floats(1, program->cache_floats);
    session->logits = memory_floats(session->logit_rows, program->logits_stride);
    if (has_teams && session->arena && session->caches && session->logits) return session;
    tw_session_destroy(session);
    return NULL;
}

TwStatus tw_session_create(const TwProgram *program, const TwWeights *weights,
                           const TwSessionOptions *options, TwSession **out) {
    if (!out) return TW_BAD_ARGUMENT;
    *out = NULL;
    if (!program || !weights) return TW_BAD_ARGUMENT;
    TwSessionOptions defaults = {0};
    if (!options) options = &defaults;

    TwStatus status = check_program(program);
    if (status == TW_OK) status = check_weights(program, weights);
    if (status == TW_OK) status = check_options(program, options);
    if (status != TW_OK) return status;
    *out = make_session(program, weights, options);
    return *out ? TW_OK : TW_NO_MEMORY;
}

void tw_session_destroy(TwSession *session) {
    if (!session) return;
    if (session->decode_team != session->team) team_destroy(session->decode_team);
    team_destroy(session->team);
    free(session->logits);
    free(session->caches);
    free(session->arena);
    free(session);
}

/* Can tokens[count] come next? */
static TwStatus check_tokens(const TwSession *session, const int32_t *tokens, int64_t count) {
    const TwProgram *program = session->program;
    if (!tokens || count < 1) return TW_BAD_ARGUMENT;
    if (count > program->context - session->position) return TW_CONTEXT_FULL;
    for (int64_t i = 0; i < count; i++)
        if (tokens[i] < 0 || tokens[i] >= program->vocab) return TW_BAD_TOKEN;
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

static void run(TwSession *session, const int32_t *tokens, int64_t count, int64_t rows) {
    const TwProgram *program = session->program;
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
                  .trace = session->trace},
    };
    team_run(team, run_entry, &call);
    session->position += count;
    session->rows = rows;
}

TwStatus tw_session_step(TwSession *session, const int32_t *tokens, int64_t count, int64_t rows) {
    if (!session || count > session->program->chunk) return TW_BAD_ARGUMENT;
    if (rows == 0) rows = 1;
    if (rows < 0 || rows > count || rows > session->logit_rows) return TW_BAD_ARGUMENT;
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

const float *tw_session_logits(const TwSession *session, int64_t row) {
    if (row < 0 || row >= session->rows) return NULL;
    return session->logits + row * session->program->logits_stride;
}

int64_t tw_session_position(const TwSession *session) {
    return session->position;
}

void session_set_trace(TwSession *session, Trace *trace) {
    session->trace = trace;
}

TwStatus session_set_program(TwSession *session, const TwProgram *program) {
    const TwProgram *now = session->program;
    const TwStatus status = check_program(program);
    if (status != TW_OK) return status;
    if (program->vocab != now->vocab || program->context != now->context ||
        program->chunk != now->chunk || program->logits_stride != now->logits_stride ||
        program->arena_floats != now->arena_floats || program->cache_floats != now->cache_floats ||
        program->layout_id != now->layout_id || program->weight_bytes != now->weight_bytes)
        return TW_BAD_ARGUMENT;
    session->program = program;
    return TW_OK;
}

int tw_session_threads(const TwSession *session) {
    const int threads = team_threads(session->team), decode = team_threads(session->decode_team);
    return threads > decode ? threads : decode;
}

TwStatus tw_session_rollback(TwSession *session, int64_t position) {
    if (!session || position < 0 || position > session->position) return TW_BAD_ARGUMENT;
    if (position < session->position) session->rows = 0; /* their token is forgotten */
    session->position = position;
    return TW_OK;
}
