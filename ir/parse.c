/* parse.c - text to graph, by recursive descent; a function for each rule of the grammar.
 *
 *   graph  = "graph" "@" name "{" "context" "=" int "," "chunk" "=" int ... "}" "{" line* "}"
 *   line   = value "=" op operands? attrs? ("in" value)? ":" type place? schedule?
 *          | "return" value
 *   value  = "%" number | "@" name
 *   attrs  = "{" name "=" word ("," name "=" word)* "}"
 *   type   = ("f32" | "i32") "[" (number | "T" | "L") ("," ...)* "]"
 *   place  = "at" number "stride" number
 *   schedule = "with" "{" name "=" number ("," ...)* "}"
 *
 * A line that is wrong is reported and left; what refers to it is not reported again.
 */
#include "ir/ir.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 512, WORD_MAX_BYTES = 64 };

typedef struct {
    Graph *graph;
    Diag *diag;
    const Source *source;
    const char *at, *end;
    uint32_t *label;      /* open addressing: hash of a name or number -> index of the definition */
    uint32_t label_mask;
    struct Definition *definition;
    uint32_t definition_count;
    bool has_result;
} Parser;

typedef struct Definition {
    const char *name; /* "%7", "@w" */
    Ref ref;          /* none: its line was wrong */
} Definition;

/* ---- characters ---- */

static Loc here(const Parser *p) {
    return (Loc){p->source, (uint32_t)(p->at - p->source->text)};
}

static bool fail(const Parser *p, const char *message) {
    return diag_error(p->diag, here(p), "%s", message);
}

static int peek(const Parser *p) { return p->at < p->end ? (unsigned char)*p->at : -1; }

/* Within a line: a node stands on one line. */
static void skip_blanks(Parser *p) {
    while (peek(p) == ' ' || peek(p) == '\t' || peek(p) == '\r') p->at++;
    if (peek(p) == '#')
        while (peek(p) != '\n' && peek(p) != -1) p->at++;
}

static void skip_lines(Parser *p) {
    for (skip_blanks(p); peek(p) == '\n'; skip_blanks(p)) p->at++;
}

static void skip_rest_of_line(Parser *p) {
    while (peek(p) != '\n' && peek(p) != -1) p->at++;
}

static bool is_name_char(int c) { return isalnum(c) || c == '_' || c == '.' || c == '-'; }

static bool accept(Parser *p, const char *token) {
    skip_blanks(p);
    const size_t length = strlen(token);
    if ((size_t)(p->end - p->at) < length || memcmp(p->at, token, length) != 0) return false;
    const bool is_word = isalnum((unsigned char)token[0]);
    if (is_word && p->at + length < p->end && is_name_char((unsigned char)p->at[length]))
        return false;
    p->at += length;
    return true;
}

static bool expect(Parser *p, const char *token) {
    return accept(p, token) || diag_error(p->diag, here(p), "expected '%s'", token);
}

/* A name in a buffer of `size` bytes. */
static bool parse_name(Parser *p, char *name, size_t size) {
    skip_blanks(p);
    size_t length = 0;
    while (p->at + length < p->end && is_name_char((unsigned char)p->at[length])) length++;
    if (!length) return fail(p, "expected a name");
    if (length >= size) return fail(p, "this name is too long");
    memcpy(name, p->at, length);
    name[length] = '\0';
    p->at += length;
    return true;
}

static bool parse_integer(Parser *p, int64_t *value) {
    char text[WORD_MAX_BYTES];
    const Loc loc = (skip_blanks(p), here(p));
    if (!parse_name(p, text, sizeof text)) return false;
    char *end = NULL;
    errno = 0;
    *value = strtoll(text, &end, 10);
    if (*end || errno || !isdigit((unsigned char)text[strlen(text) - 1]))
        return diag_error(p->diag, loc, "expected an integer, not '%s'", text);
    return true;
}

/* ---- attributes ---- */

static bool parse_INT(Parser *p, int64_t *value) { return parse_integer(p, value); }

static bool parse_REAL(Parser *p, double *value) {
    char text[WORD_MAX_BYTES];
    size_t length = 0;
    skip_blanks(p);
    const Loc loc = here(p);
    while (length + 1 < sizeof text && p->at + length < p->end &&
           (is_name_char((unsigned char)p->at[length]) || p->at[length] == '+')) {
        text[length] = p->at[length];
        length++;
    }
    text[length] = '\0';
    char *end = NULL;
    *value = strtod(text, &end);
    if (!length || *end || strspn(text, "0123456789.eE+-") != length)
        return diag_error(p->diag, loc, "expected a number, not '%s'", text);
    p->at += length;
    return true;
}

static bool parse_BOOL(Parser *p, bool *value) {
    *value = accept(p, "true");
    return *value || accept(p, "false") || fail(p, "expected true or false");
}

static bool parse_NAME(Parser *p, const char **value) {
    char name[NAME_MAX_BYTES];
    if (!parse_name(p, name, sizeof name)) return false;
    *value = arena_printf(p->graph->arena, "%s", name);
    return true;
}

static const struct {
    const char *type, *word;
    int value;
} words[] = {
#define ENUM(type, prefix, word) {#type, #word, prefix##_##word},
#include "ir/enums.def"
#undef ENUM
};
enum { WORD_COUNT = sizeof words / sizeof *words };

static bool parse_word(Parser *p, const char *type, int *value) {
    char name[WORD_MAX_BYTES], known[256] = "";
    skip_blanks(p);
    const Loc loc = here(p);
    if (!parse_name(p, name, sizeof name)) return false;
    for (int i = 0; i < WORD_COUNT; i++) {
        if (strcmp(words[i].type, type) != 0) continue;
        if (strcmp(words[i].word, name) == 0) {
            *value = words[i].value;
            return true;
        }
        const size_t length = strlen(known);
        snprintf(known + length, sizeof known - length, "%s%s", length ? ", " : "", words[i].word);
    }
    return diag_error(p->diag, loc, "expected one of %s, not '%s'", known, name);
}

#define PARSE_WORD(type)                                                                           \
    static bool parse_##type(Parser *p, type *value) {                                             \
        int number = 0;                                                                            \
        if (!parse_word(p, #type, &number)) return false;                                          \
        *value = (type)number;                                                                     \
        return true;                                                                               \
    }
PARSE_WORD(NormKind)
PARSE_WORD(Activation)
PARSE_WORD(RopeStyle)
PARSE_WORD(RopeScaling)

/* One `name = word`; *bit is the attribute's. */
static bool parse_attr(Parser *p, Node *node, const char *name, Loc loc, unsigned *bit) {
    const unsigned has = ir_op_info[node->op].attrs;
#define ATTR(attr_name, kind, initial)                                                             \
    if (strcmp(name, #attr_name) == 0 && has & (1u << ATTR_##attr_name)) {                         \
        *bit = 1u << ATTR_##attr_name;                                                             \
        return parse_##kind(p, &node->attr.attr_name);                                             \
    }
#include "ir/attrs.def"
#undef ATTR
    return diag_error(p->diag, loc, "'%s' has no attribute '%s'", ir_op_info[node->op].name, name);
}

static bool parse_attrs(Parser *p, Node *node) {
    unsigned seen = 0;
    if (!accept(p, "{")) return true;
    do {
        char name[WORD_MAX_BYTES];
        unsigned bit = 0;
        skip_blanks(p);
        const Loc loc = here(p);
        if (!parse_name(p, name, sizeof name) || !expect(p, "=")) return false;
        if (!parse_attr(p, node, name, loc, &bit)) return false;
        if (seen & bit) return diag_error(p->diag, loc, "'%s' is given twice", name);
        seen |= bit;
    } while (accept(p, ","));
    return expect(p, "}");
}

/* ---- values ---- */

static uint64_t hash_text(const char *text) { /* FNV-1a */
    uint64_t hash = 14695981039346656037u;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash ^ hash >> 32;
}

/* Where a value stands in the table, or would. */
static uint32_t find(const Parser *p, const char *name) {
    uint32_t slot = (uint32_t)hash_text(name) & p->label_mask;
    while (p->label[slot] && strcmp(p->definition[p->label[slot]].name, name) != 0)
        slot = (slot + 1) & p->label_mask;
    return slot;
}

/* "%7" or "@name" in a buffer. */
static bool parse_value(Parser *p, char *text, size_t size) {
    skip_blanks(p);
    const int sigil = peek(p);
    if (sigil != '%' && sigil != '@') return fail(p, "expected a value: %number or @name");
    p->at++;
    text[0] = (char)sigil;
    if (!is_name_char(peek(p))) return fail(p, "expected a name");
    if (!parse_name(p, text + 1, size - 1)) return false;
    if (sigil == '%' && strspn(text + 1, "0123456789") != strlen(text + 1))
        return fail(p, "after % stands a number");
    return true;
}

/* Sets *is_lost where the line that defines the value was wrong. */
static bool parse_use(Parser *p, Ref *ref, bool *is_lost) {
    char text[NAME_MAX_BYTES];
    skip_blanks(p);
    const Loc loc = here(p);
    if (!parse_value(p, text, sizeof text)) return false;
    const uint32_t index = p->label[find(p, text)];
    if (!index) return diag_error(p->diag, loc, "%s is not defined above", text);
    *ref = p->definition[index].ref;
    *is_lost |= ir_ref_is_none(*ref);
    return true;
}

static bool define(Parser *p, const char *text, Loc loc, uint32_t *index) {
    const uint32_t slot = find(p, text);
    if (p->label[slot]) return diag_error(p->diag, loc, "%s is defined twice", text);
    *index = ++p->definition_count;
    p->definition[*index] = (Definition){arena_printf(p->graph->arena, "%s", text), {0}};
    p->label[slot] = *index;
    return true;
}

/* ---- the parts of a node ---- */

static int distance(const char *a, const char *b) { /* letters that differ, a rough guess */
    int common = 0;
    const size_t length = strlen(a) > strlen(b) ? strlen(a) : strlen(b);
    while (a[common] && a[common] == b[common]) common++;
    size_t end = 0;
    const size_t la = strlen(a) - (size_t)common, lb = strlen(b) - (size_t)common;
    while (end < la && end < lb && a[strlen(a) - 1 - end] == b[strlen(b) - 1 - end]) end++;
    return (int)(length - (size_t)common - end);
}

static bool parse_op(Parser *p, Op *op) {
    char name[WORD_MAX_BYTES];
    skip_blanks(p);
    const Loc loc = here(p);
    if (!parse_name(p, name, sizeof name)) return false;
    int nearest = 0;
    for (int i = 0; i < OP_COUNT; i++) {
        *op = (Op)i;
        if (strcmp(name, ir_op_info[i].name) == 0) return true;
        if (distance(name, ir_op_info[i].name) < distance(name, ir_op_info[nearest].name))
            nearest = i;
    }
    diag_error(p->diag, loc, "unknown operation '%s'", name);
    if (distance(name, ir_op_info[nearest].name) <= 2)
        diag_hint(p->diag, "did you mean '%s'?", ir_op_info[nearest].name);
    return false;
}

static bool parse_operands(Parser *p, Node *node, bool *is_lost) {
    const OpInfo *info = &ir_op_info[node->op];
    int count = 0;
    skip_blanks(p);
    const Loc loc = here(p);
    if (peek(p) == '%' || peek(p) == '@' || peek(p) == 'n') do {
            if (count == info->most)
                return diag_error(p->diag, here(p), "'%s' takes at most %d operands", info->name,
                                  info->most);
            if (accept(p, "none")) {
                if (count < info->least) return fail(p, "this operand must not be none");
            } else if (!parse_use(p, &node->in[count], is_lost)) {
                return false;
            }
            count++;
        } while (accept(p, ","));
    if (count >= info->least) return true;
    return diag_error(p->diag, loc, "'%s' takes at least %d operands, not %d", info->name,
                      info->least, count);
}

static bool parse_dimension(Parser *p, int64_t *size) {
    if (accept(p, "T")) {
        *size = IR_TOKENS;
        return true;
    }
    if (accept(p, "L")) {
        *size = IR_LOGIT_ROWS;
        return true;
    }
    skip_blanks(p);
    const Loc loc = here(p);
    if (!parse_integer(p, size)) return false;
    return (*size >= 1 && *size < (int64_t)1 << 40) ||
           diag_error(p->diag, loc, "a dimension must be 1 to 2^40 - 1");
}

static bool parse_type(Parser *p, Type *type) {
    if (!expect(p, ":")) return false;
    if (accept(p, "i32"))
        type->dtype = DTYPE_i32;
    else if (!accept(p, "f32"))
        return fail(p, "expected f32 or i32");
    if (!expect(p, "[")) return false;
    do {
        if (type->rank == IR_MAX_RANK) return fail(p, "too many dimensions");
        if (!parse_dimension(p, &type->dim[type->rank++])) return false;
    } while (accept(p, ","));
    return expect(p, "]");
}

static bool parse_place(Parser *p, Placement *place) {
    if (!accept(p, "at")) return true;
    return parse_integer(p, &place->offset) && expect(p, "stride") &&
           parse_integer(p, &place->stride);
}

typedef struct {
    const char *name;
    int64_t *value;
} Item;

/* {name = integer, ...}, after its brace; each at most once. */
static bool parse_items(Parser *p, const Item *item, int count) {
    unsigned seen = 0;
    do {
        char name[WORD_MAX_BYTES];
        skip_blanks(p);
        const Loc loc = here(p);
        if (!parse_name(p, name, sizeof name) || !expect(p, "=")) return false;
        int i = 0;
        while (i < count && strcmp(item[i].name, name) != 0) i++;
        if (i == count || seen >> i & 1)
            return diag_error(p->diag, loc, "'%s' is %s", name,
                              i == count ? "not known here" : "given twice");
        seen |= 1u << i;
        if (!parse_integer(p, item[i].value)) return false;
    } while (accept(p, ","));
    return expect(p, "}");
}

static bool parse_schedule(Parser *p, Schedule *s) {
    const Item items[] = {
        {"rows", &s->rows}, {"panels", &s->panels}, {"block", &s->block}, {"keys", &s->keys}};
    if (!accept(p, "with")) return true;
    return expect(p, "{") && parse_items(p, items, sizeof items / sizeof *items);
}

static bool expect_line_end(Parser *p) {
    skip_blanks(p);
    return peek(p) == '\n' || peek(p) == -1 || fail(p, "unexpected text at the end of the line");
}

/* ---- lines ---- */

static bool parse_node(Parser *p) {
    Node node = {.attr = ir_attrs_default()};
    char text[NAME_MAX_BYTES];
    bool is_lost = false;
    uint32_t index = 0;
    node.loc = here(p);
    if (!parse_value(p, text, sizeof text) || !define(p, text, node.loc, &index)) return false;
    if (!expect(p, "=") || !parse_op(p, &node.op)) return false;
    if (!parse_operands(p, &node, &is_lost) || !parse_attrs(p, &node)) return false;
    if (accept(p, "in") && !parse_use(p, &node.root, &is_lost)) return false;
    if (!parse_type(p, &node.type) || !parse_place(p, &node.place)) return false;
    if (!parse_schedule(p, &node.schedule) || !expect_line_end(p)) return false;
    if (text[0] == '@') node.name = p->definition[index].name + 1;
    if (is_lost) return true;
    if (p->graph->count == IR_MAX_NODES) return fail(p, "the graph is too long");
    const Type declared = node.type;
    const Ref ref = ir_node_add(p->graph, node);
    if (ir_node(p->graph, ref)->type.rank == 0) return false; /* reported by its shape rule */
    ir_node(p->graph, ref)->type = declared; /* the verifier compares it with the inferred one */
    p->definition[index].ref = ref;
    return true;
}

static bool parse_line(Parser *p) {
    bool is_lost = false;
    if (!accept(p, "return")) return parse_node(p);
    if (p->has_result) return fail(p, "a second return");
    p->has_result = true;
    return parse_use(p, &p->graph->result, &is_lost) && expect_line_end(p);
}

static bool parse_head(Parser *p) {
    Graph *g = p->graph;
    const Item items[] = {{"context", &g->context},
                          {"chunk", &g->chunk},
                          {"arena", &g->arena_floats},
                          {"cache", &g->cache_floats}};
    skip_lines(p);
    if (!expect(p, "graph") || !expect(p, "@") || !parse_NAME(p, &g->name)) return false;
    return expect(p, "{") && parse_items(p, items, sizeof items / sizeof *items) &&
           expect(p, "{") && expect_line_end(p);
}

static bool parse_graph(Parser *p) {
    bool ok = parse_head(p);
    if (!ok) return false;
    for (skip_lines(p); !accept(p, "}"); skip_lines(p)) {
        if (peek(p) == -1) return fail(p, "expected '}' at the end of the graph");
        if (parse_line(p)) continue;
        ok = false;
        skip_rest_of_line(p);
    }
    skip_lines(p);
    if (peek(p) != -1) return fail(p, "unexpected text after the graph");
    if (ok && !p->has_result) return fail(p, "the graph returns nothing");
    return ok;
}

/* A line defines at most one value. */
static uint32_t count_lines(const Source *source) {
    uint32_t lines = 1;
    for (size_t i = 0; i < source->length; i++) lines += source->text[i] == '\n';
    return lines;
}

Graph *ir_parse(Arena *arena, Diag *diag, const Source *source) {
    Parser p = {.graph = ir_graph_create(arena, diag, "none"),
                .diag = diag,
                .source = source,
                .at = source->text,
                .end = source->text + source->length};
    if (source->length >= UINT32_MAX / 4) {
        diag_error(diag, (Loc){0}, "'%s' is too long for a graph", source->name);
        return NULL;
    }
    const uint32_t lines = count_lines(source);
    p.label_mask = 63;
    while (p.label_mask < 2 * lines) p.label_mask = p.label_mask * 2 + 1;
    p.label = ARENA_ARRAY(arena, uint32_t, (size_t)p.label_mask + 1);
    p.definition = ARENA_ARRAY(arena, Definition, (size_t)lines + 1);
    const int errors = diag->errors;
    if (!parse_graph(&p) || diag->errors > errors || !ir_verify(p.graph)) return NULL;
    return p.graph;
}
