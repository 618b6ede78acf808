/* command_lens.c - `thalweg lens`: what a model would say at each point of its stream. */
#include "frontend/command/stream_command.h"

#include "frontend/files/array_file.h"
#include "frontend/lens/lens.h"
#include "runtime/generation/json_text.h"

#include <math.h>
#include <string.h>

/* The words of --color. */
enum { COLOUR_PROBABILITY, COLOUR_ENTROPY, COLOUR_RANK, COLOUR_DIVERGENCE, COLOUR_DIFFERENCE };

typedef struct {
    StreamCommand c;
    LensOptions options;
    int colour;
    Lens lens;
} LensCommand;

static const LensCell *cell_of(const LensCommand *l, int64_t point, int64_t token) {
    return &l->lens.cell[point * l->lens.tokens + token];
}

static bool has_difference(const LensCommand *l) {
    return l->options.difference.a >= 0;
}

/* ---- what is asked for ---- */

static bool read_options(LensCommand *l) {
    const Arguments *arguments = l->c.arguments;
    l->options = (LensOptions){.path = arguments->operands[0],
                               .has_final_scale = arguments->lens_scale,
                               .is_interpreted = arguments->engine == ENGINE_INTERPRETER,
                               .target = -1,
                               .difference = {-1, -1}};
    l->colour = arguments->colour;
    return (!arguments->target_token || token_operand_read(&l->c.names, arguments->target_token,
                                                           &l->options.target, &l->c.diag)) &&
           (!arguments->logit_diff || token_operand_read_pair(&l->c.names, arguments->logit_diff,
                                                              &l->options.difference, &l->c.diag));
}

/* The number that a cell is coloured by: the probability is that of the token in it, or of the
 * target that was asked for. */
static double value_of(const LensCommand *l, int colour, const LensCell *cell) {
    switch (colour) {
    case COLOUR_ENTROPY: return cell->entropy;
    case COLOUR_RANK: return (double)cell->rank;
    case COLOUR_DIVERGENCE: return cell->divergence;
    case COLOUR_DIFFERENCE: return cell->difference;
    default: return l->options.target < 0 ? exp(cell->top[0].logprob) : cell->probability;
    }
}

/* ---- text ---- */

/* The last token: a line for each point. */
static void print_text(const LensCommand *l) {
    const int64_t last = l->lens.tokens - 1;
    printf("after token %lld, %s; target %s\n", (long long)last,
           stream_command_quote(&l->c, l->c.prompt.tokens[last]),
           stream_command_quote(&l->c, l->lens.target[last]));
    printf("%-13s %11s %8s %10s %7s%s  %s\n", "point", "probability", "entropy", "divergence",
           "rank", has_difference(l) ? "  difference" : "", "likeliest tokens");
    for (int64_t point = 0; point < l->lens.points; point++) {
        const LensCell *cell = cell_of(l, point, last);
        printf("%-13s %11.6f %8.4f %10.4f %7lld", l->lens.point[point], cell->probability,
               cell->entropy, cell->divergence, (long long)cell->rank);
        if (has_difference(l)) printf(" %11.6f", cell->difference);
        printf(" ");
        for (int i = 0; i < 3 && cell->top[i].token >= 0; i++)
            printf(" %s %.3f", stream_command_quote(&l->c, cell->top[i].token),
                   exp(cell->top[i].logprob));
        putchar('\n');
    }
}

/* ---- JSON ---- */

static void print_number(const char *name, double value) {
    printf(", \"%s\": ", name);
    json_text_number(value, stdout);
}

static void print_cell(const LensCommand *l, const LensCell *cell) {
    fputs("{\"top\": [", stdout);
    for (int i = 0; i < LENS_TOP && cell->top[i].token >= 0; i++) {
        fputs(i ? ", {\"token\": " : "{\"token\": ", stdout);
        stream_command_print_token(&l->c, cell->top[i].token);
        print_number("probability", exp(cell->top[i].logprob));
        putchar('}');
    }
    putchar(']');
    print_number("entropy", cell->entropy);
    print_number("divergence", cell->divergence);
    print_number("target_probability", cell->probability);
    printf(", \"target_rank\": %lld", (long long)cell->rank);
    if (has_difference(l)) print_number("difference", cell->difference);
    putchar('}');
}

static void print_tokens(const LensCommand *l, const char *name, const int32_t *tokens) {
    printf("  \"%s\": [", name);
    for (int64_t i = 0; i < l->lens.tokens; i++) {
        if (i) fputs(", ", stdout);
        stream_command_print_token(&l->c, tokens[i]);
    }
    puts("],");
}

static void print_json(const LensCommand *l) {
    fputs("{\n  \"model\": ", stdout);
    json_text_string(l->c.model.name, strlen(l->c.model.name), stdout);
    printf(",\n  \"scale\": \"%s\",\n", l->options.has_final_scale ? "final" : "anew");
    if (has_difference(l)) {
        fputs("  \"difference\": [", stdout);
        stream_command_print_token(&l->c, l->options.difference.a);
        fputs(", ", stdout);
        stream_command_print_token(&l->c, l->options.difference.b);
        puts("],");
        fputs("  \"constant\": ", stdout);
        json_text_number(l->lens.constant, stdout);
        puts(",");
    }
    print_tokens(l, "tokens", l->c.prompt.tokens);
    print_tokens(l, "targets", l->lens.target);
    puts("  \"points\": [");
    for (int64_t point = 0; point < l->lens.points; point++) {
        printf("    {\"point\": \"%s\", \"cells\": [\n", l->lens.point[point]);
        for (int64_t token = 0; token < l->lens.tokens; token++) {
            fputs("      ", stdout);
            print_cell(l, cell_of(l, point, token));
            puts(token < l->lens.tokens - 1 ? "," : "]}");
        }
        if (point < l->lens.points - 1) puts("    ,");
    }
    puts("  ]\n}");
}

/* ---- arrays ---- */

static double take_token(const LensCell *cell) {
    return cell->top[0].token;
}

static double take_probability(const LensCell *cell) {
    return exp(cell->top[0].logprob);
}

static double take_entropy(const LensCell *cell) {
    return cell->entropy;
}

static double take_divergence(const LensCell *cell) {
    return cell->divergence;
}

static double take_target(const LensCell *cell) {
    return cell->probability;
}

static double take_rank(const LensCell *cell) {
    return (double)cell->rank;
}

static double take_difference(const LensCell *cell) {
    return cell->difference;
}

/* Each [points, tokens]; to .npy what cells are coloured by. */
static bool write_arrays(LensCommand *l) {
    static const struct {
        const char *name;
        double (*take)(const LensCell *cell);
    } statistics[] = {{"token", take_token},
                      {"probability", take_probability},
                      {"entropy", take_entropy},
                      {"divergence", take_divergence},
                      {"target_probability", take_target},
                      {"target_rank", take_rank},
                      {"difference", take_difference}};
    enum { STATISTICS = sizeof statistics / sizeof *statistics };
    const char *path = l->c.arguments->array_file;
    const int64_t cells = l->lens.points * l->lens.tokens;
    const bool is_one = array_file_has_one(path);
    const int count = is_one ? 1 : STATISTICS - !has_difference(l);
    NamedArray array[STATISTICS];
    for (int k = 0; k < count; k++) {
        float *values = ARENA_ARRAY(l->c.diag.arena, float, (size_t)cells);
        for (int64_t i = 0; i < cells; i++)
            values[i] = (float)(is_one ? value_of(l, l->colour, &l->lens.cell[i])
                                       : statistics[k].take(&l->lens.cell[i]));
        array[k] = (NamedArray){statistics[k].name, values, {l->lens.points, l->lens.tokens}, 2};
    }
    return array_file_write(path, array, count, &l->c.diag);
}

/* ---- the page ---- */

static const char *colour_name(const LensCommand *l) {
    const char *words[] = {"probability", "entropy, nats", "rank of the target",
                           "divergence from the last point, nats", "difference of logits"};
    if (l->colour == COLOUR_PROBABILITY && l->options.target >= 0)
        return "probability of the target";
    return words[l->colour];
}

static void put_map(LensCommand *l, Page *page) {
    Arena *arena = l->c.diag.arena;
    const int64_t cells = l->lens.points * l->lens.tokens;
    double *value = ARENA_ARRAY(arena, double, (size_t)cells);
    const char **text = ARENA_ARRAY(arena, const char *, (size_t)cells);
    PageEntry *detail = ARENA_ARRAY(arena, PageEntry, (size_t)cells * LENS_TOP);
    for (int64_t i = 0; i < cells; i++) {
        const LensCell *cell = &l->lens.cell[i];
        value[i] = value_of(l, l->colour, cell);
        for (int k = 0; k < LENS_TOP && cell->top[k].token >= 0; k++)
            detail[i * LENS_TOP + k] =
                (PageEntry){token_label(&l->c.names, cell->top[k].token, arena),
                            exp(cell->top[k].logprob), NULL};
        text[i] = detail[i * LENS_TOP].label;
    }
    const bool is_probability = l->colour == COLOUR_PROBABILITY;
    page_heat_map(
        page, &(PageHeatMap){
                  .title = "What the model would say at each point of its stream.",
                  .caption = l->options.has_final_scale
                                 ? "The likeliest next token, with the size that the last norm "
                                   "has at the end of the stream."
                                 : "The likeliest next token, with the last norm computed anew.",
                  .row_name = "point",
                  .column_name = "token",
                  .value_name = colour_name(l),
                  .rows = l->lens.points,
                  .columns = l->lens.tokens,
                  .row_label = l->lens.point,
                  .column_label = stream_command_labels(&l->c),
                  .value = value,
                  .text = text,
                  .detail = detail,
                  .details = LENS_TOP,
                  .detail_name = "likeliest tokens",
                  .scale = l->colour == COLOUR_DIFFERENCE ? PAGE_DIVERGING
                           : l->colour == COLOUR_RANK     ? PAGE_RANKS
                                                          : PAGE_SEQUENTIAL,
                  .most = is_probability ? 1 : 0,
                  .is_upward = true});
}

/* Of the last token: what `take` says at each point. */
static void put_line(LensCommand *l, Page *page, const char *title, const char *name,
                     double (*take)(const LensCell *cell)) {
    const int64_t points = l->lens.points;
    double *y = ARENA_ARRAY(l->c.diag.arena, double, (size_t)points);
    for (int64_t i = 0; i < points; i++) y[i] = take(cell_of(l, i, l->lens.tokens - 1));
    page_plot(page, &(PagePlot){.title = title,
                                .x_name = "point",
                                .y_name = name,
                                .line = &(PageLine){name, NULL, y, points},
                                .lines = 1,
                                .tick = l->lens.point,
                                .ticks = points,
                                .has_zero_y = true});
}

static bool write_page(LensCommand *l) {
    Arena *arena = l->c.diag.arena;
    const int32_t target = l->lens.target[l->lens.tokens - 1];
    const char *last = stream_command_quote(&l->c, l->c.prompt.tokens[l->lens.tokens - 1]);
    Page *page = page_create("What the stream says, layer by layer");
    if (page) stream_command_describe(&l->c, page);
    put_map(l, page);
    put_line(l, page,
             arena_printf(arena, "Probability of %s after %s.", stream_command_quote(&l->c, target),
                          last),
             "probability", take_target);
    if (has_difference(l))
        put_line(l, page,
                 arena_printf(arena, "Logit of %s minus logit of %s after %s.",
                              stream_command_quote(&l->c, l->options.difference.a),
                              stream_command_quote(&l->c, l->options.difference.b), last),
                 "difference of logits", take_difference);
    const bool is_written = page_write(page, l->c.arguments->html, &l->c.diag);
    page_destroy(page);
    return is_written;
}

/* ---- the command ---- */

static bool look(LensCommand *l) {
    const Arguments *arguments = l->c.arguments;
    if (arguments->array_file && !array_file_check(arguments->array_file, 1, &l->c.diag))
        return false;
    if (!read_options(l) || !lens_prepare(l->c.thalweg, arguments->lens_mid)) return false;
    if (!stream_command_start(&l->c, false)) return false;
    if (!lens_make(l->c.thalweg, l->c.engine, l->c.prompt.tokens, l->c.prompt.count, &l->options,
                   l->c.diag.arena, &l->c.diag, &l->lens))
        return false;
    if (arguments->array_file && !write_arrays(l)) return false;
    if (arguments->html && !write_page(l)) return false;
    progress_end(&l->c.progress);
    if (arguments->json)
        print_json(l);
    else
        print_text(l);
    return fflush(stdout) == 0;
}

int command_lens(const Arguments *arguments) {
    const char *wrong = stream_command_misuse(arguments);
    if (!wrong && arguments->colour == COLOUR_DIFFERENCE && !arguments->logit_diff)
        wrong = "--color difference is that of --logit-diff A,B";
    if (wrong) return command_misused(COMMAND_lens, wrong);
    LensCommand l = {0};
    const bool is_open = stream_command_open(&l.c, arguments);
    return stream_command_end(&l.c, is_open && look(&l));
}
