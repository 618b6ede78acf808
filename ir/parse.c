/* parse.c - text to graph, by recursive descent; a function for each rule of the grammar.
 *
 *   graph    = "graph" "@" name attributes "{" node* "return" value "}"
 *   node     = value "=" op operands? attributes? ("in" value)? ":" type place? schedule?
 *   value    = "%" number | "@" name
 *   operands = (value | "none") ("," (value | "none"))*
 *   attributes = "{" name "=" word ("," name "=" word)* "}"
 *   type     = ("f32" | "i32") "[" (number | "T" | "L") ("," ...)* "]"
 *   place    = "at" number "stride" number ("rows" number)?
 *   schedule = "with" "{" name "=" number ("," name "=" number)* "}"
 *
 * Each node, the return and the last brace stand on a line of their own. Numbers are labels: a
 * value is known by its place in the list. A line that is wrong is reported and left, and what uses
 * its value is not reported again.
 */
#include "ir/hash.h"
#include "ir/lexer.h"
#include "ir/shapes.h"
#include "ir/spelling.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    const char *text; /* "%7", "@w" */
    Ref ref;          /* none: its line was wrong */
} Label;

/* A kernel whose root comes later in the text. */
typedef struct Later {
    const char *root;
    Loc loc;
    uint32_t label; /* of the member */
    struct Later *next;
} Later;

typedef struct {
    Graph *graph;
    Diag *diag;
    Lexer lexer;
    Later *later;
    Label *label; /* in order of definition; label[0] is unused */
    uint32_t label_count, label_capacity;
    uint32_t *slot; /* labels by hash, open addressing: twice as many as the capacity, or more */
    uint32_t slot_mask;
    bool has_lost; /* the line refers to a value whose own line was wrong */
} Parser;

enum { LABEL_BYTES = LEXER_NAME + 1, MOST_ITEMS = 8 };

/* ---- labels ---- */

/* Where a label stands in the table, or would. */
static uint32_t *find(const Parser *p, const char *text) {
    uint32_t i = (uint32_t)hash_text(text) & p->slot_mask;
    while (p->slot[i] && strcmp(p->label[p->slot[i]].text, text) != 0) i = (i + 1) & p->slot_mask;
    return &p->slot[i];
}

static void make_room(Parser *p) {
    Arena *arena = p->graph->arena;
    const uint32_t capacity = p->label_capacity ? p->label_capacity * 2 : 32;
    Label *grown = ARENA_ARRAY(arena, Label, capacity);
    if (p->label) memcpy(grown, p->label, p->label_count * sizeof *grown);
    p->label = grown;
    p->label_capacity = capacity;
    p->slot_mask = 2 * capacity - 1;
    p->slot = ARENA_ARRAY(arena, uint32_t, (size_t)p->slot_mask + 1);
    for (uint32_t i = 1; i < p->label_count; i++) *find(p, p->label[i].text) = i;
}

static bool define(Parser *p, const char *text, Loc loc, uint32_t *index) {
    if (*find(p, text)) return diag_error(p->diag, loc, "'%s' is defined twice", text);
    if (p->label_count == p->label_capacity) make_room(p);
    *index = p->label_count++;
    p->label[*index] = (Label){arena_printf(p->graph->arena, "%s", text), {0}};
    *find(p, text) = *index;
    return true;
}

/* "%7" or "@name" to text[LABEL_BYTES]. */
static bool parse_label(Parser *p, char *text) {
    int64_t number = 0;
    const Loc loc = lexer_here(&p->lexer);
    if (lexer_accept(&p->lexer, "@")) {
        text[0] = '@';
        return lexer_name(&p->lexer, "a name", text + 1);
    }
    if (!lexer_accept(&p->lexer, "%"))
        return lexer_fail(&p->lexer, "a value: '%number' or '@name'");
    if (!lexer_integer(&p->lexer, &number)) return false;
    if (number < 0) return diag_error(p->diag, loc, "the number of a value must not be negative");
    snprintf(text, LABEL_BYTES, "%%%" PRId64, number);
    return true;
}

static bool report_undefined(Parser *p, const char *text, Loc loc) {
    diag_error(p->diag, loc, "'%s' is not defined", text);
    return diag_hint(p->diag, "a value is defined on a line before those that use it");
}

static bool parse_use(Parser *p, Ref *ref) {
    char text[LABEL_BYTES];
    const Loc loc = lexer_here(&p->lexer);
    if (!parse_label(p, text)) return false;
    const uint32_t index = *find(p, text);
    if (!index) return report_undefined(p, text, loc);
    *ref = p->label[index].ref;
    p->has_lost |= ir_ref_is_none(*ref);
    return true;
}

/* The root of the kernel that the node `label` is computed in; that of a prologue follows it. */
static bool parse_root(Parser *p, Op op, uint32_t label, Ref *root) {
    char text[LABEL_BYTES];
    const Lexer before = p->lexer;
    const Loc loc = lexer_here(&p->lexer);
    if (!parse_label(p, text)) return false;
    if ((op != OP_quantise && op != OP_norm) || *find(p, text)) {
        p->lexer = before;
        return parse_use(p, root);
    }
    Later *later = ARENA_NEW(p->graph->arena, Later);
    *later = (Later){arena_printf(p->graph->arena, "%s", text), loc, label, p->later};
    p->later = later;
    return true;
}

static bool find_later_roots(Parser *p) {
    bool ok = true;
    for (const Later *later = p->later; later; later = later->next) {
        const uint32_t index = *find(p, later->root);
        const Ref member = p->label[later->label].ref;
        if (!index)
            ok = report_undefined(p, later->root, later->loc);
        else if (!ir_ref_is_none(member))
            ir_node(p->graph, member)->root = p->label[index].ref;
    }
    return ok;
}

/* ---- attributes ---- */

static bool parse_REAL(Parser *p, double *value) {
    return lexer_real(&p->lexer, value);
}

static bool parse_INT(Parser *p, int64_t *value) {
    return lexer_integer(&p->lexer, value);
}

static bool parse_BOOL(Parser *p, bool *value) {
    *value = lexer_accept(&p->lexer, "true");
    return *value || lexer_accept(&p->lexer, "false") || lexer_fail(&p->lexer, "'true' or 'false'");
}

static bool parse_NAME(Parser *p, const char **value) {
    char name[LEXER_NAME];
    if (!lexer_name(&p->lexer, "a name", name)) return false;
    *value = arena_printf(p->graph->arena, "%s", name);
    return true;
}

static bool parse_REALS(Parser *p, const Reals **value) {
    Arena *arena = p->graph->arena;
    Reals *list = ARENA_NEW(arena, Reals);
    int64_t capacity = 0;
    if (!lexer_expect(&p->lexer, "[")) return false;
    do {
        if (list->count == capacity) {
            capacity = 2 * capacity + 16;
            double *grown = ARENA_ARRAY(arena, double, (size_t)capacity);
            if (list->count) memcpy(grown, list->at, (size_t)list->count * sizeof *grown);
            list->at = grown;
        }
        if (!lexer_real(&p->lexer, &list->at[list->count++])) return false;
    } while (lexer_accept(&p->lexer, ","));
    *value = list;
    return lexer_expect(&p->lexer, "]");
}

/* Says which of the candidates a word may have been meant to be. Returns false. */
static bool suggest(Parser *p, const char *word, const char *const *candidates, int count) {
    char list[960] = ""; /* a message has not much more */
    const char *nearest = spelling_nearest(word, candidates, count);
    if (nearest) return diag_hint(p->diag, "did you mean '%s'?", nearest);
    for (int i = 0; i < count; i++) {
        const size_t length = strlen(list);
        snprintf(list + length, sizeof list - length, "%s%s", i ? ", " : "", candidates[i]);
    }
    if (count) return diag_hint(p->diag, "expected one of: %s", list);
    return diag_hint(p->diag, "it takes none");
}

static const struct {
    const char *type, *word;
    int value;
} enum_words[] = {
#define ENUM(type, prefix, word) {#type, #word, prefix##_##word},
#include "ir/enums.def"
#undef ENUM
};

enum { ENUM_WORDS = sizeof enum_words / sizeof *enum_words };

static bool parse_enum(Parser *p, const char *type, int *value) {
    const char *candidates[ENUM_WORDS];
    char word[LEXER_NAME];
    int count = 0;
    const Loc loc = lexer_here(&p->lexer);
    if (!lexer_name(&p->lexer, "a word", word)) return false;
    for (int i = 0; i < ENUM_WORDS; i++) {
        if (strcmp(enum_words[i].type, type) != 0) continue;
        candidates[count++] = enum_words[i].word;
        *value = enum_words[i].value;
        if (strcmp(enum_words[i].word, word) == 0) return true;
    }
    diag_error(p->diag, loc, "unknown word '%s'", word);
    return suggest(p, word, candidates, count);
}

#define PARSE_ENUM(type)                                                                           \
    static bool parse_##type(Parser *p, type *value) {                                             \
        int number = 0;                                                                            \
        const bool is_known = parse_enum(p, #type, &number);                                       \
        *value = (type)number;                                                                     \
        return is_known;                                                                           \
    }
PARSE_ENUM(NormKind)
PARSE_ENUM(PoolKind)
PARSE_ENUM(EditKind)
PARSE_ENUM(Activation)
PARSE_ENUM(WeightFormat)
PARSE_ENUM(RopeStyle)
PARSE_ENUM(RopeScaling)
#undef PARSE_ENUM

/* "name =", of which each may come once: *bit, which the caller knows it by, joins *seen. */
static bool check_once(Parser *p, const char *name, Loc loc, uint64_t bit, uint64_t *seen) {
    if (*seen & bit) return diag_error(p->diag, loc, "'%s' is given twice", name);
    *seen |= bit;
    return true;
}

static bool refuse_attribute(Parser *p, Op op, const char *name, Loc loc) {
    const char *candidates[ATTR_COUNT];
    int count = 0;
#define ATTR(member, kind, initial)                                                                \
    if (ir_op_info[op].attrs & IR_ATTR_BIT(member)) candidates[count++] = #member;
#include "ir/attrs.def"
#undef ATTR
    diag_error(p->diag, loc, "'%s' has no attribute '%s'", ir_op_info[op].name, name);
    return suggest(p, name, candidates, count);
}

static bool parse_attribute(Parser *p, Node *node, uint64_t *seen) {
    const uint64_t has = ir_op_info[node->op].attrs;
    char name[LEXER_NAME];
    const Loc loc = lexer_here(&p->lexer);
    if (!lexer_name(&p->lexer, "an attribute", name)) return false;
#define ATTR(member, kind, initial)                                                                \
    if (strcmp(name, #member) == 0 && has & IR_ATTR_BIT(member))                                   \
        return lexer_expect(&p->lexer, "=") && parse_##kind(p, &node->attr.member) &&              \
               check_once(p, name, loc, IR_ATTR_BIT(member), seen);
#include "ir/attrs.def"
#undef ATTR
    return refuse_attribute(p, node->op, name, loc);
}

static bool parse_attributes(Parser *p, Node *node) {
    uint64_t seen = 0;
    if (!lexer_accept(&p->lexer, "{")) return true;
    do {
        if (!parse_attribute(p, node, &seen)) return false;
    } while (lexer_accept(&p->lexer, ","));
    return lexer_expect(&p->lexer, "}");
}

/* Attributes that are no node's: integers. */
typedef struct {
    const char *name;
    int64_t *value;
} Item;

static bool parse_item(Parser *p, const Item *item, int count, uint64_t *seen) {
    const char *candidates[MOST_ITEMS];
    char name[LEXER_NAME];
    const Loc loc = lexer_here(&p->lexer);
    if (!lexer_name(&p->lexer, "an attribute", name)) return false;
    for (int i = 0; i < count; i++) {
        candidates[i] = item[i].name;
        if (strcmp(name, item[i].name) != 0) continue;
        return lexer_expect(&p->lexer, "=") && lexer_integer(&p->lexer, item[i].value) &&
               check_once(p, name, loc, 1u << i, seen);
    }
    diag_error(p->diag, loc, "unknown attribute '%s'", name);
    return suggest(p, name, candidates, count);
}

static bool parse_items(Parser *p, const Item *item, int count) {
    uint64_t seen = 0;
    if (!lexer_expect(&p->lexer, "{")) return false;
    do {
        if (!parse_item(p, item, count, &seen)) return false;
    } while (lexer_accept(&p->lexer, ","));
    return lexer_expect(&p->lexer, "}");
}

/* ---- the parts of a node ---- */

static bool parse_op(Parser *p, Op *op) {
    const char *candidates[OP_COUNT];
    char word[LEXER_NAME];
    const Loc loc = lexer_here(&p->lexer);
    if (!lexer_name(&p->lexer, "an operation", word)) return false;
    for (int i = 0; i < OP_COUNT; i++) {
        candidates[i] = ir_op_info[i].name;
        *op = (Op)i;
        if (strcmp(word, candidates[i]) == 0) return true;
    }
    diag_error(p->diag, loc, "unknown operation '%s'", word);
    return suggest(p, word, candidates, OP_COUNT);
}

/* found: how many there are, or less than 0 for too many. */
static bool refuse_count(Parser *p, Loc loc, const OpInfo *info, int found) {
    char expected[32], count[16] = "more";
    const char *plural = info->most == 1 ? "" : "s";
    snprintf(expected, sizeof expected, "%d to %d", info->least, info->most);
    if (info->least == info->most) snprintf(expected, sizeof expected, "%d", info->most);
    if (found >= 0) snprintf(count, sizeof count, "%d", found);
    return diag_error(p->diag, loc, "'%s' takes %s operand%s, found %s", info->name, expected,
                      plural, count);
}

static bool parse_operands(Parser *p, Node *node) {
    const OpInfo *info = &ir_op_info[node->op];
    const Loc loc = lexer_here(&p->lexer);
    const int next = lexer_peek(&p->lexer);
    int count = 0;
    if (next == '%' || next == '@' || next == 'n') {
        do {
            Ref ref = {0};
            const Loc operand = lexer_here(&p->lexer);
            if (count == info->most) return refuse_count(p, operand, info, -1);
            if (!lexer_accept(&p->lexer, "none") && !parse_use(p, &ref)) return false;
            if (ir_ref_is_none(ref) && !p->has_lost && count < info->least)
                return diag_error(p->diag, operand, "operand %d of '%s' must not be none",
                                  count + 1, info->name);
            node->in[count++] = ref;
        } while (lexer_accept(&p->lexer, ","));
    }
    return count >= info->least || refuse_count(p, loc, info, count);
}

static bool parse_dimension(Parser *p, int64_t *size) {
    if (lexer_accept(&p->lexer, "T")) return *size = IR_TOKENS, true;
    if (lexer_accept(&p->lexer, "L")) return *size = IR_LOGIT_ROWS, true;
    const Loc loc = lexer_here(&p->lexer);
    if (!lexer_integer(&p->lexer, size)) return false;
    return (*size >= 1 && *size < INT64_C(1) << 40) ||
           diag_error(p->diag, loc, "a dimension must be 1 to 2^40 - 1, found %" PRId64, *size);
}

static bool parse_type(Parser *p, Type *type) {
    if (!lexer_expect(&p->lexer, ":")) return false;
    if (lexer_accept(&p->lexer, "i32"))
        type->dtype = DTYPE_i32;
    else if (!lexer_accept(&p->lexer, "f32"))
        return lexer_fail(&p->lexer, "'f32' or 'i32'");
    if (!lexer_expect(&p->lexer, "[")) return false;
    do {
        if (type->rank == IR_MAX_RANK)
            return diag_error(p->diag, lexer_here(&p->lexer), "more than %d dimensions",
                              IR_MAX_RANK);
        if (!parse_dimension(p, &type->dim[type->rank++])) return false;
    } while (lexer_accept(&p->lexer, ","));
    return lexer_expect(&p->lexer, "]");
}

static bool parse_place(Parser *p, Placement *place) {
    if (!lexer_accept(&p->lexer, "at")) return true;
    return lexer_integer(&p->lexer, &place->offset) && lexer_expect(&p->lexer, "stride") &&
           lexer_integer(&p->lexer, &place->stride) &&
           (!lexer_accept(&p->lexer, "rows") || lexer_integer(&p->lexer, &place->rows));
}

static bool parse_schedule(Parser *p, Schedule *s) {
    const Item items[] = {
#define SCHEDULE(name, text) {#name, &s->name},
#include "ir/schedule.def"
#undef SCHEDULE
    };
    _Static_assert(sizeof items / sizeof *items <= MOST_ITEMS, "parse_item() lists them all");
    return !lexer_accept(&p->lexer, "with") || parse_items(p, items, sizeof items / sizeof *items);
}

/* ---- lines ---- */

/* Adds a node as it stands in the text: the verifier compares its type with the inferred one. */
static void add_node(Parser *p, const Node *node, uint32_t label) {
    const Ref ref = ir_node_add(p->graph, *node);
    Node *added = ir_node(p->graph, ref);
    if (added->type.rank == 0) return; /* its operands do not fit: reported */
    added->type = node->type;
    p->label[label].ref = ref;
}

static bool parse_node(Parser *p) {
    Node node = {.attr = ir_attrs_default()};
    char text[LABEL_BYTES];
    uint32_t label = 0;
    p->has_lost = false;
    node.loc = lexer_here(&p->lexer);
    if (!parse_label(p, text) || !define(p, text, node.loc, &label)) return false;
    if (text[0] == '@') node.name = p->label[label].text + 1;
    if (!lexer_expect(&p->lexer, "=") || !parse_op(p, &node.op)) return false;
    if (!parse_operands(p, &node) || !parse_attributes(p, &node)) return false;
    if (lexer_accept(&p->lexer, "in") && !parse_root(p, node.op, label, &node.root)) return false;
    if (!parse_type(p, &node.type) || !parse_place(p, &node.place)) return false;
    if (!parse_schedule(p, &node.schedule) || !lexer_expect_line_end(&p->lexer)) return false;
    if (!p->has_lost) add_node(p, &node, label);
    return true;
}

static bool parse_head(Parser *p) {
    Graph *g = p->graph;
    const Item items[] = {{"context", &g->context},
                          {"chunk", &g->chunk},
                          {"batch", &g->batch},
                          {"arena", &g->arena_floats},
                          {"cache", &g->cache_floats}};
    lexer_skip_lines(&p->lexer);
    g->loc = lexer_here(&p->lexer);
    if (!lexer_expect(&p->lexer, "graph") || !lexer_expect(&p->lexer, "@")) return false;
    if (!parse_NAME(p, &g->name)) return false;
    if (!parse_items(p, items, sizeof items / sizeof *items)) return false;
    if (!lexer_expect(&p->lexer, "{") || !lexer_expect_line_end(&p->lexer)) return false;
    return shape_check_sizes(g);
}

/* Up to the return. False: there is none. */
static bool parse_nodes(Parser *p) {
    for (lexer_skip_lines(&p->lexer); !lexer_accept(&p->lexer, "return");
         lexer_skip_lines(&p->lexer)) {
        const int next = lexer_peek(&p->lexer);
        if (next == -1 || next == '}') return lexer_fail(&p->lexer, "'return'");
        if (p->label_count > IR_MAX_NODES)
            return diag_error(p->diag, lexer_here(&p->lexer), "more than %d nodes", IR_MAX_NODES);
        if (!parse_node(p)) lexer_skip_rest_of_line(&p->lexer);
    }
    return true;
}

static bool parse_graph(Parser *p) {
    p->has_lost = false;
    if (!parse_head(p) || !parse_nodes(p) || !find_later_roots(p)) return false;
    if (!lexer_accept(&p->lexer, "none") && !parse_use(p, &p->graph->result)) return false;
    if (!lexer_expect_line_end(&p->lexer)) return false;
    lexer_skip_lines(&p->lexer);
    if (!lexer_expect(&p->lexer, "}")) return false;
    lexer_skip_lines(&p->lexer);
    return lexer_peek(&p->lexer) == -1 || lexer_fail(&p->lexer, "the end of the text");
}

Graph *ir_parse(Arena *arena, Diag *diag, const Source *source) {
    Parser p = {.graph = ir_graph_create(arena, diag, ""), .diag = diag, .label_count = 1};
    p.lexer = (Lexer){diag, source, source->text, source->text + source->length};
    if (source->length > INT32_MAX) {
        diag_error(diag, (Loc){source, 0}, "a text of %zu bytes: at most %d are read as a graph",
                   source->length, INT32_MAX);
        return NULL;
    }
    make_room(&p);
    const int errors = diag->errors;
    if (!parse_graph(&p) || diag->errors > errors || !ir_verify(p.graph)) return NULL;
    return p.graph;
}
