/* model_page.c - the tables in frontend/model/MODEL.md, made from model.def, foreign_names.def and
 * tensor_names.def.
 *
 *   model_page [--bless] MODEL.md
 *
 * A table stands between `<!-- keys: SECTION -->` (or `refused`, `words`, `names` for `keys: ...`)
 * and `<!-- end -->`. The page must hold what the rows say, and have a table for every section;
 * --bless writes the tables anew and leaves all else as it is.
 */
#include "frontend/weights/tensor_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- what the .def files say ---- */

typedef struct {
    const char *section, *key, *kind, *need;
    double least, most;
    const char *initial, *help; /* `initial` as it stands in C */
} Row;

static const Row rows[] = {
#define KEY(section, key, kind, need, least, most, initial, help)                                  \
    {#section, #key, #kind, #need, least, most, #initial, help},
#include "frontend/model/model.def"
};

/* Other names of a key: those that may be written, and those that other programs have. */
typedef struct {
    const char *name, *section, *key;
} OtherName;

static const OtherName aliases[] = {
#define ALIAS(section, alias, key) {#alias, #section, #key},
#include "frontend/model/model.def"
};

static const OtherName foreign_keys[] = {
#define FOREIGN_KEY(name, section, key, form) {#name, #section, #key},
#include "frontend/model/foreign_names.def"
};

static const struct {
    const char *kind, *name, *form;
} foreign_words[] = {
#define FOREIGN_WORD(kind, name, form) {#kind, #name, form},
#include "frontend/model/foreign_names.def"
};

/* The arguments of a word's row: `mish, NOT_LOWERED`. */
static const struct {
    const char *key, *row;
} words[] = {
#define ACTIVATION_WORD(...) {"activation", #__VA_ARGS__},
#define SCALING_WORD(...)    {"scaling", #__VA_ARGS__},
#include "frontend/model/model.def"
};

/* What a kind is called, and its default where `initial` is no word or number. A kind that is not
 * here is a word. */
static const struct {
    const char *kind, *text, *plain;
} kinds[] = {
    {"INT", "integer", ""},
    {"INT_OR_NONE", "integer", "none"},
    {"REAL", "number", ""},
    {"REAL_OR_NONE", "number", "none"},
    {"REALS", "list of numbers", ""},
    {"INTS", "list of integers", ""},
    {"BOOL", "boolean", ""},
    {"TEXT", "text", ""},
    {"NAME", "name", ""},
    {"POSITIONS", "word or mapping", "none"},
    {"TOKENIZER", "word or mapping", "none"},
    {"WRITE_SCALE", "number", ""},
    {"ATTENTION_BIAS", "boolean or mapping", "false"},
    {"MLP_BIAS", "boolean or mapping", "false"},
    {"ROPE", "boolean or mapping", "none"},
    {"SCALING", "mapping", "none"},
    {"QUERY_SCALE", "mapping", "none"},
    {"POOLING", "word or mapping", "none"},
    {"EXPERTS", "mapping", "none"},
    {"NORM", "[norm](#norms)", "none"},
    {"QK_NORM", "[norm](#norms)", "none"},
    {"WRITE", "word or mapping", "add"},
    {"EMBED", "mapping", "{}"},
    {"HEAD", "mapping", "{}"},
    {"WEIGHTS", "mapping", ""},
};

/* ---- a row of a table ---- */

static bool is(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

static bool begins_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static const char *kind_text(const Row *row) {
    if (is(row->kind, "NODE")) {
        if (begins_with(row->help, "list")) return "list";
        return *row->help == '{' ? "mapping" : "word or mapping";
    }
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (is(kinds[i].kind, row->kind)) return kinds[i].text;
    return "word";
}

static const char *plain_value(const Row *row) {
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (is(kinds[i].kind, row->kind)) return kinds[i].plain;
    return "";
}

/* An integer in full, another number as short as it can be written: 1e-6. */
static void print_number(const Row *row, double value, FILE *out) {
    char text[32];
    snprintf(text, sizeof text, begins_with(row->kind, "INT") ? "%.0f" : "%g", value);
    const char *exponent = strchr(text, 'e');
    fprintf(out, "%.*s", (int)(exponent ? exponent - text : (long)strlen(text)), text);
    if (exponent) fprintf(out, "e%d", atoi(exponent + 1));
}

static void print_value(const Row *row, FILE *out) {
    const bool is_number = begins_with(row->kind, "INT") || begins_with(row->kind, "REAL") ||
                           is(row->kind, "WRITE_SCALE");
    fputs(kind_text(row), out);
    if (is_number) {
        fputs(", ", out);
        print_number(row, row->least, out);
        if (row->most > row->least) {
            fputs(" to ", out);
            print_number(row, row->most, out);
        }
    }
    if (strstr(row->kind, "_OR_NONE")) fputs(", or `none`", out);
    if (is(row->kind, "WRITE_SCALE")) fputs(", or word", out);
}

/* The word or number of an initial value in C: `half` of ROPE_half. Empty: neither. */
static const char *initial_word(const Row *row) {
    if (is(row->kind, "BOOL")) return is(row->initial, "1") ? "true" : "false";
    if (strchr("({", *row->initial)) return ""; /* {0}, NULL */
    const bool is_outside = is(row->initial, "0") && row->least > 0;
    return is_outside ? "" : row->initial + strspn(row->initial, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
}

static const char *derived(const Row *row) {
    return strstr(row->help, "; else ");
}

static void print_default(const Row *row, FILE *out) {
    const char *word = initial_word(row);
    if (!*word) word = plain_value(row);
    if (is(row->need, "REQUIRED"))
        fputs("required", out);
    else if (derived(row))
        fputs(derived(row) + strlen("; else "), out);
    else if (*word)
        fprintf(out, "`%s`", word);
}

static void print_help(const Row *row, FILE *out) {
    const char *end = derived(row) ? derived(row) : row->help + strlen(row->help);
    for (const char *at = row->help; at < end; at++) {
        if (strchr("*|<", *at)) fputc('\\', out);
        fputc(*at, out);
    }
}

static bool is_other_name(const OtherName *other, const Row *row) {
    return is(other->section, row->section) && is(other->key, row->key) &&
           !is(other->name, row->key);
}

static bool is_alias(const char *name, const Row *row) {
    for (size_t i = 0; i < COUNT(aliases); i++)
        if (is(aliases[i].name, name) && is_other_name(&aliases[i], row)) return true;
    return false;
}

/* Whether other programs call the key so, and a description may not. */
static bool is_elsewhere(const OtherName *other, const Row *row) {
    return is_other_name(other, row) && !is_alias(other->name, row);
}

static void print_elsewhere(const Row *row, FILE *out) {
    const char *before = "";
    for (size_t i = 0; i < COUNT(foreign_keys); i++) {
        if (!is_elsewhere(&foreign_keys[i], row)) continue;
        fprintf(out, "%s`%s`", before, foreign_keys[i].name);
        before = ", ";
    }
}

static void print_key(const Row *row, FILE *out) {
    fprintf(out, "`%s`", row->key);
    for (size_t i = 0; i < COUNT(aliases); i++)
        if (is_other_name(&aliases[i], row)) fprintf(out, ", `%s`", aliases[i].name);
}

/* ---- tables ---- */

static bool has_elsewhere(const char *section) {
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t k = 0; k < COUNT(foreign_keys) && is(rows[i].section, section); k++)
            if (is_elsewhere(&foreign_keys[k], &rows[i])) return true;
    return false;
}

static void print_row(const Row *row, bool is_known, FILE *out) {
    fputs("| ", out);
    print_key(row, out);
    fputs(" | ", out);
    print_value(row, out);
    fputs(" | ", out);
    print_default(row, out);
    fputs(" | ", out);
    print_help(row, out);
    fputs(" |", out);
    if (is_known) {
        fputc(' ', out);
        print_elsewhere(row, out);
        fputs(" |", out);
    }
    fputc('\n', out);
}

static void print_section(const char *section, FILE *out) {
    const bool is_known = has_elsewhere(section);
    fprintf(out, "| key | value | default | meaning |%s\n", is_known ? " elsewhere |" : "");
    fprintf(out, "|---|---|---|---|%s\n", is_known ? "---|" : "");
    for (size_t i = 0; i < COUNT(rows); i++)
        if (is(rows[i].section, section) && !is(rows[i].need, "RESERVED"))
            print_row(&rows[i], is_known, out);
}

/* The words of a key that are refused, in one row. */
static void print_refused_words(const char *key, FILE *out) {
    const char *before = "";
    for (size_t i = 0; i < COUNT(words); i++) {
        const char *row = words[i].row;
        if (!is(words[i].key, key) || !strstr(row, ", NOT_LOWERED")) continue;
        if (!*before) fprintf(out, "| `%s` | ", key);
        fprintf(out, "%s`%.*s`", before, (int)strcspn(row, ","), row);
        before = ", ";
    }
    if (*before) fputs(" | |\n", out);
}

static void print_refused(FILE *out) {
    fputs("| in | key or word | meaning |\n|---|---|---|\n", out);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!is(rows[i].need, "RESERVED")) continue;
        fprintf(out, "| `%s` | `%s` | ", rows[i].section, rows[i].key);
        print_help(&rows[i], out);
        fputs(" |\n", out);
    }
    print_refused_words("scaling", out);
    print_refused_words("activation", out);
}

/* The key whose values are of a kind: `mlp.activation`. */
static void print_key_of_kind(const char *kind, FILE *out) {
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!is(rows[i].kind, kind)) continue;
        fprintf(out, "`%s.%s`", rows[i].section, rows[i].key);
        return;
    }
}

static void print_words(FILE *out) {
    fputs("| value of | elsewhere | here |\n|---|---|---|\n", out);
    for (size_t i = 0; i < COUNT(foreign_words); i++) {
        fputs("| ", out);
        print_key_of_kind(foreign_words[i].kind, out);
        fprintf(out, " | `%s` | `%s` |\n", foreign_words[i].name, foreign_words[i].form);
    }
}

static void print_names(FILE *out) {
    fputs("| table | prefix | rows |\n|---|---|---|\n", out);
    for (int i = 0; i < tensor_names_table_count; i++) {
        const NameTable *table = &tensor_names_table[i];
        fprintf(out, "| `%s` | %s%s%s | ", table->name, *table->prefix ? "`" : "", table->prefix,
                *table->prefix ? "`" : "");
        if (table->has_own_names)
            fputs("none: tensors are called as parameters |\n", out);
        else
            fprintf(out, "%d |\n", table->count);
    }
}

static bool is_section(const char *name) {
    for (size_t i = 0; i < COUNT(rows); i++)
        if (is(rows[i].section, name)) return true;
    return false;
}

/* False: there is no table of that name. */
static bool print_table(const char *name, FILE *out) {
    if (is(name, "refused"))
        print_refused(out);
    else if (is(name, "words"))
        print_words(out);
    else if (is(name, "names"))
        print_names(out);
    else if (is_section(name))
        print_section(name, out);
    else
        return false;
    return true;
}

/* ---- the page ---- */

#define START "\n<!-- keys: "
#define CLOSE " -->\n"
#define END   "\n<!-- end -->"

static const char *page_name;

static bool fail(const char *what, const char *name) {
    printf("FAIL %s: %s '%s'\n", page_name, what, name);
    return false;
}

/* Copies the page with new tables. False: reported. */
static bool renew(const char *page, Arena *arena, FILE *out) {
    for (;;) {
        const char *start = strstr(page, START);
        if (!start) break;
        const char *name_at = start + strlen(START), *close = strstr(name_at, CLOSE);
        if (!close) return fail("a marker without its end", "-->");
        const char *name = arena_printf(arena, "%.*s", (int)(close - name_at), name_at);
        const char *table = close + strlen(CLOSE), *end = strstr(close, END);
        if (!end) return fail("no <!-- end --> of the table", name);
        fwrite(page, 1, (size_t)(table - page), out);
        fputc('\n', out); /* a table is a paragraph of its own */
        if (!print_table(name, out)) return fail("model.def has no section", name);
        page = end;
    }
    fputs(page, out);
    return true;
}

static bool has_every_section(const char *page, Arena *arena) {
    bool ok = true;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const bool is_next = i > 0 && is(rows[i].section, rows[i - 1].section);
        if (!is_next && !strstr(page, arena_printf(arena, START "%s" CLOSE, rows[i].section)))
            ok = fail("it needs <!-- keys: ... --> and <!-- end --> for the section",
                      rows[i].section);
    }
    return ok;
}

static const char *read_page(Arena *arena) {
    FILE *file = fopen(page_name, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    rewind(file);
    char *text = ARENA_ARRAY(arena, char, (size_t)(size > 0 ? size : 0) + 1);
    const size_t length = fread(text, 1, (size_t)(size > 0 ? size : 0), file);
    fclose(file);
    return length == (size_t)size ? text : NULL;
}

static bool write_page(const char *text) {
    FILE *file = fopen(page_name, "wb");
    if (!file) return false;
    const bool is_written = fputs(text, file) >= 0;
    return fclose(file) == 0 && is_written;
}

/* Shows the first line that differs. */
static bool report_difference(const char *page, const char *wanted) {
    size_t line = 0, at = 0;
    for (; page[at] && page[at] == wanted[at]; at++)
        if (page[at] == '\n') line = at + 1;
    printf("FAIL %s: its tables are not what the .def files say (model_page --bless renews them)\n"
           "- %.*s\n+ %.*s\n",
           page_name, (int)strcspn(page + line, "\n"), page + line,
           (int)strcspn(wanted + line, "\n"), wanted + line);
    return false;
}

static bool run(bool bless, Arena *arena) {
    const char *page = read_page(arena);
    if (!page) return fail("cannot read", page_name);
    char *wanted = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&wanted, &size);
    if (!out) abort();
    bool ok = renew(page, arena, out);
    fclose(out);
    ok = ok && has_every_section(page, arena);
    if (ok && bless)
        ok = write_page(wanted) || fail("cannot write", page_name);
    else if (ok && !is(page, wanted))
        ok = report_difference(page, wanted);
    free(wanted);
    return ok;
}

int main(int argc, char **argv) {
    const bool bless = argc == 3 && is(argv[1], "--bless");
    if (argc != 2 + bless) return fprintf(stderr, "model_page [--bless] MODEL.md\n"), 2;
    page_name = argv[argc - 1];
    Arena *arena = arena_create();
    const bool ok = run(bless, arena);
    arena_destroy(arena);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
