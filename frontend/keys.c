/* keys.c - the tables of model.def, and the one loop that reads them all. */
#include "frontend/keys.h"

#include "frontend/spelling.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/* ---- tables ---- */

enum { OPTIONAL = false, REQUIRED = true };

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
#include "frontend/model.def"
};
static const KeyInfo stream_keys[] = {
#define STREAM(key, kind, need, least, most, initial, help)                                        \
    ROW(StreamKeys, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo embed_keys[] = {
#define EMBED(key, kind, need, least, most, initial, help)                                         \
    ROW(Embed, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo learned_keys[] = {
#define LEARNED(key, kind, need, least, most, initial, help)                                       \
    ROW(LearnedKeys, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo block_keys[] = {
#define BLOCK(key, kind, need, least, most, initial, help)                                         \
    ROW(Block, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo parallel_keys[] = {
#define PARALLEL(key, kind, need, least, most, initial, help)                                      \
    ROW(Group, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo branch_keys[] = {
#define BRANCH(key, kind, need, least, most, initial, help)                                        \
    ROW(Branch, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo attention_keys[] = {
#define ATTENTION(key, kind, need, least, most, initial, help)                                     \
    ROW(Attention, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo attention_bias_keys[] = {
#define ATTENTION_BIAS(key, kind, need, least, most, initial, help)                                \
    ROW(AttentionBias, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo rope_keys[] = {
#define ROPE(key, kind, need, least, most, initial, help)                                          \
    ROW(Rope, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo scaling_keys[] = {
#define SCALING(key, kind, need, least, most, initial, help)                                       \
    ROW(Scaling, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo mlp_keys[] = {
#define MLP(key, kind, need, least, most, initial, help)                                           \
    ROW(Mlp, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo mlp_bias_keys[] = {
#define MLP_BIAS(key, kind, need, least, most, initial, help)                                      \
    ROW(MlpBias, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo experts_keys[] = {
#define EXPERTS(key, kind, need, least, most, initial, help)                                       \
    ROW(Experts, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo norm_keys[] = {
#define NORM(key, kind, need, least, most, initial, help)                                          \
    ROW(Norm, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo qk_norm_keys[] = {
#define NORM(key, kind, need, least, most, initial, help)                                          \
    ROW(Norm, key, kind, need, least, most, help)
#define QK_NORM(key, kind, need, least, most, initial, help)                                       \
    ROW(Norm, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo write_keys[] = {
#define WRITE(key, kind, need, least, most, initial, help)                                         \
    ROW(Write, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo head_keys[] = {
#define HEAD(key, kind, need, least, most, initial, help)                                          \
    ROW(Head, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo weights_keys[] = {
#define WEIGHTS(key, kind, need, least, most, initial, help)                                       \
    ROW(WeightsSpec, key, kind, need, least, most, help)
#include "frontend/model.def"
};
static const KeyInfo tokenizer_keys[] = {
#define TOKENIZER(key, kind, need, least, most, initial, help)                                     \
    ROW(TokenizerKeys, key, kind, need, least, most, help)
#include "frontend/model.def"
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
const Section keys_rope = SECTION(rope, NULL);
const Section keys_scaling = SECTION(scaling, NULL);
const Section keys_mlp = SECTION(mlp, &keys_branch);
const Section keys_mlp_bias = SECTION(mlp_bias, NULL);
const Section keys_experts = SECTION(experts, NULL);
const Section keys_norm = SECTION(norm, NULL);
const Section keys_qk_norm = SECTION(qk_norm, NULL);
const Section keys_write = SECTION(write, NULL);
const Section keys_head = SECTION(head, NULL);
const Section keys_weights = SECTION(weights, NULL);
const Section keys_tokenizer = SECTION(tokenizer, NULL);

static const KeyInfo *find_key(const Section *section, const char *name) {
    for (int i = 0; i < section->count; i++)
        if (strcmp(section->key[i].name, name) == 0) return &section->key[i];
    return NULL;
}

bool keys_is_inherited(const Section *section, const char *name) {
    const KeyInfo *key = find_key(section, name);
    return key && key->read != keys_read_NODE;
}

const char *keys_list(const Section *section, Arena *arena) {
    const char *list = section->key[0].name;
    for (int i = 1; i < section->count; i++)
        list = arena_printf(arena, "%s, %s", list, section->key[i].name);
    return list;
}

/* ---- reading ---- */

enum { MOST_KEYS = 32 };

static bool report_unknown(Reader *reader, const YamlNode *node, const Section *section) {
    const char *names[MOST_KEYS];
    for (int i = 0; i < section->count; i++) names[i] = section->key[i].name;
    yaml_key_error(node, reader->diag, "unknown key");
    if (section->around && find_key(section->around, node->key))
        return diag_hint(reader->diag, "'%s' stands beside '%s', not inside", node->key,
                         node->parent->key ? node->parent->key : "it");
    const char *nearest = spelling_nearest(node->key, names, section->count);
    if (nearest) return diag_hint(reader->diag, "did you mean '%s'?", nearest);
    return diag_hint(reader->diag, "the keys here are %s", keys_list(section, reader->diag->arena));
}

/* Errors past the most that a Diag keeps are not worth their hints. */
static bool check_known(Reader *reader, const YamlNode *mapping, const Section *section) {
    bool ok = true;
    for (const YamlNode *child = mapping->first; child; child = child->next) {
        if (find_key(section, child->key)) continue;
        ok = report_unknown(reader, child, section);
        if (reader->diag->errors >= DIAG_MAX_ERRORS) return false;
    }
    return ok;
}

static const YamlNode *find_value(const Place *place, const KeyInfo *key) {
    if (key->read == keys_read_NODE) return yaml_find(place->mapping, key->name);
    const YamlNode *list = yaml_find(place->pattern, key->name);
    if (list) return yaml_element(list, place->layer % list->count);
    const YamlNode *value = yaml_find(place->mapping, key->name);
    return value ? value : yaml_find(place->defaults, key->name);
}

static bool read_key(Reader *reader, const Place *place, const KeyInfo *key, void *out) {
    const YamlNode *value = find_value(place, key);
    if (!value) {
        if (!key->is_required || place->is_partial) return true;
        yaml_key_error(place->mapping, reader->diag, "missing key '%s'", key->name);
        return diag_hint(reader->diag, "%s: %s", key->name, key->help);
    }
    *(Loc *)(void *)((char *)out + key->loc_offset) = value->loc;
    return key->read(reader, value, key, (char *)out + key->offset);
}

bool keys_read(Reader *reader, const Place *place, const Section *section, void *out) {
    const YamlNode *mapping = place->mapping;
    if (mapping->kind != YAML_MAPPING) {
        yaml_expected(mapping, reader->diag, "a mapping");
        return diag_hint(reader->diag, "the keys here are %s",
                         keys_list(section, reader->diag->arena));
    }
    bool ok = check_known(reader, mapping, section);
    for (int i = 0; i < section->count; i++) ok &= read_key(reader, place, &section->key[i], out);
    return ok;
}

bool keys_read_mapping(Reader *reader, const YamlNode *mapping, const Section *section, void *out) {
    return keys_read(reader, &(Place){.mapping = mapping}, section, out);
}

/* ---- kinds that are one value ---- */

bool keys_read_INT(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    return yaml_read_integer(node, reader->diag, (int64_t)key->least, (int64_t)key->most, out);
}

bool keys_read_INT_OR_NONE(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    if (yaml_is_word(node, "none")) {
        *(int64_t *)out = 0;
        return true;
    }
    if (keys_read_INT(reader, node, key, out)) return true;
    return diag_hint(reader->diag, "or 'none'");
}

bool keys_read_REAL(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    return yaml_read_real(node, reader->diag, key->least, key->most, out);
}

bool keys_read_REAL_OR_NONE(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    if (yaml_is_word(node, "none")) {
        *(double *)out = 0;
        return true;
    }
    if (keys_read_REAL(reader, node, key, out)) return true;
    return diag_hint(reader->diag, "or 'none'");
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
    if (node->kind != YAML_SCALAR || !is_name(node->text))
        return yaml_expected(node, reader->diag,
                             "a name of up to 100 letters, digits, '.', '_' and '-' that begins "
                             "with a letter or digit");
    *(const char **)out = node->text;
    return true;
}

bool keys_read_NODE(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    (void)reader;
    (void)key;
    *(const YamlNode **)out = node;
    return true;
}

bool keys_read_REALS(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    if (node->kind != YAML_SEQUENCE) return yaml_expected(node, reader->diag, "a list of numbers");
    Reals reals = {ARENA_ARRAY(reader->arena, double, (size_t)node->count + 1), node->count};
    bool ok = true;
    for (const YamlNode *child = node->first; child; child = child->next)
        ok &= yaml_read_real(child, reader->diag, key->least, key->most, &reals.at[child->index]);
    *(Reals *)out = reals;
    return ok;
}
