/* command_rank.c - `thalweg rank`: how much the tokens of the stream still differ from each other,
 * after each layer, with skip connections and without them. */
#include "frontend/command/command.h"

#include "frontend/compiler/compiler.h"
#include "frontend/files/array_file.h"
#include "frontend/lens/page.h"
#include "frontend/lens/stream_rank.h"
#include "frontend/lens/tapped_run.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SERIES = 2 }; /* with skips, and without */

typedef struct {
    const Arguments *arguments;
    Arena *arena;
    const char *model; /* its name */
    Prompt prompt;
    int64_t points;           /* before the first layer, and behind each */
    const char **point;       /* [points] their names */
    StreamRank *rank[SERIES]; /* [points]; null: not asked for */
} Work;

static const char *const series_name[] = {"with_skips", "without_skips"};

/* ---- one model ---- */

static bool take_rows(Work *w, const TappedRun *run, int64_t i, StreamRank *out, Diag *diag) {
    const int64_t tap = tapped_run_find(run, w->point[i]);
    const int64_t columns = run->tap[tap].columns;
    for (int64_t k = 0; k < w->prompt.count * columns; k++)
        if (!isfinite(run->rows[tap][k]))
            return diag_error(diag, (Loc){0}, "%s is not finite at token %lld", w->point[i],
                              (long long)(k / columns));
    return stream_rank_find(run->rows[tap], w->prompt.count, columns, out) ||
           diag_error(diag, (Loc){0}, "out of memory");
}

static bool feed(Work *w, Thalweg *thalweg, Engine *engine, StreamRank *out) {
    Diag *diag = &thalweg->diag;
    const TappedText text = {.tokens = w->prompt.tokens, .count = w->prompt.count};
    TappedRun run;
    if (!tapped_run_open(&run, thalweg, engine, text.count, diag)) return false;
    bool ok = tapped_run_feed(&run, &text, diag);
    for (int64_t i = 0; ok && i < w->points; i++) ok = take_rows(w, &run, i, &out[i], diag);
    tapped_run_close(&run);
    return ok;
}

static void name_points(Work *w, const Thalweg *thalweg) {
    w->model = arena_printf(w->arena, "%s", thalweg->model->name);
    w->points = thalweg->model->layers + 1;
    w->point = ARENA_ARRAY(w->arena, const char *, (size_t)w->points);
    w->point[0] = "blocks.0.hook_resid_pre";
    for (int64_t i = 1; i < w->points; i++)
        w->point[i] = arena_printf(w->arena, "blocks.%lld.hook_resid_post", (long long)(i - 1));
}

static bool measure(Work *w, Progress *progress, Thalweg *thalweg, int series) {
    static const char *const taps[] = {"resid_pre0", "resid_post"};
    const EngineOptions options = {.is_interpreted = w->arguments->engine == ENGINE_INTERPRETER};
    thalweg->options.without_skips = series == 1;
    if (!thalweg_read_file(thalweg, w->arguments->operands[0]) ||
        !thalweg_add_taps(thalweg, taps, 2) ||
        (!options.is_interpreted &&
         (!thalweg_choose_context(thalweg, false) || !thalweg_check_memory(thalweg, false))))
        return false;
    if (!w->point) name_points(w, thalweg);
    Engine *engine = command_engine(thalweg, &options, progress);
    w->rank[series] = ARENA_ARRAY(w->arena, StreamRank, (size_t)w->points);
    const bool ok =
        engine &&
        (w->prompt.tokens || command_prompt(w->arguments, progress, thalweg,
                                            thalweg_model(thalweg).context, &w->prompt)) &&
        feed(w, thalweg, engine, w->rank[series]);
    engine_destroy(engine);
    return ok;
}

static int measure_series(Work *w, int series) {
    Progress progress;
    Thalweg *thalweg = command_thalweg(w->arguments, &progress);
    if (!thalweg) return EXIT_FAILED;
    return command_end(thalweg, &progress, measure(w, &progress, thalweg, series));
}

/* ---- what is said ---- */

static void print_table(const Work *w) {
    printf("%-28s  %12s  %14s", "point", "residual", "effective rank");
    printf(w->rank[1] ? "  %14s  %14s\n" : "\n", "without skips", "effective rank");
    for (int64_t i = 0; i < w->points; i++) {
        printf("%-28s  %12.6g  %14.6g", w->point[i], w->rank[0][i].residual,
               w->rank[0][i].effective);
        if (w->rank[1]) printf("  %14.6g  %14.6g", w->rank[1][i].residual, w->rank[1][i].effective);
        putchar('\n');
    }
}

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *series_json(const Work *w, int series) {
    json_t *array = json_array();
    for (int64_t i = 0; i < w->points; i++)
        json_array_append_new(array,
                              json_pack("{s:s, s:o, s:o}", "point", w->point[i], "residual",
                                        number(w->rank[series][i].residual), "effective_rank",
                                        number(w->rank[series][i].effective)));
    return array;
}

static bool print_json(const Work *w) {
    json_t *object = json_pack("{s:I}", "tokens", (json_int_t)w->prompt.count);
    for (int s = 0; s < SERIES; s++)
        if (w->rank[s]) json_object_set_new(object, series_name[s], series_json(w, s));
    const bool is_written = object && json_dumpf(object, stdout, JSON_INDENT(2)) == 0;
    json_decref(object);
    putchar('\n');
    return is_written;
}

static bool write_arrays(const Work *w, Diag *diag) {
    const char *path = w->arguments->array_file;
    NamedArray arrays[2 * SERIES];
    int count = 0;
    for (int s = 0; s < SERIES && w->rank[s]; s++)
        for (int part = 0; part < 2; part++) {
            float *value = ARENA_ARRAY(w->arena, float, (size_t)w->points);
            for (int64_t i = 0; i < w->points; i++)
                value[i] = (float)(part ? w->rank[s][i].effective : w->rank[s][i].residual);
            arrays[count++] = (NamedArray){arena_printf(w->arena, "%s.%s", series_name[s],
                                                        part ? "effective_rank" : "residual"),
                                           value,
                                           {w->points},
                                           1};
        }
    return !path || array_file_write(path, arrays, count, diag);
}

/* ---- the page ---- */

/* Whether residuals fall so far that only their logarithms can be seen. */
static bool is_wide(const Work *w) {
    double least = INFINITY, most = 0;
    for (int s = 0; s < SERIES && w->rank[s]; s++)
        for (int64_t i = 0; i < w->points; i++) {
            const double residual = w->rank[s][i].residual;
            if (residual > 0) least = fmin(least, residual);
            most = fmax(most, residual);
        }
    return most > 30 * least;
}

static void add_plot(const Work *w, Page *page, bool is_effective) {
    static const char *const labels[] = {"with skips", "without skips"};
    const bool has_log_y = !is_effective && is_wide(w);
    PageLine line[SERIES];
    const char **tick = ARENA_ARRAY(w->arena, const char *, (size_t)w->points);
    int lines = 0;
    for (int64_t i = 0; i < w->points; i++)
        tick[i] = i ? arena_printf(w->arena, "%lld", (long long)(i - 1)) : "in";
    for (int s = 0; s < SERIES && w->rank[s]; s++) {
        double *y = ARENA_ARRAY(w->arena, double, (size_t)w->points);
        for (int64_t i = 0; i < w->points; i++)
            y[i] = is_effective ? w->rank[s][i].effective : w->rank[s][i].residual;
        line[lines++] = (PageLine){.label = labels[s], .y = y, .count = w->points};
    }
    page_plot(
        page,
        &(PagePlot){.title = is_effective ? "Effective rank" : "Residual",
                    .caption = is_effective
                                   ? "exp of the entropy of the singular values of the stream."
                                   : "Norm of what the tokens' rows have beside their mean, as a "
                                     "part of the stream's norm.",
                    .x_name = "behind layer",
                    .y_name = is_effective ? "effective rank" : "|res(X)| / |X|",
                    .line = line,
                    .lines = lines,
                    .tick = tick,
                    .ticks = w->points,
                    .has_log_y = has_log_y,
                    .has_zero_y = !has_log_y});
}

static bool write_page(const Work *w, Diag *diag) {
    const char *path = w->arguments->html;
    if (!path) return true;
    Page *page = page_create(arena_printf(w->arena, "Rank of the stream of %s", w->model));
    page_words(page,
               arena_printf(w->arena, "How much the rows of %lld tokens differ from each other.",
                            (long long)w->prompt.count));
    add_plot(w, page, false);
    add_plot(w, page, true);
    const bool is_written = page_write(page, path, diag);
    page_destroy(page);
    return is_written;
}

/* ---- all ---- */

static bool report(const Work *w) {
    Diag diag = {.arena = w->arena};
    bool ok = write_arrays(w, &diag) && write_page(w, &diag);
    diag_print(&diag, stderr);
    if (!ok) return false;
    if (w->arguments->json) return print_json(w);
    print_table(w);
    return true;
}

static bool check_output(const Work *w) {
    Diag diag = {.arena = w->arena};
    const char *path = w->arguments->array_file;
    const bool ok = !path || array_file_check(path, w->arguments->without_skips ? 4 : 2, &diag);
    diag_print(&diag, stderr);
    return ok;
}

int command_rank(const Arguments *arguments) {
    if (command_prompts(arguments) != 1)
        return command_misused(COMMAND_rank, command_prompts(arguments)
                                                 ? COMMAND_ONE_PROMPT
                                                 : "expected a text: --prompt, --file or --tokens");
    Work w = {.arguments = arguments, .arena = arena_create()};
    int code = check_output(&w) ? EXIT_DONE : EXIT_FAILED;
    for (int s = 0; code == EXIT_DONE && s < (arguments->without_skips ? SERIES : 1); s++)
        code = measure_series(&w, s);
    if (code == EXIT_DONE && !report(&w)) code = EXIT_FAILED;
    free(w.prompt.tokens);
    arena_destroy(w.arena);
    return code;
}
