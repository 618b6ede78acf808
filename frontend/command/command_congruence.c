/* command_congruence.c - `thalweg congruence`: which tokens neurons write, and which of both choose
 * each other. */
#include "frontend/command/command.h"

#include "frontend/compiler/compiler.h"
#include "frontend/files/array_file.h"
#include "frontend/lens/mutual.h"
#include "frontend/lens/page.h"
#include "frontend/lens/token_operand.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const Arguments *arguments;
    Progress *progress;
    Thalweg *thalweg;
    const StreamWeights *weights;
    Congruence of;
    TokenNames names;
} Work;

/* ---- names ---- */

static const char *neuron_name(const Work *w, int64_t number) {
    return unit_name(congruence_neuron(&w->of, number), w->thalweg->arena);
}

/* What a token is called; "" where it is a number alone. */
static const char *label_of(const Work *w, int64_t token) {
    if (token >= w->names.vocab) return "";
    const char *label = token_label(&w->names, (int32_t)token, w->thalweg->arena);
    return *label == '#' && token_text(&w->names, (int32_t)token, w->thalweg->arena).count == 0
               ? ""
               : label;
}

/* As a string of JSON, so that spaces and ends of lines are seen. */
static void print_token(const Work *w, int64_t token) {
    const char *label = label_of(w, token);
    json_t *string = *label ? json_string(label) : NULL;
    char *text = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    printf("%7lld  %-20s", (long long)token, text ? text : "");
    free(text);
    json_decref(string);
}

static void name_token(const Work *w, json_t *object, int64_t token) {
    const char *label = label_of(w, token);
    json_object_set_new(object, "token", json_integer(token));
    if (*label) json_object_set_new(object, "text", json_string(label));
}

static int64_t shown(const Work *w, int64_t count) {
    const int64_t most = w->arguments->congruence_top;
    return most && most < count ? most : count;
}

static bool print_json(json_t *object) {
    const bool is_written = object && json_dumpf(object, stdout, JSON_INDENT(2)) == 0;
    json_decref(object);
    putchar('\n');
    return is_written;
}

/* ---- pages ---- */

/* "281 ' an'": a token as it stands in a figure. */
static const char *token_title(const Work *w, int64_t token) {
    const char *label = label_of(w, token);
    return arena_printf(w->thalweg->arena, *label ? "%lld '%s'" : "%lld", (long long)token, label);
}

static Page *begin_page(const Work *w, const char *of, const char *words) {
    const char *name = thalweg_model(w->thalweg).name;
    Page *page = page_create(arena_printf(w->thalweg->arena, "Congruence in %s: %s", name, of));
    page_words(page,
               arena_printf(w->thalweg->arena,
                            "%s The congruence of a neuron with a token is the dot product of "
                            "its row of W_out with the token's row of the %sding.",
                            words, w->of.with));
    return page;
}

static bool end_page(const Work *w, Page *page) {
    const bool is_written = page_write(page, w->arguments->html, &w->thalweg->diag);
    page_destroy(page);
    return is_written;
}

/* ---- one token or one neuron: a list, the largest first ---- */

typedef struct {
    double value;
    int64_t number;
} Ranked;

static int compare_ranked(const void *a, const void *b) {
    const Ranked *x = a, *y = b;
    if (x->value != y->value) return x->value > y->value ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Bars of the most congruent, `name` of each. */
static bool write_bars(const Work *w, const char *of, const Ranked *list, int64_t count,
                       const char *(*name)(const Work *w, int64_t number)) {
    if (!w->arguments->html) return true;
    PageEntry *bar = ARENA_ARRAY(w->thalweg->arena, PageEntry, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++)
        bar[i] = (PageEntry){.label = name(w, list[i].number), .value = list[i].value};
    Page *page = begin_page(w, of, "The most congruent come first.");
    page_bars(page,
              &(PageBars){.title = of, .value_name = "congruence", .bar = bar, .count = count});
    return end_page(w, page);
}

static Ranked *rank_values(Work *w, const double *value, int64_t count) {
    Ranked *list = ARENA_ARRAY(w->thalweg->arena, Ranked, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++) list[i] = (Ranked){value[i], i};
    qsort(list, (size_t)count, sizeof *list, compare_ranked);
    return list;
}

/* Of layers that are alike an array of two dimensions. */
static bool write_values(Work *w, const double *value, int64_t count, int64_t columns) {
    const char *path = w->arguments->congruence_output;
    if (!path) return true;
    float *copy = ARENA_ARRAY(w->thalweg->arena, float, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++) copy[i] = (float)value[i];
    const NamedArray array = {
        "congruence", copy, {columns ? count / columns : count, columns}, columns ? 2 : 1};
    return array_file_write(path, &array, 1, &w->thalweg->diag);
}

static int64_t equal_hidden(const Work *w) {
    int64_t hidden = 0;
    for (int64_t i = 0; i < w->weights->branch_count; i++) {
        const StreamBranch *branch = &w->weights->branch[i];
        if (!branch->hidden) continue;
        if (hidden && branch->hidden != hidden) return 0;
        hidden = branch->hidden;
    }
    return hidden;
}

static json_t *begin_json(const Work *w) {
    return json_pack("{s:s, s:I, s:I}", "with", w->of.with, "neurons", (json_int_t)w->of.neurons,
                     "tokens", (json_int_t)w->of.tokens.rows);
}

static bool show_neurons(Work *w, int64_t token, const Ranked *list) {
    const int64_t count = shown(w, w->of.neurons);
    if (!write_bars(w, token_title(w, token), list, count, neuron_name)) return false;
    if (!w->arguments->json) {
        printf("neuron          congruence\n");
        for (int64_t i = 0; i < count; i++)
            printf("%-14s  %10.6g\n", neuron_name(w, list[i].number), list[i].value);
        return true;
    }
    json_t *object = begin_json(w), *array = json_array();
    name_token(w, object, token);
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(array,
                              json_pack("{s:s, s:f}", "neuron", neuron_name(w, list[i].number),
                                        "congruence", list[i].value));
    json_object_set_new(object, "congruent", array);
    return print_json(object);
}

static bool show_tokens(Work *w, int64_t neuron, const Ranked *list) {
    const int64_t count = shown(w, w->of.tokens.rows);
    if (!write_bars(w, neuron_name(w, neuron), list, count, token_title)) return false;
    if (!w->arguments->json) {
        printf("  token  %-20s  congruence\n", "text");
        for (int64_t i = 0; i < count; i++) {
            print_token(w, list[i].number);
            printf("  %10.6g\n", list[i].value);
        }
        return true;
    }
    json_t *object = begin_json(w), *array = json_array();
    json_object_set_new(object, "neuron", json_string(neuron_name(w, neuron)));
    for (int64_t i = 0; i < count; i++) {
        json_t *each = json_object();
        name_token(w, each, list[i].number);
        json_object_set_new(each, "congruence", json_real(list[i].value));
        json_array_append_new(array, each);
    }
    json_object_set_new(object, "congruent", array);
    return print_json(object);
}

static bool show_one(Work *w, int64_t neuron, int64_t token, double value) {
    if (!w->arguments->json) {
        printf("%.9g\n", value);
        return true;
    }
    json_t *object = begin_json(w);
    json_object_set_new(object, "neuron", json_string(neuron_name(w, neuron)));
    name_token(w, object, token);
    json_object_set_new(object, "congruence", json_real(value));
    return print_json(object);
}

static bool read_token(Work *w, int64_t *out) {
    int32_t token;
    if (!token_operand_read(&w->names, w->arguments->congruence_token, &token, &w->thalweg->diag))
        return false;
    *out = token;
    if (token < w->of.tokens.rows) return true;
    return diag_error(&w->thalweg->diag, (Loc){0}, "token %d has no row in the %sding: it has %lld",
                      (int)token, w->of.with, (long long)w->of.tokens.rows);
}

static bool of_token(Work *w) {
    int64_t token;
    double *value = ARENA_ARRAY(w->thalweg->arena, double, (size_t)w->of.neurons);
    if (!read_token(w, &token) || !congruence_of_token(&w->of, token, value)) return false;
    progress_end(w->progress);
    return write_values(w, value, w->of.neurons, equal_hidden(w)) &&
           show_neurons(w, token, rank_values(w, value, w->of.neurons));
}

static bool of_neuron(Work *w) {
    StreamUnit unit;
    int64_t token = -1;
    double *value = ARENA_ARRAY(w->thalweg->arena, double, (size_t)w->of.tokens.rows);
    if (!unit_name_read(w->weights, w->arguments->congruence_neuron, false, &unit)) return false;
    if (w->arguments->congruence_token && !read_token(w, &token)) return false;
    const int64_t number = congruence_number(&w->of, unit);
    if (!congruence_of_neuron(&w->of, number, value)) return false;
    progress_end(w->progress);
    if (!write_values(w, value, w->of.tokens.rows, 0)) return false;
    return token >= 0 ? show_one(w, number, token, value[token])
                      : show_tokens(w, number, rank_values(w, value, w->of.tokens.rows));
}

/* ---- mutual ---- */

static float *as_floats(const Work *w, const int32_t *at, int64_t count) {
    float *out = ARENA_ARRAY(w->thalweg->arena, float, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++) out[i] = (float)at[i];
    return out;
}

static bool write_mutual(const Work *w, const Mutual *mutual) {
    const char *path = w->arguments->congruence_output;
    const TopTwo *n = &mutual->of_neurons, *t = &mutual->of_tokens;
    if (!path) return true;
    const NamedArray arrays[] = {
        {"neurons.best", n->best, {n->count}, 1},
        {"neurons.second", n->second, {n->count}, 1},
        {"neurons.best_token", as_floats(w, n->best_at, n->count), {n->count}, 1},
        {"neurons.second_token", as_floats(w, n->second_at, n->count), {n->count}, 1},
        {"tokens.best", t->best, {t->count}, 1},
        {"tokens.second", t->second, {t->count}, 1},
        {"tokens.best_neuron", as_floats(w, t->best_at, t->count), {t->count}, 1},
        {"tokens.second_neuron", as_floats(w, t->second_at, t->count), {t->count}, 1}};
    return array_file_write(path, arrays, (int)(sizeof arrays / sizeof *arrays), &w->thalweg->diag);
}

static const char *products_of(const Mutual *mutual) {
    return mutual->has_pairs ? "bf16" : "f32";
}

static void say_speed(const Work *w, const Mutual *mutual) {
    if (!w->arguments->congruence_stats) return;
    fprintf(stderr,
            "%.3g operations in %.2f s: %.1f GFLOP/s, %.2f of the %.1f that this machine reached "
            "with multiply-adds of %s\n",
            mutual->operations, mutual->seconds, mutual->operations / mutual->seconds * 1e-9,
            mutual->operations / mutual->seconds / mutual->peak, mutual->peak * 1e-9,
            products_of(mutual));
}

static json_t *pair_json(const Work *w, const MutualPair *pair) {
    const StreamUnit unit = congruence_neuron(&w->of, pair->neuron);
    json_t *object = json_pack("{s:s, s:I, s:I}", "neuron", neuron_name(w, pair->neuron), "layer",
                               (json_int_t)unit.branch->layer, "number", (json_int_t)unit.number);
    name_token(w, object, pair->token);
    json_object_set_new(object, "congruence", json_real(pair->value));
    json_object_set_new(object, "score", json_real(pair->score));
    return object;
}

static bool mutual_json(const Work *w, const Mutual *mutual) {
    json_t *object = begin_json(w), *pairs = json_array();
    json_object_set_new(object, "products", json_string(products_of(mutual)));
    json_object_set_new(object, "operations", json_real(mutual->operations));
    json_object_set_new(object, "seconds", json_real(mutual->seconds));
    if (w->arguments->congruence_stats)
        json_object_set_new(object, "peak", json_real(mutual->peak));
    if (w->arguments->congruence_stats)
        json_object_set_new(object, "share",
                            json_real(mutual->operations / mutual->seconds / mutual->peak));
    json_object_set_new(object, "pair_count", json_integer(mutual->count));
    for (int64_t i = 0; i < shown(w, mutual->count); i++)
        json_array_append_new(pairs, pair_json(w, &mutual->pair[i]));
    json_object_set_new(object, "pairs", pairs);
    return print_json(object);
}

static bool write_table(const Work *w, const Mutual *mutual) {
    enum { COLUMNS = 4 };
    static const char *const names[COLUMNS] = {"neuron", "token", "congruence", "score"};
    const int64_t count = shown(w, mutual->count);
    if (!w->arguments->html) return true;
    PageEntry *cell = ARENA_ARRAY(w->thalweg->arena, PageEntry, (size_t)(COLUMNS * count) + 1);
    for (int64_t i = 0; i < count; i++) {
        const MutualPair *pair = &mutual->pair[i];
        cell[COLUMNS * i] = (PageEntry){.text = neuron_name(w, pair->neuron)};
        cell[COLUMNS * i + 1] = (PageEntry){.text = token_title(w, pair->token)};
        cell[COLUMNS * i + 2] = (PageEntry){.value = pair->value};
        cell[COLUMNS * i + 3] = (PageEntry){.value = pair->score};
    }
    Page *page = begin_page(w, "neurons and tokens that choose each other",
                            "Each is the other's most congruent. The score is the product of how "
                            "much the best is above the second, for the neuron and for the token.");
    page_table(page, &(PageTable){.name = names, .rows = count, .columns = COLUMNS, .cell = cell});
    return end_page(w, page);
}

static bool show_mutual(const Work *w, const Mutual *mutual) {
    if (!write_table(w, mutual)) return false;
    if (w->arguments->json) return mutual_json(w, mutual);
    printf("neuron            token  %-20s  congruence       score\n", "text");
    for (int64_t i = 0; i < shown(w, mutual->count); i++) {
        const MutualPair *pair = &mutual->pair[i];
        printf("%-14s  ", neuron_name(w, pair->neuron));
        print_token(w, pair->token);
        printf("  %10.6g  %10.6g\n", pair->value, pair->score);
    }
    say_speed(w, mutual);
    return true;
}

static bool of_all(Work *w) {
    enum { PRODUCTS_f32, PRODUCTS_bf16 };
    const Arguments *arguments = w->arguments;
    MutualOptions options = {.products =
                                 arguments->products == PRODUCTS_bf16 ? FORMAT_bf16 : FORMAT_f32};
    Mutual mutual = {0};
    if (arguments->congruence_stats) options.measure = measure_create(compiler_threads(w->thalweg));
    if (arguments->congruence_stats && !options.measure)
        return command_fail(w->progress, "out of memory");
    bool ok = mutual_find(&w->of, &options, &mutual);
    progress_end(w->progress);
    ok = ok && write_mutual(w, &mutual) && show_mutual(w, &mutual);
    mutual_destroy(&mutual);
    measure_destroy(options.measure);
    return ok;
}

/* ---- all ---- */

static bool check_output(const Work *w) {
    enum { MUTUAL_ARRAYS = 8 };
    const char *path = w->arguments->congruence_output;
    return !path ||
           array_file_check(path, w->arguments->mutual ? MUTUAL_ARRAYS : 1, &w->thalweg->diag);
}

static bool work(Work *w) {
    enum { WITH_unembed, WITH_embed };
    if (!check_output(w) || !thalweg_read_file(w->thalweg, w->arguments->operands[0])) return false;
    w->weights = stream_weights_open(w->thalweg);
    if (!w->weights || !token_names_open(w->thalweg, &w->names) ||
        !congruence_open(w->weights, w->arguments->with == WITH_embed, &w->of))
        return false;
    if (w->arguments->mutual) return of_all(w);
    return w->arguments->congruence_neuron ? of_neuron(w) : of_token(w);
}

int command_congruence(const Arguments *arguments) {
    Progress progress;
    const bool has_one = arguments->congruence_token || arguments->congruence_neuron;
    if (has_one == arguments->mutual)
        return command_misused(COMMAND_congruence,
                               has_one ? "--mutual is of all tokens and neurons: it excludes "
                                         "--token and --neuron"
                                       : "expected --token, --neuron, both of these, or --mutual");
    Thalweg *thalweg = command_thalweg(arguments, &progress);
    if (!thalweg) return EXIT_FAILED;
    Work w = {.arguments = arguments, .progress = &progress, .thalweg = thalweg};
    return command_end(thalweg, &progress, work(&w));
}
