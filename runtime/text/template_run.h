/* template_run.h - chat templates at run time: a program that makes one text of the messages of a
 * talk.
 *
 * frontend/text/template_compile.h compiles what models ship, which is Jinja, to such a program: a
 * stack machine's code. Values, what is written, and the stack lie in one piece of memory, which is
 * all that a run has: written text grows up from its begin, all else down from its end, and nothing
 * is freed before the end. A program is not trusted: every operand is checked where it is used,
 * steps are counted, and bytes that are moved count as steps.
 *
 * Errors leave by tw_template_fail(), which does not return: there is nothing to release.
 */
#ifndef RUNTIME_TEMPLATE_RUN_H
#define RUNTIME_TEMPLATE_RUN_H

#include "runtime/text/chat.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- a program, as it lies in a file: aligned to 4 ---- */

enum { TEMPLATE_VERSION = 1 };

/* Then come strings, functions, code and characters, of which nothing is aligned but the first two.
 * The first `names` strings are names of variables: slot i of the template's own frame begins with
 * what the caller gave as string i. */
typedef struct TemplateHeader {
    uint32_t version;
    uint32_t strings, functions, names;
    uint32_t code_bytes, characters;
} TemplateHeader;

typedef struct TemplateString {
    uint32_t at, bytes; /* of the characters */
} TemplateString;

/* The first is the template itself, the second makes text of lists and dicts. Arguments are its
 * first slots, and strings from `parameter` on their names. */
typedef struct TemplateFunction {
    uint32_t code; /* where it begins */
    uint32_t name; /* a string */
    uint32_t parameter, parameters;
    uint32_t slots; /* at least its parameters */
} TemplateFunction;

typedef enum TemplateOp {
#define OP(name, operands) TEMPLATE_##name,
#include "runtime/text/template_ops.def"
#undef OP
    TEMPLATE_OPS
} TemplateOp;

typedef enum TemplateBuiltin {
#define BUILTIN(name, arguments) TEMPLATE_CALL_##name,
#include "runtime/text/template_builtins.def"
#undef BUILTIN
    TEMPLATE_BUILTINS
} TemplateBuiltin;

/* ---- values ---- */

typedef enum Kind {
    KIND_undefined,
    KIND_none,
    KIND_boolean,
    KIND_integer,
    KIND_real,
    KIND_string,
    KIND_list,
    KIND_tuple,
    KIND_dict,
    KIND_namespace,
    KIND_function,
    KINDS
} Kind;

/* Of lists and tuples; of dicts and namespaces, keys and values in turn. */
typedef struct Items {
    struct Value *at;
    uint32_t count, room;
} Items;

typedef struct Value {
    uint8_t kind;
    bool is_missing; /* an undefined parameter that was not given */
    uint32_t bytes;  /* of a string; of the name of what is undefined */
    union {
        int64_t integer; /* and of booleans, 0 or 1; of a function, which */
        double real;
        const char *text;
        Items *items;
    };
} Value;

static inline Value value_none(void) {
    return (Value){.kind = KIND_none};
}
static inline Value value_boolean(bool is_true) {
    return (Value){.kind = KIND_boolean, .integer = is_true};
}
static inline Value value_integer(int64_t integer) {
    return (Value){.kind = KIND_integer, .integer = integer};
}
static inline Value value_real(double real) {
    return (Value){.kind = KIND_real, .real = real};
}
static inline Value value_string(const char *text, size_t bytes) {
    return (Value){.kind = KIND_string, .bytes = (uint32_t)bytes, .text = text};
}
static inline bool is_sequence(Value value) {
    return value.kind == KIND_list || value.kind == KIND_tuple;
}
static inline bool is_integer(Value value) {
    return value.kind == KIND_integer || value.kind == KIND_boolean;
}
static inline bool is_number(Value value) {
    return is_integer(value) || value.kind == KIND_real;
}
static inline double as_real(Value value) {
    return value.kind == KIND_real ? value.real : (double)value.integer;
}

/* ---- a run ---- */

typedef struct TemplateFrame {
    uint32_t code, line;
    Value *base; /* its slots */
    char *out;   /* where what it writes begins */
    uint32_t slots;
} TemplateFrame;

enum { TEMPLATE_DEPTH = 128, TEMPLATE_NESTING = 64 };

typedef struct Template {
    const TemplateHeader *header;
    const TemplateString *strings;
    const TemplateFunction *functions;
    const uint8_t *code;
    const char *characters;

    char *begin, *out, *high; /* written text; what is free; the heap */
    Value *stack, *top, *stack_end;
    TemplateFrame frames[TEMPLATE_DEPTH];
    int depth; /* of the frame that runs */
    uint32_t at;
    uint32_t line;
    uint64_t steps; /* that are left */

    const TwChat *chat;
    TwStatus status;
    jmp_buf leave;
} Template;

/* ---- template_memory.c ---- */

#define TEMPLATE_FAILS _Noreturn __attribute__((format(printf, 2, 3), cold))

/* What the template does wrong: the line, and this. */
TEMPLATE_FAILS void tw_template_fail(Template *run, const char *format, ...);
/* Ends the run with a status that says enough. */
_Noreturn void tw_template_leave(Template *run, TwStatus status);

void tw_template_charge(Template *run, uint64_t steps);
void *tw_template_take(Template *run, size_t bytes); /* of the heap, aligned for values */
void tw_template_put(Template *run, const char *text, size_t bytes); /* writes */
Value tw_template_cut(Template *run, char *begin); /* what was written since, as a string */

/* ---- template_value.c ---- */

const char *tw_template_kind(Value value);
Value tw_template_items(Template *run, Kind kind, const Value *values, uint32_t count);
void tw_template_append(Template *run, Items *items, Value value);
Value *tw_template_find(Template *run, Value dict, Value key); /* null: it is not there */
void tw_template_set(Template *run, Value dict, Value key, Value value);
bool tw_template_truth(Value value);
bool tw_template_equal(Template *run, Value a, Value b);
/* -1: less, 0: as much, 1: more, 2: a number that is none is neither */
int tw_template_compare(Template *run, Value a, Value b);
bool tw_template_in(Template *run, Value item, Value container);
Value tw_template_iterate(Template *run, Value value);

/* ---- template_text.c: strings as characters ---- */

size_t tw_template_step(const char *at, const char *end); /* bytes of the first character, >= 1 */
uint32_t tw_template_code(const char *at,
                          size_t bytes); /* of a character; its byte where it is none */
int64_t tw_template_length(Value string);
bool tw_template_is_space(uint32_t code);
const char *tw_template_search(Template *run, Value text, Value part); /* null: none */
void tw_template_put_code(Template *run, uint32_t code);

/* ---- template_index.c ---- */

Value tw_template_item(Template *run, Value value, Value key);
Value tw_template_slice(Template *run, const Value *arguments);

/* ---- template_number.c ---- */

Value tw_template_arithmetic(Template *run, TemplateOp op, Value a, Value b);
/* A number that is all of a text, as JSON and Python write them; undefined: it is none. */
Value tw_template_number(const char *text, size_t bytes);
void tw_template_put_number(Template *run, Value value);

/* ---- template_json.c ---- */

Value tw_template_read_json(Template *run, const char *text, size_t bytes);

/* ---- template_builtin.c ---- */

Value tw_template_call(Template *run, TemplateBuiltin which, const Value *arguments);

/* Runs a program of `bytes` bytes: writes the text to out, as tw_chat_text() does. */
TwStatus tw_template_run(const void *program, size_t bytes, const TwChat *chat, char *out,
                         size_t room, size_t *count);

#endif
