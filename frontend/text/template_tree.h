/* template_tree.h - a template as a tree of statements and expressions. */
#ifndef FRONTEND_TEMPLATE_TREE_H
#define FRONTEND_TEMPLATE_TREE_H

#include "frontend/text/template_lexer.h"
#include "runtime/text/template_run.h"

typedef enum NodeKind {
    /* expressions */
    NODE_name,    /* text */
    NODE_string,  /* text */
    NODE_integer, /* integer */
    NODE_real,    /* real */
    NODE_boolean, /* integer */
    NODE_none,
    NODE_list,      /* list */
    NODE_tuple,     /* list */
    NODE_dict,      /* list: keys and values in turn */
    NODE_attribute, /* a.text */
    NODE_item,      /* a[b] */
    NODE_slice,     /* a[list], of three: start, stop and step, each of which may be none */
    NODE_negate,    /* -a where is_negated, else +a */
    NODE_not,       /* a */
    NODE_and,       /* a, b */
    NODE_or,        /* a, b */
    NODE_binary,    /* a op b */
    NODE_compare,   /* a, then list of NODE_operand */
    NODE_operand,   /* op a; is_negated: its opposite */
    NODE_concat,    /* list */
    NODE_condition, /* a if b else c, which may be null */
    NODE_call,      /* a(list) */
    NODE_filter,    /* a|text(list); a is null where a block is filtered */
    NODE_test,      /* a is text(list) */
    NODE_argument,  /* a, named text where that has data */
    /* statements */
    NODE_text,         /* text */
    NODE_print,        /* a */
    NODE_if,           /* a, body, other */
    NODE_for,          /* a in b if c (or null): body, other where there is nothing */
    NODE_set,          /* a = b */
    NODE_set_block,    /* a = body, filtered by b where that is not null */
    NODE_macro,        /* text(list): body */
    NODE_call_block,   /* a(...), whose caller(list) is body */
    NODE_filter_block, /* b: the filters of body */
    NODE_with,         /* list of NODE_set: body */
    NODE_break,
    NODE_continue,
    NODE_return, /* a; in the library alone */
} NodeKind;

typedef struct Node {
    NodeKind kind;
    Loc loc;
    struct Node *next; /* of the list it is in */
    struct Node *a, *b, *c, *list, *body, *other;
    Bytes text;
    int64_t integer;
    double real;
    TemplateOp op;
    bool is_negated;
    int depth; /* of what is in a, b, c */
} Node;

/* The statements of a template, or of the library, which has more words. *out is null where there
 * are none. False: the diagnostics say why. */
bool template_parse(const Source *source, bool is_library, Arena *arena, Diag *diag, Node **out);

#endif
