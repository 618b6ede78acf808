/* command_compare.c - `thalweg compare`: how far a model's logits are from those of another model,
 * or of a file that another engine wrote. */
#include "frontend/command/command.h"

#include "frontend/command/interrupt.h"
#include "frontend/files/npy_input.h"
#include "frontend/measure/difference.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where no tokens are given: so many, made from a fixed seed. */
enum { MADE_UP_TOKENS = 64 };

/* A model that runs. */
typedef struct {
    Thalweg *thalweg;
    ThalwegModel model;
    Engine *engine;
} Side;

typedef struct {
    const Arguments *arguments;
    Progress *progress;
    Side side, against;
    NpyInput npy; /* in place of `against`, where it is open */
    Diag diag;    /* of that */
    float *expected;
    Prompt prompt;
    bool is_made_up;
    Difference difference;
} Compare;

/* The options that say how a model is computed are those of the first. */
static Arguments plain(const Arguments *arguments) {
    Arguments plain = *arguments;
    plain.weights_type = plain.skip_passes = NULL;
    plain.exact = false;
    plain.edits.count = 0;
    return plain;
}

static bool read_side(Compare *compare, Side *side, const char *path, bool is_interpreted) {
    if (!thalweg_read_file(side->thalweg, path)) return false;
    if (!is_interpreted && !thalweg_choose_context(side->thalweg, true)) return false;
    side->model = thalweg_model(side->thalweg);
    if (!side->model.is_pooled) return true;
    return command_fail(compare->progress,
                        "'%s' pools its tokens: there is no row for each to compare",
                        side->model.name);
}

static bool open_side(Compare *compare, Side *side, bool is_interpreted) {
    const EngineOptions options = {.is_interpreted = is_interpreted, .has_all_logits = true};
    if (!is_interpreted && !thalweg_check_memory(side->thalweg, true)) return false;
    side->engine = command_engine(side->thalweg, &options, compare->progress);
    return side->engine;
}

/* ---- what they are fed ---- */

/* Numerical Recipes' generator for 64 bits, its upper half. */
static bool make_up_tokens(Compare *compare, int64_t context) {
    const int64_t vocab = compare->side.model.vocab;
    Prompt *prompt = &compare->prompt;
    uint64_t state = 1;
    prompt->count = context < MADE_UP_TOKENS ? context : MADE_UP_TOKENS;
    prompt->tokens = calloc((size_t)prompt->count, sizeof *prompt->tokens);
    if (!prompt->tokens) return command_fail(compare->progress, "out of memory");
    for (int64_t i = 0; i < prompt->count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        prompt->tokens[i] = (int32_t)((state >> 32) % (uint64_t)vocab);
    }
    compare->is_made_up = true;
    return true;
}

static bool choose_tokens(Compare *compare) {
    int64_t context = compare->side.model.context;
    const ThalwegModel *other = &compare->against.model;
    if (other->name && other->context < context) context = other->context;
    if (command_prompts(compare->arguments))
        return command_prompt(compare->arguments, compare->progress, compare->side.thalweg, context,
                              &compare->prompt);
    return make_up_tokens(compare, context);
}

/* ---- the reference ---- */

static bool open_file(Compare *compare) {
    NpyInput *npy = &compare->npy;
    const ThalwegModel *model = &compare->side.model;
    const char *path = compare->arguments->reference;
    if (!npy_input_open(npy, path, &compare->diag)) return false;
    if (npy->columns != model->outputs)
        return command_fail(compare->progress,
                            "'%s' has rows of %lld logits, '%s' a vocabulary of %lld", path,
                            (long long)npy->columns, model->name, (long long)model->outputs);
    if (npy->rows != compare->prompt.count)
        return command_fail(
            compare->progress,
            "'%s' has %lld rows, and %lld tokens are given: a row for each token is "
            "compared",
            path, (long long)npy->rows, (long long)compare->prompt.count);
    const size_t columns = (size_t)npy->columns;
    if (columns <= SIZE_MAX / sizeof(float)) compare->expected = malloc(columns * sizeof(float));
    return compare->expected || command_fail(compare->progress, "out of memory");
}

static bool read_models(Compare *compare) {
    const char *against = compare->arguments->against;
    Side *other = &compare->against;
    const bool is_interpreted = compare->arguments->engine == ENGINE_INTERPRETER;
    if (!read_side(compare, &compare->side, compare->arguments->operands[0], is_interpreted))
        return false;
    if (!against) return true;
    if (!read_side(compare, other, against, false)) return false;
    if (other->model.vocab == compare->side.model.vocab &&
        other->model.outputs == compare->side.model.outputs)
        return true;
    return command_fail(compare->progress,
                        "'%s' has a vocabulary of %lld, '%s' one of %lld: their logits cannot be "
                        "compared",
                        compare->side.model.name, (long long)compare->side.model.outputs,
                        other->model.name, (long long)other->model.outputs);
}

static bool open_all(Compare *compare) {
    const bool is_interpreted = compare->arguments->engine == ENGINE_INTERPRETER;
    if (!open_side(compare, &compare->side, is_interpreted)) return false;
    return compare->arguments->reference ? open_file(compare)
                                         : open_side(compare, &compare->against, false);
}

/* ---- the comparison ---- */

static int64_t choose_chunk(const Compare *compare) {
    const int64_t chunk = engine_chunk(compare->side.engine);
    if (!compare->against.engine) return chunk;
    const int64_t other = engine_chunk(compare->against.engine);
    return other < chunk ? other : chunk;
}

static bool step(Compare *compare, const Side *side, const int32_t *tokens, int64_t count) {
    TwStatus status;
    if (!side->engine || engine_step(side->engine, tokens, count, count, &status)) return true;
    return command_runs(compare->progress, status) && false;
}

static const float *expect_row(Compare *compare, int64_t row) {
    if (compare->against.engine) return engine_logits(compare->against.engine, row);
    return npy_input_read(&compare->npy, compare->expected, &compare->diag) ? compare->expected
                                                                            : NULL;
}

static bool compare_chunk(Compare *compare, const int32_t *tokens, int64_t count) {
    if (!step(compare, &compare->side, tokens, count)) return false;
    if (!step(compare, &compare->against, tokens, count)) return false;
    for (int64_t i = 0; i < count; i++) {
        const float *expected = expect_row(compare, i);
        if (!expected) return false;
        difference_add(&compare->difference, engine_logits(compare->side.engine, i), expected,
                       compare->side.model.outputs);
    }
    return true;
}

static bool place_edits(Compare *compare) {
    const int64_t count = compare->prompt.count;
    TwStatus status;
    return engine_place_edits(compare->side.engine, (ThalwegPrompt){count, count}, &status) ||
           (command_runs(compare->progress, status) && false);
}

static bool compare_tokens(Compare *compare) {
    const Prompt *prompt = &compare->prompt;
    if (!place_edits(compare)) return false;
    const int64_t chunk = choose_chunk(compare);
    progress_end(compare->progress);
    progress_begin(compare->progress, stderr);
    difference_begin(&compare->difference);
    for (int64_t i = 0, count; i < prompt->count; i += count) {
        if (interrupt_signal()) return false;
        count = prompt->count - i < chunk ? prompt->count - i : chunk;
        if (!compare_chunk(compare, prompt->tokens + i, count)) return false;
        progress_show(compare->progress, "comparing", (double)(i + count) / (double)prompt->count);
    }
    progress_end(compare->progress);
    return true;
}

/* ---- what is said ---- */

typedef struct {
    int64_t rows; /* that are numbers */
    double root_mean_square, of_range, divergence;
} Means;

static Means take_means(const Difference *d) {
    const int64_t rows = d->rows - d->odd_rows;
    return (Means){.rows = rows,
                   .root_mean_square = d->values > 0 ? sqrt(d->squares / d->values) : 0,
                   .of_range = difference_of_range(d),
                   .divergence = rows ? d->divergence / (double)rows : 0};
}

static void print_text(const Compare *compare) {
    const Difference *d = &compare->difference;
    const Means means = take_means(d);
    printf("tokens      %lld%s, %lld logits each\n", (long long)d->rows,
           compare->is_made_up ? " (made up)" : "", (long long)compare->side.model.outputs);
    if (d->odd_rows)
        printf("no numbers  in %lld rows, which are left out below\n", (long long)d->odd_rows);
    if (!means.rows) return;
    printf("difference  at most %.3g, which is %.2g of the range", d->largest, means.of_range);
    if (d->largest > 0)
        printf(" (token %lld, logit %lld: %.7g, expected %.7g)", (long long)d->largest_row,
               (long long)d->largest_column, (double)d->largest_logit,
               (double)d->largest_reference);
    printf("; root mean square %.3g\n", means.root_mean_square);
    printf("divergence  %.3g nats in the mean, at most %.3g (token %lld)\n", means.divergence,
           d->largest_divergence, (long long)d->largest_divergence_row);
    printf("top 1       agrees for %lld of %lld", (long long)d->agreeing, (long long)means.rows);
    if (d->first_odd_choice >= 0)
        printf("; first not after token %lld: %lld, expected %lld, which is %.3g above it",
               (long long)d->first_odd_choice, (long long)d->chosen, (long long)d->reference_chosen,
               d->behind);
    putchar('\n');
}

static bool print_json(const Compare *compare) {
    const Difference *d = &compare->difference;
    const Means means = take_means(d);
    json_t *root = json_pack(
        "{s:I, s:b, s:I, s:I, s:{s:f, s:I, s:I, s:f, s:f, s:f, s:f}, s:{s:f, s:f, s:I}, s:{s:I, "
        "s:I}}",
        "tokens", (json_int_t)d->rows, "made_up", compare->is_made_up, "vocab",
        (json_int_t)compare->side.model.outputs, "odd_rows", (json_int_t)d->odd_rows, "difference",
        "largest", d->largest, "token", (json_int_t)d->largest_row, "logit",
        (json_int_t)d->largest_column, "value", (double)d->largest_logit, "expected",
        (double)d->largest_reference, "root_mean_square", means.root_mean_square, "of_range",
        means.of_range, "divergence", "mean", means.divergence, "largest", d->largest_divergence,
        "token", (json_int_t)d->largest_divergence_row, "top_1", "agreeing",
        (json_int_t)d->agreeing, "first_other", (json_int_t)d->first_odd_choice);
    const bool is_written =
        root && json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0;
    json_decref(root);
    putchar('\n');
    return is_written || command_fail(compare->progress, "the results cannot be written");
}

static bool judge(const Compare *compare) {
    const Difference *d = &compare->difference;
    const double tolerance = compare->arguments->tolerance;
    if (tolerance < 0) return true;
    if (d->odd_rows)
        return command_fail(compare->progress, "%lld rows are no numbers", (long long)d->odd_rows);
    if (difference_of_range(d) <= tolerance) return true;
    return command_fail(
        compare->progress,
        "the largest difference is %.3g of the range, more than the tolerance of %g",
        difference_of_range(d), tolerance);
}

static bool compare_all(Compare *compare) {
    if (!read_models(compare) || !choose_tokens(compare)) return false;
    if (!open_all(compare) || !compare_tokens(compare)) return false;
    if (!compare->arguments->json)
        print_text(compare);
    else if (!print_json(compare))
        return false;
    fflush(stdout);
    return judge(compare);
}

static int end_compare(Compare *compare, bool is_done) {
    progress_end(compare->progress);
    diag_print(&compare->diag, stderr);
    npy_input_close(&compare->npy);
    engine_destroy(compare->side.engine);
    engine_destroy(compare->against.engine);
    free(compare->prompt.tokens);
    free(compare->expected);
    arena_destroy(compare->diag.arena);
    if (compare->against.thalweg) command_end(compare->against.thalweg, compare->progress, is_done);
    return command_end(compare->side.thalweg, compare->progress, is_done);
}

int command_compare(const Arguments *arguments) {
    if (!arguments->reference == !arguments->against)
        return command_misused(COMMAND_compare,
                               "one of --logits and --against says what to compare with");
    if (command_prompts(arguments) > 1) return command_misused(COMMAND_compare, COMMAND_ONE_PROMPT);
    if (arguments->reference && !command_prompts(arguments))
        return command_misused(
            COMMAND_compare, "--logits needs the tokens that they are of: --tokens, --tokens-file "
                             "or --prompt");
    Progress progress;
    const Arguments other = plain(arguments);
    Compare compare = {.arguments = arguments, .progress = &progress};
    compare.side.thalweg = command_thalweg(arguments, &progress);
    if (!compare.side.thalweg) return EXIT_FAILED;
    if (arguments->against) compare.against.thalweg = command_thalweg(&other, &progress);
    compare.diag.arena = arena_create();
    const bool is_open = !arguments->against || compare.against.thalweg;
    return end_compare(&compare, is_open && compare_all(&compare));
}
