/* command_attention.c - `thalweg attention`: what the heads of a model attend to in a text, and
 * what kind of heads they are by their attention on random tokens that repeat. */
#include "frontend/command/stream_command.h"

#include "frontend/files/array_file.h"
#include "frontend/lens/attention_scores.h"
#include "frontend/lens/tapped_run.h"
#include "runtime/generation/json_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    StreamCommand c;
    AttentionProbe probe;
    TappedRun run;           /* of the prompt, or of the probe */
    int64_t heads;           /* of all layers */
    const char **name;       /* [heads] "L3H1"; in the arena, as are */
    AttentionScores *scores; /* [heads] */
    float *pattern;          /* [heads][tokens][tokens] of the prompt */
} Attend;

static int64_t tokens_of(const Attend *a) {
    return a->c.prompt.count;
}

/* ---- what is run ---- */

/* Of a second attention in a layer the heads are "L3H1_2". */
static const char *head_name(const Attend *a, const ThalwegTap *tap, int64_t head) {
    const char *copy = strrchr(tap->point, '_');
    const bool is_copy = copy && copy[1] >= '0' && copy[1] <= '9';
    return arena_printf(a->c.diag.arena, "L%" PRId64 "H%" PRId64 "%s", tap->layer, head,
                        is_copy ? copy : "");
}

static bool name_heads(Attend *a) {
    int64_t taps = 0, head = 0;
    const ThalwegTap *tap = thalweg_taps(a->c.thalweg, &taps);
    if (!tap) return false;
    for (int64_t i = 0; i < taps; i++) a->heads += tap[i].columns;
    a->name = ARENA_ARRAY(a->c.diag.arena, const char *, (size_t)a->heads);
    a->scores = ARENA_ARRAY(a->c.diag.arena, AttentionScores, (size_t)a->heads);
    for (int64_t i = 0; i < taps; i++)
        for (int64_t k = 0; k < tap[i].columns; k++) a->name[head++] = head_name(a, &tap[i], k);
    return true;
}

/* What texts of the model begin with, as the prompt shows. */
static int32_t begin_of(const Attend *a) {
    const TwTokenizer *tokenizer = a->c.names.tokenizer;
    const int32_t begin = tokenizer ? tw_tokenizer_special(tokenizer, TW_BOS) : -1;
    return begin == a->c.prompt.tokens[0] ? begin : -1;
}

static bool choose_probe(Attend *a) {
    const int64_t context = thalweg_model(a->c.thalweg).context;
    const int32_t begin = begin_of(a);
    int64_t period = a->c.arguments->random_tokens;
    if (2 * period + (begin >= 0) > context) period = (context - (begin >= 0)) / 2;
    if (period < 2)
        return diag_error(&a->c.diag, (Loc){0},
                          "a context of %" PRId64 " has no room for tokens that repeat", context);
    a->probe = attention_probe(period, begin, a->c.model.vocab, (uint64_t)a->c.arguments->seed,
                               a->c.diag.arena);
    return true;
}

static bool feed(Attend *a, const int32_t *tokens, int64_t count) {
    return tapped_run_open(&a->run, a->c.thalweg, a->c.engine, count, &a->c.diag) &&
           tapped_run_feed(&a->run, &(TappedText){.tokens = tokens, .count = count}, &a->c.diag);
}

static bool score_heads(Attend *a) {
    int64_t at = 0;
    const bool is_fed = feed(a, a->probe.tokens, a->probe.count);
    for (int64_t i = 0; i < a->run.taps && is_fed; i++) {
        const int64_t heads = a->run.tap[i].columns, room = a->run.room;
        for (int64_t head = 0; head < heads; head++)
            a->scores[at++] =
                attention_scores(&a->probe, a->run.rows[i] + head * room, heads * room);
    }
    tapped_run_close(&a->run);
    return is_fed;
}

/* From [tokens][heads][keys] of each layer. */
static bool take_patterns(Attend *a) {
    const int64_t count = tokens_of(a);
    float *out = malloc((size_t)(a->heads * count * count) * sizeof *out);
    a->pattern = out;
    const bool is_fed = out ? feed(a, a->c.prompt.tokens, count)
                            : diag_error(&a->c.diag, (Loc){0}, "out of memory");
    for (int64_t i = 0; i < a->run.taps && is_fed; i++) {
        const int64_t heads = a->run.tap[i].columns;
        for (int64_t head = 0; head < heads; head++)
            for (int64_t row = 0; row < count; row++, out += count)
                memcpy(out, a->run.rows[i] + (row * heads + head) * count,
                       (size_t)count * sizeof *out);
    }
    tapped_run_close(&a->run);
    return is_fed;
}

/* ---- text ---- */

static void print_text(const Attend *a) {
    printf("attention paid on %" PRId64 " random tokens, when they come a second time\n",
           a->probe.period);
    printf("%-10s", "head");
    for (int k = 0; k < ATTENTION_KINDS; k++) printf(" %10s", attention_kind_names[k]);
    putchar('\n');
    for (int64_t head = 0; head < a->heads; head++) {
        printf("%-10s", a->name[head]);
        for (int k = 0; k < ATTENTION_KINDS; k++) printf(" %10.4f", a->scores[head].of[k]);
        putchar('\n');
    }
}

/* ---- JSON ---- */

static void print_row(const float *row, int64_t count) {
    putchar('[');
    for (int64_t i = 0; i < count; i++) {
        if (i) fputs(", ", stdout);
        json_text_number((double)row[i], stdout);
    }
    putchar(']');
}

static void print_head(const Attend *a, int64_t head) {
    const int64_t count = tokens_of(a);
    printf("    {\"head\": \"%s\"", a->name[head]);
    for (int k = 0; k < ATTENTION_KINDS; k++) {
        printf(", \"%s\": ", attention_kind_names[k]);
        json_text_number(a->scores[head].of[k], stdout);
    }
    fputs(", \"pattern\": [", stdout);
    for (int64_t row = 0; row < count; row++) {
        if (row) fputs(", ", stdout);
        print_row(a->pattern + (head * count + row) * count, count);
    }
    printf("]}%s\n", head < a->heads - 1 ? "," : "");
}

static void print_json(const Attend *a) {
    fputs("{\n  \"model\": ", stdout);
    json_text_string(a->c.model.name, strlen(a->c.model.name), stdout);
    fputs(",\n  \"tokens\": [", stdout);
    for (int64_t i = 0; i < tokens_of(a); i++) {
        if (i) fputs(", ", stdout);
        stream_command_print_token(&a->c, a->c.prompt.tokens[i]);
    }
    printf("],\n  \"random\": %" PRId64 ",\n  \"heads\": [\n", a->probe.period);
    for (int64_t head = 0; head < a->heads; head++) print_head(a, head);
    puts("  ]\n}");
}

/* ---- arrays ---- */

/* The patterns; and where there is room for both, the scores. */
static bool write_arrays(Attend *a) {
    const char *path = a->c.arguments->array_file;
    const int64_t count = tokens_of(a);
    float *scores = ARENA_ARRAY(a->c.diag.arena, float, (size_t)(a->heads * ATTENTION_KINDS));
    for (int64_t i = 0; i < a->heads * ATTENTION_KINDS; i++)
        scores[i] = (float)a->scores[i / ATTENTION_KINDS].of[i % ATTENTION_KINDS];
    const NamedArray arrays[] = {{"pattern", a->pattern, {a->heads, count, count}, 3},
                                 {"scores", scores, {a->heads, ATTENTION_KINDS}, 2}};
    return array_file_write(path, arrays, array_file_has_one(path) ? 1 : 2, &a->c.diag);
}

/* ---- the page ---- */

static void put_scores(Attend *a, Page *page) {
    Arena *arena = a->c.diag.arena;
    double *value = ARENA_ARRAY(arena, double, (size_t)(a->heads * ATTENTION_KINDS));
    for (int64_t i = 0; i < a->heads * ATTENTION_KINDS; i++)
        value[i] = a->scores[i / ATTENTION_KINDS].of[i % ATTENTION_KINDS];
    page_heat_map(page, &(PageHeatMap){.title = "What kind of head each is.",
                                       .caption = arena_printf(
                                           arena,
                                           "Mean attention on %" PRId64
                                           " random tokens when they come a second time: to the "
                                           "token before, to the same token where it stood first, "
                                           "to the token behind that, and to the token itself.",
                                           a->probe.period),
                                       .row_name = "head",
                                       .column_name = "attends to",
                                       .value_name = "mean attention",
                                       .rows = a->heads,
                                       .columns = ATTENTION_KINDS,
                                       .row_label = a->name,
                                       .column_label = attention_kind_names,
                                       .value = value,
                                       .most = 1});
}

static void put_pattern(Attend *a, Page *page, int64_t head, const char *const *labels) {
    const int64_t count = tokens_of(a);
    double *value = ARENA_ARRAY(a->c.diag.arena, double, (size_t)(count * count));
    for (int64_t i = 0; i < count * count; i++)
        value[i] = (double)a->pattern[head * count * count + i];
    page_heat_map(page, &(PageHeatMap){.title = a->name[head],
                                       .row_name = "token",
                                       .column_name = "attends to",
                                       .value_name = "attention",
                                       .rows = count,
                                       .columns = count,
                                       .row_label = labels,
                                       .column_label = labels,
                                       .value = value,
                                       .most = 1,
                                       .is_small = true});
}

static bool write_page(Attend *a) {
    Page *page = page_create("What the heads attend to");
    const char *const *labels = stream_command_labels(&a->c);
    if (page) stream_command_describe(&a->c, page);
    put_scores(a, page);
    page_heading(page, "Patterns of the text");
    for (int64_t head = 0; head < a->heads; head++) put_pattern(a, page, head, labels);
    const bool is_written = page_write(page, a->c.arguments->html, &a->c.diag);
    page_destroy(page);
    return is_written;
}

/* ---- the command ---- */

static bool look(Attend *a) {
    const Arguments *arguments = a->c.arguments;
    if (arguments->array_file && !array_file_check(arguments->array_file, 1, &a->c.diag))
        return false;
    if (!thalweg_add_taps(a->c.thalweg, (const char *const[]){"pattern"}, 1)) return false;
    if (!name_heads(a) || !stream_command_start(&a->c, false) || !choose_probe(a)) return false;
    if (!score_heads(a) || !take_patterns(a)) return false;
    if (arguments->array_file && !write_arrays(a)) return false;
    if (arguments->html && !write_page(a)) return false;
    progress_end(&a->c.progress);
    if (arguments->json)
        print_json(a);
    else
        print_text(a);
    return fflush(stdout) == 0;
}

int command_attention(const Arguments *arguments) {
    const char *wrong = stream_command_misuse(arguments);
    if (wrong) return command_misused(COMMAND_attention, wrong);
    Attend a = {0};
    const bool is_open = stream_command_open(&a.c, arguments);
    const bool is_done = is_open && look(&a);
    free(a.pattern);
    return stream_command_end(&a.c, is_done);
}
