#include "frontend/import/facts.h"

#include <math.h>
#include <string.h>

enum { MAX_LAYERS = 10000, MAX_SHOWN_KEYS = 8 };

typedef enum { KIND_INT, KIND_COUNT, KIND_REAL, KIND_BOOL, KIND_WORD, KIND_LIST, KIND_ANY } Kind;
typedef enum { NEED_OPTIONAL, NEED_REQUIRED } Need;

static const struct {
    Kind kind;
    Need need;
} axes[AXIS_COUNT] = {
#define AXIS(name, kind, need, fallback) {KIND_##kind, NEED_##need},
#include "frontend/import/axes.def"
#undef AXIS
};

typedef struct {
    const Findings *findings;
    Facts *facts;
    Scope scope;
    int depth; /* of axes that are computed for one another */
    Answer *kept[AXIS_COUNT];
    bool *is_kept[AXIS_COUNT];
    Arena *arena;
    Diag *diag;
} Search;

/* ---- answers ---- */

/* A word of a file in our spelling, where the axis has words; one that is not known stays. */
static Answer in_our_words(Answer answer, Axis axis) {
    if (answer.value.kind != VALUE_TEXT) return answer;
    const char *word = family_word(axis, answer.value.text);
    if (word) answer.value.text = word;
    return answer;
}

/* Each answer is computed once, for all layers or for each. */
static void keep(Search *search, Axis axis, Answer answer) {
    Facts *facts = search->facts;
    const size_t count = facts->is_by_layer[axis] ? (size_t)facts->layers : 1;
    if (!search->kept[axis]) {
        search->kept[axis] = ARENA_ARRAY(search->arena, Answer, count + 1);
        search->is_kept[axis] = ARENA_ARRAY(search->arena, bool, count + 1);
        facts->answer[axis] = search->kept[axis];
    }
    const int64_t layer = facts->is_by_layer[axis] ? search->scope.layer : 0;
    search->kept[axis][layer] = answer;
    search->is_kept[axis][layer] = true;
}

static bool find_kept(Search *search, Axis axis, Answer *answer) {
    const bool is_by_layer = search->facts->is_by_layer[axis];
    const int64_t layer = is_by_layer ? search->scope.layer : 0;
    if (!search->kept[axis] || !search->is_kept[axis][layer]) return false;
    search->scope.has_asked_layer |= is_by_layer;
    *answer = search->kept[axis][layer];
    return true;
}

static Answer answer_of_axis(Search *search, Axis axis) {
    Facts *facts = search->facts;
    Scope *scope = &search->scope;
    Answer answer = {{.kind = VALUE_WRONG}, NULL};
    if (find_kept(search, axis, &answer)) return answer;
    if (search->depth == AXIS_COUNT) { /* axes are made of one another in a circle */
        scope->is_broken = true;
        return answer;
    }
    const bool asked = scope->has_asked_layer;
    scope->has_asked_layer = false;
    search->depth++;
    answer = in_our_words(expression_answer(scope, family_axis(facts->family, axis)), axis);
    search->depth--;
    facts->is_by_layer[axis] = scope->has_asked_layer;
    scope->has_asked_layer |= asked;
    keep(search, axis, answer);
    return answer;
}

static Answer axis_named(Scope *scope, const char *name, size_t length) {
    const Axis axis = family_axis_named(name, length);
    if (axis < AXIS_COUNT) return answer_of_axis(scope->context, axis);
    scope->is_broken = true;
    return (Answer){{.kind = VALUE_WRONG}, NULL};
}

/* ---- kinds ---- */

static bool is_whole(const Value *value, double least) {
    return value->kind == VALUE_NUMBER && value->number == floor(value->number) &&
           value->number >= least && value->number <= INT32_MAX;
}

static bool is_list_of_numbers(const Value *value) {
    if (value->kind != VALUE_LIST) return false;
    for (int i = 0; i < value->count; i++)
        if (value->item[i].kind != VALUE_NUMBER) return false;
    return true;
}

static bool is_of_kind(const Value *value, Axis axis) {
    switch (axes[axis].kind) {
    case KIND_INT: return is_whole(value, 1);
    case KIND_COUNT: return is_whole(value, 0);
    case KIND_REAL: return value->kind == VALUE_NUMBER;
    case KIND_BOOL: return value->kind == VALUE_BOOL || is_whole(value, 0);
    case KIND_WORD: return value->kind == VALUE_TEXT && family_word(axis, value->text);
    case KIND_LIST: return is_list_of_numbers(value);
    case KIND_ANY: break;
    }
    return true;
}

static const char *expected(Axis axis, Arena *arena) {
    switch (axes[axis].kind) {
    case KIND_INT: return "a whole number from 1";
    case KIND_COUNT: return "a whole number from 0";
    case KIND_REAL: return "a number";
    case KIND_BOOL: return "true or false";
    case KIND_LIST: return "a list of numbers";
    case KIND_WORD:
    case KIND_ANY: break;
    }
    const char *words = family_words(axis, arena);
    return *words ? arena_printf(arena, "one of %s", words) : "a word";
}

static bool report_missing(Search *search, Axis axis) {
    const char *expression = family_axis(search->facts->family, axis);
    return diag_error(search->diag, search->findings->config->loc, "missing key '%s' (%s)",
                      expression_first_key(expression, search->arena), family_axis_name(axis));
}

static bool report_kind(Search *search, Axis axis, const Answer *answer) {
    const Value *from = answer->from;
    const char *expectation = expected(axis, search->arena);
    const char *name = family_axis_name(axis);
    if (!from)
        return diag_error(search->diag, search->findings->config->loc,
                          "%s cannot be computed from what is given: expected %s", name,
                          expectation);
    if (answer->value.kind == from->kind && value_equal(&answer->value, from))
        return diag_error(search->diag, from->loc, "'%s' is %s: expected %s", from->path,
                          value_show(from, search->arena), expectation);
    return diag_error(search->diag, from->loc, "%s comes to %s by '%s': expected %s", name,
                      value_show(&answer->value, search->arena), from->path, expectation);
}

static bool check_answer(Search *search, Axis axis, const Answer *answer) {
    if (answer->value.kind != VALUE_NONE)
        return is_of_kind(&answer->value, axis) || report_kind(search, axis, answer);
    return axes[axis].need == NEED_OPTIONAL || report_missing(search, axis);
}

/* ---- all axes ---- */

static bool find_axis(Search *search, Axis axis) {
    bool is_by_layer = true;
    for (int64_t layer = 0; is_by_layer && layer < search->facts->layers; layer++) {
        search->scope.layer = layer;
        const Answer answer = answer_of_axis(search, axis);
        if (!check_answer(search, axis, &answer)) return false;
        is_by_layer = search->facts->is_by_layer[axis];
    }
    return true;
}

static bool find_all(Search *search) {
    Facts *facts = search->facts;
    facts->layers = 1; /* until they are known */
    if (!find_axis(search, AXIS_layers)) return false;
    facts->layers = (int64_t)facts->answer[AXIS_layers]->value.number;
    if (facts->layers > MAX_LAYERS)
        return diag_error(search->diag, facts->answer[AXIS_layers]->from->loc,
                          "%lld layers: at most %d", (long long)facts->layers, (int)MAX_LAYERS);
    bool is_good = true;
    for (int axis = 0; axis < AXIS_COUNT; axis++) is_good &= find_axis(search, (Axis)axis);
    return is_good;
}

/* ---- what must be true ---- */

static void report_requirement(Search *search, const FamilyRow *row, const Answer *answer) {
    const Value *from = answer->from;
    if (from)
        diag_error(search->diag, from->loc, "'%s' is %s, which is not understood here", from->path,
                   value_show(from, search->arena));
    else
        diag_error(search->diag, search->findings->config->loc,
                   "without '%s' the file is not understood",
                   expression_first_key(row->text, search->arena));
    diag_hint(search->diag, "what is understood: %s", row->understood);
}

static void check_requirement(void *context, const FamilyRow *row) {
    Search *search = context;
    search->scope.has_asked_layer = true;
    for (int64_t layer = 0; search->scope.has_asked_layer && layer < search->facts->layers;
         layer++) {
        search->scope.has_asked_layer = false;
        search->scope.layer = layer;
        const Answer answer = expression_answer(&search->scope, row->text);
        if (value_is_true(&answer.value)) continue;
        report_requirement(search, row, &answer);
        return;
    }
}

/* ---- keys that nobody asked for ---- */

typedef struct {
    const char *path;
    bool is_found;
} Ignoring;

static void look_for_key(void *context, const FamilyRow *row) {
    Ignoring *ignoring = context;
    ignoring->is_found |= family_has_word(row->text, ignoring->path);
}

static bool is_ignored(const Family *family, const char *path) {
    Ignoring ignoring = {path, false};
    family_each(family, ROW_IGNORE, look_for_key, &ignoring);
    return ignoring.is_found;
}

typedef struct {
    const Family *family;
    const Value *inside; /* left out */
    const char *names;
    Loc loc; /* of the first */
    int count;
} Unknown;

static void collect_unknown(Search *search, const Value *map, const char *prefix,
                            Unknown *unknown) {
    for (int i = 0; i < map->count; i++) {
        const Value *child = &map->item[i];
        const char *path = arena_printf(search->arena, "%s%s", prefix, child->key);
        if (child == unknown->inside || is_ignored(unknown->family, path)) continue;
        if (child->kind == VALUE_MAP && child->count) {
            collect_unknown(search, child, arena_printf(search->arena, "%s.", path), unknown);
            continue;
        }
        if (child->is_used) continue;
        if (unknown->count++ == 0) unknown->loc = child->loc;
        if (unknown->count <= MAX_SHOWN_KEYS)
            unknown->names = arena_printf(search->arena, "%s%s'%.60s'", unknown->names,
                                          *unknown->names ? ", " : "", child->path);
    }
}

static bool check_unknown(Search *search, const Family *family, const Value *map,
                          const Value *inside) {
    Unknown unknown = {.family = family, .inside = inside, .names = ""};
    collect_unknown(search, map, "", &unknown);
    if (!unknown.count) return true;
    const char *more = unknown.count > MAX_SHOWN_KEYS ? ", ..." : "";
    diag_error(search->diag, unknown.loc, "%s not understood: %s%s",
               unknown.count == 1 ? "a key is" : "keys are", unknown.names, more);
    return diag_hint(search->diag,
                     "a key may change what the model computes; one that changes nothing "
                     "can be taken out of the file");
}

static bool check_all_unknown(Search *search) {
    const Findings *findings = search->findings;
    const bool is_good = check_unknown(search, findings->family, findings->config, NULL);
    if (findings->outer == findings->config) return is_good;
    return check_unknown(search, findings->outer_family, findings->outer, findings->config) &&
           is_good;
}

/* ---- the whole ---- */

const Facts *facts_find(const Findings *findings, Arena *arena, Diag *diag) {
    Facts *facts = ARENA_NEW(arena, Facts);
    facts->family = findings->family;
    Search search = {.findings = findings, .facts = facts, .arena = arena, .diag = diag};
    search.scope = (Scope){.config = findings->config,
                           .outer = findings->outer,
                           .beside = findings->beside,
                           .axis = axis_named,
                           .tensors = findings->tensors,
                           .context = &search,
                           .arena = arena};
    const int errors = diag->errors;
    if (!find_all(&search)) return NULL;
    family_each(facts->family, ROW_REQUIRE, check_requirement, &search);
    if (search.scope.is_broken)
        diag_error(diag, findings->config->loc, "the rows of family %s are wrong, which is a bug",
                   facts->family->name);
    if (diag->errors != errors || !check_all_unknown(&search)) return NULL;
    return facts;
}

/* ---- answers ---- */

static const Answer *answer_at(const Facts *facts, Axis axis, int64_t layer) {
    return &facts->answer[axis][facts->is_by_layer[axis] ? layer : 0];
}

const Value *facts_value(const Facts *facts, Axis axis, int64_t layer) {
    return &answer_at(facts, axis, layer)->value;
}

const char *facts_key(const Facts *facts, Axis axis) {
    const int64_t layers = facts->is_by_layer[axis] ? facts->layers : 1;
    for (int64_t layer = 0; layer < layers; layer++) {
        const Answer *answer = answer_at(facts, axis, layer);
        if (answer->from && answer->value.kind != VALUE_NONE) return answer->from->path;
    }
    return NULL;
}

bool facts_has(const Facts *facts, Axis axis, int64_t layer) {
    return facts_value(facts, axis, layer)->kind != VALUE_NONE;
}

bool facts_is(const Facts *facts, Axis axis, int64_t layer) {
    return value_is_true(facts_value(facts, axis, layer));
}

double facts_number(const Facts *facts, Axis axis, int64_t layer) {
    return facts_value(facts, axis, layer)->number;
}

bool facts_is_word(const Facts *facts, Axis axis, int64_t layer, const char *word) {
    const Value *value = facts_value(facts, axis, layer);
    return value->kind == VALUE_TEXT && strcmp(value->text, word) == 0;
}
