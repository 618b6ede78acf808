/* command_attribute.c - `thalweg attribute`: what each part of a model adds to a logit. */
#include "frontend/command/stream_command.h"

#include "frontend/files/array_file.h"
#include "frontend/lens/attribution.h"
#include "runtime/generation/json_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    StreamCommand c;
    AttributionTarget target;
    const char *what; /* "logit of ' an'", "logit of ' an' - ' a'" */
    Attribution all;
    AttributionPart *part;   /* as they are asked for, in the order of the model, */
    AttributionPart *sorted; /* and by size */
    int64_t count, layers;
} Attribute;

static const char *const kind_words[] = {
    [PART_CONSTANT] = "constant", [PART_EMBED] = "embed",        [PART_POSITIONS] = "pos_embed",
    [PART_HEAD] = "head",         [PART_ATTENTION_BIAS] = "b_O", [PART_NEURON] = "neuron",
    [PART_MLP_BIAS] = "b_out"};

/* ---- what is asked for ---- */

static bool read_target(Attribute *a) {
    const Arguments *arguments = a->c.arguments;
    TokenPair *tokens = &a->target.tokens;
    *tokens = (TokenPair){-1, -1};
    const bool is_read =
        arguments->logit_diff
            ? token_operand_read_pair(&a->c.names, arguments->logit_diff, tokens, &a->c.diag)
            : token_operand_read(&a->c.names, arguments->attribute_token, &tokens->a, &a->c.diag);
    if (!is_read) return false;
    const char *first = stream_command_quote(&a->c, tokens->a);
    a->what = tokens->b < 0 ? arena_printf(a->c.diag.arena, "logit of %s", first)
                            : arena_printf(a->c.diag.arena, "logit of %s - logit of %s", first,
                                           stream_command_quote(&a->c, tokens->b));
    return stream_command_position(&a->c, arguments->position, &a->target.position);
}

static int by_size(const void *left, const void *right) {
    const AttributionPart *a = left, *b = right;
    const double sizes[] = {fabs(a->value), fabs(b->value)};
    return (sizes[0] < sizes[1]) - (sizes[0] > sizes[1]);
}

static void sort_parts(Attribute *a) {
    Arena *arena = a->c.diag.arena;
    const size_t most = (size_t)a->all.count;
    a->part = ARENA_ARRAY(arena, AttributionPart, most);
    a->count = attribution_group(&a->all, (AttributionBy)a->c.arguments->by, a->part);
    a->sorted = ARENA_ARRAY(arena, AttributionPart, most);
    memcpy(a->sorted, a->part, (size_t)a->count * sizeof *a->part);
    for (int64_t i = 0; i < a->count; i++)
        if (a->part[i].layer >= a->layers) a->layers = a->part[i].layer + 1;
    qsort(a->sorted, (size_t)a->count, sizeof *a->sorted, by_size);
}

/* ---- what is said ---- */

static void print_text(const Attribute *a) {
    const int64_t asked = a->c.arguments->attribute_top;
    const int64_t shown = asked && asked < a->count ? asked : a->count;
    double rest = 0;
    printf("%s, after token %lld, %s: %.9g\n", a->what, (long long)a->target.position,
           stream_command_quote(&a->c, a->c.prompt.tokens[a->target.position]), a->all.logit);
    for (int64_t i = 0; i < a->count; i++) {
        if (i < shown)
            printf("%-12s %12.6f\n", attribution_name(&a->sorted[i], a->c.diag.arena),
                   a->sorted[i].value);
        else
            rest += a->sorted[i].value;
    }
    if (shown < a->count)
        printf("%-12s %12.6f  %lld smaller ones\n", "others", rest, (long long)(a->count - shown));
    printf("%-12s %12.6f\n", "sum", a->all.logit - a->all.remainder);
    printf("%-12s %12.1e\n", "remainder", a->all.remainder);
}

static void print_member(const char *name, double value) {
    printf("  \"%s\": ", name);
    json_text_number(value, stdout);
    fputs(",\n", stdout);
}

static void print_part(const Attribute *a, const AttributionPart *part, bool is_last) {
    const bool is_whole = part->unit < 0, is_of_layer = part->layer >= 0;
    const char *kind = kind_words[part->kind];
    if (is_whole) kind = part->kind == PART_HEAD ? "attn" : "mlp";
    printf("    {\"part\": \"%s\", \"kind\": \"%s\"", attribution_name(part, a->c.diag.arena),
           kind);
    if (is_of_layer) printf(", \"layer\": %lld", (long long)part->layer);
    if (!is_whole && (part->kind == PART_HEAD || part->kind == PART_NEURON))
        printf(", \"%s\": %lld", kind, (long long)part->unit);
    fputs(", \"logit\": ", stdout);
    json_text_number(part->value, stdout);
    puts(is_last ? "}" : "},");
}

static void print_json(const Attribute *a) {
    const TokenPair *tokens = &a->target.tokens;
    fputs("{\n  \"model\": ", stdout);
    json_text_string(a->c.model.name, strlen(a->c.model.name), stdout);
    printf(",\n  \"position\": %lld,\n  \"token\": ", (long long)a->target.position);
    stream_command_print_token(&a->c, tokens->a);
    if (tokens->b >= 0) fputs(",\n  \"minus\": ", stdout);
    if (tokens->b >= 0) stream_command_print_token(&a->c, tokens->b);
    fputs(",\n", stdout);
    print_member("logit", a->all.logit);
    print_member("scale", a->all.scale);
    print_member("remainder", a->all.remainder);
    puts("  \"parts\": [");
    for (int64_t i = 0; i < a->count; i++) print_part(a, &a->sorted[i], i == a->count - 1);
    puts("  ]\n}");
}

/* ---- arrays ---- */

/* The parts from `first` on that make one array: heads or neurons of a branch, or one number. */
static int64_t count_alike(const Attribute *a, int64_t first) {
    const AttributionPart *part = &a->part[first];
    int64_t count = 1;
    if (part->unit < 0 || (part->kind != PART_HEAD && part->kind != PART_NEURON)) return 1;
    while (first + count < a->count && a->part[first + count].kind == part->kind &&
           a->part[first + count].layer == part->layer && a->part[first + count].copy == part->copy)
        count++;
    return count;
}

/* "blocks.3.attn.heads", "blocks.3.mlp.bias", "blocks.3.attn", "embed" */
static const char *array_name(const AttributionPart *part, Arena *arena) {
    static const char *const of_kind[] = {[PART_HEAD] = "attn.heads",
                                          [PART_ATTENTION_BIAS] = "attn.bias",
                                          [PART_NEURON] = "mlp.neurons",
                                          [PART_MLP_BIAS] = "mlp.bias"};
    if (part->layer < 0) return kind_words[part->kind];
    const char *copy = part->copy > 1 ? arena_printf(arena, "_%d", part->copy) : "";
    const char *whole = part->kind == PART_HEAD ? "attn" : "mlp";
    return arena_printf(arena, "blocks.%lld.%s%s", (long long)part->layer,
                        part->unit < 0 ? whole : of_kind[part->kind], copy);
}

static bool write_arrays(Attribute *a) {
    Arena *arena = a->c.diag.arena;
    const char *path = a->c.arguments->array_file;
    float *value = ARENA_ARRAY(arena, float, (size_t)a->count);
    NamedArray *array = ARENA_ARRAY(arena, NamedArray, (size_t)a->count);
    int arrays = 0;
    for (int64_t i = 0; i < a->count; i++) value[i] = (float)a->part[i].value;
    if (array_file_has_one(path)) array[arrays++] = (NamedArray){"parts", value, {a->count}, 1};
    for (int64_t i = 0, count; i < a->count && !array_file_has_one(path); i += count) {
        count = count_alike(a, i);
        array[arrays++] = (NamedArray){array_name(&a->part[i], arena), value + i, {count}, 1};
    }
    return array_file_write(path, array, arrays, &a->c.diag);
}

/* ---- the page ---- */

static void put_bars(Attribute *a, Page *page) {
    PageEntry *bar = ARENA_ARRAY(a->c.diag.arena, PageEntry, (size_t)a->count);
    for (int64_t i = 0; i < a->count; i++)
        bar[i] =
            (PageEntry){attribution_name(&a->sorted[i], a->c.diag.arena), a->sorted[i].value, NULL};
    page_bars(page, &(PageBars){.title = "What each part adds.",
                                .caption = "The largest first; all together are the logit.",
                                .value_name = "logit",
                                .bar = bar,
                                .count = a->count});
}

/* Sums of attentions and mlps, layer by layer. */
static void put_layers(Attribute *a, Page *page) {
    static const char *const names[] = {"attention", "mlp"};
    Arena *arena = a->c.diag.arena;
    const int64_t layers = a->layers;
    double *sum = ARENA_ARRAY(arena, double, 2 * (size_t)layers + 1);
    for (int64_t i = 0; i < a->all.count; i++) {
        const AttributionPart *part = &a->all.part[i];
        const bool is_mlp = part->kind == PART_NEURON || part->kind == PART_MLP_BIAS;
        if (part->layer >= 0) sum[is_mlp * layers + part->layer] += part->value;
    }
    const PageLine line[] = {{names[0], NULL, sum, layers}, {names[1], NULL, sum + layers, layers}};
    page_plot(page, &(PagePlot){.title = "Layer by layer.",
                                .caption = "What the branches of each layer add, their biases "
                                           "included.",
                                .x_name = "layer",
                                .y_name = "logit",
                                .line = line,
                                .lines = 2,
                                .has_zero_y = true});
}

/* Heads of the first attention of each layer. */
static void put_heads(Attribute *a, Page *page) {
    int64_t heads = 0;
    for (int64_t i = 0; i < a->all.count; i++)
        if (a->all.part[i].kind == PART_HEAD && a->all.part[i].unit >= heads)
            heads = a->all.part[i].unit + 1;
    if (!heads) return;
    double *value = ARENA_ARRAY(a->c.diag.arena, double, (size_t)(heads * a->layers));
    for (int64_t i = 0; i < heads * a->layers; i++) value[i] = NAN;
    for (int64_t i = 0; i < a->all.count; i++) {
        const AttributionPart *part = &a->all.part[i];
        if (part->kind == PART_HEAD && part->copy == 1)
            value[part->layer * heads + part->unit] = part->value;
    }
    page_heat_map(page, &(PageHeatMap){.title = "Heads.",
                                       .caption = "What each head of attention adds.",
                                       .row_name = "layer",
                                       .column_name = "head",
                                       .value_name = "logit",
                                       .rows = a->layers,
                                       .columns = heads,
                                       .value = value,
                                       .scale = PAGE_DIVERGING});
}

static bool write_page(Attribute *a) {
    Arena *arena = a->c.diag.arena;
    const char *first = stream_command_quote(&a->c, a->target.tokens.a);
    const char *title = a->target.tokens.b < 0
                            ? arena_printf(arena, "What makes the logit of %s", first)
                            : arena_printf(arena, "What makes the difference between %s and %s",
                                           first, stream_command_quote(&a->c, a->target.tokens.b));
    Page *page = page_create(title);
    if (page) stream_command_describe(&a->c, page);
    page_words(
        page,
        arena_printf(arena,
                     "After token %lld, %s, the %s is %.6g. Each part of the model adds its share "
                     "to it, with the size of the last norm held at %.6g; the shares sum to "
                     "it but for %.1e.",
                     (long long)a->target.position,
                     stream_command_quote(&a->c, a->c.prompt.tokens[a->target.position]), a->what,
                     a->all.logit, a->all.scale, a->all.remainder));
    put_bars(a, page);
    if (a->layers) put_layers(a, page);
    put_heads(a, page);
    const bool is_written = page_write(page, a->c.arguments->html, &a->c.diag);
    page_destroy(page);
    return is_written;
}

/* ---- the command ---- */

static bool attribute(Attribute *a) {
    const Arguments *arguments = a->c.arguments;
    if (arguments->array_file && !array_file_check(arguments->array_file, 1, &a->c.diag))
        return false;
    if (!read_target(a) || !attribution_prepare(a->c.thalweg)) return false;
    if (!stream_command_start(&a->c, a->c.model.takes_whole_sequences)) return false;
    if (!attribution_make(a->c.thalweg, a->c.engine, a->c.prompt.tokens, a->c.prompt.count,
                          &a->target, a->c.diag.arena, &a->c.diag, &a->all))
        return false;
    sort_parts(a);
    if (arguments->array_file && !write_arrays(a)) return false;
    if (arguments->html && !write_page(a)) return false;
    progress_end(&a->c.progress);
    if (arguments->json)
        print_json(a);
    else
        print_text(a);
    return fflush(stdout) == 0;
}

int command_attribute(const Arguments *arguments) {
    const char *wrong = stream_command_misuse(arguments);
    if (!wrong && !arguments->logit_diff == !arguments->attribute_token)
        wrong = "one of --token and --logit-diff says of what logit the parts are";
    if (wrong) return command_misused(COMMAND_attribute, wrong);
    Attribute a = {0};
    const bool is_open = stream_command_open(&a.c, arguments);
    return stream_command_end(&a.c, is_open && attribute(&a));
}
