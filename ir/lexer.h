/* lexer.h - the words of graph text: a cursor over the bytes of a source.
 *
 * Blanks and comments, '#' to the end of the line, may stand before every word; a line's end may
 * not. Functions that return false have reported what they expected, but for lexer_accept().
 */
#ifndef IR_LEXER_H
#define IR_LEXER_H

#include "ir/diag.h"

typedef struct {
    Diag *diag;
    const Source *source;
    const char *at, *end;
} Lexer;

enum { LEXER_NAME = 256 }; /* bytes of the longest name, its zero included */

int lexer_peek(Lexer *lexer);        /* the first byte of the next word; '\n', or -1 at the end */
Loc lexer_here(Lexer *lexer);        /* of the next word */
void lexer_skip_lines(Lexer *lexer); /* empty ones */
void lexer_skip_rest_of_line(Lexer *lexer); /* up to its end */

bool lexer_fail(Lexer *lexer, const char *expected); /* reports what is found there; false */
bool lexer_accept(Lexer *lexer, const char *word);   /* steps over it, if it is there */
bool lexer_expect(Lexer *lexer, const char *word);
bool lexer_expect_line_end(Lexer *lexer);

/* Letters, digits, '.', '_' and '-', to name[LEXER_NAME]; `what` says what it is for. */
bool lexer_name(Lexer *lexer, const char *what, char *name);
bool lexer_integer(Lexer *lexer, int64_t *value);
bool lexer_real(Lexer *lexer, double *value); /* finite */

bool lexer_is_name(const char *text); /* made of such characters, and at least one */

#endif
