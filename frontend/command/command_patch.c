/* command_patch.c - `thalweg patch`: what a corrupt run becomes with activations of a clean one. */
#include "frontend/command/command.h"

#include "frontend/files/array_file.h"
#include "frontend/lens/page.h"
#include "frontend/lens/patching.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

typedef struct {
    const Arguments *arguments;
    Progress *progress;
    Thalweg *thalweg;
    TokenNames names;
    Prompt clean, corrupt;
    PatchingInput input;
    Patching found;
    Diag diag;
} Patch;

/* ---- what is asked for ---- */

static bool read_text(Patch *p, const char *text, const char *tokens, Prompt *out) {
    Arguments arguments = *p->arguments;
    arguments.prompt = text;
    arguments.tokens = tokens;
    return command_prompt(&arguments, p->progress, p->thalweg, thalweg_model(p->thalweg).context,
                          out);
}

/* The tokens of a text, with bars between them. */
static const char *tokens_text(Patch *p, const Prompt *prompt) {
    enum { SHOWN = 64 };
    const char *text = "";
    for (int64_t i = 0; i < prompt->count && i < SHOWN; i++)
        text = arena_printf(p->diag.arena, "%s%s%s", text, i ? "|" : "",
                            token_label(&p->names, prompt->tokens[i], p->diag.arena));
    return prompt->count > SHOWN ? arena_printf(p->diag.arena, "%s|...", text) : text;
}

static bool check_counts(Patch *p) {
    if (p->clean.count == p->corrupt.count) return true;
    diag_error(&p->diag, (Loc){0},
               "the clean text has %lld tokens, the corrupt one %lld: positions are patched one by "
               "one, so both have as many",
               (long long)p->clean.count, (long long)p->corrupt.count);
    return diag_hint(&p->diag, "clean: %s; corrupt: %s", tokens_text(p, &p->clean),
                     tokens_text(p, &p->corrupt));
}

static bool read_input(Patch *p) {
    const Arguments *a = p->arguments;
    PatchingInput *input = &p->input;
    input->path = a->operands[0];
    if (!patch_over_read(a->patch_over, &input->over, &input->layer, &p->diag)) return false;
    if (a->array_file && !array_file_check(a->array_file, 1, &p->diag)) return false;
    if (!thalweg_read_file(p->thalweg, input->path)) return false;
    const ThalwegModel model = thalweg_model(p->thalweg);
    if (!model.generates)
        return command_fail(p->progress, "'%s' %s: it has no logits of the next token", model.name,
                            command_why_not(&model));
    if (!token_names_open(p->thalweg, &p->names) ||
        !read_text(p, a->clean, a->clean_tokens, &p->clean) ||
        !read_text(p, a->corrupt, a->corrupt_tokens, &p->corrupt) || !check_counts(p) ||
        !token_operand_read_pair(&p->names, a->logit_diff, &input->pair, &p->diag))
        return false;
    input->clean = p->clean.tokens;
    input->corrupt = p->corrupt.tokens;
    input->count = p->clean.count;
    return true;
}

/* ---- what is said ---- */

static bool is_by_position(const Patch *p) {
    return p->input.over < PATCH_head;
}

static const char *column_name(const Patch *p) {
    return is_by_position(p) ? "position" : p->input.over == PATCH_head ? "head" : "neuron";
}

/* "L3" or "3"; of positions the token of the corrupt text. */
static const char *column_label(Patch *p, int64_t column) {
    if (!is_by_position(p)) return arena_printf(p->diag.arena, "%lld", (long long)column);
    return arena_printf(p->diag.arena, "%lld %s", (long long)column,
                        token_label(&p->names, p->corrupt.tokens[column], p->diag.arena));
}

static int64_t layer_of(const Patch *p, int64_t row) {
    return p->input.layer < 0 ? row : p->input.layer;
}

static void print_text(Patch *p) {
    const Patching *f = &p->found;
    printf("logit difference  clean %.9g, corrupt %.9g\n", f->clean, f->corrupt);
    printf("%s  %lld variants, of which %lld change something\n", p->arguments->patch_over,
           (long long)f->variants, (long long)f->computed);
    printf("\n%5s  %-16s  %10s\n", "layer", column_name(p), "effect");
    for (int64_t r = 0; r < f->rows; r++)
        for (int64_t c = 0; c < f->columns; c++) {
            const double effect = f->effect[r * f->columns + c];
            if (!isnan(effect))
                printf("%5lld  %-16s  %10.6f\n", (long long)layer_of(p, r), column_label(p, c),
                       effect);
        }
}

static json_t *tokens_json(Patch *p, const Prompt *prompt) {
    json_t *array = json_array();
    for (int64_t i = 0; i < prompt->count; i++)
        json_array_append_new(array,
                              json_pack("{s:i, s:s}", "id", (int)prompt->tokens[i], "text",
                                        token_label(&p->names, prompt->tokens[i], p->diag.arena)));
    return array;
}

static bool print_json(Patch *p) {
    const Patching *f = &p->found;
    json_t *rows = json_array();
    for (int64_t r = 0; r < f->rows; r++) {
        json_t *row = json_array();
        for (int64_t c = 0; c < f->columns; c++) {
            const double effect = f->effect[r * f->columns + c];
            json_array_append_new(row, isfinite(effect) ? json_real(effect) : json_null());
        }
        json_array_append_new(
            rows, json_pack("{s:I, s:o}", "layer", (json_int_t)layer_of(p, r), "effect", row));
    }
    json_t *all =
        json_pack("{s:s, s:s, s:s, s:[i,i], s:f, s:f, s:I, s:I, s:o, s:o, s:o}", "model",
                  thalweg_model(p->thalweg).name, "over", p->arguments->patch_over, "columns",
                  column_name(p), "tokens", (int)p->input.pair.a, (int)p->input.pair.b, "clean",
                  f->clean, "corrupt", f->corrupt, "variants", (json_int_t)f->variants, "computed",
                  (json_int_t)f->computed, "clean_tokens", tokens_json(p, &p->clean),
                  "corrupt_tokens", tokens_json(p, &p->corrupt), "layers", rows);
    const bool is_written = all && json_dumpf(all, stdout, JSON_INDENT(2)) == 0;
    json_decref(all);
    putchar('\n');
    return is_written || command_fail(p->progress, "out of memory");
}

static bool write_values(Patch *p) {
    const Patching *f = &p->found;
    const char *path = p->arguments->array_file;
    if (!path) return true;
    float *values = ARENA_ARRAY(p->diag.arena, float, (size_t)(f->rows * f->columns) + 1);
    for (int64_t i = 0; i < f->rows * f->columns; i++) values[i] = (float)f->effect[i];
    const NamedArray array = {"effect", values, {f->rows, f->columns}, 2};
    return array_file_write(path, &array, 1, &p->diag);
}

/* ---- the page ---- */

static int compare_size(const void *a, const void *b) {
    const PageEntry *x = a, *y = b;
    return fabs(x->value) < fabs(y->value) ? 1 : fabs(x->value) > fabs(y->value) ? -1 : 0;
}

static void add_bars(Patch *p, Page *page, const char *title, const char *caption) {
    const int64_t count = p->found.columns;
    PageEntry *bar = ARENA_ARRAY(p->diag.arena, PageEntry, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++)
        bar[i] = (PageEntry){.label = arena_printf(p->diag.arena, "L%lldN%lld",
                                                   (long long)p->input.layer, (long long)i),
                             .value = p->found.effect[i]};
    qsort(bar, (size_t)count, sizeof *bar, compare_size);
    page_bars(page, &(PageBars){.title = title,
                                .caption = caption,
                                .value_name = "effect",
                                .bar = bar,
                                .count = count});
}

static void add_map(Patch *p, Page *page, const char *title, const char *caption) {
    const Patching *f = &p->found;
    const char **column = ARENA_ARRAY(p->diag.arena, const char *, (size_t)f->columns + 1);
    for (int64_t c = 0; c < f->columns; c++) column[c] = column_label(p, c);
    page_heat_map(page, &(PageHeatMap){.title = title,
                                       .caption = caption,
                                       .row_name = "layer",
                                       .column_name = column_name(p),
                                       .value_name = "effect",
                                       .rows = f->rows,
                                       .columns = f->columns,
                                       .column_label = column,
                                       .value = f->effect,
                                       .scale = PAGE_DIVERGING,
                                       .is_upward = true});
}

static bool write_page(Patch *p) {
    Arena *arena = p->diag.arena;
    const char *path = p->arguments->html, *over = p->arguments->patch_over;
    if (!path) return true;
    Page *page =
        page_create(arena_printf(arena, "Patching %s in %s", over, thalweg_model(p->thalweg).name));
    const char *caption = arena_printf(
        arena,
        "The part of the logit difference of '%s' and '%s' at the last position that the "
        "clean activation brings back: 0 nothing, 1 all. Clean it is %.4f, corrupt %.4f.",
        token_label(&p->names, p->input.pair.a, arena),
        token_label(&p->names, p->input.pair.b, arena), p->found.clean, p->found.corrupt);
    page_words(page, arena_printf(arena, "Clean: %s", tokens_text(p, &p->clean)));
    page_words(page, arena_printf(arena, "Corrupt: %s", tokens_text(p, &p->corrupt)));
    if (p->input.over == PATCH_neuron)
        add_bars(p, page, over, caption);
    else
        add_map(p, page, over, caption);
    const bool is_written = page_write(page, path, &p->diag);
    page_destroy(page);
    return is_written;
}

static bool patch(Patch *p) {
    if (!read_input(p) || !patching_run(p->thalweg, &p->input, &p->found, &p->diag)) return false;
    if (!write_values(p) || !write_page(p)) return false;
    progress_end(p->progress);
    if (p->arguments->json) return print_json(p) && fflush(stdout) == 0;
    print_text(p);
    return fflush(stdout) == 0;
}

int command_patch(const Arguments *arguments) {
    const char *wrong = NULL;
    if (!arguments->clean == !arguments->clean_tokens)
        wrong = "one of --clean and --clean-tokens says what is run";
    else if (!arguments->corrupt == !arguments->corrupt_tokens)
        wrong = "one of --corrupt and --corrupt-tokens says what is patched";
    else if (!arguments->logit_diff)
        wrong = "--logit-diff says which two tokens, as --logit-diff ' an, a'";
    if (wrong) return command_misused(COMMAND_patch, wrong);
    Progress progress;
    Patch p = {.arguments = arguments, .progress = &progress};
    p.thalweg = command_thalweg(arguments, &progress);
    if (!p.thalweg) return EXIT_FAILED;
    p.diag.arena = arena_create();
    const bool is_done = patch(&p);
    progress_end(&progress);
    diag_print(&p.diag, stderr);
    patching_close(&p.found);
    free(p.clean.tokens);
    free(p.corrupt.tokens);
    arena_destroy(p.diag.arena);
    return command_end(p.thalweg, &progress, is_done);
}
