/* command_activations.c - `thalweg activations`: where in a text a neuron is active, and which
 * token the model then holds for the next one. */
#include "frontend/command/command.h"

#include "frontend/files/array_file.h"
#include "frontend/lens/activations.h"
#include "frontend/lens/page.h"
#include "frontend/lens/token_operand.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

enum { LONGEST_WINDOW = 1024, TOKENS_BEFORE = 24, TOKENS_BEHIND = 4 };

typedef struct {
    const Arguments *arguments;
    Progress *progress;
    Thalweg *thalweg;
    ThalwegModel model;
    TokenNames names;
    CommandTokens tokens;
    ActivationsText text;
    Engine *engine;
    TappedRun run;
    Activations found;
    int32_t token;        /* whose share is shown */
    ActivationsNext next; /* of one that is asked for */
    int64_t *top;         /* [top_count] places in the text */
    int64_t top_count;
    ActivationBin *bins; /* [arguments->bins] */
    Diag diag;
} Search;

static EngineOptions engine_options(const Search *s) {
    return (EngineOptions){.is_interpreted = s->arguments->engine == ENGINE_INTERPRETER,
                           .has_all_logits = true};
}

/* ---- what is asked for ---- */

static bool read_model(Search *s) {
    const EngineOptions options = engine_options(s);
    int64_t taps = 0;
    if (!thalweg_read_file(s->thalweg, s->arguments->operands[0])) return false;
    s->model = thalweg_model(s->thalweg);
    if (!s->model.generates)
        return command_fail(s->progress, "'%s' %s: no token of it is the next one", s->model.name,
                            command_why_not(&s->model));
    if (!thalweg_add_taps(s->thalweg, &s->arguments->activation_neuron, 1)) return false;
    const ThalwegTap *tap = thalweg_taps(s->thalweg, &taps);
    if (!tap) return false;
    if (taps != 1 || tap->columns != 1)
        return command_fail(s->progress, "--neuron names one neuron, as L31N892: '%s' is more",
                            s->arguments->activation_neuron);
    return options.is_interpreted ||
           (thalweg_choose_context(s->thalweg, true) && thalweg_check_memory(s->thalweg, true));
}

/* What stands before each window, and is no token of the text. */
static bool choose_begin(Search *s) {
    const int64_t is_begun = s->tokens.begin >= 0;
    s->text = (ActivationsText){.tokens = s->tokens.tokens + is_begun,
                                .count = s->tokens.count - is_begun,
                                .begin = s->tokens.begin,
                                .token = -1};
    if (s->text.count < 1) return command_fail(s->progress, "the text is empty");
    return !s->arguments->activation_begin ||
           token_operand_read(&s->names, s->arguments->activation_begin, &s->text.begin, &s->diag);
}

static bool choose_window(Search *s) {
    const int64_t asked = s->arguments->activation_window,
                  context = thalweg_model(s->thalweg).context;
    s->text.window = context < LONGEST_WINDOW ? context : LONGEST_WINDOW;
    if (asked != OPTION_NOT_GIVEN) s->text.window = asked;
    if (s->text.window > context)
        return command_fail(s->progress, "--context is %lld, the model's %lld", (long long)asked,
                            (long long)context);
    return s->text.window > 1 || s->text.begin < 0 ||
           command_fail(s->progress, "the model's context has no room behind the first token");
}

/* ---- what is found ---- */

static bool open_run(Search *s) {
    const EngineOptions options = engine_options(s);
    s->engine = command_engine(s->thalweg, &options, s->progress);
    return s->engine && tapped_run_open(&s->run, s->thalweg, s->engine, s->text.window, &s->diag);
}

/* Before what takes long, where the options say it. */
static bool read_token(Search *s) {
    if (!s->arguments->activation_token) return true;
    if (!token_operand_read(&s->names, s->arguments->activation_token, &s->token, &s->diag))
        return false;
    s->text.token = s->token;
    return true;
}

static bool choose_token(Search *s) {
    if (s->arguments->activation_token) {
        s->next = activations_next(&s->found, &s->text);
        return true;
    }
    return activations_token(&s->found, s->model.vocab, &s->token) ||
           command_fail(s->progress, "out of memory");
}

static bool sort_out(Search *s) {
    s->top = calloc((size_t)s->arguments->activation_top + 1, sizeof *s->top);
    s->bins = calloc((size_t)s->arguments->bins, sizeof *s->bins);
    if (!s->top || !s->bins ||
        !activations_bins(&s->found, s->token, s->model.vocab, s->arguments->bins, s->bins))
        return command_fail(s->progress, "out of memory");
    s->top_count = activations_top(&s->found, s->arguments->activation_top, s->top);
    return true;
}

static bool write_values(Search *s) {
    const char *path = s->arguments->activation_values;
    const NamedArray array = {"activations", s->found.value, {s->found.count}, 1};
    return !path || array_file_write(path, &array, 1, &s->diag);
}

/* ---- what is said ---- */

/* The text of a token in one line. */
static const char *label(Search *s, int32_t token) {
    char *line = arena_printf(s->diag.arena, "%s", token_label(&s->names, token, s->diag.arena));
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
    return line;
}

/* The tokens [begin, end) of the text, of those that there are, in one line. */
static const char *excerpt(Search *s, int64_t begin, int64_t end) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (begin < 0) begin = 0;
    if (end > s->text.count) end = s->text.count;
    for (int64_t i = begin; out && i < end; i++) fputs(label(s, s->text.tokens[i]), out);
    if (!out || fclose(out) != 0) return "";
    const char *kept = arena_printf(s->diag.arena, "%s", text);
    free(text);
    return kept;
}

static double share(int64_t part, int64_t all) {
    return all ? (double)part / (double)all : 0;
}

static void print_bin(Search *s, const ActivationBin *bin) {
    printf("%9.3f  %9.3f  %9lld", bin->from, bin->to, (long long)bin->count);
    if (!bin->count) {
        printf("\n");
        return;
    }
    printf("  %6.2f %%  ", 100 * share(bin->hits, bin->count));
    for (int i = 0; i < ACTIVATIONS_SHOWN && bin->often[i].count; i++)
        printf("%s'%s' %.1f %%", i ? ", " : "", label(s, bin->often[i].token),
               100 * share(bin->often[i].count, bin->count));
    printf("\n");
}

static const char *next_text(Search *s) {
    return arena_printf(
        s->diag.arena,
        "'%s' comes %lld times in the text: its mean probability there is %.4f, and "
        "it is the argmax at %.2f %%",
        label(s, s->token), (long long)s->next.count, s->next.probability,
        100 * share(s->next.hits, s->next.count));
}

static const char *context_text(Search *s, int64_t place) {
    return arena_printf(s->diag.arena, "%s[%s]%s", excerpt(s, place - TOKENS_BEFORE, place),
                        excerpt(s, place, place + 1),
                        excerpt(s, place + 1, place + 1 + TOKENS_BEHIND));
}

static void print_context(Search *s, int64_t place) {
    printf("%9.3f  %9lld  '%s'  %s\n", (double)s->found.value[place], (long long)place,
           label(s, s->found.argmax[place]), context_text(s, place));
}

static void print_text(Search *s) {
    const Activations *found = &s->found;
    printf("neuron      %s of %s\n", s->arguments->activation_neuron, s->model.name);
    printf("text        %lld tokens in %lld windows of %lld\n", (long long)found->count,
           (long long)found->windows, (long long)s->text.window);
    printf("activation  %.4f to %.4f, mean %.4f, deviation %.4f; above 0 at %.2f %%\n",
           found->least, found->most, found->mean, found->deviation,
           100 * share(found->positive, found->count));
    if (s->next.count) printf("next        %s\n", next_text(s));
    printf("\n%9s  %9s  %9s  argmax '%s', and what it is most often\n", "from", "to", "tokens",
           label(s, s->token));
    for (int64_t i = 0; i < s->arguments->bins; i++) print_bin(s, &s->bins[i]);
    printf("\n%9s  %9s  argmax behind [the token]\n", "activation", "place");
    for (int64_t i = 0; i < s->top_count; i++) print_context(s, s->top[i]);
}

static json_t *token_json(Search *s, int32_t token) {
    return json_pack("{s:i, s:s}", "id", (int)token, "text",
                     token_label(&s->names, token, s->diag.arena));
}

static json_t *real_json(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *bin_json(Search *s, const ActivationBin *bin) {
    json_t *often = json_array();
    for (int i = 0; i < ACTIVATIONS_SHOWN && bin->often[i].count; i++) {
        json_t *token = token_json(s, bin->often[i].token);
        json_object_set_new(token, "count", json_integer(bin->often[i].count));
        json_array_append_new(often, token);
    }
    return json_pack("{s:f, s:f, s:I, s:I, s:f, s:o, s:o}", "from", bin->from, "to", bin->to,
                     "tokens", (json_int_t)bin->count, "hits", (json_int_t)bin->hits, "share",
                     share(bin->hits, bin->count), "probability", real_json(bin->probability),
                     "argmax", often);
}

static json_t *context_json(Search *s, int64_t place) {
    return json_pack("{s:I, s:f, s:s, s:o, s:s, s:o}", "place", (json_int_t)place, "activation",
                     (double)s->found.value[place], "before",
                     excerpt(s, place - TOKENS_BEFORE, place), "token",
                     token_json(s, s->text.tokens[place]), "behind",
                     excerpt(s, place + 1, place + 1 + TOKENS_BEHIND), "argmax",
                     token_json(s, s->found.argmax[place]));
}

static json_t *next_json(const ActivationsNext *next) {
    return json_pack("{s:I, s:I, s:o}", "tokens", (json_int_t)next->count, "hits",
                     (json_int_t)next->hits, "probability", real_json(next->probability));
}

static bool print_json(Search *s) {
    const Activations *found = &s->found;
    json_t *bins = json_array(), *contexts = json_array();
    for (int64_t i = 0; i < s->arguments->bins; i++)
        json_array_append_new(bins, bin_json(s, &s->bins[i]));
    for (int64_t i = 0; i < s->top_count; i++)
        json_array_append_new(contexts, context_json(s, s->top[i]));
    json_t *all = json_pack("{s:s, s:s, s:I, s:I, s:I}", "model", s->model.name, "point",
                            s->run.tap[0].point, "tokens", (json_int_t)found->count, "windows",
                            (json_int_t)found->windows, "context", (json_int_t)s->text.window);
    json_t *values = json_pack("{s:f, s:f, s:f, s:f, s:I}", "least", found->least, "most",
                               found->most, "mean", found->mean, "deviation", found->deviation,
                               "positive", (json_int_t)found->positive);
    json_object_update_new(all, values);
    json_object_set_new(all, "token", token_json(s, s->token));
    json_object_set_new(all, "next", s->text.token < 0 ? json_null() : next_json(&s->next));
    json_object_set_new(all, "bins", bins);
    json_object_set_new(all, "contexts", contexts);
    const bool is_written = all && json_dumpf(all, stdout, JSON_INDENT(2)) == 0;
    json_decref(all);
    putchar('\n');
    return is_written || command_fail(s->progress, "out of memory");
}

/* ---- the page ---- */

static void add_lines(Search *s, Page *page) {
    const int64_t count = s->arguments->bins;
    Arena *arena = s->diag.arena;
    double *x = ARENA_ARRAY(arena, double, (size_t)count),
           *hits = ARENA_ARRAY(arena, double, (size_t)count),
           *mean = ARENA_ARRAY(arena, double, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        const ActivationBin *bin = &s->bins[i];
        x[i] = (bin->from + bin->to) / 2;
        hits[i] = bin->count ? share(bin->hits, bin->count) : NAN;
        mean[i] = bin->probability;
    }
    const PageLine lines[] = {
        {arena_printf(arena, "'%s' is the argmax", label(s, s->token)), x, hits, count},
        {"its mean probability", x, mean, count}};
    page_plot(page, &(PagePlot){.title = "What is predicted, by activation",
                                .caption = "Of the tokens in each bin; a bin without any is a gap.",
                                .x_name = "activation",
                                .y_name = "share of tokens",
                                .line = lines,
                                .lines = s->text.token < 0 ? 1 : 2,
                                .has_zero_y = true});
}

static void add_bins(Search *s, Page *page) {
    enum { COLUMNS = 5 };
    static const char *const names[COLUMNS] = {"from", "to", "tokens", "share of the token",
                                               "most often the argmax"};
    const int64_t count = s->arguments->bins;
    Arena *arena = s->diag.arena;
    PageEntry *cells = ARENA_ARRAY(arena, PageEntry, (size_t)count * COLUMNS), *cell = cells;
    for (int64_t i = 0; i < count; i++) {
        const ActivationBin *bin = &s->bins[i];
        const char *often = "";
        for (int k = 0; k < ACTIVATIONS_SHOWN && bin->often[k].count; k++)
            often = arena_printf(arena, "%s%s'%s' %.1f %%", often, k ? ", " : "",
                                 label(s, bin->often[k].token),
                                 100 * share(bin->often[k].count, bin->count));
        *cell++ = (PageEntry){.value = bin->from};
        *cell++ = (PageEntry){.value = bin->to};
        *cell++ = (PageEntry){.value = (double)bin->count};
        *cell++ = (PageEntry){.value = bin->count ? share(bin->hits, bin->count) : NAN};
        *cell++ = (PageEntry){.text = often};
    }
    page_table(
        page,
        &(PageTable){
            .title = "The bins", .name = names, .rows = count, .columns = COLUMNS, .cell = cells});
}

static void add_contexts(Search *s, Page *page) {
    enum { COLUMNS = 4 };
    static const char *const names[COLUMNS] = {"activation", "place", "argmax",
                                               "context, [the token] in brackets"};
    PageEntry *cells = ARENA_ARRAY(s->diag.arena, PageEntry, (size_t)s->top_count * COLUMNS + 1);
    for (int64_t i = 0; i < s->top_count; i++) {
        const int64_t place = s->top[i];
        PageEntry *cell = cells + i * COLUMNS;
        cell[0] = (PageEntry){.value = (double)s->found.value[place]};
        cell[1] = (PageEntry){.value = (double)place};
        cell[2] = (PageEntry){.text = label(s, s->found.argmax[place])};
        cell[3] = (PageEntry){.text = context_text(s, place)};
    }
    page_table(page, &(PageTable){.title = "The most exciting contexts",
                                  .name = names,
                                  .rows = s->top_count,
                                  .columns = COLUMNS,
                                  .cell = cells});
}

static bool write_page(Search *s) {
    Arena *arena = s->diag.arena;
    const Activations *found = &s->found;
    if (!s->arguments->activation_page) return true;
    Page *page = page_create(
        arena_printf(arena, "%s of %s", s->arguments->activation_neuron, s->model.name));
    page_words(page, arena_printf(arena,
                                  "%lld tokens in %lld windows of %lld. The activation goes from "
                                  "%.4f to %.4f, its mean is %.4f, its deviation %.4f; it is above "
                                  "0 at %.2f %% of the tokens.",
                                  (long long)found->count, (long long)found->windows,
                                  (long long)s->text.window, found->least, found->most, found->mean,
                                  found->deviation, 100 * share(found->positive, found->count)));
    if (s->next.count) page_words(page, next_text(s));
    add_lines(s, page);
    add_contexts(s, page);
    add_bins(s, page);
    const bool is_written = page_write(page, s->arguments->activation_page, &s->diag);
    page_destroy(page);
    return is_written;
}

static bool search(Search *s) {
    const Arguments *arguments = s->arguments;
    const char *numbers = arguments->tokens_file, *values = arguments->activation_values;
    if (values && !array_file_check(values, 1, &s->diag)) return false;
    if (!read_model(s) || !token_names_open(s->thalweg, &s->names) ||
        !command_text(s->progress, s->thalweg, numbers ? numbers : arguments->activation_text,
                      numbers, &s->tokens) ||
        !choose_begin(s) || !choose_window(s))
        return false;
    if (!read_token(s) || !open_run(s) ||
        !activations_measure(&s->run, &s->text, &s->found, &s->diag))
        return false;
    if (!choose_token(s) || !sort_out(s) || !write_values(s) || !write_page(s)) return false;
    progress_end(s->progress);
    if (arguments->json) return print_json(s) && fflush(stdout) == 0;
    print_text(s);
    return fflush(stdout) == 0;
}

int command_activations(const Arguments *arguments) {
    const char *wrong = NULL;
    if (!arguments->activation_neuron)
        wrong = "--neuron says which, as --neuron L31N892";
    else if (command_tap_names_file(arguments->activation_neuron))
        wrong = "--neuron names no file: values go to --output";
    else if (!arguments->activation_text == !arguments->tokens_file)
        wrong = "one of --text and --tokens-file says what to read";
    if (wrong) return command_misused(COMMAND_activations, wrong);
    Progress progress;
    Search s = {.arguments = arguments, .progress = &progress};
    s.thalweg = command_thalweg(arguments, &progress);
    if (!s.thalweg) return EXIT_FAILED;
    s.diag.arena = arena_create();
    const bool is_done = search(&s);
    progress_end(&progress);
    diag_print(&s.diag, stderr);
    tapped_run_close(&s.run);
    engine_destroy(s.engine);
    activations_close(&s.found);
    free(s.tokens.tokens);
    free(s.top);
    free(s.bins);
    arena_destroy(s.diag.arena);
    return command_end(s.thalweg, &progress, is_done);
}
