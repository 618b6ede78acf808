#include "frontend/model/model_branch.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MAX_HEAD_COLUMNS = 1 << 20, MAX_PARALLEL = 64 };

/* ---- attention ---- */

static bool check_heads(Reader *reader, const YamlNode *node, Attention *attention) {
    Diag *diag = reader->diag;
    const int64_t heads = attention->heads;
    if (!attention->kv_heads) attention->kv_heads = heads;
    if (heads % attention->kv_heads) {
        yaml_error_at(node, attention->kv_heads_loc, diag,
                      "heads must be a multiple of kv_heads: they are %" PRId64 " and %" PRId64,
                      heads, attention->kv_heads);
        return diag_hint(diag, "equally many query heads share each head of keys and values");
    }
    if (!attention->head_dim && reader->width % heads) {
        yaml_error_at(node, attention->heads_loc, diag,
                      "heads must divide the stream's width: they are %" PRId64 " and %" PRId64,
                      heads, reader->width);
        return diag_hint(diag, "or say how wide a head is with 'head_dim'");
    }
    if (!attention->head_dim) attention->head_dim = reader->width / heads;
    if (!attention->v_head_dim) attention->v_head_dim = attention->head_dim;
    const int64_t wider =
        attention->head_dim > attention->v_head_dim ? attention->head_dim : attention->v_head_dim;
    if (heads * wider <= MAX_HEAD_COLUMNS) return true;
    return yaml_error_at(node, attention->heads_loc, diag,
                         "%" PRId64 " heads of %" PRId64 " columns: at most %d columns in all",
                         heads, wider, MAX_HEAD_COLUMNS);
}

/* Scalings that depend on how many pairs turn. */
static bool check_pairs(Reader *reader, const YamlNode *node, const Rope *rope) {
    const Scaling *scaling = &rope->scaling;
    const int64_t pairs = rope->dims / 2, few = scaling->short_factor.count,
                  many = scaling->long_factor.count;
    if (scaling->kind == ROPE_SCALING_longrope && (few != pairs || many != pairs))
        return yaml_error_at(node, rope->scaling_loc, reader->diag,
                             "longrope needs a factor for each of %" PRId64 " pairs: 'short' has "
                             "%" PRId64 " and 'long' has %" PRId64,
                             pairs, few, many);
    if (scaling->kind == ROPE_SCALING_dynamic && pairs == 1)
        return yaml_error_at(node, rope->scaling_loc, reader->diag,
                             "dynamic scaling needs two pairs that turn, or more");
    return true;
}

static bool check_rope(Reader *reader, const YamlNode *node, Attention *attention) {
    Rope *rope = &attention->rope;
    const Loc loc = rope->dims_loc.source ? rope->dims_loc : attention->rope_loc;
    if (attention->alibi) {
        yaml_error_at(node, attention->alibi_loc, reader->diag,
                      "both rope and alibi: positions come in one way");
        diag_hint(reader->diag, "say 'rope: none' or 'alibi: false'");
        diag_note(reader->diag, attention->rope_loc, "rope is given here");
        return false;
    }
    if (!rope->dims) rope->dims = attention->head_dim;
    if (rope->dims > attention->head_dim)
        return yaml_error_at(node, loc, reader->diag,
                             "rope cannot turn %" PRId64 " columns of heads that have %" PRId64,
                             rope->dims, attention->head_dim);
    if (rope->dims % 2) {
        yaml_error_at(node, loc, reader->diag,
                      "rope turns columns in pairs, and a head has %" PRId64, rope->dims);
        return diag_hint(reader->diag, "say how many of them turn with 'dims'");
    }
    return check_pairs(reader, node, rope);
}

static bool read_attention(Reader *reader, const Place *place, Attention *attention) {
    static const Attention initial = {
#define ATTENTION(key, kind, need, least, most, initial, help) .key = initial,
#include "frontend/model/model.def"
    };
    *attention = initial;
    attention->loc = place->mapping->key_loc;
    if (!keys_read(reader, place, &keys_attention, attention)) return false;
    if (place->is_partial || !reader->width) return true;
    if (!check_heads(reader, place->mapping, attention)) return false;
    if (!attention->scale_loc.source) attention->scale = 1 / sqrt((double)attention->head_dim);
    return !attention->rope.is_used || check_rope(reader, place->mapping, attention);
}

/* ---- mlp ---- */

static bool read_mlp(Reader *reader, const Place *place, Mlp *mlp) {
    static const Mlp initial = {
#define MLP(key, kind, need, least, most, initial, help) .key = initial,
#include "frontend/model/model.def"
    };
    *mlp = initial;
    mlp->loc = place->mapping->key_loc;
    return keys_read(reader, place, &keys_mlp, mlp);
}

/* ---- a branch ---- */

/* `skip` may stand in `write` or beside it. */
static bool check_write(Reader *reader, const YamlNode *node, Branch *branch) {
    Write *write = &branch->write;
    if (branch->skip_loc.source && write->skip_loc.source && branch->skip != write->skip) {
        yaml_error_at(node, branch->skip_loc, reader->diag,
                      "'skip' says otherwise here than in 'write'");
        diag_note(reader->diag, write->skip_loc, "the skip of the write is given here");
        return false;
    }
    if (!branch->skip) {
        write->skip = false;
        write->skip_loc = branch->skip_loc;
    }
    if (write->skip) return true;
    if (write->is_gated) {
        yaml_error_at(node, write->skip_loc, reader->diag,
                      "skip: false with a gated write, which mixes the branch with the stream");
        diag_note(reader->diag, branch->write_loc, "the write is given here");
        return false;
    }
    if (write->carry_loc.source) {
        yaml_error_at(node, write->skip_loc, reader->diag,
                      "skip: false with carry: there is no stream to multiply");
        diag_note(reader->diag, write->carry_loc, "carry is given here");
        return false;
    }
    write->carry = 0;
    return true;
}

/* The attention or mlp of a branch; null: none. */
static const YamlNode *find_work(const YamlNode *branch) {
    const YamlNode *attention = yaml_find(branch, "attention");
    return attention ? attention : yaml_find(branch, "mlp");
}

/* A key of a branch stands beside its attention or mlp, or inside, and not twice. */
static bool check_twice(Reader *reader, const YamlNode *node, const YamlNode *work) {
    bool ok = true;
    for (const YamlNode *key = work->first; key; key = key->next) {
        const YamlNode *beside = key->key ? yaml_find(node, key->key) : NULL;
        if (!beside || !keys_is_inherited(&keys_branch, key->key)) continue;
        ok = yaml_key_error(key, reader->diag, "'%s' stands beside '%s' already", key->key,
                            work->key);
        diag_hint(reader->diag, "leave one of them out");
        diag_note(reader->diag, beside->key_loc, "it is given here");
    }
    return ok;
}

static bool read_work(Reader *reader, const YamlNode *work, const Scope *scope, Branch *branch) {
    const Place place = {.pattern = scope->pattern,
                         .mapping = work,
                         .defaults = yaml_find(scope->defaults, work->key),
                         .layer = scope->layer};
    branch->loc = work->key_loc;
    branch->kind = strcmp(work->key, "attention") == 0 ? BRANCH_attention : BRANCH_mlp;
    return branch->kind == BRANCH_attention ? read_attention(reader, &place, &branch->of_attention)
                                            : read_mlp(reader, &place, &branch->of_mlp);
}

static bool read_branch(Reader *reader, const YamlNode *node, const Scope *scope, Branch *branch) {
    static const Branch initial = {
#define BRANCH(key, kind, need, least, most, initial, help) .key = initial,
#include "frontend/model/model.def"
    };
    const YamlNode *work = find_work(node);
    const Place place = {.inside = work,
                         .mapping = node,
                         .defaults_inside = work ? yaml_find(scope->defaults, work->key) : NULL,
                         .defaults = scope->defaults};
    *branch = initial;
    bool ok = keys_read(reader, &place, &keys_branch, branch);
    if (!ok && !branch->attention && !branch->mlp) return false;
    if (!work || (branch->attention && branch->mlp)) {
        yaml_error(node, reader->diag, "a branch is either an attention or an mlp, found %s",
                   work ? "both" : "none");
        return diag_hint(reader->diag, "write '- attention: {...}' or '- mlp: {...}', or "
                                       "'- parallel: [...]' for several that read the same state");
    }
    ok &= check_twice(reader, node, work);
    ok &= read_work(reader, work, scope, branch);
    return ok && check_write(reader, node, branch);
}

/* ---- a group ---- */

/* What a parallel group gives for all, no branch gives for itself or takes from the defaults. */
static bool take_shared(Reader *reader, const YamlNode *node, const char *key, Loc shared,
                        Norm *norm, Loc *loc) {
    const YamlNode *beside = yaml_find(node, key);
    const YamlNode *own = beside ? beside : yaml_find(find_work(node), key);
    if (!shared.source) return true;
    *norm = (Norm){0};
    *loc = (Loc){0};
    if (!own) return true;
    yaml_key_error(own, reader->diag, "the parallel group has a '%s' for all its branches", key);
    diag_hint(reader->diag, "give it once beside 'parallel', or once in each branch");
    diag_note(reader->diag, shared, "it is given here");
    return false;
}

/* Branches of a group read the same state and write one after the other. */
static void warn_of_order(Diag *diag, const Write *write, Loc write_loc) {
    if (!write->skip) {
        diag_warning(diag, write->skip_loc,
                     "skip: false discards what the branches before this one have written");
    } else if (write->is_gated || write->carry != 1) {
        diag_warning(diag, write->is_gated ? write_loc : write->carry_loc,
                     "what the branches before this one have written is carried like the stream");
    } else {
        return;
    }
    diag_hint(diag, "say it in the first branch of the group");
}

static bool read_parallel_branch(Reader *reader, const YamlNode *node, const Scope *scope,
                                 const Group *group, Branch *branch) {
    if (!read_branch(reader, node, scope, branch)) return false;
    bool ok = take_shared(reader, node, "norm", group->norm_loc, &branch->norm, &branch->norm_loc);
    ok &= take_shared(reader, node, "norm_stream", group->norm_stream_loc, &branch->norm_stream,
                      &branch->norm_stream_loc);
    if (node->index > 0) warn_of_order(reader->diag, &branch->write, branch->write_loc);
    return ok;
}

static bool read_parallel(Reader *reader, const YamlNode *node, const Scope *scope, Group *group) {
    bool ok = keys_read_mapping(reader, node, &keys_parallel, group);
    const YamlNode *list = group->parallel;
    group->is_parallel = true;
    group->has_shared_norm = group->norm_loc.source != NULL;
    group->loc = list->key_loc;
    if (list->kind != YAML_SEQUENCE || list->count < 1 || list->count > MAX_PARALLEL)
        return yaml_expected(
            list, reader->diag,
            arena_printf(reader->diag->arena, "a list of 1 to %d branches", MAX_PARALLEL));
    group->count = list->count;
    group->branch = ARENA_ARRAY(reader->arena, Branch, (size_t)list->count);
    for (const YamlNode *child = list->first; child; child = child->next)
        ok &= read_parallel_branch(reader, child, scope, group, &group->branch[child->index]);
    return ok;
}

bool model_read_group(Reader *reader, const YamlNode *node, const Scope *scope, Group *group) {
    if (yaml_find(node, "parallel")) return read_parallel(reader, node, scope, group);
    group->branch = ARENA_NEW(reader->arena, Branch);
    group->count = 1;
    const bool ok = read_branch(reader, node, scope, group->branch);
    group->loc = group->branch->loc;
    return ok;
}

/* ---- defaults ---- */

/* The branch's keys inside an attention or mlp of the defaults; those beside it are right. */
static bool read_inside(Reader *reader, const YamlNode *node, const YamlNode *work,
                        Branch *branch) {
    const Place place = {.inside = work, .mapping = node, .is_partial = true};
    return keys_read(reader, &place, &keys_branch, branch);
}

bool model_read_defaults(Reader *reader, const YamlNode *node) {
    Branch branch = {0};
    if (!read_inside(reader, node, NULL, &branch)) return false;
    const Place attention = {.mapping = branch.attention, .is_partial = true};
    const Place mlp = {.mapping = branch.mlp, .is_partial = true};
    bool ok = true;
    if (attention.mapping) {
        ok &= read_attention(reader, &attention, &branch.of_attention);
        ok &= read_inside(reader, node, attention.mapping, &branch);
    }
    if (mlp.mapping) {
        ok &= read_mlp(reader, &mlp, &branch.of_mlp);
        ok &= read_inside(reader, node, mlp.mapping, &branch);
    }
    return ok;
}
