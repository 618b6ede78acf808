/* keys.c - the tables of model.def, and the one loop that reads them all. */
#include "frontend/model/keys.h"

#include "frontend/model/foreign_names.h"
#include "ir/spelling.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/* ---- tables ---- */

#define ROW(type, key, kind, need, least, most, help)                                              \
    {#key,                                                                                         \
     help,                                                                                         \
     need,                                                                                         \
     least,                                                                                        \
     most,                                                                                         \
     offsetof(type, key),                                                                          \
     offsetof(type, key##_loc),                                                                    \
     keys_read_##kind},

static const KeyInfo model_keys[] = {
#define MODEL(key, kind, need, least, most, initial, help)                                         \
    ROW(Model, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo stream_keys[] = {
#define STREAM(key, kind, need, least, most, initial, help)                                        \
    ROW(StreamKeys, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo embed_keys[] = {
#define EMBED(key, kind, need, least, most, initial, help)                                         \
    ROW(Embed, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo learned_keys[] = {
#define LEARNED(key, kind, need, least, most, initial, help)                                       \
    ROW(LearnedKeys, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo block_keys[] = {
#define BLOCK(key, kind, need, least, most, initial, help)                                         \
    ROW(Block, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo parallel_keys[] = {
#define PARALLEL(key, kind, need, least, most, initial, help)                                      \
    ROW(Group, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo branch_keys[] = {
#define BRANCH(key, kind, need, least, most, initial, help)                                        \
    ROW(Branch, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo attention_keys[] = {
#define ATTENTION(key, kind, need, least, most, initial, help)                                     \
    ROW(Attention, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo attention_bias_keys[] = {
#define ATTENTION_BIAS(key, kind, need, least, most, initial, help)                                \
    ROW(AttentionBias, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo query_scale_keys[] = {
#define QUERY_SCALE(key, kind, need, least, most, initial, help)                                   \
    ROW(QueryScale, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo rope_keys[] = {
#define ROPE(key, kind, need, least, most, initial, help)                                          \
    ROW(Rope, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo scaling_keys[] = {
#define SCALING(key, kind, need, least, most, initial, help)                                       \
    ROW(Scaling, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo mlp_keys[] = {
#define MLP(key, kind, need, least, most, initial, help)                                           \
    ROW(Mlp, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo mlp_bias_keys[] = {
#define MLP_BIAS(key, kind, need, least, most, initial, help)                                      \
    ROW(MlpBias, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo experts_keys[] = {
#define EXPERTS(key, kind, need, least, most, initial, help)                                       \
    ROW(Experts, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo norm_keys[] = {
#define NORM(key, kind, need, least, most, initial, help)                                          \
    ROW(Norm, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo qk_norm_keys[] = {
#define NORM(key, kind, need, least, most, initial, help)                                          \
    ROW(Norm, key, kind, need, least, most, help)
#define QK_NORM(key, kind, need, least, most, initial, help)                                       \
    ROW(Norm, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo write_keys[] = {
#define WRITE(key, kind, need, least, most, initial, help)                                         \
    ROW(Write, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo head_keys[] = {
#define HEAD(key, kind, need, least, most, initial, help)                                          \
    ROW(Head, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo pooling_keys[] = {
#define POOLING(key, kind, need, least, most, initial, help)                                       \
    ROW(Pooling, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo weights_keys[] = {
#define WEIGHTS(key, kind, need, least, most, initial, help)                                       \
    ROW(WeightsSpec, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo tensor_keys[] = {
#define TENSOR(key, kind, need, least, most, initial, help)                                        \
    ROW(TensorKeys, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo instrument_keys[] = {
#define INSTRUMENT(key, kind, need, least, most, initial, help)                                    \
    ROW(InstrumentKeys, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};
static const KeyInfo tokenizer_keys[] = {
#define TOKENIZER(key, kind, need, least, most, initial, help)                                     \
    ROW(TokenizerKeys, key, kind, need, least, most, help)
#include "frontend/model/model.def"
};

#define SECTION(table, around)                                                                     \
    { table##_keys, sizeof table##_keys / sizeof *table##_keys, around }
const Section keys_model = SECTION(model, NULL);
const Section keys_stream = SECTION(stream, NULL);
const Section keys_embed = SECTION(embed, NULL);
const Section keys_learned = SECTION(learned, NULL);
const Section keys_block = SECTION(block, NULL);
const Section keys_parallel = SECTION(parallel, NULL);
const Section keys_branch = SECTION(branch, NULL);
const Section keys_attention = SECTION(attention, &keys_branch);
const Section keys_attention_bias = SECTION(attention_bias, NULL);
const Section keys_query_scale = SECTION(query_scale, NULL);
const Section keys_rope = SECTION(rope, NULL);
const Section keys_scaling = SECTION(scaling, NULL);
const Section keys_mlp = SECTION(mlp, &keys_branch);
const Section keys_mlp_bias = SECTION(mlp_bias, NULL);
const Section keys_experts = SECTION(experts, NULL);
const Section keys_norm = SECTION(norm, NULL);
const Section keys_qk_norm = SECTION(qk_norm, NULL);
const Section keys_write = SECTION(write, NULL);
const Section keys_head = SECTION(head, NULL);
const Section keys_pooling = SECTION(pooling, NULL);
const Section keys_weights = SECTION(weights, NULL);
const Section keys_tensor = SECTION(tensor, NULL);
const Section keys_instrument = SECTION(instrument, NULL);
const Section keys_tokenizer = SECTION(tokenizer, NULL);

/* ---- names ---- */

typedef struct {
    const Section *section;
    const char *alias, *key;
} Alias;

static const Alias aliases[] = {
#define ALIAS(section, alias, key) {&keys_##section, #alias, #key},
#include "frontend/model/model.def"
};
enum { ALIASES = sizeof aliases / sizeof *aliases };

/* The name that a key has in its row. */
static const char *name_of(const Section *section, const char *given) {
    for (int i = 0; i < ALIASES; i++)
        if (aliases[i].section == section && strcmp(aliases[i].alias, given) == 0)
            return aliases[i].key;
    return given;
}

static const KeyInfo *find_key(const Section *section, const char *given) {
    const char *name = name_of(section, given);
    for (int i = 0; i < section->count; i++)
        if (strcmp(section->key[i].name, name) == 0) return &section->key[i];
    return NULL;
}

static const YamlNode *find_in(const YamlNode *mapping, const Section *section,
                               const KeyInfo *key) {
    if (!mapping || mapping->kind != YAML_MAPPING) return NULL;
    for (const YamlNode *child = mapping->first; child; child = child->next)
        if (strcmp(name_of(section, child->key), key->name) == 0) return child;
    return NULL;
}

bool keys_has(const Section *section, const char *name) {
    return find_key(section, name) != NULL;
}

bool keys_is_inherited(const Section *section, const char *name) {
    const KeyInfo *key = find_key(section, name);
    return key && key->read != keys_read_NODE;
}

static const char *join(const char *const *names, int count, Arena *arena) {
    const char *list = "";
    for (int i = 0; i < count; i++)
        list = arena_printf(arena, "%s%s%s", list, i ? ", " : "", names[i]);
    return list;
}

enum { MOST_NAMES = 64 };

/* Adds the names of a section's keys: all, or those alone that may stand elsewhere. */
static int add_names(const Section *section, bool is_elsewhere, const char **names, int count) {
    for (int i = 0; i < section->count && count < MOST_NAMES; i++) {
        const KeyInfo *key = &section->key[i];
        if (key->need != RESERVED && (!is_elsewhere || key->read != keys_read_NODE))
            names[count++] = key->name;
    }
    return count;
}

static int add_aliases(const Section *section, const char **names, int count) {
    for (int i = 0; i < ALIASES && count < MOST_NAMES; i++)
        if (aliases[i].section == section) names[count++] = aliases[i].alias;
    return count;
}

const char *keys_list(const Section *section, Arena *arena) {
    const char *names[MOST_NAMES];
    return join(names, add_names(section, false, names, 0), arena);
}

/* ---- reading ---- */

static bool report_unknown(Reader *reader, const YamlNode *node, const Section *section) {
    const char *names[MOST_NAMES];
    int count = add_names(section, false, names, 0);
    if (section->around) count = add_names(section->around, true, names, count);
    yaml_key_error(node, reader->diag, "unknown key");
    if (section->around && find_key(section->around, node->key))
        return diag_hint(reader->diag, "'%s' begins a branch of its own: '- %s: {...}'", node->key,
                         node->key);
    const char *known = foreign_names_key(section, node->key, reader->diag->arena);
    if (known) return diag_hint(reader->diag, "%s", known);
    const char *nearest = spelling_nearest(node->key, names, add_aliases(section, names, count));
    if (nearest) return diag_hint(reader->diag, "did you mean '%s'?", nearest);
    return diag_hint(reader->diag, "the keys here are %s", join(names, count, reader->diag->arena));
}

static bool report_alias(Reader *reader, const YamlNode *node, const YamlNode *first) {
    yaml_key_error(node, reader->diag, "another name of '%s', which is given already", first->key);
    diag_hint(reader->diag, "leave one of them out");
    diag_note(reader->diag, first->key_loc, "it is given here");
    return false;
}

static bool check_key(Reader *reader, const YamlNode *node, const Section *section) {
    const KeyInfo *key = find_key(section, node->key);
    if (!key) {
        const bool is_around = section->around && keys_is_inherited(section->around, node->key);
        return is_around || report_unknown(reader, node, section);
    }
    const YamlNode *first = find_in(node->parent, section, key);
    return first == node || report_alias(reader, node, first);
}

/* Errors past the most that a Diag keeps are not worth their hints. */
static bool check_keys(Reader *reader, const YamlNode *mapping, const Section *section) {
    bool ok = true;
    for (const YamlNode *child = mapping->first; child; child = child->next) {
        ok &= check_key(reader, child, section);
        if (reader->diag->errors >= DIAG_MAX_ERRORS) return false;
    }
    return ok;
}

/* Kinds with a word for nothing, which null says too. */
static bool can_be_none(const KeyInfo *key) {
    static ReadKind *const kinds[] = {
        keys_read_INT_OR_NONE, keys_read_REAL_OR_NONE, keys_read_NORM,    keys_read_QK_NORM,
        keys_read_SCALING,     keys_read_ROPE,         keys_read_EXPERTS, keys_read_POSITIONS,
        keys_read_TOKENIZER,   keys_read_QUERY_SCALE,  keys_read_HEAD,    keys_read_POOLING,
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (key->read == kinds[i]) return true;
    return false;
}

static const YamlNode *find_in_pattern(const Place *place, const Section *section,
                                       const KeyInfo *key) {
    const YamlNode *list = find_in(place->pattern, section, key);
    return list ? yaml_element(list, place->layer % list->count) : NULL;
}

/* The first place that says something. Null says nothing where it does not mean `none`; it is the
 * value of a required key that has no other. */
static const YamlNode *find_value(const Place *place, const Section *section, const KeyInfo *key) {
    if (key->read == keys_read_NODE) return find_in(place->mapping, section, key);
    const YamlNode *const values[] = {
        find_in_pattern(place, section, key), find_in(place->inside, section, key),
        find_in(place->mapping, section, key), find_in(place->defaults_inside, section, key),
        find_in(place->defaults, section, key)};
    const YamlNode *null = NULL;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (!values[i]) continue;
        if (can_be_none(key) || !yaml_is_null(values[i])) return values[i];
        if (!null) null = values[i];
    }
    return key->need == REQUIRED ? null : NULL;
}

static bool take_value(Reader *reader, const YamlNode *value, const KeyInfo *key, void *out) {
    *(Loc *)(void *)((char *)out + key->loc_offset) = value->loc;
    if (key->read(reader, value, key, (char *)out + key->offset)) return true;
    if (key->need != RESERVED) return false;
    return diag_hint(reader->diag, "leave '%s' out: it is not lowered yet", key->name);
}

static bool read_key(Reader *reader, const Place *place, const Section *section, const KeyInfo *key,
                     void *out) {
    const YamlNode *value = find_value(place, section, key);
    if (value) return take_value(reader, value, key, out);
    if (key->need != REQUIRED || place->is_partial) return true;
    yaml_key_error(place->mapping, reader->diag, "missing key '%s'", key->name);
    return diag_hint(reader->diag, "%s: %s", key->name, key->help);
}

bool keys_read(Reader *reader, const Place *place, const Section *section, void *out) {
    const YamlNode *mapping = place->mapping;
    if (mapping->kind != YAML_MAPPING) {
        yaml_expected(mapping, reader->diag, "a mapping");
        return diag_hint(reader->diag, "the keys here are %s",
                         keys_list(section, reader->diag->arena));
    }
    bool ok = check_keys(reader, mapping, section);
    for (int i = 0; i < section->count; i++)
        ok &= read_key(reader, place, section, &section->key[i], out);
    return ok;
}

bool keys_read_value(Reader *reader, const YamlNode *value, const Section *section,
                     const char *name, void *out) {
    return take_value(reader, value, find_key(section, name), out);
}

bool keys_read_mapping(Reader *reader, const YamlNode *mapping, const Section *section, void *out) {
    return keys_read(reader, &(Place){.mapping = mapping}, section, out);
}

/* ---- kinds that are one value ---- */

bool keys_is_none(const YamlNode *node) {
    return yaml_is_word(node, "none") || yaml_is_null(node);
}

bool keys_read_INT(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    return yaml_read_integer(node, reader->diag, (int64_t)key->least, (int64_t)key->most, out);
}

bool keys_read_INT_OR_NONE(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    if (!keys_is_none(node))
        return keys_read_INT(reader, node, key, out) || diag_hint(reader->diag, "or 'none'");
    *(int64_t *)out = 0;
    return true;
}

bool keys_read_REAL(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    return yaml_read_real(node, reader->diag, key->least, key->most, out);
}

bool keys_read_REAL_OR_NONE(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    if (!keys_is_none(node))
        return keys_read_REAL(reader, node, key, out) || diag_hint(reader->diag, "or 'none'");
    *(double *)out = 0;
    return true;
}

bool keys_read_BOOL(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    (void)key;
    return yaml_read_bool(node, reader->diag, out);
}

bool keys_read_TEXT(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    (void)key;
    return yaml_read_text(node, reader->diag, out);
}

static bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* It becomes part of file names, and of options where a file is named. */
static bool is_name(const char *text) {
    enum { LONGEST_NAME = 100 };
    if (strlen(text) > LONGEST_NAME || !is_letter_or_digit(*text)) return false;
    for (; *text; text++)
        if (!is_letter_or_digit(*text) && !strchr("._-", *text)) return false;
    return true;
}

bool keys_read_NAME(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    (void)key;
    if (node->kind != YAML_SCALAR || yaml_is_null(node) || !is_name(node->text))
        return yaml_expected(node, reader->diag,
                             "a name of up to 100 letters, digits, '.', '_' and '-' that begins "
                             "with a letter or digit");
    *(const char **)out = node->text;
    return true;
}

bool keys_read_NODE(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    (void)reader;
    *(const YamlNode **)out = key->need != REQUIRED && yaml_is_null(node) ? NULL : node;
    return true;
}

bool keys_read_REALS(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    if (node->kind != YAML_SEQUENCE) return yaml_expected(node, reader->diag, "a list of numbers");
    Reals reals = {node->count, ARENA_ARRAY(reader->arena, double, (size_t)node->count + 1)};
    bool ok = true;
    for (const YamlNode *child = node->first; child; child = child->next)
        ok &= yaml_read_real(child, reader->diag, key->least, key->most, &reals.at[child->index]);
    *(Reals *)out = reals;
    return ok;
}

bool keys_read_INTS(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    if (node->kind != YAML_SEQUENCE) return yaml_expected(node, reader->diag, "a list of integers");
    Ints ints = {node->count, ARENA_ARRAY(reader->arena, int64_t, (size_t)node->count + 1)};
    bool ok = true;
    for (const YamlNode *child = node->first; child; child = child->next)
        ok &= keys_read_INT(reader, child, key, &ints.at[child->index]);
    *(Ints *)out = ints;
    return ok;
}
