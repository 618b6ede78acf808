/* manual_offer.c - what a shell can offer for a value or an operand. Most follows from how the
 * tables call it: FILE.npy is a file with this ending, FOLDER a folder, a|b one of these words.
 * What only other tables know, as names of processors, is found by the option's name. */
#include "frontend/manual/manual.h"

#include <stdlib.h>
#include <string.h>

static void write_cpus(FILE *out) {
#define CPU(architecture, name, ...) fputs(name " ", out);
#include "codegen/target/targets.def"
    fputs("help", out);
}

static void write_features(FILE *out) {
#define FEATURE(architecture, name, text, ...) fputs("+" text " -" text " ", out);
#include "codegen/target/targets.def"
    fputs("help", out);
}

/* The architectures on Linux, and the levels of x86-64, which are processors. */
static void write_targets(FILE *out) {
    static const char *const cpus[] = {
#define CPU(architecture, name, ...) name,
#include "codegen/target/targets.def"
    };
#define ARCHITECTURE(name, ...) fputs(#name "-linux-gnu ", out);
#include "codegen/target/targets.def"
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++)
        if (strncmp(cpus[i], "x86-64-v", 8) == 0) fprintf(out, "%s ", cpus[i]);
    fputs("help", out);
}

static void write_passes(FILE *out) {
#define PASS(name, text, ...) fputs(text " ", out);
#include "passes/passes.def"
#undef PASS
}

static void write_passes_or_all(FILE *out) {
    write_passes(out);
    fputs("all", out);
}

static void write_types(FILE *out) {
#define ENUM(type, ENUMERATOR, name)                                                               \
    if (strcmp(#type, "WeightFormat") == 0) fputs(#name " ", out);
#include "ir/enums.def"
#undef ENUM
}

static void write_parts(FILE *out) {
    fputs("described optimised prefill decode", out);
}

static const struct {
    const char *option;
    void (*write)(FILE *out);
    bool is_list;
} lists[] = {
    {"cpu", write_cpus, false},           {"features", write_features, true},
    {"target", write_targets, true},      {"passes", write_passes, true},
    {"skip-passes", write_passes, true},  {"print-after", write_passes_or_all, true},
    {"weights-type", write_types, false}, {"graph", write_parts, true},
};

/* ---- by what it is called ---- */

static const struct {
    const char *name;
    ManualOffer offer;
} kinds[] = {
    {"FILE", {.has_files = true}},
    {"FOLDER", {.has_folders = true}},
    {"PATH", {.has_files = true}},
    {"MODEL", {.has_files = true, .endings = ".yaml .gguf"}}, /* or a folder */
    {"COMMAND", {.has_programs = true}},
};

/* One of the words of a table's column, as "FILE.npy" or "FOLDER". */
static void add_kind(ManualOffer *offer, const char *word, size_t length) {
    while (length && word[length - 1] == '.') length--; /* "MODEL.yaml..." */
    const char *point = memchr(word, '.', length);
    if (point) {
        offer->has_files = true;
        snprintf(offer->endings, sizeof offer->endings, "%.*s", (int)(word + length - point),
                 point);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i].name) == length && memcmp(kinds[i].name, word, length) == 0)
            *offer = kinds[i].offer;
}

static void add_kinds(ManualOffer *offer, const char *text) {
    static const char between[] = " |[]";
    while (*(text += strspn(text, between))) {
        const size_t length = strcspn(text, between);
        add_kind(offer, text, length);
        text += length;
    }
}

/* "a|b" as "a b" */
static char *words_of(const char *value) {
    char *words = strdup(value);
    if (!words) abort();
    for (char *c = words; *c; c++)
        if (*c == '|') *c = ' ';
    return words;
}

static char *list_of(int index) {
    char *words = NULL;
    size_t size = 0;
    FILE *out = manual_begin_text(&words, &size);
    lists[index].write(out);
    fclose(out);
    while (size && words[size - 1] == ' ') words[--size] = '\0';
    return words;
}

ManualOffer manual_offer_value(const Option *option) {
    ManualOffer offer = {0};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (strcmp(lists[i].option, option->name) != 0) continue;
        offer.words = list_of((int)i);
        offer.is_list = lists[i].is_list;
        return offer;
    }
    if (option->kind == KIND_WORD)
        offer.words = words_of(option->value);
    else if (option->value)
        add_kinds(&offer, option->value);
    return offer;
}

ManualOffer manual_offer_operand(Command command) {
    ManualOffer offer = {0};
    add_kinds(&offer, options_commands[command].operands);
    return offer;
}

char *manual_clause(const Option *option) {
    static const char *const ends[] = {". ", " (", "; ", ": "};
    const size_t count = option->kind == KIND_WORD ? 1 : sizeof ends / sizeof *ends;
    const size_t all = strlen(option->help);
    size_t length = all;
    for (size_t i = 0; i < count; i++) {
        const char *end = strstr(option->help, ends[i]);
        if (end && (size_t)(end - option->help) < length) length = (size_t)(end - option->help);
    }
    char *clause = strndup(option->help, length);
    if (!clause) abort();
    return clause;
}
