/* template_compiler.h - from a tree to code: what the parts of the compiler share.
 *
 * Every name that a template uses as a variable is a slot of the template's own frame, which begins
 * with what the caller gave. Loops, blocks and macros are scopes: a name that is set within one has
 * a slot of its own there, which begins as what the name means outside of it. So values never leave
 * a scope, as in Jinja.
 */
#ifndef FRONTEND_TEMPLATE_COMPILER_H
#define FRONTEND_TEMPLATE_COMPILER_H

#include "frontend/text/template_code.h"
#include "frontend/text/template_tree.h"

typedef struct Variable {
    struct Variable *next;
    Bytes name;
    uint32_t slot;
} Variable;

typedef struct Scope {
    struct Scope *parent; /* null: the template, or the library */
    Function *function;
    Variable *variables;
    bool is_loop;
    uint32_t loop; /* the slot of its list; the next one has the index */
} Scope;

/* Where break and continue go. */
typedef struct Loop {
    struct Loop *parent;
    Label *next, *end;
    int captures; /* that are open around it */
} Loop;

/* A macro of the library, compiled when it is first used. */
typedef struct LibraryMacro {
    struct LibraryMacro *next;
    const Node *node;
    uint32_t function; /* 0: not yet */
} LibraryMacro;

typedef struct Compiler {
    Arena *arena;
    Diag *diag;
    Code code;
    uint32_t names;  /* the first strings, which are variables */
    bool *is_stored; /* [names]: the template gives it a value */
    Function *root;
    LibraryMacro *library;

    Function *function; /* that is being made */
    Scope *scope;
    Loop *loop;
    int captures;
    int conditions; /* around what is compiled: it may never run */
    int depth;
    bool is_library;
} Compiler;

enum { FUNCTION_template, FUNCTION_repr };

/* All of these return false where the diagnostics say why. */

/* ---- template_compile.c ---- */

bool template_body(Compiler *compiler, const Node *body);
/* A function of parameters (NODE_argument) and a body; its number in *out. */
bool template_function(Compiler *compiler, Bytes name, const Node *parameters, const Node *body,
                       uint32_t *out);

/* ---- template_evaluate.c ---- */

bool template_value(Compiler *compiler, const Node *node); /* pushes it */
/* Stores what is on the stack under a name, or names. */
bool template_store(Compiler *compiler, const Node *target);

/* ---- template_call.c ---- */

bool template_call(Compiler *compiler, const Node *node);
bool template_filter(Compiler *compiler, const Node *node);
bool template_test(Compiler *compiler, const Node *node);
/* Filters of what is on the stack in place of their innermost value. */
bool template_filters_of_top(Compiler *compiler, const Node *filters);
bool template_is_global(const Compiler *compiler, Bytes name);
/* 0: the library has no such macro. */
bool template_library_function(Compiler *compiler, const char *name, uint32_t *out);

/* ---- template_loop_value.c: filters that are loops ---- */

/* Whether the name is one of them; *is_done as other functions. */
bool template_loop_filter(Compiler *compiler, const Node *node, bool *is_done);

/* ---- template_scope.c ---- */

bool template_bytes_are(Bytes bytes, const char *text);
void template_emit(Compiler *compiler, TemplateOp op, uint64_t a);
void template_emit_jump(Compiler *compiler, TemplateOp op, uint64_t a, Label *to);
void template_emit_integer(Compiler *compiler, int64_t value);
void template_emit_string(Compiler *compiler, const char *text);
void template_emit_builtin(Compiler *compiler, TemplateBuiltin which);
void template_emit_line(Compiler *compiler, Loc loc);
uint32_t template_slot(Compiler *compiler, uint32_t count); /* the first of them */

void template_scope_begin(Compiler *compiler, Scope *scope);
void template_scope_end(Compiler *compiler);
/* A slot of its own for the name in the innermost scope. */
uint32_t template_scope_add(Compiler *compiler, Bytes name);
/* Slots for all names that the statements set; each begins as what the name means outside. */
bool template_scope_add_stored(Compiler *compiler, const Node *body);
/* Pushes the name's value. */
bool template_scope_load(Compiler *compiler, const Node *name);
void template_scope_store(Compiler *compiler, Bytes name);
/* The loop that a name 'loop' means; null: none. */
const Scope *template_scope_loop(Compiler *compiler);

/* "there is no filter 'x'": an error, or where it may never be reached, code that fails. */
bool template_refuse(Compiler *compiler, Loc loc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
