/* command_circuits.c - `thalweg circuits`: what heads are to each other, and to tokens, by their
 * weights alone. */
#include "frontend/command/command.h"

#include "frontend/compiler/compiler.h"
#include "frontend/files/array_file.h"
#include "frontend/lens/composition.h"
#include "frontend/lens/copying.h"
#include "frontend/lens/page.h"
#include "frontend/lens/virtual_weights.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COMPOSITIONS = 3, MOST_ARRAYS = COMPOSITIONS + 1 + VIRTUAL_MOST };
enum { COMPOSE_NONE, COMPOSE_FIRST, COMPOSE_ALL = COMPOSE_FIRST + COMPOSITIONS }; /* words */

static const char *const letters[] = {"Q", "K", "V"};

typedef struct {
    const Arguments *arguments;
    Progress *progress;
    Thalweg *thalweg;
    Circuits of;
    const char **name;                 /* [heads] */
    double *composition[COMPOSITIONS]; /* [heads][heads], less the baseline; null: not wanted */
    double baseline;
    double *copying; /* [heads]; null: not wanted */
    StreamUnit writer, reader;
    VirtualWeights path[VIRTUAL_MOST];
    int paths;
} Work;

/* ---- what is computed ---- */

static bool is_composed(const Work *w, int composition) {
    const int word = w->arguments->compose;
    return word == COMPOSE_ALL || word == COMPOSE_FIRST + composition;
}

static bool compose(Work *w, int composition) {
    const size_t count = (size_t)(w->of.heads * w->of.heads);
    double *out = ARENA_ARRAY(w->thalweg->arena, double, count);
    if (!composition_find(&w->of, (Composition)composition, out)) return false;
    for (size_t i = 0; i < count; i++) out[i] -= w->baseline;
    w->composition[composition] = out;
    return true;
}

/* "L0H3,L1N7": each a head or a neuron. */
static bool read_path(Work *w) {
    const char *text = w->arguments->virtual_path, *comma = strchr(text, ',');
    Arena *arena = w->thalweg->arena;
    if (!comma)
        return diag_error(&w->thalweg->diag, (Loc){0},
                          "--virtual '%.40s': expected a writer and a reader, as L0H3,L1N7", text);
    const char *first = arena_printf(arena, "%.*s", (int)(comma - text), text), *second = comma + 1;
    const bool first_is_head = strpbrk(first, "Hh"), second_is_head = strpbrk(second, "Hh");
    return unit_name_read(w->of.weights, first, first_is_head, &w->writer) &&
           unit_name_read(w->of.weights, second, second_is_head, &w->reader);
}

static bool compute(Work *w) {
    const Arguments *arguments = w->arguments;
    enum { BASELINE_none, BASELINE_random };
    if (arguments->virtual_path) {
        if (!read_path(w)) return false;
        w->paths = virtual_weights_find(&w->of, w->writer, w->reader, w->path);
        if (!w->paths) return false;
    }
    if (arguments->baseline == BASELINE_random) w->baseline = composition_of_random(&w->of);
    for (int i = 0; i < COMPOSITIONS; i++)
        if (is_composed(w, i) && !compose(w, i)) return false;
    if (!arguments->copying) return true;
    w->copying = ARENA_ARRAY(w->thalweg->arena, double, (size_t)w->of.heads);
    return copying_find(&w->of, w->copying);
}

/* ---- lists ---- */

typedef struct {
    double score;
    int64_t earlier, later;
} Pair;

static int compare_pairs(const void *a, const void *b) {
    const Pair *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    if (x->earlier != y->earlier) return x->earlier < y->earlier ? -1 : 1;
    return x->later < y->later ? -1 : x->later > y->later;
}

/* The highest scores first. */
static Pair *list_pairs(const Work *w, const double *score, int64_t *count) {
    const int64_t heads = w->of.heads;
    Pair *list = ARENA_ARRAY(w->thalweg->arena, Pair, (size_t)(heads * heads) + 1);
    *count = 0;
    for (int64_t i = 0; i < heads * heads; i++)
        if (isfinite(score[i])) list[(*count)++] = (Pair){score[i], i / heads, i % heads};
    qsort(list, (size_t)*count, sizeof *list, compare_pairs);
    const int64_t most = w->arguments->circuits_top;
    if (most && most < *count) *count = most;
    return list;
}

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static void print_composition(const Work *w, int composition) {
    int64_t count;
    const Pair *pair = list_pairs(w, w->composition[composition], &count);
    printf("%s-composition\nearlier   later          score\n", letters[composition]);
    for (int64_t i = 0; i < count; i++)
        printf("%-8s  %-8s  %10.6f\n", w->name[pair[i].earlier], w->name[pair[i].later],
               pair[i].score);
}

static void print_copying(const Work *w) {
    printf("head       copying\n");
    for (int64_t h = 0; h < w->of.heads; h++) printf("%-8s  %8.6f\n", w->name[h], w->copying[h]);
}

static void print_paths(const Work *w) {
    printf("reads     shape            norm       share\n");
    for (int i = 0; i < w->paths; i++) {
        const VirtualWeights *path = &w->path[i];
        char shape[48];
        snprintf(shape, sizeof shape, "%lld x %lld", (long long)path->rows,
                 (long long)path->columns);
        printf("%-8s  %-10s  %10.6g  %10.6g\n", path->part, shape, path->norm, path->share);
    }
}

static bool print_text(const Work *w) {
    if (w->paths) print_paths(w);
    for (int i = 0; i < COMPOSITIONS; i++)
        if (w->composition[i]) print_composition(w, i);
    if (w->copying) print_copying(w);
    return true;
}

/* ---- JSON ---- */

static json_t *composition_json(const Work *w, const double *score) {
    int64_t count;
    const Pair *pair = list_pairs(w, score, &count);
    json_t *array = json_array();
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:f}", "earlier", w->name[pair[i].earlier],
                                        "later", w->name[pair[i].later], "score", pair[i].score));
    return array;
}

static json_t *copying_json(const Work *w) {
    json_t *object = json_object();
    for (int64_t h = 0; h < w->of.heads; h++)
        json_object_set_new(object, w->name[h], number(w->copying[h]));
    return object;
}

static json_t *path_json(const VirtualWeights *path) {
    json_t *matrix = json_array();
    for (int64_t r = 0; r < path->rows; r++) {
        json_t *row = json_array();
        for (int64_t c = 0; c < path->columns; c++)
            json_array_append_new(row, json_real((double)path->value[r * path->columns + c]));
        json_array_append_new(matrix, row);
    }
    return json_pack("{s:f, s:o, s:o}", "norm", path->norm, "share", number(path->share), "matrix",
                     matrix);
}

static json_t *virtual_json(const Work *w) {
    Arena *arena = w->thalweg->arena;
    json_t *object = json_pack("{s:s, s:s}", "writer", unit_name(w->writer, arena), "reader",
                               unit_name(w->reader, arena));
    for (int i = 0; i < w->paths; i++)
        json_object_set_new(object, w->path[i].part, path_json(&w->path[i]));
    return object;
}

static bool print_json(const Work *w) {
    json_t *object = json_pack("{s:s}", "frame", w->of.frame == FRAME_raw ? "raw" : "processed");
    json_t *composition = json_object();
    for (int i = 0; i < COMPOSITIONS; i++)
        if (w->composition[i])
            json_object_set_new(composition, letters[i], composition_json(w, w->composition[i]));
    if (w->baseline > 0) json_object_set_new(object, "baseline", json_real(w->baseline));
    if (json_object_size(composition)) json_object_set(object, "composition", composition);
    json_decref(composition);
    if (w->copying) json_object_set_new(object, "copying", copying_json(w));
    if (w->paths) json_object_set_new(object, "virtual", virtual_json(w));
    const bool is_written = object && json_dumpf(object, stdout, JSON_INDENT(2)) == 0;
    json_decref(object);
    putchar('\n');
    return is_written;
}

/* ---- arrays ---- */

/* Heads of each layer, where all have one attention of as many; 0: they differ. */
static int64_t heads_of_layer(const Work *w) {
    const StreamWeights *weights = w->of.weights;
    const int64_t heads = w->of.head[0].branch->heads;
    for (int64_t i = 0; i < w->of.heads; i++) {
        const StreamBranch *branch = w->of.head[i].branch;
        if (branch->heads != heads || branch->copy > 1) return 0;
    }
    return w->of.heads == heads * weights->layers ? heads : 0;
}

static float *as_floats(const Work *w, const double *value, int64_t count) {
    float *out = ARENA_ARRAY(w->thalweg->arena, float, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++) out[i] = (float)value[i];
    return out;
}

static NamedArray score_array(const Work *w, const char *name, const double *value, int rank) {
    const int64_t heads = w->of.heads, each = heads_of_layer(w), layers = each ? heads / each : 0;
    NamedArray array = {
        name, as_floats(w, value, rank == 2 ? heads * heads : heads), {heads, heads}, rank};
    if (!each) return array;
    array.rank = 2 * rank;
    for (int i = 0; i < 2 * rank; i++) array.shape[i] = i % 2 ? each : layers;
    return array;
}

static int list_arrays(const Work *w, NamedArray arrays[MOST_ARRAYS]) {
    Arena *arena = w->thalweg->arena;
    int count = 0;
    for (int i = 0; i < COMPOSITIONS; i++)
        if (w->composition[i])
            arrays[count++] = score_array(w, arena_printf(arena, "composition.%s", letters[i]),
                                          w->composition[i], 2);
    if (w->copying) arrays[count++] = score_array(w, "copying", w->copying, 1);
    for (int i = 0; i < w->paths; i++)
        arrays[count++] = (NamedArray){arena_printf(arena, "virtual.%s", w->path[i].part),
                                       w->path[i].value,
                                       {w->path[i].rows, w->path[i].columns},
                                       2};
    return count;
}

static bool write_arrays(const Work *w) {
    NamedArray arrays[MOST_ARRAYS];
    const char *path = w->arguments->circuits_output;
    return !path || array_file_write(path, arrays, list_arrays(w, arrays), &w->thalweg->diag);
}

/* ---- the page ---- */

/* Later heads by earlier ones, without those that read nothing or are read by none. */
static void add_composition(const Work *w, Page *page, int composition) {
    Arena *arena = w->thalweg->arena;
    const double *score = w->composition[composition];
    const int64_t heads = w->of.heads;
    int64_t first_later = heads, earlier = 0;
    double most = 0, *value = ARENA_ARRAY(arena, double, (size_t)(heads * heads));
    for (int64_t i = 0; i < heads * heads; i++) {
        if (isnan(score[i])) continue;
        if (i % heads < first_later) first_later = i % heads;
        earlier = i / heads + 1;
        most = fmax(most, score[i]);
    }
    const int64_t later = heads - first_later;
    for (int64_t r = 0; r < later; r++)
        for (int64_t c = 0; c < earlier; c++)
            value[r * earlier + c] = score[c * heads + first_later + r];
    const bool is_above = w->baseline > 0; /* differences */
    page_heat_map(
        page, &(PageHeatMap){.title = arena_printf(arena, "%s-composition", letters[composition]),
                             .caption = "How much of what a later head reads an earlier one wrote.",
                             .row_name = "later head",
                             .column_name = "earlier head",
                             .value_name = is_above ? "score above random" : "score",
                             .rows = later,
                             .columns = earlier,
                             .row_label = w->name + first_later,
                             .column_label = w->name,
                             .value = value,
                             .most = is_above ? 0 : most,
                             .is_upward = true,
                             .scale = is_above ? PAGE_DIVERGING : PAGE_SEQUENTIAL});
}

static void add_copying(const Work *w, Page *page) {
    PageEntry *bar = ARENA_ARRAY(w->thalweg->arena, PageEntry, (size_t)w->of.heads);
    for (int64_t h = 0; h < w->of.heads; h++)
        bar[h] = (PageEntry){.label = w->name[h], .value = w->copying[h]};
    page_bars(page, &(PageBars){.title = "Copying",
                                .caption = "The sum of the eigenvalues of W_E OV W_U over that of "
                                           "their absolute values.",
                                .value_name = "copying score",
                                .bar = bar,
                                .count = w->of.heads});
}

static void add_path(const Work *w, Page *page, const VirtualWeights *path) {
    Arena *arena = w->thalweg->arena;
    const int64_t count = path->rows * path->columns;
    double *value = ARENA_ARRAY(arena, double, (size_t)count);
    for (int64_t i = 0; i < count; i++) value[i] = (double)path->value[i];
    page_heat_map(page, &(PageHeatMap){.title = arena_printf(
                                           arena, "%s to %s of %s", unit_name(w->writer, arena),
                                           path->part, unit_name(w->reader, arena)),
                                       .row_name = "writer's dimension",
                                       .column_name = "reader's dimension",
                                       .value_name = "weight",
                                       .rows = path->rows,
                                       .columns = path->columns,
                                       .value = value,
                                       .scale = PAGE_DIVERGING});
}

static bool write_page(const Work *w) {
    const char *path = w->arguments->html;
    if (!path) return true;
    Page *page = page_create(
        arena_printf(w->thalweg->arena, "Circuits of %s", thalweg_model(w->thalweg).name));
    for (int i = 0; i < w->paths; i++) add_path(w, page, &w->path[i]);
    for (int i = 0; i < COMPOSITIONS; i++)
        if (w->composition[i]) add_composition(w, page, i);
    if (w->copying) add_copying(w, page);
    const bool is_written = page_write(page, path, &w->thalweg->diag);
    page_destroy(page);
    return is_written;
}

/* ---- all ---- */

static bool check_output(const Work *w) {
    const Arguments *arguments = w->arguments;
    const int word = arguments->compose;
    const int scores = (word == COMPOSE_ALL ? COMPOSITIONS : word != COMPOSE_NONE) +
                       arguments->copying + (arguments->virtual_path ? 1 : 0);
    return !arguments->circuits_output ||
           array_file_check(arguments->circuits_output, scores, &w->thalweg->diag);
}

static bool work(Work *w) {
    if (!check_output(w) || !thalweg_read_file(w->thalweg, w->arguments->operands[0])) return false;
    const StreamWeights *weights = stream_weights_open(w->thalweg);
    if (!weights || !circuits_open(weights, (StreamFrame)w->arguments->circuits_frame, &w->of))
        return false;
    w->name = ARENA_ARRAY(w->thalweg->arena, const char *, (size_t)w->of.heads);
    for (int64_t h = 0; h < w->of.heads; h++)
        w->name[h] = unit_name(w->of.head[h], w->thalweg->arena);
    if (!compute(w)) return false;
    progress_end(w->progress);
    return write_arrays(w) && write_page(w) && (w->arguments->json ? print_json(w) : print_text(w));
}

int command_circuits(const Arguments *arguments) {
    Progress progress;
    if (arguments->compose == COMPOSE_NONE && !arguments->copying && !arguments->virtual_path)
        return command_misused(COMMAND_circuits, "expected --compose, --copying or --virtual");
    if (arguments->compose == COMPOSE_NONE && arguments->baseline)
        return command_misused(COMMAND_circuits, "--baseline is of --compose");
    Thalweg *thalweg = command_thalweg(arguments, &progress);
    if (!thalweg) return EXIT_FAILED;
    Work w = {.arguments = arguments, .progress = &progress, .thalweg = thalweg};
    return command_end(thalweg, &progress, work(&w));
}
