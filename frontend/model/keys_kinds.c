/* keys_kinds.c - kinds of values that are a word, a section, or a choice of both. */
#include "frontend/model/foreign_names.h"
#include "frontend/model/keys.h"

#include "ir/spelling.h"

#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- words ---- */

/* Words of a kind, of which the first `lowered` are offered to who writes another one. */
typedef struct {
    ReadKind *kind;
    const char *const *word;
    int count, lowered;
} Words;

/* A word that is known elsewhere, or here but for its case. */
static bool hint_word(Reader *reader, const YamlNode *node, const Words *words) {
    if (node->kind != YAML_SCALAR) return false;
    const char *meant = foreign_names_word(words->kind, node->text);
    for (int i = 0; i < words->lowered && !meant; i++)
        if (foreign_names_match(words->word[i], node->text)) meant = words->word[i];
    return meant ? diag_hint(reader->diag, "did you mean '%s'?", meant) : false;
}

static bool read_word(Reader *reader, const YamlNode *node, const Words *words, int *out) {
    return yaml_read_word(node, reader->diag, words->word, words->count, words->lowered, out) ||
           hint_word(reader, node, words);
}

bool keys_read_OVER(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const char *const words[] = {"head", "width"};
    static const Words both = {keys_read_OVER, words, COUNT(words), COUNT(words)};
    int word = 0;
    (void)key;
    if (!read_word(reader, node, &both, &word)) return false;
    *(NormOver *)out = (NormOver)word;
    return true;
}

static const char *const norm_words[] = {"none", "rms", "layer", "l2"};
static const NormKind norm_kinds[] = {NORM_none, NORM_rms, NORM_layer, NORM_l2};

/* The word `none` is no kind inside a mapping: the mapping would say how nothing is done. */
bool keys_read_NORM_KIND(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const Words kinds = {keys_read_NORM_KIND, norm_words + 1, COUNT(norm_words) - 1,
                                COUNT(norm_words) - 1};
    int word = 0;
    (void)key;
    if (!read_word(reader, node, &kinds, &word)) return false;
    *(NormKind *)out = norm_kinds[word + 1];
    return true;
}

bool keys_read_ROPE_STYLE(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const char *const words[] = {"half", "interleaved"};
    static const RopeStyle styles[] = {ROPE_half, ROPE_interleaved};
    static const Words all = {keys_read_ROPE_STYLE, words, COUNT(words), COUNT(words)};
    int word = 0;
    (void)key;
    if (!read_word(reader, node, &all, &word)) return false;
    *(RopeStyle *)out = styles[word];
    return true;
}

bool keys_read_FORMAT(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const char *const words[] = {"f32", "bf16", "q8", "q4", "stored"};
    static const ModelFORMAT types[] = {
        {FORMAT_f32, false}, {FORMAT_bf16, false}, {FORMAT_q8, false},
        {FORMAT_q4, false},  {FORMAT_f32, true},
    };
    static const Words all = {keys_read_FORMAT, words, COUNT(words), COUNT(words)};
    int word = 0;
    (void)key;
    if (!read_word(reader, node, &all, &word)) return false;
    *(ModelFORMAT *)out = types[word];
    return true;
}

static const char *const scaling_words[] = {
#define SCALING_WORD(word) #word,
#include "frontend/model/model.def"
};

bool keys_read_SCALING_KIND(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const Words kinds = {keys_read_SCALING_KIND, scaling_words + 1, COUNT(scaling_words) - 1,
                                COUNT(scaling_words) - 1};
    int word = 0;
    (void)key;
    if (!read_word(reader, node, &kinds, &word)) return false;
    *(RopeScalingKind *)out = (RopeScalingKind)(word + 1);
    return true;
}

bool keys_read_ACTIVATION(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const char *const words[] = {
#define ACTIVATION_WORD(word, lowered) #word,
#include "frontend/model/model.def"
    };
    enum {
        LOWERED = 0
#define ACTIVATION_WORD(word, lowered) +((int)(lowered) != NOT_LOWERED)
#include "frontend/model/model.def"
    };
    static const Words all = {keys_read_ACTIVATION, words, COUNT(words), LOWERED};
    int word = 0;
    (void)key;
    if (!read_word(reader, node, &all, &word)) return false;
    *(ActivationKind *)out = (ActivationKind)word;
    return true;
}

bool keys_read_WRITE_SCALE(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    WriteScale *scale = out;
    scale->value = 1;
    scale->kind = yaml_is_word(node, "vector") ? WRITE_SCALE_vector : WRITE_SCALE_learned;
    if (yaml_is_word(node, "vector") || yaml_is_word(node, "learned")) return true;
    scale->kind = WRITE_SCALE_number;
    if (keys_read_REAL(reader, node, key, &scale->value)) return true;
    return diag_hint(reader->diag, "or 'learned' or 'vector'");
}

bool keys_read_TOKENIZER(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    (void)key;
    if (keys_is_none(node) || yaml_is_word(node, "bytes")) {
        *(Tokenizer *)out = keys_is_none(node) ? TOKENIZER_none : TOKENIZER_bytes;
        return true;
    }
    if (node->kind != YAML_MAPPING)
        return yaml_expected(node, reader->diag, "'none', 'bytes' or {file: tokenizer.json}");
    TokenizerKeys keys = {0};
    if (!keys_read_mapping(reader, node, &keys_tokenizer, &keys)) return false;
    *(Tokenizer *)out = TOKENIZER_file;
    return true;
}

bool keys_read_POSITIONS(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const char *const words[] = {"none", "learned", "sinusoidal"};
    static const Words all = {keys_read_POSITIONS, words, COUNT(words), COUNT(words)};
    Positions positions = {0};
    int word = yaml_is_null(node) ? POSITIONS_none : POSITIONS_learned;
    (void)key;
    if (node->kind == YAML_MAPPING) {
        const YamlNode *learned = yaml_find(node, "learned");
        LearnedKeys keys = {0};
        if (!learned || node->count != 1)
            return yaml_expected(node, reader->diag,
                                 "'none', 'learned', 'sinusoidal' or {learned: {offset: 2}}");
        if (!keys_read_mapping(reader, learned, &keys_learned, &keys)) return false;
        positions.offset = keys.offset;
    } else if (!yaml_is_null(node) && !read_word(reader, node, &all, &word)) {
        return false;
    }
    positions.kind = (PositionsKind)word;
    *(Positions *)out = positions;
    return true;
}

/* ---- norms ---- */

static bool expect_mapping(Reader *reader, const YamlNode *node, const char *others,
                           const Section *section) {
    const char *keys = keys_list(section, reader->diag->arena);
    return yaml_expected(node, reader->diag,
                         arena_printf(reader->diag->arena, "%s or a mapping {%s}", others, keys));
}

/* A word alone is the kind of a norm that is plain otherwise. */
static bool read_norm_word(Reader *reader, const YamlNode *node, const Section *section,
                           NormKind *kind) {
    static const Words all = {keys_read_NORM_KIND, norm_words, COUNT(norm_words),
                              COUNT(norm_words)};
    for (int i = 0; i < COUNT(norm_words); i++) {
        if (!yaml_is_word(node, norm_words[i]) && (i || !yaml_is_null(node))) continue;
        *kind = norm_kinds[i];
        return true;
    }
    expect_mapping(reader, node, "none, rms, layer, l2", section);
    const char *nearest = node->kind == YAML_SCALAR
                              ? spelling_nearest(node->text, norm_words, COUNT(norm_words))
                              : NULL;
    if (nearest) diag_hint(reader->diag, "did you mean '%s'?", nearest);
    return hint_word(reader, node, &all);
}

static bool read_norm(Reader *reader, const YamlNode *node, const Section *section, Norm *norm) {
    static const Norm initial = {
#define NORM(key, kind, need, least, most, initial, help)    .key = initial,
#define QK_NORM(key, kind, need, least, most, initial, help) .key = initial,
#include "frontend/model/model.def"
    };
    *norm = initial;
    if (!(node->kind == YAML_MAPPING ? keys_read_mapping(reader, node, section, norm)
                                     : read_norm_word(reader, node, section, &norm->kind)))
        return false;
    if (!norm->bias_loc.source) norm->bias = norm->kind == NORM_layer;
    if (norm->gain || !norm->gain_offset) return true;
    yaml_error_at(node, norm->gain_offset_loc, reader->diag, "gain_offset 1 without a gain");
    return diag_hint(reader->diag, "leave out 'gain_offset', or 'gain: false'");
}

bool keys_read_NORM(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    (void)key;
    return read_norm(reader, node, &keys_norm, out);
}

bool keys_read_QK_NORM(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    (void)key;
    return read_norm(reader, node, &keys_qk_norm, out);
}

/* ---- parts of a branch ---- */

bool keys_read_WRITE(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const Write initial = WRITE_ADD;
    Write *write = out;
    (void)key;
    *write = initial;
    if (yaml_is_word(node, "add")) return true;
    write->is_gated = yaml_is_word(node, "gated");
    if (write->is_gated) return true;
    if (node->kind != YAML_MAPPING) {
        expect_mapping(reader, node, "'add', 'gated'", &keys_write);
        if (!yaml_is_word(node, "none")) return false;
        return diag_hint(reader->diag, "say 'skip: false' for a branch that replaces the stream");
    }
    if (!keys_read_mapping(reader, node, &keys_write, write)) return false;
    write->is_gated = write->gated;
    const Loc factor = write->carry_loc.source ? write->carry_loc : write->scale_loc;
    if (!write->is_gated || !factor.source) return true;
    return yaml_error_at(node, factor, reader->diag,
                         "a gated write has neither carry nor scale: the gate is both");
}

static bool need_key(Reader *reader, const YamlNode *node, Loc given, const char *name) {
    if (given.source) return true;
    return yaml_key_error(node, reader->diag, "missing key '%s', which this kind needs", name);
}

static bool check_less(Reader *reader, const YamlNode *node, const char *low_name, double low,
                       const char *high_name, double high) {
    if (low < high) return true;
    return yaml_error(node, reader->diag, "'%s' must be less than '%s': they are %g and %g",
                      low_name, high_name, low, high);
}

static bool check_mscale(Reader *reader, const YamlNode *node, const Scaling *scaling) {
    if ((scaling->mscale > 0) == (scaling->mscale_all_dim > 0)) return true;
    const bool has_one = scaling->mscale > 0;
    yaml_error_at(node, has_one ? scaling->mscale_loc : scaling->mscale_all_dim_loc, reader->diag,
                  "'mscale' and 'mscale_all_dim' stand together: the second divides the first");
    return diag_hint(reader->diag, "say what comes out of them as 'attention_factor'");
}

static bool check_scaling(Reader *reader, const YamlNode *node, const Scaling *scaling) {
    const RopeScalingKind kind = scaling->kind;
    bool ok = true;
    if (kind == ROPE_SCALING_default) return true;
    if (kind != ROPE_SCALING_longrope) ok &= need_key(reader, node, scaling->factor_loc, "factor");
    if (kind != ROPE_SCALING_linear)
        ok &= need_key(reader, node, scaling->original_loc, "original");
    if (kind == ROPE_SCALING_longrope) {
        ok &= need_key(reader, node, scaling->short_factor_loc, "short");
        ok &= need_key(reader, node, scaling->long_factor_loc, "long");
    }
    if (kind == ROPE_SCALING_llama3)
        ok &= check_less(reader, node, "low", scaling->low, "high", scaling->high);
    if (kind == ROPE_SCALING_yarn)
        ok &= check_less(reader, node, "beta_slow", scaling->beta_slow, "beta_fast",
                         scaling->beta_fast) &&
              check_mscale(reader, node, scaling);
    return ok;
}

/* The kind that is the only key of a mapping, as in {linear: 2} and {llama3: {factor: 8, ...}};
 * ROPE_SCALING_none: no such mapping. */
static RopeScalingKind find_scaling_kind(const YamlNode *node) {
    for (int i = ROPE_SCALING_none + 1; i < COUNT(scaling_words); i++)
        if (node->count == 1 && strcmp(node->first->key, scaling_words[i]) == 0)
            return (RopeScalingKind)i;
    return ROPE_SCALING_none;
}

/* `node` is what stands under its kind: a factor alone, or all keys but the kind. */
static bool read_scaling_of_kind(Reader *reader, const YamlNode *node, RopeScalingKind kind,
                                 Scaling *scaling) {
    const Place place = {.mapping = node, .is_partial = true};
    const bool ok = node->kind == YAML_SCALAR
                        ? keys_read_value(reader, node, &keys_scaling, "factor", scaling)
                        : keys_read(reader, &place, &keys_scaling, scaling);
    if (ok && scaling->kind_loc.source) {
        yaml_error_at(node, scaling->kind_loc, reader->diag, "the kind is given already");
        diag_note(reader->diag, node->key_loc, "it is given here");
        return false;
    }
    scaling->kind = kind;
    scaling->kind_loc = node->key_loc;
    return ok && check_scaling(reader, node, scaling);
}

bool keys_read_SCALING(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const Scaling initial = {
#define SCALING(key, kind, need, least, most, initial, help) .key = initial,
#include "frontend/model/model.def"
    };
    Scaling *scaling = out;
    (void)key;
    *scaling = initial;
    if (keys_is_none(node)) return true;
    if (node->kind != YAML_MAPPING) {
        expect_mapping(reader, node, "'none'", &keys_scaling);
        return diag_hint(reader->diag,
                         "as in {linear: 2} and {llama3: {factor: 8, original: 8192}}");
    }
    const RopeScalingKind kind = find_scaling_kind(node);
    if (kind != ROPE_SCALING_none) return read_scaling_of_kind(reader, node->first, kind, scaling);
    return keys_read_mapping(reader, node, &keys_scaling, scaling) &&
           check_scaling(reader, node, scaling);
}

bool keys_read_ROPE(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const Rope initial = {
#define ROPE(key, kind, need, least, most, initial, help) .key = initial,
#include "frontend/model/model.def"
    };
    Rope *rope = out;
    (void)key;
    *rope = initial;
    if (keys_is_none(node) || yaml_is_bool(node, &rope->is_used)) return true;
    rope->is_used = true;
    if (node->kind != YAML_MAPPING)
        return expect_mapping(reader, node, "true, false, 'none'", &keys_rope);
    if (!keys_read_mapping(reader, node, &keys_rope, rope)) return false;
    if (rope->dims % 2 == 0) return true;
    return yaml_error_at(node, rope->dims_loc, reader->diag,
                         "dims must be even, since columns turn in pairs: it is %lld",
                         (long long)rope->dims);
}

bool keys_read_QUERY_SCALE(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const QueryScale initial = {
#define QUERY_SCALE(key, kind, need, least, most, initial, help) .key = initial,
#include "frontend/model/model.def"
    };
    QueryScale *scale = out;
    (void)key;
    *scale = initial;
    if (keys_is_none(node)) return true;
    scale->is_used = true;
    if (node->kind != YAML_MAPPING)
        return expect_mapping(reader, node, "'none'", &keys_query_scale);
    return keys_read_mapping(reader, node, &keys_query_scale, scale);
}

bool keys_read_ATTENTION_BIAS(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    AttentionBias *bias = out;
    bool all = false;
    (void)key;
    if (node->kind == YAML_MAPPING)
        return keys_read_mapping(reader, node, &keys_attention_bias, bias);
    if (!yaml_read_bool(node, reader->diag, &all))
        return diag_hint(reader->diag, "or a mapping {q, k, v, o}");
    bias->q = bias->k = bias->v = bias->o = all;
    return true;
}

bool keys_read_MLP_BIAS(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    MlpBias *bias = out;
    bool all = false;
    (void)key;
    if (node->kind == YAML_MAPPING) return keys_read_mapping(reader, node, &keys_mlp_bias, bias);
    if (!yaml_read_bool(node, reader->diag, &all))
        return diag_hint(reader->diag, "or a mapping {in, out}");
    bias->in = bias->out = all;
    return true;
}

bool keys_read_EXPERTS(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    Experts *experts = out;
    (void)key;
    if (keys_is_none(node)) return true;
    if (node->kind != YAML_MAPPING) return expect_mapping(reader, node, "'none'", &keys_experts);
    if (!keys_read_mapping(reader, node, &keys_experts, experts)) return false;
    if (experts->used <= experts->count) return true;
    return yaml_error_at(node, experts->used_loc, reader->diag,
                         "a token cannot use %lld of %lld experts", (long long)experts->used,
                         (long long)experts->count);
}

/* ---- parts of a model ---- */

bool keys_read_EMBED(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const Embed initial = {
#define EMBED(key, kind, need, least, most, initial, help) .key = initial,
#include "frontend/model/model.def"
    };
    (void)key;
    *(Embed *)out = initial;
    return keys_read_mapping(reader, node, &keys_embed, out);
}

bool keys_read_HEAD_OUTPUT(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const char *const words[] = {"logits", "hidden"};
    static const Words all = {keys_read_HEAD_OUTPUT, words, COUNT(words), COUNT(words)};
    int word = 0;
    (void)key;
    if (!read_word(reader, node, &all, &word)) return false;
    *(HeadOutput *)out = (HeadOutput)word;
    return true;
}

/* Hidden values have nothing that logits are made with. */
static bool check_hidden(Reader *reader, const YamlNode *node, const Head *head) {
    const Loc given[] = {head->tied_loc, head->bias_loc, head->scale_loc, head->softcap_loc,
                         head->vocab_loc};
    static const char *const names[] = {"tied", "bias", "scale", "softcap", "vocab"};
    bool ok = true;
    for (int i = 0; i < COUNT(given); i++)
        if (given[i].source)
            ok = yaml_error_at(node, given[i], reader->diag,
                               "'%s' is of logits, and the output is hidden values", names[i]);
    return ok;
}

bool keys_read_HEAD(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const Head initial = {
#define HEAD(key, kind, need, least, most, initial, help) .key = initial,
#include "frontend/model/model.def"
    };
    Head *head = out;
    (void)key;
    *head = initial;
    if (keys_is_none(node)) {
        head->output = HEAD_hidden;
        return true;
    }
    if (!keys_read_mapping(reader, node, &keys_head, head)) return false;
    if (head->output == HEAD_hidden) return check_hidden(reader, node, head);
    if (!head->tied || !head->vocab_loc.source) return true;
    yaml_error_at(node, head->vocab_loc, reader->diag,
                  "a head with a vocab of its own is not tied to the embedding");
    return diag_hint(reader->diag, "leave 'vocab' out, or 'tied'");
}

bool keys_read_POOLING_KIND(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const char *const words[] = {"mean", "cls", "last"};
    static const Words all = {keys_read_POOLING_KIND, words, COUNT(words), COUNT(words)};
    int word = 0;
    (void)key;
    if (!read_word(reader, node, &all, &word)) return false;
    *(PoolingKind *)out = (PoolingKind)(word + POOLING_mean);
    return true;
}

/* A word alone is the kind of a pooling that does nothing else. */
bool keys_read_POOLING(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    static const Pooling initial = {
#define POOLING(key, kind, need, least, most, initial, help) .key = initial,
#include "frontend/model/model.def"
    };
    Pooling *pooling = out;
    *pooling = initial;
    if (keys_is_none(node)) return true;
    if (node->kind == YAML_MAPPING) return keys_read_mapping(reader, node, &keys_pooling, pooling);
    if (node->kind != YAML_SCALAR)
        return expect_mapping(reader, node, "none, mean, cls, last", &keys_pooling);
    return keys_read_POOLING_KIND(reader, node, key, &pooling->kind);
}
