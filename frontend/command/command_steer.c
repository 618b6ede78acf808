/* command_steer.c - `thalweg steer`: the vector that leads from one set of texts to another. */
#include "frontend/command/command.h"

#include "frontend/command/interrupt.h"
#include "frontend/command/prompt.h"
#include "frontend/files/array_file.h"
#include "frontend/lens/steering.h"
#include "frontend/lens/tapped_run.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    CommandInput input;
    const char *file;
    Prompt *text; /* [count], malloc */
    int64_t count;
    float *states; /* [count][width], malloc */
} TextSet;

typedef struct {
    const Arguments *arguments;
    Progress *progress;
    Thalweg *thalweg;
    ThalwegModel model;
    const TwTokenizer *tokenizer; /* null: text is its bytes */
    const char *point;
    int64_t width, longest;
    TextSet set[2]; /* positive, negative */
    Engine *engine;
    TappedRun run;
    Steering found;
    float *vector; /* [width], malloc */
    Diag diag;
} Steer;

/* ---- texts ---- */

static bool read_text(Steer *s, TextSet *set, int64_t number, Bytes line) {
    const PromptSource source = {.text = line,
                                 .tokenizer = s->tokenizer,
                                 .has_byte_tokens = s->model.has_byte_tokens,
                                 .file = set->file,
                                 .lines = number,
                                 .is_line = true,
                                 .vocab = s->model.vocab,
                                 .context = s->model.context};
    Complaint complaint;
    if (line.count == 0)
        return command_fail(s->progress, "%.200s:%lld: a text has at least one token", set->file,
                            (long long)number + 1);
    Prompt *text = &set->text[set->count];
    if (!prompt_read(&source, text, &complaint))
        return command_fail(s->progress, "%.200s:%lld: %s", set->file, (long long)number + 1,
                            complaint.text);
    set->count++;
    if (text->count > s->longest) s->longest = text->count;
    return true;
}

static int64_t count_lines(const CommandInput *input) {
    int64_t lines = 0;
    for (size_t i = 0; i < input->length; i++)
        lines += input->bytes[i] == '\n' || i + 1 == input->length;
    return lines;
}

static bool read_set(Steer *s, TextSet *set, const char *path) {
    enum { MOST_BYTES = 1 << 30 };
    if (!command_read(s->progress, path, MOST_BYTES, &set->input)) return false;
    set->file = strcmp(path, "-") == 0 ? "standard input" : path;
    const int64_t lines = count_lines(&set->input);
    if (!lines) return command_fail(s->progress, "%.200s has no texts", set->file);
    set->text = calloc((size_t)lines, sizeof *set->text);
    if (!set->text) return command_fail(s->progress, "out of memory");
    const char *at = set->input.bytes, *end = at + set->input.length;
    for (int64_t number = 0; number < lines; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        if (!read_text(s, set, number, (Bytes){at, (size_t)(stop - at)})) return false;
        at = stop + 1;
    }
    return true;
}

/* ---- the model ---- */

static EngineOptions engine_options(const Steer *s) {
    return (EngineOptions){.is_interpreted = s->arguments->engine == ENGINE_INTERPRETER};
}

static bool read_model(Steer *s) {
    int64_t taps;
    const EngineOptions options = engine_options(s);
    if (!thalweg_read_file(s->thalweg, s->arguments->operands[0])) return false;
    s->point = arena_printf(s->diag.arena, "resid_pre%lld", (long long)s->arguments->steer_layer);
    if (!thalweg_add_taps(s->thalweg, &s->point, 1)) return false;
    const ThalwegTap *tap = thalweg_taps(s->thalweg, &taps);
    if (!tap) return false;
    s->width = tap[taps - 1].columns;
    s->model = thalweg_model(s->thalweg);
    if (s->model.has_tokenizer) {
        s->tokenizer = thalweg_tokenizer(s->thalweg);
        if (!s->tokenizer) return false;
    } else if (!s->model.has_byte_tokens) {
        return command_fail(s->progress, "'%s' has no tokenizer: its texts are numbers",
                            s->model.name);
    }
    return options.is_interpreted ||
           (thalweg_choose_context(s->thalweg, false) && thalweg_check_memory(s->thalweg, false));
}

/* The state at the last token of each text. */
static bool feed(Steer *s, TextSet *set, const char *what) {
    const int64_t tap = s->run.taps - 1;
    if ((uint64_t)s->width <= SIZE_MAX / sizeof(float) / (uint64_t)set->count)
        set->states = calloc((size_t)(set->count * s->width), sizeof(float));
    if (!set->states) return command_fail(s->progress, "out of memory");
    for (int64_t i = 0; i < set->count; i++) {
        const Prompt *text = &set->text[i];
        if (interrupt_signal() ||
            !tapped_run_feed(&s->run, &(TappedText){.tokens = text->tokens, .count = text->count},
                             &s->diag))
            return false;
        memcpy(set->states + i * s->width, s->run.rows[tap] + (text->count - 1) * s->width,
               (size_t)s->width * sizeof(float));
        progress_show(s->progress, what, (double)(i + 1) / (double)set->count);
    }
    return true;
}

static bool find(Steer *s) {
    const SteeringMethod method =
        s->arguments->steer_method == STEER_METHOD_PCA ? STEERING_PCA : STEERING_MEAN;
    const SteeringStates states = {.positive = s->set[0].states,
                                   .negative = s->set[1].states,
                                   .positives = s->set[0].count,
                                   .negatives = s->set[1].count,
                                   .width = s->width};
    s->vector = calloc((size_t)s->width, sizeof *s->vector);
    if (!s->vector) return command_fail(s->progress, "out of memory");
    return steering_find(&states, method, s->vector, &s->found) ||
           command_fail(s->progress, "the texts of both files leave the same states at %s",
                        s->point);
}

static bool write_all(Steer *s) {
    static const char *const methods[] = {"mean", "pca"};
    const Arguments *arguments = s->arguments;
    const NamedArray array = {s->point, s->vector, {s->width}, 1};
    if (!array_file_write(arguments->steer_output, &array, 1, &s->diag)) return false;
    progress_end(s->progress);
    if (!arguments->json) {
        printf("%s: %lld positive and %lld negative texts, at the last token of each\n", s->point,
               (long long)s->set[0].count, (long long)s->set[1].count);
        printf("the vector is %.4g long; %.1f %% of the texts lie on their side of the middle\n",
               s->found.length, 100 * s->found.separated);
        printf("--edit %s:add=%s,strength=1\n", s->point, arguments->steer_output);
        return true;
    }
    json_t *object = json_pack(
        "{s:s, s:s, s:I, s:s, s:I, s:I, s:f, s:f, s:s}", "model", s->model.name, "point", s->point,
        "layer", (json_int_t)arguments->steer_layer, "method", methods[arguments->steer_method],
        "positive", (json_int_t)s->set[0].count, "negative", (json_int_t)s->set[1].count, "length",
        s->found.length, "separated", s->found.separated, "file", arguments->steer_output);
    const bool is_written = object && json_dumpf(object, stdout, JSON_INDENT(2)) == 0;
    json_decref(object);
    putchar('\n');
    return is_written;
}

static bool steer(Steer *s) {
    const Arguments *arguments = s->arguments;
    const EngineOptions options = engine_options(s);
    if (!array_file_check(arguments->steer_output, 1, &s->diag) || !read_model(s) ||
        !read_set(s, &s->set[0], arguments->positive) ||
        !read_set(s, &s->set[1], arguments->negative))
        return false;
    if (arguments->steer_method == STEER_METHOD_PCA && s->set[0].count != s->set[1].count)
        return command_fail(s->progress,
                            "pca takes pairs of texts: there are %lld positive and %lld negative",
                            (long long)s->set[0].count, (long long)s->set[1].count);
    s->engine = command_engine(s->thalweg, &options, s->progress);
    if (!s->engine || !tapped_run_open(&s->run, s->thalweg, s->engine, s->longest, &s->diag))
        return false;
    return feed(s, &s->set[0], "positive texts") && feed(s, &s->set[1], "negative texts") &&
           find(s) && write_all(s);
}

static void free_set(TextSet *set) {
    for (int64_t i = 0; i < set->count; i++) free(set->text[i].tokens);
    free(set->text);
    free(set->states);
    free(set->input.bytes);
}

int command_steer(const Arguments *arguments) {
    const char *wrong = NULL;
    if (!arguments->positive || !arguments->negative)
        wrong = "--positive and --negative say what texts are read";
    else if (arguments->steer_layer == OPTION_NOT_GIVEN)
        wrong = "--layer says where the vector is to be added";
    else if (!arguments->steer_output)
        wrong = "--output says where the vector goes";
    if (wrong) return command_misused(COMMAND_steer, wrong);
    Progress progress;
    Steer s = {.arguments = arguments, .progress = &progress};
    s.thalweg = command_thalweg(arguments, &progress);
    if (!s.thalweg) return EXIT_FAILED;
    s.diag.arena = arena_create();
    const bool is_done = steer(&s);
    progress_end(&progress);
    diag_print(&s.diag, stderr);
    tapped_run_close(&s.run);
    engine_destroy(s.engine);
    for (int i = 0; i < 2; i++) free_set(&s.set[i]);
    free(s.vector);
    arena_destroy(s.diag.arena);
    return command_end(s.thalweg, &progress, is_done);
}
