/* reference.c - the documentation of every op, made from the tables. */
#include "ir/ir.h"

#include <ctype.h>
#include <string.h>

static const char *const heading[] = {
    [KIND_LEAF] = "Inputs\n\nWhat a call brings.",
    [KIND_CONSTANT] = "Constants\n\nValues of the weights alone: computed when weights are packed, "
                      "and named `@name` in text.",
    [KIND_VALUE] = "Values\n\nComputed at run time.",
    [KIND_STREAM] = "Stream\n\nMake the next state of the stream from the first operand, which "
                    "nothing reads afterwards.",
};

/* ---- attributes ---- */

typedef struct {
    const char *name, *kind, *initial;
} AttrRow;

static const AttrRow attr_row[ATTR_COUNT] = {
#define ATTR(name, kind, initial) [ATTR_##name] = {#name, #kind, #initial},
#include "ir/attrs.def"
#undef ATTR
};

typedef struct {
    const char *kind, *word;
} EnumRow;

static const EnumRow enum_row[] = {
#define ENUM(kind, prefix, word) {#kind, #word},
#include "ir/enums.def"
#undef ENUM
};

enum { ENUM_ROWS = sizeof enum_row / sizeof *enum_row };

/* A default as it stands in text: ROPE_half is `half`, NULL is `none`. */
static const char *initial_word(const char *initial) {
    if (strcmp(initial, "NULL") == 0) return "none";
    const char *separator = isupper((unsigned char)*initial) ? strchr(initial, '_') : NULL;
    return separator ? separator + 1 : initial;
}

static void print_values(const char *kind, FILE *out) {
    const char *separator = "";
    for (int i = 0; i < ENUM_ROWS; i++) {
        if (strcmp(enum_row[i].kind, kind) != 0) continue;
        fprintf(out, "%s`%s`", separator, enum_row[i].word);
        separator = ", ";
    }
    if (strcmp(kind, "REAL") == 0) fputs("a number", out);
    if (strcmp(kind, "INT") == 0) fputs("an integer", out);
    if (strcmp(kind, "BOOL") == 0) fputs("`true`, `false`", out);
    if (strcmp(kind, "NAME") == 0) fputs("a name", out);
    if (strcmp(kind, "REALS") == 0) fputs("a list of numbers", out);
}

static void print_attributes(FILE *out) {
    fputs("## Attributes\n\nStand in braces behind the operands, where they differ from the "
          "default.\n\n| attribute | values | default | of |\n|---|---|---|---|\n",
          out);
    for (int a = 0; a < ATTR_COUNT; a++) {
        fprintf(out, "| `%s` | ", attr_row[a].name);
        print_values(attr_row[a].kind, out);
        fprintf(out, " | `%s` | ", initial_word(attr_row[a].initial));
        const char *separator = "";
        for (int op = 0; op < OP_COUNT; op++) {
            if (!(ir_op_info[op].attrs >> a & 1)) continue;
            fprintf(out, "%s`%s`", separator, ir_op_info[op].name);
            separator = ", ";
        }
        fputs(" |\n", out);
    }
}

/* ---- operations ---- */

/* A '|' would end the cell. */
static void print_cell(const char *text, FILE *out) {
    for (; *text; text++) {
        if (*text == '|') fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_op(const OpInfo *info, FILE *out) {
    fprintf(out, "| `%s` | %d", info->name, info->least);
    if (info->most > info->least) fprintf(out, " to %d", info->most);
    fputs(" | ", out);
    const char *separator = "";
    for (int a = 0; a < ATTR_COUNT; a++) {
        if (!(info->attrs >> a & 1)) continue;
        fprintf(out, "%s`%s = %s`", separator, attr_row[a].name, initial_word(attr_row[a].initial));
        separator = ", ";
    }
    fputs(" | ", out);
    print_cell(info->doc, out);
    fputs(" |\n", out);
}

void ir_print_reference(FILE *out) {
    fputs(
        "# Operations\n\n"
        "T = tokens of a call, L = rows of logits wanted (the last L of the T), S = context,\n"
        "W = stream width. An operand between the least and the most may be `none`; attributes are "
        "shown with\ntheir defaults.\n\n",
        out);
    for (OpKind kind = KIND_LEAF; kind <= KIND_STREAM; kind++) {
        fprintf(out, "## %s\n\n| op | operands | attributes | computes |\n|---|---|---|---|\n",
                heading[kind]);
        for (int op = 0; op < OP_COUNT; op++)
            if (ir_op_info[op].kind == kind) print_op(&ir_op_info[op], out);
        fputc('\n', out);
    }
    print_attributes(out);
}
