#include "frontend/import/description_keys.h"

#include <math.h>
#include <string.h>

/* ---- parts ---- */

static const char *number(const Facts *facts, Axis axis, int64_t layer, Arena *arena) {
    if (!facts_has(facts, axis, layer)) return NULL;
    return value_number_text(facts_number(facts, axis, layer), arena);
}

/* "{a: 1" and "b: 2" become "{a: 1, b: 2": a mapping that is still open. */
static const char *with(const char *mapping, const char *key, const char *value, Arena *arena) {
    if (!value) return mapping;
    return arena_printf(arena, "%s%s%s: %s", mapping, strcmp(mapping, "{") == 0 ? "" : ", ", key,
                        value);
}

static const char *with_number(const char *mapping, const char *key, const Facts *facts, Axis axis,
                               int64_t layer, Arena *arena) {
    return with(mapping, key, number(facts, axis, layer, arena), arena);
}

static const char *closed(const char *mapping, Arena *arena) {
    return arena_printf(arena, "%s}", mapping);
}

static const char *with_list(const char *mapping, const char *key, const Value *list,
                             Arena *arena) {
    size_t length = sizeof "[]";
    const char **text = ARENA_ARRAY(arena, const char *, (size_t)list->count + 1);
    for (int i = 0; i < list->count; i++) {
        text[i] = value_number_text(list->item[i].number, arena);
        length += strlen(text[i]) + strlen(", ");
    }
    char *all = ARENA_ARRAY(arena, char, length), *end = all;
    *end++ = '[';
    for (int i = 0; i < list->count; i++) end += sprintf(end, "%s%s", i ? ", " : "", text[i]);
    *end = ']';
    return with(mapping, key, all, arena);
}

/* ---- norms ---- */

const char *description_norm(const Facts *facts, Arena *arena) {
    const bool has_gain = facts_is(facts, AXIS_norm_gain, 0);
    const bool has_bias = facts_is(facts, AXIS_norm_bias, 0);
    const bool is_layer = facts_is_word(facts, AXIS_norm, 0, "layer");
    const char *norm = with("{", "kind", facts_value(facts, AXIS_norm, 0)->text, arena);
    norm = with_number(norm, "eps", facts, AXIS_eps, 0, arena);
    if (!has_gain) norm = with(norm, "gain", "false", arena);
    if (has_bias != is_layer) norm = with(norm, "bias", has_bias ? "true" : "false", arena);
    if (facts_is(facts, AXIS_gain_offset, 0))
        norm = with_number(norm, "gain_offset", facts, AXIS_gain_offset, 0, arena);
    return closed(norm, arena);
}

static const char *qk_norm(const Facts *facts, int64_t layer, Arena *arena) {
    if (!facts_has(facts, AXIS_qk_norm, layer)) return NULL;
    const bool is_layer = facts_is_word(facts, AXIS_qk_norm, layer, "layer");
    const bool has_bias = facts_is(facts, AXIS_qk_bias, layer);
    const char *norm = with("{", "kind", facts_value(facts, AXIS_qk_norm, layer)->text, arena);
    norm = with_number(norm, "eps", facts, AXIS_eps, layer, arena);
    if (has_bias != is_layer) norm = with(norm, "bias", has_bias ? "true" : "false", arena);
    if (facts_is(facts, AXIS_gain_offset, layer))
        norm = with_number(norm, "gain_offset", facts, AXIS_gain_offset, layer, arena);
    if (!facts_is_word(facts, AXIS_qk_over, layer, "head"))
        norm = with(norm, "over", facts_value(facts, AXIS_qk_over, layer)->text, arena);
    if (facts_is(facts, AXIS_qk_after_rope, layer)) norm = with(norm, "after_rope", "true", arena);
    return closed(norm, arena);
}

/* ---- pooling ---- */

const char *description_pooling(const Facts *facts, Arena *arena) {
    const char *text = with("{", "kind", facts_value(facts, AXIS_pooling, 0)->text, arena);
    if (facts_has(facts, AXIS_dense, 0))
        text = with_list(text, "dense", facts_value(facts, AXIS_dense, 0), arena);
    if (facts_is(facts, AXIS_normalise, 0)) text = with(text, "normalise", "true", arena);
    return closed(text, arena);
}

/* ---- attention ---- */

static const char *heads(const Facts *facts, int64_t layer, Arena *arena) {
    return number(facts, AXIS_heads, layer, arena);
}

static const char *kv_heads(const Facts *facts, int64_t layer, Arena *arena) {
    const bool is_default =
        facts_number(facts, AXIS_kv_heads, layer) == facts_number(facts, AXIS_heads, layer);
    return is_default ? NULL : number(facts, AXIS_kv_heads, layer, arena);
}

static const char *head_dim(const Facts *facts, int64_t layer, Arena *arena) {
    const double columns =
        facts_number(facts, AXIS_head_dim, layer) * facts_number(facts, AXIS_heads, layer);
    if (columns == facts_number(facts, AXIS_width, layer)) return NULL;
    return number(facts, AXIS_head_dim, layer, arena);
}

static const char *attention_bias(const Facts *facts, int64_t layer, Arena *arena) {
    static const struct {
        Axis axis;
        const char *key;
    } part[] = {{AXIS_bias_q, "q"}, {AXIS_bias_k, "k"}, {AXIS_bias_v, "v"}, {AXIS_bias_o, "o"}};
    enum { PARTS = sizeof part / sizeof *part };
    const char *bias = "{";
    int count = 0;
    for (int i = 0; i < PARTS; i++) {
        if (!facts_is(facts, part[i].axis, layer)) continue;
        bias = with(bias, part[i].key, "true", arena);
        count++;
    }
    if (count == 0) return NULL;
    return count == PARTS ? "true" : closed(bias, arena);
}

static const char *scale(const Facts *facts, int64_t layer, Arena *arena) {
    return number(facts, AXIS_scale, layer, arena);
}

static const char *softcap(const Facts *facts, int64_t layer, Arena *arena) {
    return number(facts, AXIS_softcap, layer, arena);
}

static const char *clip(const Facts *facts, int64_t layer, Arena *arena) {
    return number(facts, AXIS_clip, layer, arena);
}

static const char *causal(const Facts *facts, int64_t layer, Arena *arena) {
    (void)arena;
    return facts_is(facts, AXIS_causal, layer) ? NULL : "false";
}

static const char *window(const Facts *facts, int64_t layer, Arena *arena) {
    return number(facts, AXIS_window, layer, arena);
}

static const char *alibi(const Facts *facts, int64_t layer, Arena *arena) {
    (void)arena;
    return facts_is(facts, AXIS_alibi, layer) ? "true" : NULL;
}

static const char *query_scale(const Facts *facts, int64_t layer, Arena *arena) {
    if (!facts_is(facts, AXIS_query_beta, layer)) return NULL;
    const char *query = with_number("{", "beta", facts, AXIS_query_beta, layer, arena);
    query = with_number(query, "original", facts, AXIS_query_original, layer, arena);
    if (facts_is(facts, AXIS_query_offset, layer))
        query = with_number(query, "offset", facts, AXIS_query_offset, layer, arena);
    return closed(query, arena);
}

/* ---- rope ---- */

/* The keys that each kind of scaling has, of those that are given. */
static const struct {
    const char *kind, *key;
    Axis axis;
} scaling_key[] = {
    {"linear", "factor", AXIS_rope_factor},
    {"dynamic", "factor", AXIS_rope_factor},
    {"dynamic", "original", AXIS_rope_original},
    {"llama3", "factor", AXIS_rope_factor},
    {"llama3", "low", AXIS_rope_low},
    {"llama3", "high", AXIS_rope_high},
    {"llama3", "original", AXIS_rope_original},
    {"yarn", "factor", AXIS_rope_factor},
    {"yarn", "original", AXIS_rope_original},
    {"yarn", "beta_fast", AXIS_rope_beta_fast},
    {"yarn", "beta_slow", AXIS_rope_beta_slow},
    {"yarn", "truncate", AXIS_rope_truncate},
    {"yarn", "attention_factor", AXIS_rope_attention_factor},
    {"yarn", "mscale", AXIS_rope_mscale},
    {"yarn", "mscale_all_dim", AXIS_rope_mscale_all_dim},
    {"longrope", "original", AXIS_rope_original},
    {"longrope", "attention_factor", AXIS_rope_attention_factor},
    {"longrope", "short", AXIS_rope_short},
    {"longrope", "long", AXIS_rope_long},
};

static const char *scaling(const Facts *facts, int64_t layer, Arena *arena) {
    const char *kind = facts_value(facts, AXIS_rope_kind, layer)->text;
    if (strcmp(kind, "default") == 0) return NULL;
    const char *mapping = with("{", "kind", kind, arena);
    for (size_t i = 0; i < sizeof scaling_key / sizeof *scaling_key; i++) {
        if (strcmp(scaling_key[i].kind, kind) != 0) continue;
        const char *key = scaling_key[i].key;
        const Value *value = facts_value(facts, scaling_key[i].axis, layer);
        if (value->kind == VALUE_LIST) mapping = with_list(mapping, key, value, arena);
        if (value->kind == VALUE_BOOL)
            mapping = with(mapping, key, value->number != 0 ? "true" : "false", arena);
        if (value->kind == VALUE_NUMBER)
            mapping = with(mapping, key, value_number_text(value->number, arena), arena);
    }
    return closed(mapping, arena);
}

static const char *rope(const Facts *facts, int64_t layer, Arena *arena) {
    if (!facts_is(facts, AXIS_rope, layer)) return NULL;
    const char *text = with_number("{", "base", facts, AXIS_rope_base, layer, arena);
    const bool has_dims =
        facts_has(facts, AXIS_rope_dims, layer) &&
        facts_number(facts, AXIS_rope_dims, layer) != facts_number(facts, AXIS_head_dim, layer);
    if (has_dims) text = with_number(text, "dims", facts, AXIS_rope_dims, layer, arena);
    if (!facts_is_word(facts, AXIS_rope_style, layer, "half"))
        text = with(text, "style", facts_value(facts, AXIS_rope_style, layer)->text, arena);
    return closed(with(text, "scaling", scaling(facts, layer, arena), arena), arena);
}

/* ---- mlp ---- */

static const char *hidden(const Facts *facts, int64_t layer, Arena *arena) {
    return number(facts, AXIS_hidden, layer, arena);
}

static const char *activation(const Facts *facts, int64_t layer, Arena *arena) {
    (void)arena;
    return facts_value(facts, AXIS_activation, layer)->text;
}

static const char *gated(const Facts *facts, int64_t layer, Arena *arena) {
    (void)arena;
    return facts_is(facts, AXIS_gated, layer) ? "true" : NULL;
}

static const char *mlp_bias(const Facts *facts, int64_t layer, Arena *arena) {
    (void)arena;
    return facts_is(facts, AXIS_mlp_bias, layer) ? "true" : NULL;
}

/* In the order that they are written in. `bias` is a key of both, so that a pattern cannot say
 * whose it is. */
const DescriptionKey description_key[] = {
    {"heads", AXIS_heads, true, true, NULL, heads},
    {"kv_heads", AXIS_kv_heads, true, false, NULL, kv_heads},
    {"head_dim", AXIS_head_dim, true, false, NULL, head_dim},
    {"bias", AXIS_bias, true, false, NULL, attention_bias},
    {"qk_norm", AXIS_qk_norm, true, true, "none", qk_norm},
    {"scale", AXIS_scale, true, true, NULL, scale},
    {"softcap", AXIS_softcap, true, true, "none", softcap},
    {"clip", AXIS_clip, true, true, "none", clip},
    {"causal", AXIS_causal, true, true, "true", causal},
    {"window", AXIS_window, true, true, "none", window},
    {"query_scale", AXIS_query_beta, true, false, NULL, query_scale},
    {"rope", AXIS_rope_base, true, true, "none", rope},
    {"alibi", AXIS_alibi, true, true, "false", alibi},
    {"hidden", AXIS_hidden, false, true, NULL, hidden},
    {"activation", AXIS_activation, false, true, NULL, activation},
    {"gated", AXIS_gated, false, true, "false", gated},
    {"bias", AXIS_mlp_bias, false, false, NULL, mlp_bias},
};
const int description_key_count = sizeof description_key / sizeof *description_key;
