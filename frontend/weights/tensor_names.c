#include "frontend/weights/tensor_names.h"

#include "frontend/weights/tensor_set.h"
#include "ir/spelling.h"

#include <string.h>

/* ---- tables ---- */

#define NAME_TABLE(table, prefix)   static const NameRow rows_of_##table[] = {
#define NAME(param, tensor, layout) {param, tensor, LAYOUT_##layout, 0, 0, false},
#define NAME_TABLE_END                                                                             \
    }                                                                                              \
    ;
#include "frontend/weights/tensor_names.def"

#define ROW_COUNT(table) ((int)(sizeof rows_of_##table / sizeof *rows_of_##table))

const NameTable tensor_names_table[] = {
    {.name = "thalweg", .prefix = "", .has_own_names = true},
#define NAME_TABLE(table, prefix) {#table, prefix, rows_of_##table, ROW_COUNT(table), false},
#include "frontend/weights/tensor_names.def"
};

enum { TABLE_COUNT = sizeof tensor_names_table / sizeof *tensor_names_table };
const int tensor_names_table_count = TABLE_COUNT;

static const struct {
    const char *name, *table;
} aliases[] = {
#define NAME_ALIAS(alias, table) {#alias, #table},
#include "frontend/weights/tensor_names.def"
};

enum { ALIAS_COUNT = sizeof aliases / sizeof *aliases };

static const NameTable *find_table(const char *name) {
    for (int i = 0; i < ALIAS_COUNT; i++)
        if (strcmp(aliases[i].name, name) == 0) return find_table(aliases[i].table);
    for (int i = 0; i < TABLE_COUNT; i++)
        if (strcmp(tensor_names_table[i].name, name) == 0) return &tensor_names_table[i];
    return NULL;
}

const NameTable *tensor_names_find(const char *name, Loc loc, Diag *diag) {
    const char *names[TABLE_COUNT + ALIAS_COUNT], *list = "";
    const NameTable *table = find_table(name);
    if (table) return table;
    for (int i = 0; i < TABLE_COUNT; i++) {
        names[i] = tensor_names_table[i].name;
        list = arena_printf(diag->arena, "%s%s%s", list, i ? ", " : "", names[i]);
    }
    for (int i = 0; i < ALIAS_COUNT; i++) names[TABLE_COUNT + i] = aliases[i].name;
    const char *nearest = spelling_nearest(name, names, TABLE_COUNT + ALIAS_COUNT);
    diag_error(diag, loc, "there is no table of names '%s'", name);
    if (nearest)
        diag_hint(diag, "did you mean '%s'?", nearest);
    else
        diag_hint(diag, "one of: %s", list);
    return NULL;
}

/* ---- patterns ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_layer(const char *pattern, const char *at) {
    return *at == 'N' && (at == pattern || !is_word(at[-1])) && !is_word(at[1]);
}

static bool has_layer(const char *pattern) {
    for (const char *at = pattern; *at; at++)
        if (is_layer(pattern, at)) return true;
    return false;
}

/* The number as digits without a leading zero; 0: there is none, or it is too long. */
static size_t number_length(const char *text) {
    size_t length = 0;
    while (length <= LAYER_DIGITS && is_digit(text[length])) length++;
    return length > LAYER_DIGITS || (length > 1 && *text == '0') ? 0 : length;
}

bool tensor_names_match(const char *pattern, const char *name, LayerNumber *layer) {
    LayerNumber found = {{0}};
    for (const char *at = pattern; *at; at++) {
        if (!is_layer(pattern, at)) {
            if (*name++ != *at) return false;
            continue;
        }
        const size_t length = number_length(name);
        if (length == 0) return false;
        LayerNumber here = {{0}};
        memcpy(here.digits, name, length);
        if (*found.digits && strcmp(found.digits, here.digits) != 0) return false;
        found = here;
        name += length;
    }
    if (*name) return false;
    *layer = found;
    return true;
}

const char *tensor_names_fill(const char *pattern, const LayerNumber *layer, Arena *arena) {
    const size_t longest = strlen(pattern) * (*layer->digits ? LAYER_DIGITS : 1) + 1;
    char *name = ARENA_ARRAY(arena, char, longest), *end = name;
    for (const char *at = pattern; *at; at++) {
        if (*layer->digits && is_layer(pattern, at))
            for (const char *digit = layer->digits; *digit; digit++) *end++ = *digit;
        else
            *end++ = *at;
    }
    return name;
}

/* ---- prefixes ---- */

NameTable tensor_names_with_prefix(const NameTable *table, const char *prefix) {
    NameTable other = *table;
    other.prefix = prefix;
    return other;
}

const char *tensor_names_prefix(const NameTable *table, int number, Arena *arena) {
    const char *at = table->prefix;
    for (; number; number--) {
        at = strchr(at, ' ');
        if (!at++) return NULL;
    }
    return arena_printf(arena, "%.*s", (int)strcspn(at, " "), at);
}

/* How much of the prefix is left at this attempt: whole words with their dots; -1: it was empty. */
static int prefix_length(const char *prefix, int attempt) {
    int length = (int)strlen(prefix);
    for (; attempt; attempt--) {
        if (length == 0) return -1;
        do length--;
        while (length && prefix[length - 1] != '.');
    }
    return length;
}

const char *tensor_names_bare(const NameTable *table, const char *name) {
    for (int attempt = 0, length; (length = prefix_length(table->prefix, attempt)) > 0; attempt++)
        if (strncmp(name, table->prefix, (size_t)length) == 0) return name + length;
    return name;
}

const char *tensor_names_of_row(const NameTable *table, const NameRow *row,
                                const LayerNumber *layer, int attempt, Arena *arena) {
    const int length = prefix_length(table->prefix, attempt);
    if (length < 0) return NULL;
    return arena_printf(arena, "%.*s%s", length, table->prefix,
                        tensor_names_fill(row->tensor, layer, arena));
}

/* ---- names from a description ---- */

static NameLayout layout_of(const NamePair *pair) {
    if (pair->has_rows) return pair->is_transposed ? LAYOUT_rows_transposed : LAYOUT_rows;
    return pair->is_transposed ? LAYOUT_transposed : LAYOUT_plain;
}

/* A tensor of another file, as tensor_set_join() calls it. */
static const char *name_of(const NamePair *pair, Arena *arena) {
    return pair->file ? tensor_set_joined_name(pair->file, pair->tensor, arena) : pair->tensor;
}

const NameTable *tensor_names_before(const NamePair *pair, int count, const NameTable *other,
                                     Arena *arena, Diag *diag) {
    bool is_good = true;
    NameTable *table = ARENA_NEW(arena, NameTable);
    NameRow *row = ARENA_ARRAY(arena, NameRow, (size_t)(count + other->count) + 1);
    for (int i = 0; i < count; i++) {
        row[i] = (NameRow){.param = pair[i].param,
                           .tensor = name_of(&pair[i], arena),
                           .layout = layout_of(&pair[i]),
                           .first = pair[i].first,
                           .end = pair[i].end,
                           .is_apart = pair[i].file != NULL};
        if (!has_layer(pair[i].tensor) || has_layer(pair[i].param)) continue;
        is_good =
            diag_error(diag, pair[i].loc, "'%s' has the number of a layer, N, and '%s' has none",
                       pair[i].tensor, pair[i].param);
    }
    if (other->count) memcpy(row + count, other->row, (size_t)other->count * sizeof *row);
    *table = *other;
    table->row = row;
    table->count = count + other->count;
    return is_good ? table : NULL;
}

const NameTable *tensor_names_given(const NamePair *pair, int count, Arena *arena, Diag *diag) {
    const NameTable own = {.prefix = "", .has_own_names = true};
    return tensor_names_before(pair, count, &own, arena, diag);
}
