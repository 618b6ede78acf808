/* template_lexer.h - a template as tokens: text as it is written out, and what stands in tags. */
#ifndef FRONTEND_TEMPLATE_LEXER_H
#define FRONTEND_TEMPLATE_LEXER_H

#include "ir/bytes.h"
#include "ir/diag.h"

typedef enum TokenKind {
    TOKEN_end,         /* of the template */
    TOKEN_text,        /* outside of tags */
    TOKEN_begin_block, /* {% */
    TOKEN_end_block,
    TOKEN_begin_print, /* {{ */
    TOKEN_end_print,
    TOKEN_name,
    TOKEN_string, /* without quotes and escapes */
    TOKEN_integer,
    TOKEN_real,
    TOKEN_sign, /* an operator, a bracket, a comma ... */
} TokenKind;

typedef struct Token {
    TokenKind kind;
    Loc loc;
    Bytes text; /* of signs and numbers, as they stand in the source */
    int64_t integer;
    double real;
} Token;

/* The tokens, the last of which is TOKEN_end. Null: the diagnostics say why. */
const Token *template_lex(const Source *source, Arena *arena, Diag *diag);

#endif
