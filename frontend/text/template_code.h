/* template_code.h - a program that is being made: functions of instructions, strings once each. */
#ifndef FRONTEND_TEMPLATE_CODE_H
#define FRONTEND_TEMPLATE_CODE_H

#include "ir/arena.h"
#include "ir/bytes.h"
#include "runtime/text/template_run.h"

typedef struct Function {
    uint8_t *code;
    size_t bytes, room;
    uint32_t name, parameter, parameters, slots; /* as in TemplateFunction */
    struct Jump *jumps;                          /* addresses that are written at the end */
    size_t base;                                 /* of its code in the program's, at the end */
} Function;

/* A place in a function that jumps go to, before or behind it. */
typedef struct Label {
    size_t at;
    bool is_set;
} Label;

typedef struct Code {
    Arena *arena;
    Function **functions;
    uint32_t function_count, function_room;
    struct CodeString *strings;
    uint32_t string_count, string_room;
    uint32_t *buckets; /* of strings by hash; 0 empty, else one more than the string */
    uint32_t bucket_count;
} Code;

uint32_t template_code_function(Code *code); /* a new one */

/* The string's number; the same text has the same one. */
uint32_t template_code_string(Code *code, Bytes text);
uint32_t template_code_string_count(const Code *code);
/* Behind all others, even where there is an equal one. */
uint32_t template_code_own_string(Code *code, Bytes text);

void template_code_emit(Code *code, Function *function, TemplateOp op, uint64_t a, uint64_t b);
/* With an address as its last operand. */
void template_code_jump(Code *code, Function *function, TemplateOp op, uint64_t a, Label *to);
Label *template_code_label(Code *code);
void template_code_place(Function *function, Label *label);

/* All of it, whose first `names` strings name variables; without data: it is too long. */
Bytes template_code_program(Code *code, uint32_t names);

#endif
