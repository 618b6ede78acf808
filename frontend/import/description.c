#include "frontend/import/description.h"

#include "frontend/import/description_layers.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Runs of equal layers that are still written as blocks, and layers of one pattern. */
enum { COMMENT_COLUMN = 48, LONGEST_LIST = 60, MAX_RUNS = 4 };

typedef struct {
    const Facts *facts;
    Layers layers;
    FILE *out;
    Arena *arena;
} Writer;

/* ---- lines ---- */

/* A line, and the key of the file that it comes from, which may be null. */
__attribute__((format(printf, 3, 4))) static void line(Writer *w, const char *comment,
                                                       const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int width = vfprintf(w->out, format, args);
    va_end(args);
    if (comment)
        fprintf(w->out, "%*s# %s", width < COMMENT_COLUMN ? COMMENT_COLUMN - width : 1, "",
                comment);
    fputc('\n', w->out);
}

/* The key of the file that an axis comes from, if that is another than the one here. */
static const char *origin(const Writer *w, Axis axis, const char *key) {
    const char *from = facts_key(w->facts, axis);
    return from && strcmp(from, key) != 0 ? from : NULL;
}

static const char *number(const Writer *w, Axis axis) {
    return value_number_text(facts_number(w->facts, axis, 0), w->arena);
}

/* ---- layers that differ ---- */

/* Where the layers fall into few runs, and have no rhythm, each run is a block. */
typedef struct {
    int64_t first, count;
} Run;

static int64_t period_of(const Writer *w, int key, Run run) {
    return layers_period(&w->layers, key, run.first, run.count);
}

static bool has_rhythm(const Writer *w, Run run) {
    for (int i = 0; i < description_key_count; i++)
        if (period_of(w, i, run) > (run.count + 1) / 2) return false;
    return true;
}

static bool falls_into_runs(const Writer *w, Run run) {
    int runs = 1;
    for (int64_t i = 1; i < run.count && runs <= MAX_RUNS; i++)
        runs += layers_differ(&w->layers, run.first + i - 1, run.first + i);
    return runs > 1 && runs <= MAX_RUNS && !has_rhythm(w, run);
}

/* ---- branches ---- */

static bool has_kind(const Writer *w, const char *kind) {
    return facts_is_word(w->facts, AXIS_parallel, 0, kind);
}

static void write_key(Writer *w, const DescriptionKey *key, const char *value, int indent) {
    line(w, origin(w, key->axis, key->key), "%*s%s: %s", indent, "", key->key, value);
}

static void write_branch(Writer *w, Run run, bool is_attention, int indent) {
    line(w, NULL, "%*s- %s:", indent, "", is_attention ? "attention" : "mlp");
    if (is_attention && !facts_is(w->facts, AXIS_attention_norm, run.first))
        line(w, NULL, "%*snorm: none", indent + 4, "");
    for (int i = 0; i < description_key_count; i++) {
        const DescriptionKey *key = &description_key[i];
        const char *text = layers_text(&w->layers, run.first, i);
        if (key->is_attention == is_attention && text && period_of(w, i, run) == 1)
            write_key(w, key, text, indent + 4);
    }
}

static const char *in_list(const Writer *w, int64_t layer, int key) {
    const char *text = layers_text(&w->layers, layer, key);
    return text ? text : description_key[key].none;
}

static void write_list(Writer *w, int index, Run run, int64_t period) {
    const DescriptionKey *key = &description_key[index];
    const char *from = origin(w, key->axis, key->key);
    size_t length = 0;
    for (int64_t i = 0; i < period; i++) length += strlen(in_list(w, run.first + i, index)) + 2;
    if (length <= LONGEST_LIST) {
        const char *list = "";
        for (int64_t i = 0; i < period; i++)
            list = arena_printf(w->arena, "%s%s%s", list, i ? ", " : "",
                                in_list(w, run.first + i, index));
        line(w, from, "      %s: [%s]", key->key, list);
        return;
    }
    line(w, from, "      %s:", key->key);
    for (int64_t i = 0; i < period; i++)
        line(w, NULL, "        - %s", in_list(w, run.first + i, index));
}

static void write_pattern(Writer *w, Run run) {
    bool has_begun = false;
    for (int i = 0; i < description_key_count; i++) {
        const int64_t period = period_of(w, i, run);
        if (period == 1) continue;
        if (!has_begun) line(w, NULL, "    pattern:");
        has_begun = true;
        write_list(w, i, run, period);
    }
}

static void write_block(Writer *w, Run run) {
    const bool is_all = run.count == w->facts->layers;
    line(w, is_all ? origin(w, AXIS_layers, "repeat") : NULL, "  - repeat: %lld",
         (long long)run.count);
    write_pattern(w, run);
    line(w, NULL, "    branches:");
    const bool is_parallel = facts_has(w->facts, AXIS_parallel, 0);
    const int indent = is_parallel ? 10 : 6;
    if (is_parallel) {
        if (has_kind(w, "one"))
            line(w, NULL, "      - norm: %s", description_norm(w->facts, w->arena));
        line(w, NULL, "      %s parallel:", has_kind(w, "one") ? " " : "-");
    }
    write_branch(w, run, true, indent);
    write_branch(w, run, false, indent);
}

static void write_blocks(Writer *w) {
    line(w, NULL, "blocks:");
    const int64_t layers = w->facts->layers;
    for (Run run = {0, 0}; run.first < layers; run.first += run.count) {
        for (run.count = 1; run.first + run.count < layers; run.count++)
            if (layers_differ_in_structure(&w->layers, run.first, run.first + run.count)) break;
        if (!falls_into_runs(w, run)) {
            write_block(w, run);
            continue;
        }
        const int64_t end = run.first + run.count;
        for (Run part = {run.first, 0}; part.first < end; part.first += part.count) {
            for (part.count = 1; part.first + part.count < end; part.count++)
                if (layers_differ(&w->layers, part.first, part.first + part.count)) break;
            write_block(w, part);
        }
    }
}

/* ---- what stands around the blocks ---- */

static void write_embed(Writer *w) {
    const Facts *facts = w->facts;
    const bool has_offset = facts_is(facts, AXIS_position_offset, 0);
    const char *positions = facts_value(facts, AXIS_positions, 0)->text;
    if (has_offset && strcmp(positions, "learned") == 0)
        positions =
            arena_printf(w->arena, "{learned: {offset: %s}}", number(w, AXIS_position_offset));
    const bool has_scale = facts_number(facts, AXIS_embed_scale, 0) != 1;
    const bool has_norm = facts_is(facts, AXIS_embed_norm, 0);
    const bool has_types = facts_is(facts, AXIS_token_types, 0);
    if (strcmp(positions, "none") == 0 && !has_scale && !has_norm && !has_types) return;
    line(w, NULL, "\nembed:");
    if (strcmp(positions, "none") != 0) line(w, NULL, "  positions: %s", positions);
    if (has_scale)
        line(w, origin(w, AXIS_embed_scale, "scale"), "  scale: %s", number(w, AXIS_embed_scale));
    if (has_norm) line(w, NULL, "  norm: %s", description_norm(facts, w->arena));
    if (has_types)
        line(w, origin(w, AXIS_token_types, "types"), "  types: %s", number(w, AXIS_token_types));
}

static void write_defaults(Writer *w) {
    const Facts *facts = w->facts;
    const char *norm = description_norm(facts, w->arena), *from = origin(w, AXIS_eps, "eps");
    const bool is_both = facts_is_word(facts, AXIS_norms, 0, "both");
    line(w, NULL, "\ndefaults:");
    if (facts_is_word(facts, AXIS_norms, 0, "stream")) {
        line(w, from, "  norm_stream: %s", norm);
    } else {
        if ((is_both || facts_is_word(facts, AXIS_norms, 0, "before")) && !has_kind(w, "one"))
            line(w, from, "  norm: %s", norm);
        if (is_both || facts_is_word(facts, AXIS_norms, 0, "after"))
            line(w, from, "  norm_after: %s", norm);
    }
    if (facts_number(facts, AXIS_write_scale, 0) != 1)
        line(w, origin(w, AXIS_write_scale, "scale"), "  write: {scale: %s}",
             number(w, AXIS_write_scale));
}

static bool has_defaults(const Writer *w) {
    return !has_kind(w, "one") || facts_number(w->facts, AXIS_write_scale, 0) != 1;
}

static void write_logits(Writer *w) {
    const Facts *facts = w->facts;
    if (facts_has(facts, AXIS_classes, 0)) {
        line(w, origin(w, AXIS_classes, "vocab"), "  vocab: %s", number(w, AXIS_classes));
        return;
    }
    if (facts_is(facts, AXIS_tied, 0)) line(w, origin(w, AXIS_tied, "tied"), "  tied: true");
    if (facts_is(facts, AXIS_head_bias, 0)) line(w, NULL, "  bias: true");
    if (facts_number(facts, AXIS_head_scale, 0) != 1)
        line(w, origin(w, AXIS_head_scale, "scale"), "  scale: %s", number(w, AXIS_head_scale));
    if (facts_has(facts, AXIS_logit_softcap, 0))
        line(w, origin(w, AXIS_logit_softcap, "softcap"), "  softcap: %s",
             number(w, AXIS_logit_softcap));
}

static void write_head(Writer *w) {
    const Facts *facts = w->facts;
    const bool has_norm = facts_is(facts, AXIS_head_norm, 0);
    const bool has_logits = facts_is(facts, AXIS_head, 0);
    fputc('\n', w->out);
    line(w, NULL, has_norm || has_logits ? "head:" : "head: none");
    if (has_norm) line(w, NULL, "  norm: %s", description_norm(facts, w->arena));
    if (has_logits)
        write_logits(w);
    else if (has_norm)
        line(w, NULL, "  output: hidden");
    if (facts_has(facts, AXIS_pooling, 0))
        line(w, origin(w, AXIS_pooling, "kind"), "pooling: %s",
             description_pooling(facts, w->arena));
}

/* As a scalar between double quotes, where it is more than letters, digits and -._/ */
static const char *quoted(const char *text, Arena *arena) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
    if (strspn(text, plain) == strlen(text) && *text != '-' && *text != '.') return text;
    if (strspn(text, plain) == strlen(text) && strchr(text, '/')) return text;
    enum { ESCAPED_BYTES = 4 /* \\xNN */ };
    char *result = ARENA_ARRAY(arena, char, ESCAPED_BYTES *strlen(text) + 3), *end = result;
    *end++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') *end++ = '\\';
        if ((unsigned char)*text < ' ')
            end += sprintf(end, "\\x%02x", *text);
        else
            *end++ = *text;
    }
    *end = '"';
    return result;
}

/* With the matrices behind the pooling, each in a file of its own. */
static void write_weights_beside(Writer *w, const DescriptionFiles *files, const char *names) {
    line(w, NULL, "weights:");
    line(w, NULL, "  file: %s", quoted(files->weights, w->arena));
    line(w, NULL, "  names: %s", names);
    if (facts_has(w->facts, AXIS_prefix, 0))
        line(w, NULL, "  prefix: %s", facts_value(w->facts, AXIS_prefix, 0)->text);
    line(w, NULL, "  beside:");
    for (int i = 0; i < files->dense_count; i++) {
        const char *number = i ? arena_printf(w->arena, "_%d", i + 1) : "";
        line(w, NULL, "    pooling.dense%s.weight: {file: %s, tensor: linear.weight}", number,
             quoted(files->dense[i], w->arena));
    }
}

static void write_files(Writer *w, const DescriptionFiles *files) {
    const char *names = facts_value(w->facts, AXIS_names, 0)->text;
    fputc('\n', w->out);
    if (files->dense_count)
        write_weights_beside(w, files, names);
    else if (!files->weights)
        line(w, "there are none: made up", "weights: {synthetic: 1}");
    else if (facts_has(w->facts, AXIS_prefix, 0))
        line(w, NULL, "weights: {file: %s, names: %s, prefix: %s}",
             quoted(files->weights, w->arena), names, facts_value(w->facts, AXIS_prefix, 0)->text);
    else
        line(w, NULL, "weights: {file: %s, names: %s}", quoted(files->weights, w->arena), names);
    if (files->tokenizer)
        line(w, NULL, "tokenizer: {file: %s}", quoted(files->tokenizer, w->arena));
}

/* Letters, digits, '-', '_' and '.', of which a letter or digit comes first. */
static const char *fit_name(const char *name, Arena *arena) {
    enum { LONGEST = 100 };
    char *fit = arena_printf(arena, "%.*s", LONGEST, name);
    for (char *c = fit; *c; c++) {
        const bool is_letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        const bool is_digit = *c >= '0' && *c <= '9';
        if (!is_letter && !is_digit && !(c != fit && strchr("-_.", *c))) *c = c == fit ? 'm' : '-';
    }
    return *fit ? fit : "model";
}

static void write_all(Writer *w, const DescriptionFiles *files) {
    line(w, NULL, "# %s", files->origin);
    line(w, NULL, "thalweg: 1");
    line(w, NULL, "name: %s", fit_name(files->name, w->arena));
    line(w, origin(w, AXIS_vocab, "vocab"), "vocab: %s", number(w, AXIS_vocab));
    line(w, origin(w, AXIS_context, "context"), "context: %s", number(w, AXIS_context));
    line(w, origin(w, AXIS_width, "width"), "stream: {width: %s}", number(w, AXIS_width));
    write_embed(w);
    if (has_defaults(w)) write_defaults(w);
    fputc('\n', w->out);
    write_blocks(w);
    write_head(w);
    write_files(w, files);
}

const char *description_write(const Facts *facts, const DescriptionFiles *files, Arena *arena) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) return NULL;
    Writer writer = {facts, layers_of(facts, arena), out, arena};
    write_all(&writer, files);
    const bool is_whole = !ferror(out);
    fclose(out);
    const char *kept = is_whole ? arena_printf(arena, "%s", text) : NULL;
    free(text);
    return kept;
}
