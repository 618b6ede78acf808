/* print.c - graph to text. ir_parse(ir_print(g)) is g, and prints the same text. */
#include "ir/ir.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- attributes ---- */

typedef struct {
    FILE *out;
    bool is_open; /* the brace */
} Braces;

static void begin_item(Braces *braces, const char *name) {
    fprintf(braces->out, "%s%s = ", braces->is_open ? ", " : " {", name);
    braces->is_open = true;
}

static void end_braces(const Braces *braces) {
    if (braces->is_open) fputc('}', braces->out);
}

/* As few digits, six or more, as read back as the same number: 30, 500000, 1e-05, 0.1. */
static void print_REAL(double value, FILE *out) {
    char text[32];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    fputs(text, out);
}

static void print_INT(int64_t value, FILE *out) {
    fprintf(out, "%" PRId64, value);
}

static void print_BOOL(bool value, FILE *out) {
    fputs(value ? "true" : "false", out);
}

static void print_NAME(const char *value, FILE *out) {
    fputs(value ? value : "none", out);
}

static void print_REALS(const Reals *value, FILE *out) {
    for (int64_t i = 0; value && i < value->count; i++) {
        fputs(i ? ", " : "[", out);
        print_REAL(value->at[i], out);
    }
    fputs(value ? "]" : "none", out);
}

static const struct {
    const char *type;
    int value;
    const char *word;
} words[] = {
#define ENUM(type, prefix, word) {#type, prefix##_##word, #word},
#include "ir/enums.def"
#undef ENUM
};

const char *ir_enum_word(const char *type, int value) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].value == value && strcmp(words[i].type, type) == 0) return words[i].word;
    return "";
}

static void print_word(const char *type, int value, FILE *out) {
    fputs(ir_enum_word(type, value), out);
}

static void print_NormKind(NormKind value, FILE *out) {
    print_word("NormKind", (int)value, out);
}
static void print_PoolKind(PoolKind value, FILE *out) {
    print_word("PoolKind", (int)value, out);
}
static void print_EditKind(EditKind value, FILE *out) {
    print_word("EditKind", (int)value, out);
}
static void print_Activation(Activation value, FILE *out) {
    print_word("Activation", (int)value, out);
}
static void print_WeightFormat(WeightFormat value, FILE *out) {
    print_word("WeightFormat", (int)value, out);
}
static void print_RopeStyle(RopeStyle value, FILE *out) {
    print_word("RopeStyle", (int)value, out);
}
static void print_RopeScaling(RopeScaling value, FILE *out) {
    print_word("RopeScaling", (int)value, out);
}

static void print_attrs(const Node *node, FILE *out) {
    const uint64_t has = ir_op_info[node->op].attrs;
    const Attrs initial = ir_attrs_default();
    Braces braces = {out, false};
#define ATTR(name, kind, initial_value)                                                            \
    if (has & (IR_ATTR_BIT(name)) && !(node->attr.name == initial.name)) {                         \
        begin_item(&braces, #name);                                                                \
        print_##kind(node->attr.name, out);                                                        \
    }
#include "ir/attrs.def"
#undef ATTR
    end_braces(&braces);
}

/* ---- the rest of a node ---- */

static void print_type(Type type, FILE *out) {
    fprintf(out, " : %s[", type.dtype == DTYPE_f32 ? "f32" : "i32");
    for (int i = 0; i < type.rank; i++) {
        if (i) fputs(", ", out);
        if (type.dim[i] == IR_TOKENS)
            fputc('T', out);
        else if (type.dim[i] == IR_LOGIT_ROWS)
            fputc('L', out);
        else
            fprintf(out, "%" PRId64, type.dim[i]);
    }
    fputc(']', out);
}

static void print_ref(const Graph *graph, Ref ref, FILE *out) {
    if (ir_ref_is_none(ref))
        fputs("none", out);
    else if (ir_node(graph, ref)->name)
        fprintf(out, "@%s", ir_node(graph, ref)->name);
    else
        fprintf(out, "%%%" PRIu32, ref.index);
}

/* Absent operands after the last one there is are left out. */
static void print_operands(const Graph *graph, const Node *node, FILE *out) {
    int count = ir_op_info[node->op].most;
    while (count > ir_op_info[node->op].least && ir_ref_is_none(node->in[count - 1])) count--;
    for (int k = 0; k < count; k++) {
        fputs(k ? ", " : " ", out);
        print_ref(graph, node->in[k], out);
    }
}

static void print_schedule(const Schedule *schedule, FILE *out) {
    const struct {
        const char *name;
        int64_t value;
    } items[] = {
#define SCHEDULE(name, text) {#name, schedule->name},
#include "ir/schedule.def"
#undef SCHEDULE
    };
    const char *separator = " with {";
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        if (!items[i].value) continue;
        fprintf(out, "%s%s = %" PRId64, separator, items[i].name, items[i].value);
        separator = ", ";
    }
    if (*separator == ',') fputc('}', out);
}

void ir_print_node(const Graph *graph, Ref ref, FILE *out) {
    const Node *node = ir_node(graph, ref);
    print_ref(graph, ref, out);
    fprintf(out, " = %s", ir_op_info[node->op].name);
    print_operands(graph, node, out);
    print_attrs(node, out);
    if (!ir_ref_is_none(node->root)) {
        fputs(" in ", out);
        print_ref(graph, node->root, out);
    }
    print_type(node->type, out);
    if (node->place.offset || node->place.stride)
        fprintf(out, " at %" PRId64 " stride %" PRId64, node->place.offset, node->place.stride);
    if (node->place.rows) fprintf(out, " rows %" PRId64, node->place.rows);
    print_schedule(&node->schedule, out);
}

void ir_print(const Graph *graph, FILE *out) {
    fprintf(out, "graph @%s {context = %" PRId64 ", chunk = %" PRId64, graph->name, graph->context,
            graph->chunk);
    if (graph->batch) fprintf(out, ", batch = %" PRId64, graph->batch);
    if (graph->arena_floats) fprintf(out, ", arena = %" PRId64, graph->arena_floats);
    if (graph->cache_floats) fprintf(out, ", cache = %" PRId64, graph->cache_floats);
    fputs("} {\n", out);
    for (uint32_t i = 1; i < graph->count; i++) {
        fputs("  ", out);
        ir_print_node(graph, (Ref){i}, out);
        fputc('\n', out);
    }
    fputs("  return ", out);
    print_ref(graph, graph->result, out);
    fputs("\n}\n", out);
}
