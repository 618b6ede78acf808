/* keys_weights.c - where weights come from: a file and names in it, or a seed; and their types. */
#include "frontend/model/keys.h"

/* ---- names ---- */

/* `rows: [first, end]` of a tensor: first <= r < end. */
static bool read_rows(Reader *reader, const YamlNode *rows, GivenName *name) {
    const double most = 1 << 30;
    int64_t *const bounds[] = {&name->first, &name->end};
    if (rows->kind != YAML_SEQUENCE || rows->count != 2)
        return yaml_expected(rows, reader->diag, "[first, end], the end not included");
    for (const YamlNode *node = rows->first; node; node = node->next)
        if (!yaml_read_integer(node, reader->diag, 0, (int64_t)most, bounds[node->index]))
            return false;
    name->has_rows = true;
    if (name->first < name->end) return true;
    return yaml_error(rows, reader->diag, "[%lld, %lld] has no rows", (long long)name->first,
                      (long long)name->end);
}

static bool read_name(Reader *reader, const YamlNode *node, GivenName *name) {
    TensorKeys keys = {0};
    *name = (GivenName){.param = node->key, .loc = node->loc};
    if (node->kind != YAML_MAPPING) {
        if (yaml_read_text(node, reader->diag, &name->tensor)) return true;
        return diag_hint(reader->diag, "or {tensor: NAME, rows: [first, end], transposed: true}");
    }
    if (!keys_read_mapping(reader, node, &keys_tensor, &keys)) return false;
    name->tensor = keys.tensor;
    name->file = keys.file;
    name->is_transposed = keys.transposed;
    return !keys.rows || read_rows(reader, keys.rows, name);
}

static bool read_names(Reader *reader, const YamlNode *names, WeightsSpec *spec) {
    bool ok = true;
    if (!names) return true;
    if (names->kind == YAML_SCALAR && *names->text) {
        spec->names_table = names->text;
        return true;
    }
    if (names->kind != YAML_MAPPING || !names->count)
        return yaml_expected(names, reader->diag, "the name of a table, or a mapping of names");
    spec->given = ARENA_ARRAY(reader->arena, GivenName, (size_t)names->count);
    for (const YamlNode *node = names->first; node; node = node->next)
        ok &= read_name(reader, node, &spec->given[spec->given_count++]);
    return ok;
}

static bool read_beside(Reader *reader, const YamlNode *beside, WeightsSpec *spec) {
    bool ok = true;
    if (!beside) return true;
    if (beside->kind != YAML_MAPPING)
        return yaml_expected(beside, reader->diag, "a mapping of parameters to {file, tensor}");
    spec->others = ARENA_ARRAY(reader->arena, GivenName, (size_t)beside->count + 1);
    for (const YamlNode *node = beside->first; node; node = node->next) {
        GivenName *name = &spec->others[spec->other_count++];
        if (!read_name(reader, node, name)) {
            ok = false;
        } else if (!name->file) {
            yaml_key_error(node, reader->diag, "missing key 'file'");
            ok = diag_hint(reader->diag, "{file: model.safetensors, tensor: NAME}");
        }
    }
    return ok;
}

/* ---- types ---- */

static bool read_types(Reader *reader, const YamlNode *types, WeightsSpec *spec) {
    if (!types) return true;
    if (types->kind != YAML_MAPPING)
        return yaml_expected(types, reader->diag, "a mapping of patterns of names to types");
    bool ok = true;
    spec->rule = ARENA_ARRAY(reader->arena, FormatRule, (size_t)types->count + 1);
    for (const YamlNode *node = types->first; node; node = node->next) {
        FormatRule *rule = &spec->rule[spec->rule_count++];
        *rule = (FormatRule){.pattern = node->key, .loc = node->loc};
        ok &= keys_read_FORMAT(reader, node, NULL, &rule->type);
    }
    return ok;
}

static bool check_no_stored(Reader *reader, const YamlNode *node, const WeightsSpec *spec) {
    const Loc *stored = spec->type.is_stored ? &spec->type_loc : NULL;
    for (int i = 0; i < spec->rule_count && !stored; i++)
        if (spec->rule[i].type.is_stored) stored = &spec->rule[i].loc;
    if (!stored) return true;
    return yaml_error_at(node, *stored, reader->diag, "synthetic weights are stored in no type");
}

bool keys_read_WEIGHTS(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out) {
    WeightsSpec *spec = out;
    (void)key;
    if (!keys_read_mapping(reader, node, &keys_weights, spec)) return false;
    spec->loc = node->loc;
    if (!read_types(reader, spec->types, spec)) return false;
    spec->is_synthetic = spec->synthetic_loc.source != NULL;
    if (spec->is_synthetic && spec->file)
        return yaml_error_at(node, spec->synthetic_loc, reader->diag,
                             "weights come from a file or from a seed, not from both");
    if (spec->is_synthetic && (spec->names || spec->prefix || spec->beside))
        return yaml_error_at(node,
                             spec->names    ? spec->names_loc
                             : spec->prefix ? spec->prefix_loc
                                            : spec->beside_loc,
                             reader->diag, "synthetic weights have no tensor names to map");
    if (spec->is_synthetic && !check_no_stored(reader, node, spec)) return false;
    if (!spec->is_synthetic && !spec->file) {
        yaml_key_error(node, reader->diag, "missing key 'file' or 'synthetic'");
        return diag_hint(reader->diag, "{file: model.safetensors, names: llama}, or {synthetic: 1} "
                                       "for made-up weights");
    }
    if (spec->is_synthetic) return true;
    const bool is_good = read_names(reader, spec->names, spec);
    return read_beside(reader, spec->beside, spec) && is_good;
}
